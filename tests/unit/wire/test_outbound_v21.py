"""Orders in 2.1's own words: who decides, which numbers stand where, and what never goes out."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from csms.domain.dialect_record import UNKNOWN, DialectRecord, Discharge, MeterSign, Unit, declared
from csms.domain.profile import (
    ClearProfile,
    CurvePoint,
    InstallProfile,
    Period,
    ProfileAnswer,
    ProfileKind,
    Purpose,
    SignalPoint,
    UpdateSetpoint,
    bound_profile,
    fallback_profile,
    lease_profile,
)
from csms.domain.setpoint import OperationMode
from csms.errors import Invalid, Unsafe
from csms.wire.v21 import DIALECT

NOW = datetime(2026, 11, 22, 10, tzinfo=UTC)
NATIVE = declared(Discharge.NATIVE_2_1)
DYNAMIC = replace(NATIVE, dynamic=True)
FIELDS = {"limit", "dischargeLimit", "setpoint", "v2xBaseline", "v2xFreqWattCurve", "v2xSignalWattCurve"}
CURVE = (CurvePoint(49.9, -5000.0), CurvePoint(50.1, 5000.0))


def lease(setpoint_w: float, record: DialectRecord = NATIVE, **fields: Any) -> InstallProfile:
    profile = lease_profile(9, "tx-1", setpoint_w, NOW, 300, record)
    return InstallProfile(1, replace(profile, **fields), record)


def written(ask: InstallProfile) -> Any:
    action, payload = DIALECT.write_ask(ask)
    assert action == "SetChargingProfile"
    return json.loads(payload)["chargingProfile"]


def period_of(ask: InstallProfile) -> Any:
    ((period,),) = (one["chargingSchedulePeriod"] for one in written(ask)["chargingSchedule"])
    return period


def test_q04_a_dynamic_lease_is_a_setpoint_alone_with_two_dead_men() -> None:
    assert written(lease(-7000.04, DYNAMIC)) == {
        "id": 9,
        "stackLevel": 0,
        "chargingProfilePurpose": "TxProfile",
        "chargingProfileKind": "Dynamic",
        "transactionId": "tx-1",
        "maxOfflineDuration": 60,
        "invalidAfterOfflineDuration": True,
        "chargingSchedule": [
            {
                "id": 9,
                "duration": 300,
                "chargingRateUnit": "W",
                "chargingSchedulePeriod": [
                    {"startPeriod": 0, "operationMode": "CentralSetpoint", "setpoint": -7000.0}
                ],
            }
        ],
    }


def test_q03_a_station_without_dynamic_profiles_gets_an_absolute_one() -> None:
    profile = written(lease(-7000))
    assert profile["chargingProfileKind"] == "Absolute"
    assert profile["validTo"] == "2026-11-22T10:05:00Z"
    (schedule,) = profile["chargingSchedule"]
    assert (schedule["startSchedule"], schedule["duration"]) == ("2026-11-22T09:59:00Z", 360)
    assert schedule["chargingSchedulePeriod"][0]["setpoint"] == -7000
    assert profile["maxOfflineDuration"] == 60


@pytest.mark.parametrize("setpoint_w", [-7000.0, 0.0, 3680.0])
@pytest.mark.parametrize("record", [NATIVE, DYNAMIC])
def test_q03_fr_02_neither_limit_stands_beside_a_setpoint(setpoint_w: float, record: DialectRecord) -> None:
    period = period_of(lease(setpoint_w, record))
    assert period["setpoint"] == setpoint_w
    assert FIELDS & set(period) == {"setpoint"}


@pytest.mark.parametrize("discharge", [each for each in Discharge if each is not Discharge.NATIVE_2_1])
def test_v_15_no_negative_number_goes_to_a_station_of_another_record(discharge: Discharge) -> None:
    record = DialectRecord(discharge=discharge, meter_sign=MeterSign.EXPORT, adapter="any")
    with pytest.raises(Unsafe):
        DIALECT.write_ask(lease(-1.0, record))
    plain = period_of(lease(3680.0, record))
    assert (plain["limit"], FIELDS & set(plain), "operationMode" in plain) == (3680.0, {"limit"}, False)


@pytest.mark.parametrize("purpose", [Purpose.TX_DEFAULT, Purpose.STATION_MAX])
def test_v_02_only_a_tx_profile_may_discharge(purpose: Purpose) -> None:
    with pytest.raises(Unsafe):
        DIALECT.write_ask(lease(-1000, purpose=purpose, transaction_id=None))


def test_erratum_2_62_a_limit_is_never_negative_whatever_the_record_says() -> None:
    with pytest.raises(Unsafe):
        DIALECT.write_ask(lease(-1000, mode=OperationMode.CHARGING_ONLY))


def test_k01_fr_16_and_03_a_tx_profile_needs_its_evse_and_transaction() -> None:
    with pytest.raises(Invalid):
        DIALECT.write_ask(replace(lease(1000), evse_id=0))
    with pytest.raises(Invalid):
        DIALECT.write_ask(lease(1000, transaction_id=None))


def test_k01_fr_111_a_station_maximum_is_charging_only() -> None:
    bound = InstallProfile(0, bound_profile(4, 5000, NOW, 600), NATIVE)
    assert period_of(bound) == {"startPeriod": 0, "limit": 5000.0}
    odd = replace(bound, profile=replace(bound.profile, mode=OperationMode.IDLE))
    with pytest.raises(Invalid):
        DIALECT.write_ask(odd)


def test_v_04_the_fallback_is_a_plain_limit_on_every_station() -> None:
    for record in (UNKNOWN, NATIVE, DYNAMIC):
        assert period_of(InstallProfile(1, fallback_profile(1, 1400, NOW), record)) == {
            "startPeriod": 0,
            "limit": 1400.0,
        }


def test_q07_central_frequency_is_a_setpoint_of_a_dynamic_profile() -> None:
    frequency: dict[str, Any] = {"mode": OperationMode.CENTRAL_FREQUENCY}
    period = period_of(lease(-2000, DYNAMIC, **frequency))
    assert period == {"startPeriod": 0, "operationMode": "CentralFrequency", "setpoint": -2000.0}
    with pytest.raises(Invalid):
        DIALECT.write_ask(lease(-2000, NATIVE, **frequency))


def test_q08_local_frequency_is_a_baseline_and_its_curves() -> None:
    period = period_of(
        lease(
            0,
            mode=OperationMode.LOCAL_FREQUENCY,
            curve=CURVE,
            signal_curve=(SignalPoint(-1, -500.0), SignalPoint(1, 500.0)),
            periods=(Period(0, 0, baseline_w=-1000.0),),
        )
    )
    assert period == {
        "startPeriod": 0,
        "operationMode": "LocalFrequency",
        "v2xBaseline": -1000.0,
        "v2xFreqWattCurve": [{"frequency": 49.9, "power": -5000.0}, {"frequency": 50.1, "power": 5000.0}],
        "v2xSignalWattCurve": [{"signal": -1, "power": -500.0}, {"signal": 1, "power": 500.0}],
    }


def test_q08_fr_04_one_point_is_no_curve() -> None:
    with pytest.raises(Invalid):
        DIALECT.write_ask(lease(0, mode=OperationMode.LOCAL_FREQUENCY, curve=CURVE[:1]))


def test_q05_an_energy_manager_gets_both_limits_and_no_more_than_ours() -> None:
    external: dict[str, Any] = {"mode": OperationMode.EXTERNAL_SETPOINT}
    both = lease(0, periods=(Period(0, 3680, discharge_limit_w=-2000.0),), **external)
    assert period_of(both) == {
        "startPeriod": 0,
        "operationMode": "ExternalSetpoint",
        "limit": 3680.0,
        "dischargeLimit": -2000.0,
    }
    one = lease(0, periods=(Period(0, 3680),), **external)
    assert period_of(one)["dischargeLimit"] == 0
    with pytest.raises(Unsafe):
        DIALECT.write_ask(lease(-1, **external))


@pytest.mark.parametrize(
    "mode", [OperationMode.EXTERNAL_LIMITS, OperationMode.LOCAL_LOAD_BALANCING, OperationMode.IDLE]
)
def test_q06_q09_q10_who_decides_without_us_gets_no_number(mode: OperationMode) -> None:
    assert period_of(lease(0, mode=mode)) == {"startPeriod": 0, "operationMode": mode.value}
    with pytest.raises(Invalid):
        DIALECT.write_ask(lease(1000, mode=mode))


@pytest.mark.parametrize(
    "mode",
    [
        OperationMode.EXTERNAL_SETPOINT,
        OperationMode.EXTERNAL_LIMITS,
        OperationMode.CENTRAL_FREQUENCY,
        OperationMode.LOCAL_FREQUENCY,
        OperationMode.LOCAL_LOAD_BALANCING,
    ],
)
def test_v_15_no_such_mode_for_a_station_that_is_not_known_to_take_it(mode: OperationMode) -> None:
    with pytest.raises(Unsafe):
        DIALECT.write_ask(lease(0, UNKNOWN, mode=mode))


@pytest.mark.parametrize("mode", [OperationMode.EXTERNAL_LIMITS, OperationMode.LOCAL_LOAD_BALANCING])
def test_v_15_what_nobody_bounds_may_discharge_without_depth(mode: OperationMode) -> None:
    assert lease(0, mode=mode).profile.lowest_w == float("-inf")


def test_k28_fr_01_to_03_a_dynamic_profile_has_one_period() -> None:
    with pytest.raises(Invalid):
        DIALECT.write_ask(lease(0, DYNAMIC, periods=(Period(0, 0), Period(60, 0))))
    with pytest.raises(Invalid):
        DIALECT.write_ask(lease(0, DYNAMIC, periods=(Period(60, 0),)))


def test_k28_fr_04_only_a_dynamic_profile_has_an_interval() -> None:
    assert written(lease(0, DYNAMIC, update_interval_s=30))["dynUpdateInterval"] == 30
    with pytest.raises(Invalid):
        DIALECT.write_ask(lease(0, NATIVE, update_interval_s=30))


def test_an_update_has_no_unit_so_a_station_in_ampere_gets_no_dynamic_profile() -> None:
    ampere = replace(DYNAMIC, unit=Unit.A, phases_for_limit=3)
    ask = lease(-6900, ampere)
    assert ask.profile.kind is ProfileKind.ABSOLUTE
    period = period_of(ask)
    assert (period["setpoint"], period["numberPhases"]) == (-10.0, 3)
    with pytest.raises(Invalid):
        DIALECT.write_ask(lease(-6900, ampere, kind=ProfileKind.DYNAMIC))


def test_q04_a_new_setpoint_is_an_update_of_the_profile() -> None:
    action, payload = DIALECT.write_ask(UpdateSetpoint(9, -6999.99))
    assert action == "UpdateDynamicSchedule"
    assert json.loads(payload) == {"chargingProfileId": 9, "scheduleUpdate": {"setpoint": -6999.9}}


@pytest.mark.parametrize("setpoint_w", [float("nan"), float("inf"), float("-inf")])
def test_v_13_no_order_that_is_not_finite(setpoint_w: float) -> None:
    for ask in (lease(setpoint_w), lease(setpoint_w, DYNAMIC), UpdateSetpoint(9, setpoint_w)):
        with pytest.raises(Invalid):
            DIALECT.write_ask(ask)


def test_answers() -> None:
    refused = (
        b'{"status":"Rejected","statusInfo":{"reasonCode":"RateLimitExceeded","additionalInfo":"30 seconds"}}'
    )
    for ask in (lease(0), UpdateSetpoint(9, 0)):
        assert DIALECT.read_answer(ask, b'{"status":"Accepted"}') == ProfileAnswer(True)
        assert DIALECT.read_answer(ask, refused) == ProfileAnswer(False, "RateLimitExceeded", "30 seconds")


def test_k10_clearing_is_by_id_only() -> None:
    assert DIALECT.write_ask(ClearProfile(9)) == ("ClearChargingProfile", b'{"chargingProfileId":9}')
    unknown = b'{"status":"Unknown","statusInfo":{"reasonCode":"NotFound"}}'
    assert DIALECT.read_answer(ClearProfile(9), unknown) == ProfileAnswer(False, "NotFound")
    assert DIALECT.read_answer(ClearProfile(9), b'{"status":"Unknown"}') == ProfileAnswer(False, "Unknown")
