"""Dialect records: what is known of how one charger model takes orders.

The same message makes one station discharge, another refuse and a third charge at full power. So whatever is
not known is `Discharge.NONE`: the station is asked to charge less, never to discharge.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from decimal import ROUND_DOWN, Decimal
from enum import StrEnum
from typing import Any

import msgspec

from csms.domain.units import finite
from csms.errors import Invalid


class Discharge(StrEnum):
    """How a station takes an order to discharge. Unknown means `NONE`: it is never asked to."""

    NONE = "none"
    NEGATIVE_LIMIT = "negative_limit"
    DRAFT_V2X = "draft_v2x"
    DATA_TRANSFER = "data_transfer"
    NATIVE_2_1 = "native_2_1"


class Unit(StrEnum):
    """The unit of limits: W, or A per phase."""

    W = "W"
    A = "A"


class Kind(StrEnum):
    """The kind of profile that a station takes. `RELATIVE` cannot carry a lease begun in mid-session."""

    ABSOLUTE = "Absolute"
    RELATIVE = "Relative"


class Reuse(StrEnum):
    """What an update does with an id or a stack level: keep it, take the station's highest, or count up."""

    FIXED = "fixed"
    MAX = "max"
    INCREMENT = "increment"


class Zero(StrEnum):
    """What the station makes of a limit of 0."""

    STOP = "stop"
    MINIMUM = "minimum"
    UNLIMITED = "unlimited"
    REJECTED = "rejected"


class Composite(StrEnum):
    """What the station's composite schedule is worth."""

    TRUSTED = "trusted"
    NONE = "none"
    WRONG = "wrong"


class Offline(StrEnum):
    """What becomes of a profile when the station loses us: kept, back to its default, or no limit at all."""

    KEEP = "keep"
    REVERT = "revert"
    UNLIMITED = "unlimited"


class MeterSign(StrEnum):
    """How the meter tells discharge: as export, as negative import, or nobody knows."""

    UNKNOWN = "unknown"
    EXPORT = "export"
    NEGATIVE_IMPORT = "negative_import"


class SocSource(StrEnum):
    """Where the state of charge comes from."""

    NONE = "none"
    METER = "meter"
    NEEDS = "needs"
    ELSEWHERE = "elsewhere"


@dataclass(frozen=True, slots=True)
class Proof:
    """By what and when a record was proven, with which firmware, and which steps of the probe were passed."""

    probe_id: str
    on: date
    firmware: str | None
    steps: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class DialectRecord:
    """How a charger takes orders. The defaults are what is assumed of a model that nobody has tried.

    `resolution` is the smallest step in `unit`. `phases_for_limit` is by how many phases W and A are turned
    into each other (None: not known), at `voltage_v` from line to neutral. `start_offset_s` is added to now
    for a schedule's start. A limit that would be 0 is sent as `least_w` where 0 does not stop the station.
    `deadband_w` is the smallest change worth sending, `min_interval_s` the shortest time between two profiles
    (the flash budget), `keepalive_s` the longest (None: no need), `max_duration_s` the longest lease that the
    station takes. `clear_async_s` is how long after a clear nothing may be set. `dynamic`: 2.1's Dynamic
    profiles work. `adapter` names the vendor's form for `data_transfer`.
    """

    discharge: Discharge = Discharge.NONE
    unit: Unit = Unit.W
    resolution: float = 0.1
    phases_for_limit: int | None = None
    voltage_v: float = 230.0
    purpose: str = "TxProfile"
    kind: Kind = Kind.ABSOLUTE
    start_offset_s: int = -60
    profile_id: Reuse = Reuse.FIXED
    stack_level: Reuse = Reuse.FIXED
    zero: Zero = Zero.STOP
    least_w: float = 100.0
    deadband_w: float = 50.0
    min_interval_s: float = 0.0
    keepalive_s: float | None = None
    max_duration_s: int | None = None
    clear_async_s: float = 0.0
    composite: Composite = Composite.NONE
    offline: Offline = Offline.KEEP
    needs_remote_start: bool = False
    meter_sign: MeterSign = MeterSign.UNKNOWN
    soc_source: SocSource = SocSource.NONE
    dynamic: bool = False
    adapter: str | None = None
    verified_by: Proof | None = None

    @property
    def may_discharge(self) -> bool:
        """Whether an order to discharge can be said, be bound to a lease and be checked by the meter.

        A Relative schedule cannot end at a moment, a rising profile id leaves the lease before in place
        (K01.FR.39), and a meter of unknown sign proves nothing (V-10).
        """
        return (
            self.discharge is not Discharge.NONE
            and self.kind is Kind.ABSOLUTE
            and self.profile_id is Reuse.FIXED
            and self.meter_sign is not MeterSign.UNKNOWN
            and (self.discharge is not Discharge.DATA_TRANSFER or self.adapter is not None)
        )


UNKNOWN = DialectRecord()
"""Of a model that nobody has tried: charge only."""


def declared(discharge: Discharge) -> DialectRecord:
    """The record of a station of which a person has said no more than how it takes an order to discharge.

    Its meter is then taken to tell export as export, which is what the meter check after each order tests.
    """
    sign = MeterSign.UNKNOWN if discharge is Discharge.NONE else MeterSign.EXPORT
    return DialectRecord(discharge=discharge, meter_sign=sign)


def after_firmware_change(record: DialectRecord) -> DialectRecord:
    """What is left of a record when the station has another firmware than it was proven with.

    What the probe's steps 5 to 9 told is void: discharge, the meter's sign, the end of a lease, what happens
    without us and over a reboot. How the station reads a positive limit stays, and its flash budget.
    """
    return replace(
        record,
        discharge=Discharge.NONE,
        meter_sign=MeterSign.UNKNOWN,
        offline=Offline.UNLIMITED,
        dynamic=False,
        verified_by=None,
    )


def limit_in_unit(power_w: float, record: DialectRecord) -> float:
    """A signed power as the station's limit: W, or A per phase = P / (voltage x phases).

    Towards zero at the record's resolution, so that never more flows than was ordered. Raises `Invalid` for a
    power that is not finite, and for A where the phases are not known.
    """
    if not finite(power_w):
        raise Invalid("setpoint_w", "The setpoint is not a finite number.")
    steps = (_exact(power_w) / _exact(_watts(record) * record.resolution)).to_integral_value(ROUND_DOWN)
    return float(steps * _exact(record.resolution)) or 0.0


def power_of(limit: float, record: DialectRecord, phases: int | None = None) -> float:
    """What a limit in the station's unit is in W. `phases` is what the station itself told, if it did."""
    if record.unit is Unit.W:
        return limit
    return limit * record.voltage_v * phases if phases else limit * _watts(record)


def sendable_w(power_w: float, record: DialectRecord) -> float:
    """The power that this station can be told: what rounds to 0 where 0 does not stop it is `least_w`."""
    if record.zero in (Zero.STOP, Zero.MINIMUM) or limit_in_unit(power_w, record) != 0:
        return power_w
    return max(record.least_w, _watts(record) * record.resolution)


def check_record(record: DialectRecord) -> DialectRecord:
    """The record, if it makes sense. Raises `Invalid` naming the field."""
    if record.unit is Unit.A and record.phases_for_limit is None:
        raise Invalid("phases_for_limit", "With limits in A the number of phases must be known.")
    if record.phases_for_limit is not None and not 1 <= record.phases_for_limit <= 3:
        raise Invalid("phases_for_limit", "There are 1 to 3 phases.")
    for name, least, most in _BOUNDS:
        value = getattr(record, name)
        if value is not None and not (finite(value) and least <= value <= most):
            raise Invalid(name, f"Must be a number from {least:g} to {most:g}.")
    if record.purpose != "TxProfile" and record.discharge is not Discharge.NONE:
        raise Invalid("purpose", "Discharge is ordered by a TxProfile only (V-02).")
    if record.discharge is not Discharge.NONE and not record.may_discharge:
        raise Invalid("discharge", "Needs kind Absolute, a fixed profile id, a known meter sign, an adapter.")
    return record


def record_from(fields: Mapping[str, Any]) -> DialectRecord:
    """A record out of plain values (TOML, JSON), checked. Raises `Invalid` naming the field."""
    known = DialectRecord.__dataclass_fields__
    for name in fields:
        if name not in known:
            raise Invalid(name, "A dialect record has no such field.")
    for name in fields:
        try:
            msgspec.convert({name: fields[name]}, DialectRecord)
        except msgspec.ValidationError as error:
            raise Invalid(name, str(error)) from None
    return check_record(msgspec.convert(dict(fields), DialectRecord))


def record_fields(record: DialectRecord) -> dict[str, Any]:
    """A record as plain values, fit for JSON."""
    fields: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(record))
    return fields


_BOUNDS: tuple[tuple[str, float, float], ...] = (
    ("resolution", 0.001, 1000),
    ("voltage_v", 50, 1000),
    ("start_offset_s", -3600, 0),
    ("least_w", 0, 5000),
    ("deadband_w", 0, 100_000),
    ("min_interval_s", 0, 86_400),
    ("keepalive_s", 1, 86_400),
    ("max_duration_s", 1, 86_400),
    ("clear_async_s", 0, 600),
)


def _watts(record: DialectRecord) -> float:
    """How many W one unit of the limit is."""
    if record.unit is Unit.W:
        return 1.0
    if record.phases_for_limit is None:
        raise Invalid("phases_for_limit", "With limits in A the number of phases must be known.")
    return record.voltage_v * record.phases_for_limit


def _exact(value: float) -> Decimal:
    return Decimal(repr(float(value)))
