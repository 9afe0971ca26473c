"""OCPP 2.0.1 to house words and back."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import msgspec
import pytest

from csms.domain.dialect_record import DialectRecord, Discharge, Kind, Unit, declared
from csms.domain.meter import MeterReport, Reading
from csms.domain.profile import (
    ClearProfile,
    CurvePoint,
    InstallProfile,
    ProfileAnswer,
    ProfileKind,
    Purpose,
    UpdateSetpoint,
    fallback_profile,
    lease_profile,
)
from csms.domain.setpoint import OperationMode
from csms.domain.station import ConnectorStatus, Heartbeat, HeartbeatAnswer, StatusReport
from csms.domain.transaction import EventType, IdToken, IdTokenInfo, TransactionAnswer, TransactionEvent
from csms.errors import Invalid, NotSupportedByDialect, OcppError, Unsafe
from csms.wire import words
from csms.wire.dialect import RawCall
from csms.wire.v201 import DIALECT
from csms.wire.v201.messages import CALLS, DataTransferRequest, DataTransferResponse
from tests.unit.wire.payloads import full_payload

NOW = datetime(2026, 11, 22, 10, tzinfo=UTC)


def raw(payload: Any) -> bytes:
    return json.dumps(payload).encode()


def sampled(value: float, measurand: str, **more: Any) -> dict[str, Any]:
    return {"value": value, "measurand": measurand, **more}


EVENT = {
    "eventType": "Updated",
    "timestamp": "2026-11-22T11:00:00+01:00",
    "triggerReason": "MeterValuePeriodic",
    "seqNo": 17,
    "transactionInfo": {"transactionId": "tx-1", "chargingState": "Charging", "remoteStartId": 0},
    "evse": {"id": 1, "connectorId": 2},
    "idToken": {"idToken": "AABB", "type": "ISO14443"},
    "meterValue": [
        {
            "timestamp": "2026-11-22T10:00:00Z",
            "sampledValue": [
                sampled(-6.95, "Power.Active.Import", unitOfMeasure={"unit": "kW"}),
                sampled(1.2, "Energy.Active.Export.Register", unitOfMeasure={"unit": "Wh", "multiplier": 3}),
                sampled(61, "SoC", location="EV"),
                {"value": 12345},
            ],
        }
    ],
}


def test_the_dialect_names_itself() -> None:
    assert (DIALECT.version, DIALECT.subprotocol) == ("2.0.1", "ocpp2.0.1")


def test_transaction_event() -> None:
    payload = raw(EVENT)
    word = DIALECT.read_call("TransactionEvent", payload)
    assert isinstance(word, TransactionEvent)
    assert word == TransactionEvent(
        type=EventType.UPDATED,
        transaction_id="tx-1",
        seq_no=17,
        at=NOW,
        trigger="MeterValuePeriodic",
        charging_state="Charging",
        remote_start_id=0,
        evse_id=1,
        connector_id=2,
        id_token=IdToken("AABB", "ISO14443"),
        readings=(Reading(NOW, power_w=-6950, import_wh=12345, export_wh=1200, soc=61),),
        raw=payload,
        digest=word.digest,
    )
    assert word.at.tzinfo is UTC


def test_the_smallest_transaction_event() -> None:
    kept = ("eventType", "timestamp", "triggerReason", "seqNo")
    least = {
        **{key: EVENT[key] for key in kept},
        "transactionInfo": {"transactionId": "t"},
        "evse": {"id": 3},
    }
    word = DIALECT.read_call("TransactionEvent", raw(least))
    assert isinstance(word, TransactionEvent)
    assert (word.evse_id, word.connector_id, word.id_token, word.readings) == (3, None, None, ())
    assert (word.charging_state, word.remote_start_id, word.offline) == (None, None, False)


def test_the_digest_tells_a_repeat_from_other_content() -> None:
    one = DIALECT.read_call("TransactionEvent", raw(EVENT))
    again = DIALECT.read_call("TransactionEvent", raw(EVENT))
    other = DIALECT.read_call("TransactionEvent", raw({**EVENT, "offline": True}))
    assert one.digest == again.digest != other.digest  # type: ignore[attr-defined]
    assert other.offline  # type: ignore[attr-defined]


def test_transaction_answer() -> None:
    assert DIALECT.write_answer("TransactionEvent", TransactionAnswer()) == b"{}"
    info = IdTokenInfo(
        "Accepted", IdToken("G", "Central"), datetime(2027, 1, 1, 1, tzinfo=timezone(timedelta(hours=1)))
    )
    written = json.loads(DIALECT.write_answer("TransactionEvent", TransactionAnswer(info, 1.5)))
    assert written == {
        "totalCost": 1.5,
        "idTokenInfo": {
            "status": "Accepted",
            "cacheExpiryDateTime": "2027-01-01T00:00:00Z",
            "groupIdToken": {"idToken": "G", "type": "Central"},
        },
    }


@pytest.mark.parametrize("info", [IdTokenInfo("Fine"), IdTokenInfo("Accepted", IdToken("x" * 37, "Central"))])
def test_an_answer_of_ours_that_breaks_the_schema_is_our_fault(info: IdTokenInfo) -> None:
    with pytest.raises(OcppError) as caught:
        DIALECT.write_answer("TransactionEvent", TransactionAnswer(info))
    assert caught.value.code == "InternalError"


def test_meter_values() -> None:
    report = {"evseId": 0, "meterValue": EVENT["meterValue"]}
    reading = Reading(NOW, power_w=-6950, import_wh=12345, export_wh=1200, soc=61)
    assert DIALECT.read_call("MeterValues", raw(report)) == MeterReport(0, (reading,))
    assert DIALECT.write_answer("MeterValues", None) == b"{}"


def test_status_notification() -> None:
    report = {
        "timestamp": "2026-11-22T10:00:00Z",
        "connectorStatus": "Faulted",
        "evseId": 1,
        "connectorId": 2,
    }
    assert DIALECT.read_call("StatusNotification", raw(report)) == StatusReport(
        1, 2, ConnectorStatus.FAULTED, NOW
    )
    assert DIALECT.write_answer("StatusNotification", None) == b"{}"


def test_heartbeat() -> None:
    assert DIALECT.read_call("Heartbeat", b"{}") == Heartbeat()
    assert (
        DIALECT.write_answer("Heartbeat", HeartbeatAnswer(NOW))
        == b'{"currentTime":"2026-11-22T10:00:00.000Z"}'
    )


def test_words_that_agree_are_read_by_name() -> None:
    boot = {"reason": "PowerUp", "chargingStation": {"model": "M", "vendorName": "V", "serialNumber": "S"}}
    word = DIALECT.read_call("BootNotification", raw(boot))
    assert isinstance(word, words.BootNotificationRequest)
    assert word.charging_station.serial_number == "S"
    answer = words.BootNotificationResponse(
        current_time="2026-11-22T10:00:00Z", interval=300, status="Accepted"
    )
    assert json.loads(DIALECT.write_answer("BootNotification", answer)) == {
        "currentTime": "2026-11-22T10:00:00Z",
        "interval": 300,
        "status": "Accepted",
    }


def test_custom_data_stays_whole() -> None:
    word = DIALECT.read_call(
        "DataTransfer", b'{"vendorId":"v","customData":{"vendorId":"w","x":[1,{"y":2}]}}'
    )
    assert word.custom_data == {"vendorId": "w", "x": [1, {"y": 2}]}  # type: ignore[attr-defined]


def test_what_only_2_1_has_is_left_out_of_answers() -> None:
    info = words.IdTokenInfoType(status="Accepted")
    answer = words.AuthorizeResponse(id_token_info=info, allowed_energy_transfer=("DC_BPT",))
    assert DIALECT.write_answer("Authorize", answer) == b'{"idTokenInfo":{"status":"Accepted"}}'


def test_an_answer_that_is_missing_is_our_fault() -> None:
    with pytest.raises(OcppError) as caught:
        DIALECT.write_answer("BootNotification", None)
    assert caught.value.code == "InternalError"


RECORD = declared(Discharge.NEGATIVE_LIMIT)


def lease(setpoint_w: float) -> InstallProfile:
    return InstallProfile(1, lease_profile(9, "tx-1", setpoint_w, NOW, 300), RECORD)


def sent(ask: InstallProfile) -> dict[str, Any]:
    profile: dict[str, Any] = json.loads(DIALECT.write_ask(ask)[1])["chargingProfile"]
    return profile


def test_a_setpoint_below_zero_is_a_negative_limit() -> None:
    action, payload = DIALECT.write_ask(lease(-7000.04))
    assert action == "SetChargingProfile"
    assert json.loads(payload) == {
        "evseId": 1,
        "chargingProfile": {
            "id": 9,
            "stackLevel": 0,
            "chargingProfilePurpose": "TxProfile",
            "chargingProfileKind": "Absolute",
            "transactionId": "tx-1",
            "validTo": "2026-11-22T10:05:00Z",
            "chargingSchedule": [
                {
                    "id": 9,
                    "startSchedule": "2026-11-22T09:59:00Z",
                    "duration": 360,
                    "chargingRateUnit": "W",
                    "chargingSchedulePeriod": [{"startPeriod": 0, "limit": -7000.0}],
                }
            ],
        },
    }


@pytest.mark.parametrize(
    ("setpoint_w", "limit"), [(-0.04, "0.0"), (3680.06, "3680.0"), (-6999.96, "-6999.9")]
)
def test_limits_have_one_decimal_and_no_negative_zero(setpoint_w: float, limit: str) -> None:
    assert f'"limit":{limit}}}'.encode() in DIALECT.write_ask(lease(setpoint_w))[1]


def test_the_fallback_has_no_end() -> None:
    _, payload = DIALECT.write_ask(InstallProfile(0, fallback_profile(1, 1400, NOW)))
    profile = json.loads(payload)["chargingProfile"]
    assert profile["chargingProfilePurpose"] == "TxDefaultProfile"
    assert "validTo" not in profile
    assert "duration" not in profile["chargingSchedule"][0]


@pytest.mark.parametrize("purpose", [Purpose.TX_DEFAULT, Purpose.STATION_MAX])
def test_v_02_only_a_tx_profile_may_discharge(purpose: Purpose) -> None:
    ask = lease(-1000)
    with pytest.raises(Unsafe):
        DIALECT.write_ask(replace(ask, profile=replace(ask.profile, purpose=purpose, transaction_id=None)))


def test_k01_fr_16_and_03_a_tx_profile_needs_its_evse_and_transaction() -> None:
    ask = lease(1000)
    with pytest.raises(Invalid):
        DIALECT.write_ask(replace(ask, evse_id=0))
    with pytest.raises(Invalid):
        DIALECT.write_ask(replace(ask, profile=replace(ask.profile, transaction_id=None)))


@pytest.mark.parametrize("setpoint_w", [float("nan"), float("inf")])
def test_v_13_no_order_that_is_not_finite(setpoint_w: float) -> None:
    with pytest.raises(Invalid):
        DIALECT.write_ask(lease(setpoint_w))


@pytest.mark.parametrize("discharge", [Discharge.NONE, Discharge.NATIVE_2_1, Discharge.DATA_TRANSFER])
def test_v_15_no_negative_limit_to_whom_is_not_known_to_take_it(discharge: Discharge) -> None:
    with pytest.raises(Unsafe) as caught:
        DIALECT.write_ask(replace(lease(-1000), record=declared(discharge)))
    assert caught.value.rule == "V-15"


def test_whoever_takes_amperes_is_told_amperes_and_phases() -> None:
    record = replace(RECORD, unit=Unit.A, phases_for_limit=3)
    schedule = sent(replace(lease(-6900), record=record))["chargingSchedule"][0]
    assert schedule["chargingRateUnit"] == "A"
    assert schedule["chargingSchedulePeriod"] == [{"startPeriod": 0, "limit": -10.0, "numberPhases": 3}]


def test_a_relative_profile_has_no_start() -> None:
    record = DialectRecord(kind=Kind.RELATIVE)
    ask = InstallProfile(1, lease_profile(9, "tx-1", 1000.0, NOW, 300, record), record)
    profile = sent(ask)
    assert profile["chargingProfileKind"] == "Relative"
    assert profile["validTo"] == "2026-11-22T10:05:00Z"
    assert {"startSchedule", "duration"}.isdisjoint(profile["chargingSchedule"][0])


@pytest.mark.parametrize(("setpoint_w", "limit"), [(-7000.0, 0.0), (3000.0, 3000.0)])
def test_the_draft_has_words_of_its_own(setpoint_w: float, limit: float) -> None:
    record = declared(Discharge.DRAFT_V2X)
    ask = InstallProfile(1, lease_profile(9, "tx-1", setpoint_w, NOW, 300, record), record)
    profile = sent(ask)
    assert profile["maxOfflineDuration"] == 60
    assert profile["chargingSchedule"][0]["chargingSchedulePeriod"] == [
        {"startPeriod": 0, "limit": limit, "v2xOperationMode": "CentralSetpoint", "setpoint": setpoint_w}
    ]
    assert DIALECT.read_answer(ask, b'{"status":"Accepted"}') == ProfileAnswer(True)


def test_the_drafts_words_pass_for_no_other_record_and_by_no_raw_call() -> None:
    record = declared(Discharge.DRAFT_V2X)
    _, payload = DIALECT.write_ask(replace(lease(-1000), record=record))
    with pytest.raises(Invalid) as caught:
        DIALECT.write_ask(RawCall("SetChargingProfile", json.loads(payload)))
    assert caught.value.field.endswith(("v2xOperationMode", "setpoint", "maxOfflineDuration"))
    assert "v2xOperationMode" not in DIALECT.write_ask(lease(-1000))[1].decode()


def test_v_13_no_draft_that_is_not_finite() -> None:
    with pytest.raises(Invalid):
        DIALECT.write_ask(replace(lease(float("nan")), record=declared(Discharge.DRAFT_V2X)))


@pytest.mark.parametrize(
    "change",
    [
        {"mode": OperationMode.LOCAL_FREQUENCY, "curve": (CurvePoint(50.0, 0.0),)},
        {"mode": OperationMode.EXTERNAL_LIMITS},
        {"kind": ProfileKind.DYNAMIC},
    ],
)
@pytest.mark.parametrize("discharge", [Discharge.NEGATIVE_LIMIT, Discharge.DRAFT_V2X])
def test_what_2_0_1_cannot_say_is_not_sent(discharge: Discharge, change: dict[str, Any]) -> None:
    ask = lease(1000)
    with pytest.raises(NotSupportedByDialect):
        DIALECT.write_ask(replace(ask, record=declared(discharge), profile=replace(ask.profile, **change)))
    with pytest.raises(NotSupportedByDialect):
        DIALECT.write_ask(UpdateSetpoint(9, -1000.0))


class Acme:
    """A vendor's own form, as a registry entry has it."""

    def write(self, ask: InstallProfile) -> DataTransferRequest:
        power_w = ask.profile.periods[0].limit_w
        return DataTransferRequest(vendor_id="com.acme", message_id="V2X", data={"power": power_w})

    def read(self, answer: DataTransferResponse) -> ProfileAnswer:
        return ProfileAnswer(answer.status == "Accepted")


def test_a_vendors_own_form_goes_by_its_adapter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("csms.wire.v201.outbound.ADAPTERS", {"acme": Acme()})
    record = replace(declared(Discharge.DATA_TRANSFER), adapter="acme")
    ask = replace(lease(-1000), record=record)
    action, payload = DIALECT.write_ask(ask)
    assert action == "DataTransfer"
    assert json.loads(payload) == {"vendorId": "com.acme", "messageId": "V2X", "data": {"power": -1000.0}}
    assert DIALECT.read_answer(ask, b'{"status":"Accepted"}') == ProfileAnswer(True)
    with pytest.raises(Unsafe) as caught:
        DIALECT.write_ask(replace(ask, record=replace(record, adapter="other")))
    assert caught.value.rule == "V-15"
    fallback = InstallProfile(0, fallback_profile(1, 1400, NOW), record)
    assert DIALECT.write_ask(fallback)[0] == "SetChargingProfile"


def test_the_answer_to_a_profile() -> None:
    limited = b'{"status":"Rejected","statusInfo":{"reasonCode":"RateLimitExceeded","additionalInfo":"30 s"}}'
    assert DIALECT.read_answer(lease(0), limited) == ProfileAnswer(False, "RateLimitExceeded", "30 s")
    assert DIALECT.read_answer(lease(0), b'{"status":"Accepted"}') == ProfileAnswer(True)
    refused = b'{"status":"Rejected","statusInfo":{"reasonCode":"DuplicateProfile"}}'
    assert DIALECT.read_answer(lease(0), refused) == ProfileAnswer(False, "DuplicateProfile")


def test_clearing_is_by_id_only() -> None:
    assert DIALECT.write_ask(ClearProfile(9)) == ("ClearChargingProfile", b'{"chargingProfileId":9}')
    assert DIALECT.read_answer(ClearProfile(9), b'{"status":"Accepted"}') == ProfileAnswer(True)
    assert DIALECT.read_answer(ClearProfile(9), b'{"status":"Unknown"}') == ProfileAnswer(False, "Unknown")


def test_row_24_a_bad_answer_is_an_error_for_the_caller() -> None:
    with pytest.raises(OcppError) as caught:
        DIALECT.read_answer(lease(0), b'{"status":"Perhaps"}')
    assert caught.value.code == "PropertyConstraintViolation"


def test_words_that_agree_are_asked_by_name() -> None:
    ask = words.ResetRequest(type="Immediate")
    assert DIALECT.write_ask(ask) == ("Reset", b'{"type":"Immediate"}')
    assert DIALECT.read_answer(ask, b'{"status":"Scheduled"}') == words.ResetResponse(status="Scheduled")


@pytest.mark.parametrize(
    "ask",
    [
        words.AFRRSignalRequest(timestamp="2026-11-22T10:00:00Z", signal=1),
        words.ResetRequest(type="ImmediateAndResume"),
        words.HeartbeatRequest(),
        RawCall("AFRRSignal", {}),
        RawCall("Heartbeat", {}),
        object(),
    ],
)
def test_what_2_0_1_cannot_say(ask: object) -> None:
    with pytest.raises(NotSupportedByDialect):
        DIALECT.write_ask(ask)


def test_a_raw_call_is_checked_and_answered_with_a_dict() -> None:
    ask = RawCall("UnlockConnector", {"evseId": 1, "connectorId": 1})
    assert DIALECT.write_ask(ask) == ("UnlockConnector", b'{"evseId":1,"connectorId":1}')
    assert DIALECT.read_answer(ask, b'{"status":"Unlocked"}') == {"status": "Unlocked"}
    with pytest.raises(Invalid):
        DIALECT.write_ask(RawCall("UnlockConnector", {"evseId": "1"}))
    with pytest.raises(OcppError):
        DIALECT.read_answer(ask, b"{}")


@pytest.mark.parametrize(
    "kind", [kind for pair in CALLS.values() for kind in pair], ids=lambda kind: kind.__name__
)
def test_every_word_holds_all_that_2_0_1_can_say(kind: Any) -> None:
    name = kind.__name__
    payload = full_payload(name, "v201")
    word = msgspec.json.decode(json.dumps(payload), type=getattr(words, name))
    again = json.loads(msgspec.json.encode(word))
    if name != "NotifyEVChargingNeedsRequest":  # its whole numbers are decimals in 2.1; only stations send it
        assert DIALECT.vocabulary.fits(kind, msgspec.json.encode(word))
    assert DIALECT.vocabulary.fits(kind, json.dumps(payload).encode())
    assert _without_defaults(again) == _without_defaults(payload)


def _without_defaults(part: Any) -> Any:
    if isinstance(part, list):
        return [_without_defaults(one) for one in part]
    if isinstance(part, dict):
        defaults = ("Actual", "ReadWrite", "Outlet", "Sample.Periodic")
        return {key: _without_defaults(value) for key, value in part.items() if value not in defaults}
    return part


@pytest.mark.parametrize("id", [-1, 1 << 31, 1 << 40])
def test_an_event_counts_although_its_evse_cannot_be_one(id: int) -> None:
    place = {"id": id, "connectorId": id}
    event = DIALECT.read_call("TransactionEvent", raw({**EVENT, "evse": place}))
    assert isinstance(event, TransactionEvent)
    assert (event.seq_no, event.evse_id, event.connector_id) == (17, None, None)
