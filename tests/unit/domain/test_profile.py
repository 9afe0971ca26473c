"""What a setpoint becomes in each dialect, and the bounds of any profile."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from csms.domain.dialect_record import DialectRecord, Discharge, Kind, MeterSign, declared
from csms.domain.profile import (
    ChargingProfile,
    CurvePoint,
    Period,
    ProfileKind,
    Purpose,
    SignalPoint,
    bound_profile,
    lease_profile,
)
from csms.domain.setpoint import OperationMode

NOW = datetime(2026, 11, 22, 10, tzinfo=UTC)
NATIVE = DialectRecord(discharge=Discharge.NATIVE_2_1, meter_sign=MeterSign.EXPORT)


def lease(record: DialectRecord) -> ChargingProfile:
    return lease_profile(9, "tx", -7000.0, NOW, 300, record)


def test_a_lease_ends_by_duration_and_by_date() -> None:
    made = lease(declared(Discharge.NEGATIVE_LIMIT))
    assert made.kind is ProfileKind.ABSOLUTE
    assert (
        made.start + timedelta(seconds=made.duration_s or 0) == made.valid_to == NOW + timedelta(seconds=300)
    )
    assert made.mode is OperationMode.CENTRAL_SETPOINT
    assert made.max_offline_s is None


def test_a_station_that_wants_the_past_gets_more_of_it() -> None:
    made = lease(replace(declared(Discharge.NEGATIVE_LIMIT), start_offset_s=-600))
    assert made.start == NOW - timedelta(seconds=600)
    assert made.duration_s == 900


def test_a_dynamic_lease_counts_from_its_last_update() -> None:
    made = lease(replace(NATIVE, dynamic=True))
    assert (made.kind, made.duration_s, made.valid_to) == (ProfileKind.DYNAMIC, 300, None)
    assert (made.max_offline_s, made.invalid_after_offline) == (60, True)
    assert lease(NATIVE).kind is ProfileKind.ABSOLUTE
    assert lease(replace(declared(Discharge.NEGATIVE_LIMIT), dynamic=True)).kind is ProfileKind.ABSOLUTE


def test_a_relative_lease_has_no_duration() -> None:
    made = lease(DialectRecord(kind=Kind.RELATIVE))
    assert (made.kind, made.duration_s) == (ProfileKind.RELATIVE, None)
    assert made.valid_to is not None


def test_the_bounds_of_a_profile_count_everything_in_it() -> None:
    base = ChargingProfile(1, Purpose.TX, 0, NOW, (Period(0, 3000.0, -2000.0, -500.0), Period(60, -100.0)))
    assert (base.lowest_w, base.highest_w) == (-2000.0, 3000.0)
    curve = (CurvePoint(49.8, -5000.0), CurvePoint(50.2, 4000.0))
    both = replace(base, curve=curve, signal_curve=(SignalPoint(-10, -300.0), SignalPoint(10, 200.0)))
    assert (both.lowest_w, both.highest_w) == (-7300.0, 7200.0)
    assert sorted(both.numbers()) == [-5000.0, -2000.0, -500.0, -300.0, -100.0, 200.0, 3000.0, 4000.0]
    assert replace(base, periods=()).lowest_w == 0.0


def test_the_bound_beneath_a_probe_is_never_negative_and_ends() -> None:
    made = bound_profile(5, -1.0, NOW, 120)
    assert made.purpose is Purpose.STATION_MAX
    assert made.periods == (Period(0, 0.0),)
    assert made.valid_to == NOW + timedelta(seconds=120)
