"""What a probe makes of what it sees."""

from dataclasses import replace
from datetime import date

import pytest

from csms.domain import probe as judge
from csms.domain.dialect_record import (
    UNKNOWN,
    Composite,
    DialectRecord,
    Discharge,
    MeterSign,
    Offline,
    Unit,
    Zero,
)
from csms.domain.probe import PROVES, Finding, Probe, Sighting, Step

NEW = Probe(UNKNOWN, 1500.0)
TRUSTED = replace(NEW, record=DialectRecord(composite=Composite.TRUSTED))
GOOD = Sighting(True, None, -1500.0, -1480.0, exported=True)


@pytest.mark.parametrize(
    ("units", "entries", "passed", "unit"),
    [
        ("A,W", 10.0, True, Unit.W),
        ("Power", None, True, Unit.W),
        (None, None, True, Unit.W),
        ("A", 2.0, False, Unit.W),
        ("W", 1.0, False, Unit.W),
    ],
)
def test_variables_tell_units_and_room(
    units: str | None, entries: float | None, passed: bool, unit: Unit
) -> None:
    after = judge.variables(NEW, units, entries)
    assert (after.findings[-1].passed, after.record.unit) == (passed, unit)


def test_amperes_need_phases() -> None:
    three = replace(NEW, record=DialectRecord(phases_for_limit=3))
    assert judge.variables(three, "A", None).record.unit is Unit.A


@pytest.mark.parametrize(
    ("seen", "passed", "composite"),
    [
        (Sighting(True, None, 1500.0, 1400.0), True, Composite.TRUSTED),
        (Sighting(True, None, 1000.0, 0.0), True, Composite.TRUSTED),
        (Sighting(True, None, 11_000.0, 1400.0), True, Composite.WRONG),
        (Sighting(True, None, -1.0, 1400.0), True, Composite.WRONG),
        (Sighting(True, None, None, 1400.0), True, Composite.NONE),
        (Sighting(True, None, None, 7000.0), False, Composite.NONE),
        (Sighting(True, None, None, -700.0), False, Composite.NONE),
        (Sighting(True, None, 1500.0, None), False, Composite.TRUSTED),
        (Sighting(False, "Rejected"), False, Composite.NONE),
        (Sighting(), False, Composite.NONE),
    ],
)
def test_a_positive_limit_is_kept_and_shown(seen: Sighting, passed: bool, composite: Composite) -> None:
    after = judge.positive(NEW, seen)
    assert (after.findings[-1].passed, after.record.composite) == (passed, composite)


@pytest.mark.parametrize(
    ("seen", "zero"),
    [
        (Sighting(True, power_w=0.0), Zero.STOP),
        (Sighting(True, power_w=4100.0), Zero.MINIMUM),
        (Sighting(True, power_w=7000.0), Zero.UNLIMITED),
        (Sighting(True), Zero.UNLIMITED),
        (Sighting(False, "InvalidProfile"), Zero.REJECTED),
    ],
)
def test_what_zero_means(seen: Sighting, zero: Zero) -> None:
    assert judge.zero(NEW, seen).record.zero is zero


@pytest.mark.parametrize(
    ("seen", "passed"),
    [
        (GOOD, True),
        (replace(GOOD, power_w=-600.0), True),
        (replace(GOOD, power_w=-400.0), False),
        (replace(GOOD, power_w=1500.0), False),
        (replace(GOOD, power_w=-2100.0), False),
        (replace(GOOD, power_w=None), False),
        (replace(GOOD, composite_w=11_000.0), False),
        (replace(GOOD, composite_w=0.0), False),
        (replace(GOOD, composite_w=None), True),
        (replace(GOOD, accepted=None), False),
        (replace(GOOD, accepted=False), False),
    ],
)
def test_only_the_meter_proves_a_discharge(seen: Sighting, passed: bool) -> None:
    after = judge.negative(TRUSTED, Discharge.NEGATIVE_LIMIT, seen)
    assert after.findings[-1].passed is passed
    assert after.record.may_discharge is passed


def test_a_meter_without_an_export_register_tells_negative_import() -> None:
    after = judge.negative(NEW, Discharge.DRAFT_V2X, replace(GOOD, exported=False))
    assert after.record.meter_sign is MeterSign.NEGATIVE_IMPORT
    assert after.record.discharge is Discharge.DRAFT_V2X


@pytest.mark.parametrize(
    ("power_w", "passed"), [(0.0, True), (1500.0, True), (-700.0, False), (7000.0, False)]
)
def test_a_lease_ends(power_w: float, passed: bool) -> None:
    seen = Sighting(power_w=power_w)
    assert judge.expiry(NEW, seen).findings[-1].passed is passed
    assert judge.link(NEW, lost=True, seen=seen).findings[-1].passed is passed
    assert judge.reboot(NEW, booted=True, seen=seen).findings[-1].passed is passed


def test_what_happens_without_us() -> None:
    assert not judge.expiry(NEW, Sighting()).findings[-1].passed
    kept = judge.link(NEW, lost=True, seen=Sighting(power_w=0.0)).record
    assert kept.offline is Offline.KEEP
    assert judge.link(NEW, lost=True, seen=Sighting(power_w=9000.0)).record.offline is Offline.UNLIMITED
    assert judge.link(NEW, lost=False, seen=Sighting(power_w=0.0)).record.offline is Offline.UNLIMITED
    assert not judge.reboot(NEW, booted=False, seen=Sighting(power_w=0.0)).findings[-1].passed
    assert not judge.reboot(NEW, booted=True, seen=Sighting(composite_w=11_000.0)).findings[-1].passed
    assert judge.reboot(NEW, booted=True, seen=Sighting(composite_w=1500.0)).findings[-1].passed


def test_the_flash_budget_is_the_longer_word() -> None:
    assert judge.rate(NEW, 10, None).record.min_interval_s == 0
    assert judge.rate(NEW, 3, 30.0).record.min_interval_s == 30.0
    slow = replace(NEW, record=DialectRecord(min_interval_s=300))
    assert judge.rate(slow, 3, 30.0).record.min_interval_s == 300


@pytest.mark.parametrize("missing", [None, *PROVES])
def test_without_any_one_of_the_proofs_nothing_is_proven(missing: Step | None) -> None:
    good = judge.negative(NEW, Discharge.NEGATIVE_LIMIT, GOOD)
    findings = tuple(Finding(step, step is not missing, "") for step in PROVES)
    record = judge.concluded(replace(good, findings=findings), "p", date(2026, 11, 22), "1.2")
    assert record.may_discharge is (missing is None)
    assert (record.verified_by is not None) is (missing is None)
    if record.verified_by is not None:
        assert record.verified_by.steps == (2, 4, 5, 6)
        assert record.verified_by.firmware == "1.2"
