"""Which dialect record holds for a station: by its name plate or by what a person said; what voids it."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import zip_longest

from csms.domain.dialect_record import UNKNOWN, DialectRecord, Discharge, after_firmware_change, declared


@dataclass(frozen=True, slots=True)
class Plate:
    """What a station says it is, and the OCPP version that it speaks; None is not told."""

    vendor: str | None = None
    model: str | None = None
    firmware: str | None = None
    version: str | None = None


@dataclass(frozen=True, slots=True)
class Models:
    """Whom a shipped record is for; `*` is any model. Firmware from (inclusive) and below (exclusive).

    `versions` are OCPP's; none is any.
    """

    vendor: str
    model: str = "*"
    firmware_from: str | None = None
    firmware_below: str | None = None
    versions: tuple[str, ...] = ()

    def cover(self, plate: Plate) -> bool:
        """Whether a station with this name plate is meant. An unknown firmware is in no range."""
        return (
            _folded(plate.vendor) == _folded(self.vendor)
            and (self.model == "*" or _folded(plate.model) == _folded(self.model))
            and (not self.versions or plate.version in self.versions)
            and self._in_range(plate.firmware)
        )

    @property
    def narrowness(self) -> tuple[bool, int]:
        """Larger is more exact: a named model before any, bounds before none."""
        bounds = (self.firmware_from is not None, self.firmware_below is not None, bool(self.versions))
        return self.model != "*", sum(bounds)

    def _in_range(self, firmware: str | None) -> bool:
        low, high = self.firmware_from, self.firmware_below
        if low is None and high is None:
            return True
        return (
            bool(firmware)
            and (low is None or compare_firmware(firmware or "", low) >= 0)
            and (high is None or compare_firmware(firmware or "", high) < 0)
        )


@dataclass(frozen=True, slots=True)
class Shipped:
    """A record that comes with the product: its name, whom it is for, and where it is known from."""

    name: str
    models: Models
    record: DialectRecord
    source: str = ""


class Origin(StrEnum):
    """Who says that a record holds for a station."""

    UNKNOWN = "unknown"
    SHIPPED = "shipped"
    DECLARED = "declared"
    SET = "set"
    PROBE = "probe"


@dataclass(frozen=True, slots=True)
class Standing:
    """The record that holds for one station, and for which name plate. `void` says why part of it is void.

    `name` is the shipped record's.
    """

    record: DialectRecord = UNKNOWN
    origin: Origin = Origin.UNKNOWN
    plate: Plate = Plate()
    name: str | None = None
    void: str | None = None

    @property
    def discharge(self) -> Discharge:
        """How the station may be ordered to discharge now."""
        return self.record.discharge if self.record.may_discharge else Discharge.NONE


def choose(shipped: Iterable[Shipped], plate: Plate) -> Shipped | None:
    """The most exact shipped record for a name plate; of equally exact ones one that does not discharge."""
    fitting = [one for one in shipped if one.models.cover(plate)]
    return max(
        fitting, key=lambda one: (one.models.narrowness, one.record.discharge is Discharge.NONE), default=None
    )


def by_plate(shipped: Iterable[Shipped], plate: Plate) -> Standing:
    """What holds for a station of which nobody has said anything else."""
    best = choose(shipped, plate)
    if best is None:
        return Standing(plate=plate)
    return Standing(best.record, Origin.SHIPPED, plate, best.name)


def at_boot(before: Standing, shipped: Iterable[Shipped], plate: Plate) -> Standing:
    """What holds after a station has booted with this name plate.

    A person's or a probe's record stays until the plate is another one; then what the probe's steps 5 to 9
    told is void. Who was only declared to discharge gets the shipped record that says the same in full.
    """
    plate = replace(plate, firmware=plate.firmware or before.plate.firmware)
    if before.origin in (Origin.UNKNOWN, Origin.SHIPPED):
        return by_plate(shipped, plate)
    change = _change(before.plate, plate)
    if change is not None:
        return replace(before, record=after_firmware_change(before.record), plate=plate, void=change)
    if before.origin is Origin.DECLARED and before.record.discharge is not Discharge.NONE:
        known = by_plate(shipped, plate)
        if known.discharge is before.record.discharge:
            return known
    return replace(before, plate=plate)


def declared_standing(discharge: Discharge, plate: Plate) -> Standing:
    """A person has said how a station takes an order to discharge, or that it shall not."""
    return Standing(declared(discharge), Origin.DECLARED, plate)


def compare_firmware(left: str, right: str) -> int:
    """-1, 0 or 1 as the first is older, the same or newer; numbers in it count as numbers."""
    for one, other in zip_longest(_pieces(left), _pieces(right), fillvalue=(0, 0, "")):
        if one != other:
            return -1 if one < other else 1
    return 0


def _change(before: Plate, now: Plate) -> str | None:
    """What on the plate is otherwise; what was not known before is no change."""
    for name in ("vendor", "model", "firmware", "version"):
        old, new = getattr(before, name), getattr(now, name)
        if old is not None and _folded(old) != _folded(new):
            return f"{name} was {old}, is {new}"
    return None


def _folded(text: str | None) -> str | None:
    return None if text is None else text.strip().casefold()


def _pieces(text: str) -> list[tuple[int, int, str]]:
    """Numbers as numbers, words as words; a word stands before a number (1.0-rc is older than 1.0)."""
    pieces, digits, word = [], "", ""
    for sign in text.strip().casefold().removeprefix("v") + ".":
        if not sign.isdecimal() and digits:
            pieces.append((1, int(digits), ""))
            digits = ""
        if not sign.isalpha() and word:
            pieces.append((-1, 0, word))
            word = ""
        if sign.isdecimal():
            digits += sign
        elif sign.isalpha():
            word += sign
    return pieces
