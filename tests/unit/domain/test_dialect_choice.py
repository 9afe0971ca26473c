"""Which dialect record holds for a station."""

from dataclasses import replace
from datetime import date

import pytest

from csms.domain.dialect_choice import (
    Models,
    Origin,
    Plate,
    Shipped,
    Standing,
    at_boot,
    by_plate,
    choose,
    compare_firmware,
    declared_standing,
)
from csms.domain.dialect_record import (
    UNKNOWN,
    Composite,
    DialectRecord,
    Discharge,
    MeterSign,
    Proof,
    Zero,
    after_firmware_change,
)

PROVEN = DialectRecord(
    discharge=Discharge.NEGATIVE_LIMIT,
    meter_sign=MeterSign.EXPORT,
    composite=Composite.TRUSTED,
    verified_by=Proof("p1", date(2026, 11, 22), "1.2", (1, 2, 3)),
)
ACME = Plate("Acme", "V2G 7", "2.10", "2.0.1")
SHIPPED = [Shipped("acme", Models("acme", "v2g 7", "2.0", "3.0", ("2.0.1",)), PROVEN)]


def test_the_most_exact_record_holds() -> None:
    any_model = Shipped("any", Models("Acme"), DialectRecord(zero=Zero.MINIMUM))
    model = Shipped("model", Models("ACME", "V2G 7"), DialectRecord(zero=Zero.REJECTED))
    newer = Shipped("newer", Models("acme", "v2g 7", "2.10"), PROVEN)
    doubtful = Shipped("doubtful", Models("acme", "v2g 7", "2.10"), DialectRecord(zero=Zero.UNLIMITED))
    shipped = [any_model, newer, model]
    assert choose(shipped, Plate("Acme", "V2G 7", "2.10.1")) is newer
    assert choose(shipped, Plate("Acme", "V2G 7", "2.9")) is model
    assert choose(shipped, Plate("Acme", "V2G 7", None)) is model
    assert choose(shipped, Plate("Acme", "other", "2.10")) is any_model
    assert choose(shipped, Plate("Other", "V2G 7", "2.10")) is None
    assert choose(shipped, Plate()) is None
    assert choose([newer, doubtful], Plate("acme", "v2g 7", "3")) is doubtful


def test_a_record_may_be_for_one_version_of_ocpp() -> None:
    assert by_plate(SHIPPED, ACME).discharge is Discharge.NEGATIVE_LIMIT
    assert by_plate(SHIPPED, replace(ACME, version="1.6")) == Standing(plate=replace(ACME, version="1.6"))


@pytest.mark.parametrize(
    ("old", "new"),
    [("1.9", "1.10"), ("1.0-rc2", "1.0"), ("1.0", "1.0.1"), ("v1.2", "1.3"), ("1.2a", "1.2b"), ("", "1")],
)
def test_firmware_is_ordered_by_its_numbers(old: str, new: str) -> None:
    assert compare_firmware(old, new) == -1
    assert compare_firmware(new, old) == 1
    assert compare_firmware(new, new.upper()) == 0


def test_a_range_of_firmware_has_an_end() -> None:
    models = Models("acme", "x", "1.0", "2.0")
    covered = [models.cover(Plate("acme", "x", firmware)) for firmware in ("0.9", "1.0", "1.99", "2.0", None)]
    assert covered == [False, True, True, False, False]


def test_nobody_knows_a_station_that_nobody_knows() -> None:
    assert at_boot(Standing(), SHIPPED, Plate("Other", "x", "1")).record == UNKNOWN


@pytest.mark.parametrize("origin", [Origin.SET, Origin.PROBE])
@pytest.mark.parametrize(
    ("plate", "void"),
    [
        (replace(ACME, firmware="2.11"), "firmware was 2.10, is 2.11"),
        (replace(ACME, model="V2G 8"), "model was V2G 7, is V2G 8"),
        (replace(ACME, version="2.1"), "version was 2.0.1, is 2.1"),
    ],
)
def test_another_plate_voids_what_was_proven(origin: Origin, plate: Plate, void: str) -> None:
    before = Standing(PROVEN, origin, ACME)
    assert at_boot(before, [], ACME) == before
    after = at_boot(before, SHIPPED, plate)
    assert after == Standing(after_firmware_change(PROVEN), origin, plate, void=void)
    assert after.discharge is Discharge.NONE
    assert at_boot(after, SHIPPED, plate) == after


def test_what_was_not_known_is_no_change_and_what_is_not_told_stays() -> None:
    first = at_boot(declared_standing(Discharge.NEGATIVE_LIMIT, Plate("Acme")), [], ACME)
    assert first.discharge is Discharge.NEGATIVE_LIMIT
    assert first.plate == ACME
    assert at_boot(first, [], replace(ACME, firmware=None)) == first


def test_who_was_declared_gets_the_shipped_record_that_says_the_same() -> None:
    same = at_boot(declared_standing(Discharge.NEGATIVE_LIMIT, Plate()), SHIPPED, ACME)
    assert (same.record, same.origin, same.name) == (PROVEN, Origin.SHIPPED, "acme")
    other = at_boot(declared_standing(Discharge.DRAFT_V2X, Plate()), SHIPPED, ACME)
    assert (other.origin, other.discharge) == (Origin.DECLARED, Discharge.DRAFT_V2X)


def test_who_was_told_not_to_discharge_does_not_whatever_ships() -> None:
    assert at_boot(declared_standing(Discharge.NONE, Plate()), SHIPPED, ACME).discharge is Discharge.NONE


def test_a_shipped_record_is_chosen_anew_for_each_firmware() -> None:
    first = at_boot(Standing(), SHIPPED, ACME)
    assert first.discharge is Discharge.NEGATIVE_LIMIT
    assert at_boot(first, SHIPPED, replace(ACME, firmware="3.0")).discharge is Discharge.NONE
