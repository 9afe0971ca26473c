"""OCPP 1.6 to house words and back."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csms.domain.dialect_record import DialectRecord, Discharge, MeterSign, Unit, Zero
from csms.domain.meter import MeterReport, Reading
from csms.domain.numbering import UnnumberedEvent, candidates, start_digest
from csms.domain.profile import (
    ClearProfile,
    InstallProfile,
    ProfileAnswer,
    Purpose,
    fallback_profile,
    lease_profile,
)
from csms.domain.setpoint import OperationMode
from csms.domain.transaction import UNTYPED, EventType, IdToken, TransactionEvent
from csms.errors import Invalid, NotSupportedByDialect, OcppError, Unsafe
from csms.wire import words
from csms.wire.v16 import DIALECT
from csms.wire.v16.configuration import ALWAYS, key_of, place_of
from csms.wire.v16.metering import number

NOW = datetime(2026, 11, 22, 10, tzinfo=UTC)
AT = "2026-11-22T11:00:00+01:00"
NEGATIVE = DialectRecord(discharge=Discharge.NEGATIVE_LIMIT, meter_sign=MeterSign.EXPORT)
IN_AMPERES = replace(NEGATIVE, unit=Unit.A, phases_for_limit=3)


def read(action: str, payload: Any) -> Any:
    return DIALECT.read_call(action, json.dumps(payload).encode())


def write(ask: object) -> tuple[str, Any]:
    action, payload = DIALECT.write_ask(ask)
    return action, json.loads(payload)


def metered(*sampled: dict[str, Any]) -> Reading:
    """The reading of a MeterValues with these values."""
    report = read(
        "MeterValues", {"connectorId": 1, "meterValue": [{"timestamp": AT, "sampledValue": sampled}]}
    )
    assert isinstance(report, MeterReport)
    (reading,) = report.readings
    return reading


def event(action: str, payload: Any) -> TransactionEvent:
    told = read(action, payload)
    assert isinstance(told, UnnumberedEvent)
    return told.event


# ---- meter values


def test_a_value_without_more_is_the_import_register_in_wh() -> None:
    assert metered({"value": "1234.5"}) == Reading(NOW, import_wh=1234.5)


@pytest.mark.parametrize(
    ("sampled", "expected"),
    [
        ({"value": "7", "unit": "kWh"}, {"import_wh": 7000.0}),
        ({"value": "2", "measurand": "Power.Active.Export", "unit": "kW"}, {"power_w": -2000.0}),
        ({"value": "-2000", "measurand": "Power.Active.Import", "unit": "W"}, {"power_w": -2000.0}),
        ({"value": "61", "measurand": "SoC", "unit": "Percent", "location": "EV"}, {"soc": 61.0}),
        ({"value": "61", "measurand": "SoC"}, {"soc": 61.0}),
        ({"value": "5", "measurand": "Energy.Active.Import.Interval"}, {}),
        ({"value": "230", "measurand": "Voltage", "unit": "V"}, {}),
        ({"value": "7", "unit": "varh"}, {}),
        ({"value": "-7"}, {}),
    ],
)
def test_units_and_measurands(sampled: dict[str, Any], expected: dict[str, float]) -> None:
    assert metered(sampled) == Reading(NOW, **expected)  # type: ignore[arg-type]


def test_phases_are_added_up() -> None:
    phases = [
        {"value": str(1000 + place), "measurand": "Power.Active.Import", "phase": phase, "unit": "W"}
        for place, phase in enumerate(("L1", "L2", "L3"))
    ]
    assert metered(*phases).power_w == 3003.0


@pytest.mark.parametrize("junk", ["", "x", "1_000", "0x10", "inf", "nan", "1,5", "१२", "1e9999", "--1"])
def test_what_is_no_number_is_not_believed(junk: str) -> None:
    assert metered({"value": junk}, {"value": "-5", "measurand": "Power.Active.Import"}) == Reading(
        NOW, power_w=-5.0
    )
    refused = metered({"value": junk, "measurand": "SoC"})
    assert (refused.soc, refused.soc_refused) == (None, True)


def test_a_signature_is_no_value() -> None:
    assert metered({"value": "4711", "format": "SignedData"}) == Reading(NOW)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_number_is_read_as_written(value: float) -> None:
    assert number(repr(value)) == value


@given(st.text())
def test_no_text_is_fatal(text: str) -> None:
    number(text)


# ---- transactions


START = {"connectorId": 2, "idTag": "TAG", "meterStart": 100, "timestamp": AT}
STOP = {"transactionId": 7, "meterStop": 900, "timestamp": AT}


def test_a_start() -> None:
    started = event("StartTransaction", START | {"reservationId": 0})
    assert (started.type, started.at, started.evse_id, started.connector_id) == (EventType.STARTED, NOW, 2, 1)
    assert started.id_token == IdToken("TAG", UNTYPED)
    assert started.reservation_id == 0
    assert started.readings == (Reading(NOW, import_wh=100.0, context="Transaction.Begin"),)


def test_a_start_is_known_by_what_it_says_and_not_by_how() -> None:
    first = event("StartTransaction", START)
    again = event("StartTransaction", START | {"timestamp": "2026-11-22T10:00:00.000Z", "idTag": "tag"})
    assert first.digest == again.digest
    for field, value in [
        ("connectorId", 1),
        ("idTag", "T"),
        ("meterStart", 1),
        ("timestamp", "2026-01-01T00:00:00Z"),
    ]:
        assert event("StartTransaction", START | {field: value}).digest != first.digest
    assert start_digest("a", first) != start_digest("b", first)


@given(st.binary(min_size=32, max_size=32))
def test_ids_are_positive_and_have_32_bits(digest: bytes) -> None:
    found = candidates(digest)
    first, second, third = next(found), next(found), next(found)
    assert all(0 < one < 2**31 for one in (first, second, third))
    assert len({first, second, third}) == 3
    assert next(candidates(digest)) == first


@pytest.mark.parametrize(
    ("reason", "stopped", "trigger"),
    [
        (None, "Local", "StopAuthorized"),
        ("HardReset", "ImmediateReset", "ResetCommand"),
        ("Remote", "Remote", "RemoteStop"),
        ("UnlockCommand", "Other", "UnlockCommand"),
        ("PowerLoss", "PowerLoss", "AbnormalCondition"),
    ],
)
def test_a_stop(reason: str | None, stopped: str, trigger: str) -> None:
    ended = event("StopTransaction", STOP | ({"reason": reason} if reason else {}))
    assert (ended.transaction_id, ended.stopped_reason, ended.trigger) == ("7", stopped, trigger)
    assert ended.readings == (Reading(NOW, import_wh=900.0, context="Transaction.End"),)
    assert ended.id_token is None


@pytest.mark.parametrize("none", [0, -1])
def test_meter_values_of_no_transaction(none: int) -> None:
    values = [{"timestamp": AT, "sampledValue": [{"value": "1"}]}]
    report = read("MeterValues", {"connectorId": 0, "transactionId": none, "meterValue": values})
    assert report == MeterReport(0, (Reading(NOW, import_wh=1.0),))


def test_values_are_put_into_their_order_and_the_newest_dates_the_event() -> None:
    values = [
        {"timestamp": "2026-11-22T10:01:00Z", "sampledValue": [{"value": "2", "context": "Sample.Clock"}]},
        {"timestamp": AT, "sampledValue": [{"value": "1"}]},
    ]
    told = event("MeterValues", {"connectorId": 1, "transactionId": 7, "meterValue": values})
    assert [one.import_wh for one in told.readings] == [1.0, 2.0]
    assert (told.at, told.trigger) == (NOW + timedelta(minutes=1), "MeterValueClock")


def test_a_connector_that_there_cannot_be() -> None:
    values = [{"timestamp": AT, "sampledValue": [{"value": "1"}]}]
    with pytest.raises(OcppError):
        read("MeterValues", {"connectorId": 2**40, "meterValue": values})
    with pytest.raises(OcppError):
        read("StatusNotification", {"connectorId": -1, "errorCode": "NoError", "status": "Available"})


# ---- profiles


def lease(power_w: float, record: DialectRecord = NEGATIVE, transaction_id: str = "42") -> Any:
    profile = lease_profile(9, transaction_id, power_w, NOW, 300)
    action, payload = write(InstallProfile(2, replace(profile, mode=OperationMode.CENTRAL_SETPOINT), record))
    assert action == "SetChargingProfile"
    assert payload["connectorId"] == 2
    return payload["csChargingProfiles"]


def test_a_discharge_is_a_negative_limit_in_a_lease() -> None:
    profile = lease(-7000.26)
    assert profile["chargingProfilePurpose"] == "TxProfile"
    assert (profile["chargingProfileId"], profile["transactionId"]) == (9, 42)
    schedule = profile["chargingSchedule"]
    assert schedule["chargingSchedulePeriod"] == [{"startPeriod": 0, "limit": -7000.2}]
    assert (schedule["chargingRateUnit"], schedule["startSchedule"]) == ("W", "2026-11-22T09:59:00Z")
    assert profile["validTo"] == "2026-11-22T10:05:00Z"
    assert schedule["duration"] >= 300


@given(st.floats(-50_000, 50_000))
def test_limits_go_towards_zero_in_steps_of_a_tenth(power_w: float) -> None:
    for record, factor in ((NEGATIVE, 1.0), (IN_AMPERES, 690.0)):
        limit = lease(power_w, record)["chargingSchedule"]["chargingSchedulePeriod"][0]["limit"]
        assert abs(limit * factor) <= abs(power_w) + 1e-6
        assert abs(limit * factor - power_w) <= 0.1 * factor + 1e-6
        assert limit == round(limit, 1)
        assert limit * power_w >= 0


def test_amperes_say_their_phases() -> None:
    schedule = lease(-7000, IN_AMPERES)["chargingSchedule"]
    assert schedule["chargingRateUnit"] == "A"
    assert schedule["chargingSchedulePeriod"] == [{"startPeriod": 0, "limit": -10.1, "numberPhases": 3}]


def test_a_zero_that_does_not_stop_is_not_sent() -> None:
    record = replace(NEGATIVE, zero=Zero.UNLIMITED)
    assert lease(0, record)["chargingSchedule"]["chargingSchedulePeriod"][0]["limit"] == 100.0


@pytest.mark.parametrize("resolution", [0.01, 0.05, 0.1])
@pytest.mark.parametrize("power_w", [0.0, -50.0, 50.0])
def test_nor_is_one_that_only_a_step_of_1_6_makes_zero(resolution: float, power_w: float) -> None:
    """A limit has steps of 0.1: a smaller one would go out as 0, which takes the limit off."""
    record = replace(IN_AMPERES, zero=Zero.UNLIMITED, resolution=resolution)
    assert lease(power_w, record)["chargingSchedule"]["chargingSchedulePeriod"][0]["limit"] == 0.1


@pytest.mark.parametrize(
    "discharge", [Discharge.NONE, Discharge.DRAFT_V2X, Discharge.DATA_TRANSFER, Discharge.NATIVE_2_1]
)
def test_no_other_record_lets_a_negative_limit_out(discharge: Discharge) -> None:
    with pytest.raises(Unsafe):
        lease(-1000, replace(NEGATIVE, discharge=discharge))
    assert lease(1000, replace(NEGATIVE, discharge=discharge))


def test_a_negative_limit_stands_in_a_tx_profile_only() -> None:
    profile = replace(lease_profile(9, "42", -1000, NOW, 300), purpose=Purpose.TX_DEFAULT)
    with pytest.raises(Unsafe):
        write(InstallProfile(1, profile, NEGATIVE))
    period = words.ChargingSchedulePeriodType(start_period=0, limit=-1.0)
    by_hand = words.ChargingProfileType(
        id=1,
        stack_level=0,
        charging_profile_purpose="TxProfile",
        charging_profile_kind="Absolute",
        charging_schedule=(
            words.ChargingScheduleType(id=1, charging_rate_unit="W", charging_schedule_period=(period,)),
        ),
    )
    with pytest.raises(Unsafe):
        write(words.SetChargingProfileRequest(evse_id=1, charging_profile=by_hand))


def test_a_fallback_and_a_clear() -> None:
    _, payload = write(InstallProfile(1, fallback_profile(5, 1380.0, NOW)))
    assert payload["csChargingProfiles"]["chargingProfilePurpose"] == "TxDefaultProfile"
    assert write(ClearProfile(5)) == ("ClearChargingProfile", {"id": 5})
    assert DIALECT.read_answer(ClearProfile(5), b'{"status":"Unknown"}') == ProfileAnswer(False, "Unknown")
    ask = InstallProfile(1, fallback_profile(5, 1380.0, NOW))
    assert DIALECT.read_answer(ask, b'{"status":"NotSupported"}') == ProfileAnswer(False, "NotSupported")


def test_what_does_not_fit_into_1_6() -> None:
    profile = lease_profile(9, "42", 1000, NOW, 300)
    with pytest.raises(NotSupportedByDialect):
        lease(1000, transaction_id="b3a1-uuid")
    with pytest.raises(NotSupportedByDialect):
        write(InstallProfile(1, replace(profile, mode=OperationMode.LOCAL_FREQUENCY), NEGATIVE))
    with pytest.raises(Invalid):
        write(InstallProfile(0, profile, NEGATIVE))
    with pytest.raises(Invalid):
        write(InstallProfile(1, replace(profile, transaction_id=None), NEGATIVE))


# ---- keys


KEYS = ["HeartbeatInterval", "MeterValueSampleInterval", "authorizeremotetxrequests", "Vendor.Thing"]


@pytest.mark.parametrize("key", KEYS)
def test_a_key_and_its_variable(key: str) -> None:
    place = place_of(key)
    component = words.ComponentType(name=place.component.upper())
    variable = words.VariableType(name=place.variable, instance=place.variable_instance or None)
    assert key_of(component, variable, "Actual").lower() == key.lower()
    for attribute in ("Target", "MinSet", "MaxSet"):
        with pytest.raises(NotSupportedByDialect):
            key_of(component, variable, attribute)
    at_evse = words.ComponentType(name=place.component, evse=words.EVSEType(id=1))
    with pytest.raises(NotSupportedByDialect):
        key_of(at_evse, variable, "Actual")


def test_all_keys_tell_also_what_the_version_tells() -> None:
    ask = words.GetBaseReportRequest(request_id=1, report_base="FullInventory")
    answer = {"configurationKey": [{"key": "HeartbeatInterval", "readonly": True}]}
    inventory: Any = DIALECT.read_answer(ask, json.dumps(answer).encode())
    (first, *rest) = inventory.values
    assert (first.value, first.settable) == (None, False)
    assert tuple(rest) == ALWAYS


# ---- tokens and vendors' data


def test_a_token_that_is_no_tag() -> None:
    token = words.IdTokenType(id_token="x" * 21, type="Central")
    with pytest.raises(NotSupportedByDialect):
        write(words.RequestStartTransactionRequest(id_token=token, remote_start_id=1))


def test_data_that_is_no_text() -> None:
    with pytest.raises(NotSupportedByDialect):
        write(words.DataTransferRequest(vendor_id="V", data={"a": 1}))
    told = DIALECT.write_answer("DataTransfer", words.DataTransferResponse(status="Accepted", data={"a": 1}))
    assert json.loads(told) == {"status": "Accepted", "data": '{"a":1}'}


def test_a_group_whose_name_is_too_long_is_left_out() -> None:
    info = words.IdTokenInfoType(
        status="NoCredit", group_id_token=words.IdTokenType(id_token="g" * 21, type="Central")
    )
    told = DIALECT.write_answer("Authorize", words.AuthorizeResponse(id_token_info=info))
    assert json.loads(told) == {"idTagInfo": {"status": "Blocked"}}
