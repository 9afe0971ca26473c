"""How a charger takes orders, and a power in its unit."""

import math
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csms.domain.dialect_record import (
    UNKNOWN,
    DialectRecord,
    Discharge,
    Kind,
    MeterSign,
    Offline,
    Proof,
    Reuse,
    Unit,
    Zero,
    after_firmware_change,
    check_record,
    declared,
    limit_in_unit,
    power_of,
    record_fields,
    record_from,
    sendable_w,
)
from csms.errors import Invalid

AMPS = DialectRecord(unit=Unit.A, phases_for_limit=3)
PROVEN = DialectRecord(
    discharge=Discharge.NEGATIVE_LIMIT,
    meter_sign=MeterSign.EXPORT,
    offline=Offline.KEEP,
    verified_by=Proof("p1", date(2026, 11, 22), "1.2", (1, 2, 3)),
)


def test_an_unknown_model_may_not_discharge() -> None:
    assert UNKNOWN.discharge is Discharge.NONE
    assert not UNKNOWN.may_discharge


@pytest.mark.parametrize(
    "change",
    [
        {"discharge": Discharge.NONE},
        {"kind": Kind.RELATIVE},
        {"profile_id": Reuse.INCREMENT},
        {"meter_sign": MeterSign.UNKNOWN},
        {"discharge": Discharge.DATA_TRANSFER},
    ],
)
def test_v_10_no_discharge_that_cannot_be_bound_or_checked(change: dict[str, object]) -> None:
    fields = {name: getattr(PROVEN, name) for name in DialectRecord.__dataclass_fields__}
    assert PROVEN.may_discharge
    assert not DialectRecord(**(fields | change)).may_discharge


@pytest.mark.parametrize(
    ("power_w", "record", "limit"),
    [
        (-6900.0, AMPS, -10.0),  # N9
        (-6900.0, DialectRecord(unit=Unit.A, phases_for_limit=1), -30.0),  # N9
        (-6999.0, AMPS, -10.1),
        (6999.0, AMPS, 10.1),
        (-60.0, AMPS, 0.0),
        (-7000.07, UNKNOWN, -7000.0),
        (3680.1, UNKNOWN, 3680.1),
        (1234.9, DialectRecord(resolution=1.0), 1234.0),
        (-1250.0, DialectRecord(resolution=100.0), -1200.0),
        (7360.0, DialectRecord(unit=Unit.A, phases_for_limit=1, resolution=1.0), 32.0),
    ],
)
def test_a_power_in_the_stations_unit_is_rounded_towards_zero(
    power_w: float, record: DialectRecord, limit: float
) -> None:
    assert limit_in_unit(power_w, record) == limit


@given(st.floats(-1e6, 1e6), st.sampled_from(Unit), st.integers(1, 3), st.sampled_from([0.1, 1.0, 100.0]))
def test_never_more_is_told_than_was_ordered(power_w: float, unit: Unit, phases: int, step: float) -> None:
    record = DialectRecord(unit=unit, phases_for_limit=phases, resolution=step)
    told_w = power_of(limit_in_unit(power_w, record), record)
    assert abs(told_w) <= abs(power_w) * (1 + 1e-12)
    assert told_w * power_w >= 0
    assert abs(told_w - power_w) <= step * (230 * phases if unit is Unit.A else 1) * (1 + 1e-9)
    assert math.copysign(1.0, limit_in_unit(0.0 * power_w, record)) == 1.0


def test_v_13_no_limit_out_of_what_is_no_number() -> None:
    for power_w in (math.nan, math.inf, -math.inf):
        with pytest.raises(Invalid, match="finite"):
            limit_in_unit(power_w, UNKNOWN)
    with pytest.raises(Invalid) as caught:
        limit_in_unit(-7000.0, DialectRecord(unit=Unit.A))
    assert caught.value.field == "phases_for_limit"


def test_a_limit_in_a_is_read_with_the_phases_that_the_station_tells() -> None:
    assert power_of(-10.0, AMPS) == -6900.0
    assert power_of(-10.0, AMPS, 1) == -2300.0
    assert power_of(-10.0, UNKNOWN, 1) == -10.0


@pytest.mark.parametrize("zero", [Zero.UNLIMITED, Zero.REJECTED])
def test_where_0_does_not_stop_a_little_is_sent(zero: Zero) -> None:
    record = DialectRecord(zero=zero, unit=Unit.A, phases_for_limit=3)
    assert sendable_w(0.0, record) == 100.0
    assert sendable_w(-5.0, record) == 100.0
    assert sendable_w(-5000.0, record) == -5000.0
    coarse = DialectRecord(zero=zero, unit=Unit.A, phases_for_limit=3, resolution=1.0)
    assert sendable_w(0.0, coarse) == 690.0
    assert sendable_w(0.0, DialectRecord(zero=Zero.MINIMUM)) == 0.0


def test_another_firmware_voids_what_was_proven_about_discharge() -> None:
    left = after_firmware_change(
        DialectRecord(
            discharge=Discharge.NATIVE_2_1,
            meter_sign=MeterSign.EXPORT,
            unit=Unit.A,
            phases_for_limit=3,
            zero=Zero.REJECTED,
            min_interval_s=300,
            offline=Offline.REVERT,
            dynamic=True,
            verified_by=PROVEN.verified_by,
        )
    )
    assert not left.may_discharge
    assert left == DialectRecord(
        unit=Unit.A,
        phases_for_limit=3,
        zero=Zero.REJECTED,
        min_interval_s=300,
        offline=Offline.UNLIMITED,
    )


def test_a_declared_station_may_discharge_in_the_form_that_was_declared() -> None:
    assert declared(Discharge.NEGATIVE_LIMIT).may_discharge
    assert declared(Discharge.NONE) == UNKNOWN
    assert not declared(Discharge.DATA_TRANSFER).may_discharge


def test_a_record_survives_json() -> None:
    assert record_from(record_fields(PROVEN)) == PROVEN
    assert record_from({}) == UNKNOWN


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"colour": "red"}, "colour"),
        ({"discharge": "maybe"}, "discharge"),
        ({"unit": "A"}, "phases_for_limit"),
        ({"phases_for_limit": 4}, "phases_for_limit"),
        ({"resolution": 0}, "resolution"),
        ({"resolution": "fine"}, "resolution"),
        ({"min_interval_s": -1}, "min_interval_s"),
        ({"voltage_v": math.inf}, "voltage_v"),
        ({"start_offset_s": 10}, "start_offset_s"),
        ({"discharge": "negative_limit"}, "discharge"),
        ({"discharge": "negative_limit", "meter_sign": "export", "purpose": "TxDefaultProfile"}, "purpose"),
    ],
)
def test_a_record_that_makes_no_sense_names_its_field(fields: dict[str, object], field: str) -> None:
    with pytest.raises(Invalid) as caught:
        record_from(fields)
    assert caught.value.field == field


def test_a_good_record_passes() -> None:
    assert check_record(PROVEN) is PROVEN
