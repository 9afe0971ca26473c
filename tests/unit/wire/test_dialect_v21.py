"""OCPP 2.1 to house words and back."""

import json
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from csms.domain.meter import MeterReport, Reading
from csms.domain.station import ConnectorStatus, Heartbeat, HeartbeatAnswer, StatusReport
from csms.domain.transaction import IdToken, IdTokenInfo, TransactionAnswer, TransactionEvent
from csms.errors import OcppError
from csms.wire import words
from csms.wire.dialect import RawCall
from csms.wire.v21 import DIALECT
from csms.wire.v21.messages import CALLS
from tests.unit.wire.payloads import full_payload

NOW = datetime(2026, 11, 22, 10, tzinfo=UTC)
KINDS = [kind for pair in CALLS.values() for kind in pair if kind is not None]


def raw(payload: Any) -> bytes:
    return json.dumps(payload).encode()


def names_in(part: Any) -> set[str]:
    if isinstance(part, dict):
        return set(part).union(*map(names_in, part.values()))
    return set().union(*map(names_in, part)) if isinstance(part, list) else set()


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_property_comes_back_as_it_went(kind: Any) -> None:
    payload = full_payload(kind.__name__, "v21")
    assert json.loads(msgspec.json.encode(msgspec.json.decode(raw(payload), type=kind))) == payload
    word = msgspec.json.decode(raw(payload), type=getattr(words, kind.__name__))
    encoded = msgspec.json.encode(word)
    assert DIALECT.vocabulary.fits(kind, encoded)
    assert without_defaults(json.loads(encoded)) == without_defaults(payload)


def without_defaults(part: Any) -> Any:
    if isinstance(part, list):
        return [without_defaults(one) for one in part]
    if isinstance(part, dict):
        defaults = ("Actual", "ReadWrite", "Outlet", "Sample.Periodic")
        return {key: without_defaults(value) for key, value in part.items() if value not in defaults}
    return part


def test_the_payloads_above_have_all_555_names() -> None:
    assert len(set().union(*(names_in(full_payload(kind.__name__, "v21")) for kind in KINDS))) == 555


def test_the_dialect_names_itself() -> None:
    assert (DIALECT.version, DIALECT.subprotocol) == ("2.1", "ocpp2.1")
    assert DIALECT.rules.has_later_types


def sampled(value: float, measurand: str, **more: Any) -> dict[str, Any]:
    return {"value": value, "measurand": measurand, **more}


def metered(*values: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"timestamp": "2026-11-22T10:00:00Z", "sampledValue": list(values)}]


EVENT = {
    "eventType": "Updated",
    "timestamp": "2026-11-22T11:00:00+01:00",
    "triggerReason": "OperationModeChanged",
    "seqNo": 17,
    "transactionInfo": {
        "transactionId": "tx-1",
        "chargingState": "Charging",
        "operationMode": "CentralSetpoint",
        "tariffId": "t-9",
        "transactionLimit": {"maxEnergy": 20000.0},
    },
    "evse": {"id": 1, "connectorId": 2},
    "evseSleep": False,
    "preconditioningStatus": "Ready",
    "costDetails": {
        "totalCost": {"currency": "EUR", "typeOfCost": "NormalCost", "total": {"exclTax": 1.5}},
        "totalUsage": {"energy": 4000.0, "chargingTime": 60, "idleTime": 0},
    },
    "idToken": {"idToken": "AABB", "type": "a type of its own"},
    "meterValue": metered(sampled(6950, "Power.Active.Export"), sampled(61, "SoC", location="EV")),
}


def test_q01_transaction_event_with_what_2_1_adds() -> None:
    word = DIALECT.read_call("TransactionEvent", raw(EVENT))
    assert isinstance(word, TransactionEvent)
    assert (word.trigger, word.charging_state) == ("OperationModeChanged", "Charging")
    assert word.id_token == IdToken("AABB", "a type of its own")
    assert word.readings == (Reading(NOW, power_w=-6950, soc=61),)
    told = {name: json.loads(text) for name, text in word.particulars}
    info = EVENT["transactionInfo"]
    assert isinstance(info, dict)
    assert told == {
        "operationMode": "CentralSetpoint",
        "tariffId": "t-9",
        "transactionLimit": info["transactionLimit"],
        "costDetails": EVENT["costDetails"],
        "evseSleep": False,
        "preconditioningStatus": "Ready",
    }


def test_a_plain_event_has_no_particulars() -> None:
    plain = {name: EVENT[name] for name in ("eventType", "timestamp", "triggerReason", "seqNo")}
    word = DIALECT.read_call("TransactionEvent", raw({**plain, "transactionInfo": {"transactionId": "t"}}))
    assert isinstance(word, TransactionEvent)
    assert word.particulars == ()


def test_j02_setpoint_residual_and_net_are_no_power_and_no_register() -> None:
    values = metered(
        sampled(-7000, "Power.Active.Setpoint"),
        sampled(-50, "Power.Active.Residual"),
        sampled(-1200, "Energy.Active.Net"),
        sampled(-100, "Energy.Active.Setpoint.Interval"),
        sampled(6950, "Power.Active.Export"),
        sampled(500, "Energy.Active.Export.Register"),
    )
    report = DIALECT.read_call("MeterValues", raw({"evseId": 1, "meterValue": values}))
    assert report == MeterReport(1, (Reading(NOW, power_w=-6950, export_wh=500),))


def test_j02_what_is_measured_upstream_is_not_the_vehicle() -> None:
    values = metered(sampled(9000, "Power.Active.Import", location="Upstream"), sampled(5, "SoC"))
    report = DIALECT.read_call("MeterValues", raw({"evseId": 1, "meterValue": values}))
    assert report == MeterReport(1, (Reading(NOW, power_w=None, soc=5),))


def test_words_that_2_1_says_as_2_0_1() -> None:
    status = {
        "timestamp": "2026-11-22T10:00:00Z",
        "connectorStatus": "Faulted",
        "evseId": 1,
        "connectorId": 2,
    }
    assert DIALECT.read_call("StatusNotification", raw(status)) == StatusReport(
        1, 2, ConnectorStatus.FAULTED, NOW
    )
    assert DIALECT.read_call("Heartbeat", b"{}") == Heartbeat()
    assert b"10:00:00" in DIALECT.write_answer("Heartbeat", HeartbeatAnswer(NOW))
    info = IdTokenInfo("Accepted", IdToken("x" * 255, "eMAID"))
    written = json.loads(DIALECT.write_answer("TransactionEvent", TransactionAnswer(info, 1.5)))
    assert written["idTokenInfo"]["groupIdToken"]["idToken"] == "x" * 255
    assert written["totalCost"] == 1.5


def test_q01_what_2_1_has_is_not_left_out_of_answers() -> None:
    info = words.IdTokenInfoType(status="Accepted")
    answer = words.AuthorizeResponse(id_token_info=info, allowed_energy_transfer=("DC_BPT",))
    assert json.loads(DIALECT.write_answer("Authorize", answer)) == {
        "idTokenInfo": {"status": "Accepted"},
        "allowedEnergyTransfer": ["DC_BPT"],
    }


def test_q01_needs_are_magnitudes_and_energies_are_signed() -> None:
    v2x = {"maxDischargePower": 11000, "evTargetEnergyRequest": -5000, "evMinV2XEnergyRequest": -2000}
    needs = {"requestedEnergyTransfer": "DC_BPT", "v2xChargingParameters": v2x}
    word = DIALECT.read_call("NotifyEVChargingNeeds", raw({"evseId": 1, "chargingNeeds": needs}))
    assert isinstance(word, words.NotifyEVChargingNeedsRequest)
    told = word.charging_needs.v2x_charging_parameters
    assert told is not None
    assert (told.max_discharge_power, told.ev_target_energy_request) == (11000, -5000)
    assert told.ev_min_v2x_energy_request == -2000


STREAM = {
    "id": 1,
    "pending": 0,
    "basetime": "2026-11-22T10:00:00Z",
    "data": [{"t": 0.5, "v": "230.1"}],
}


def test_row_25_what_is_only_sent_is_neither_called_nor_answered() -> None:
    word = DIALECT.read_send("NotifyPeriodicEventStream", raw(STREAM))
    assert isinstance(word, words.NotifyPeriodicEventStream)
    assert word.data[0].v == "230.1"
    for read, action, payload in (
        (DIALECT.read_call, "NotifyPeriodicEventStream", STREAM),
        (DIALECT.read_send, "Heartbeat", {}),
        (DIALECT.read_send, "Nothing", {}),
    ):
        with pytest.raises(OcppError) as caught:
            read(action, raw(payload))
        assert caught.value.code == "NotSupported"


def test_new_calls_are_written_to_the_letter() -> None:
    droop = words.FreqDroopType(
        priority=1, over_freq=50.2, under_freq=49.8, over_droop=5, under_droop=5, response_time=1
    )
    ask = words.SetDERControlRequest(
        is_default=True, control_id="c", control_type="FreqDroop", freq_droop=droop
    )
    assert DIALECT.write_ask(ask)[0] == "SetDERControl"
    fixed = words.FixedPFType(priority=1, displacement=0.9, excitation=True)
    ask = words.SetDERControlRequest(
        is_default=True, control_id="c", control_type="FixedPFAbsorb", fixed_pf_absorb=fixed
    )
    assert b'"fixedPFAbsorb":' in DIALECT.write_ask(ask)[1]
    assert DIALECT.write_ask(RawCall("AFRRSignal", {"timestamp": "2026-11-22T10:00:00Z", "signal": -5}))
