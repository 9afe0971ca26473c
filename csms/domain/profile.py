"""Charging profiles in the house's words: signed power in W over time, and what a setpoint becomes."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from math import inf
from typing import NamedTuple

from csms.domain.dialect_record import UNKNOWN, DialectRecord, Discharge, Kind, Unit
from csms.domain.setpoint import OperationMode

LEASE_DEFAULT_S = 300
LEASE_MAX_S = 900
OFFLINE_MAX_S = 60
"""So long after losing us a station that can count it (2.1, and the draft before) follows its lease."""

_UNBOUNDED = frozenset({OperationMode.EXTERNAL_LIMITS, OperationMode.LOCAL_LOAD_BALANCING})


TX_PROFILE_ID = 910_000
"""Of the only TxProfile at an EVSE that is ours, whatever it is for (K01.FR.39)."""


def transaction_profile_id(evse_id: int) -> int:
    """Profile id of our TxProfile at an EVSE."""
    return TX_PROFILE_ID + evse_id


class Purpose(StrEnum):
    """What a profile is for. A negative limit stands in a TxProfile only (V-02)."""

    STATION_MAX = "ChargingStationMaxProfile"
    TX_DEFAULT = "TxDefaultProfile"
    TX = "TxProfile"


class ProfileKind(StrEnum):
    """How a profile counts its time.

    `ABSOLUTE` from its start; `RELATIVE` from when the power path closed, so it cannot end at a moment;
    `DYNAMIC` (2.1) from its last update.
    """

    ABSOLUTE = "Absolute"
    RELATIVE = "Relative"
    DYNAMIC = "Dynamic"


class CurvePoint(NamedTuple):
    """One point of a frequency-watt curve: Hz, signed W."""

    frequency_hz: float
    power_w: float


class SignalPoint(NamedTuple):
    """One point of an aFRR curve: the signal's number, signed W."""

    signal: int
    power_w: float


@dataclass(frozen=True, slots=True)
class Period:
    """From `start_s` seconds after the schedule's start on, power stays at or follows `limit_w` (signed).

    `discharge_limit_w` (zero or below) bounds what an energy manager beside the station may discharge, in the
    modes that have one. `baseline_w` is what a curve is added to.
    """

    start_s: int
    limit_w: float
    discharge_limit_w: float | None = None
    baseline_w: float | None = None

    def numbers(self) -> list[float]:
        """Every power in it."""
        return [self.limit_w, *(w for w in (self.discharge_limit_w, self.baseline_w) if w is not None)]


@dataclass(frozen=True, slots=True)
class ChargingProfile:
    """One charging profile. `duration_s` and `valid_to` are None for a profile without an end.

    `mode` says who decides the power; it needs a `curve` (LocalFrequency) or `signal_curve` (aFRR). A Dynamic
    profile's `duration_s` counts from its last update. `max_offline_s` and `invalid_after_offline` are for
    stations that can count how long they have not heard us.
    """

    id: int
    purpose: Purpose
    stack_level: int
    start: datetime
    periods: tuple[Period, ...]
    duration_s: int | None = None
    valid_to: datetime | None = None
    transaction_id: str | None = None
    kind: ProfileKind = ProfileKind.ABSOLUTE
    mode: OperationMode = OperationMode.CHARGING_ONLY
    curve: tuple[CurvePoint, ...] = ()
    signal_curve: tuple[SignalPoint, ...] = ()
    max_offline_s: int | None = None
    invalid_after_offline: bool = False
    update_interval_s: int | None = None

    def numbers(self) -> list[float]:
        """Every power in it, signed W."""
        numbers = [power_w for period in self.periods for power_w in period.numbers()]
        return [*numbers, *(p.power_w for p in self.curve), *(p.power_w for p in self.signal_curve)]

    @property
    def lowest_w(self) -> float:
        """The deepest discharge that it may bring (negative), or 0. What curves add is counted in full.

        Where the station or somebody beside it decides without any bound of ours, there is no depth.
        """
        if self.mode in _UNBOUNDED:
            return -inf
        told = min((0.0, *(power_w for period in self.periods for power_w in period.numbers())))
        curves = (self.curve, self.signal_curve)
        return told + sum(min((0.0, *(point.power_w for point in curve))) for curve in curves)

    @property
    def highest_w(self) -> float:
        """The highest charging that it may bring, or 0."""
        told = max((0.0, *(power_w for period in self.periods for power_w in period.numbers())))
        curves = (self.curve, self.signal_curve)
        return told + sum(max((0.0, *(point.power_w for point in curve))) for curve in curves)


@dataclass(frozen=True, slots=True)
class InstallProfile:
    """Ask: put this profile on this EVSE (0 is the whole station), as `record` says that it takes orders."""

    evse_id: int
    profile: ChargingProfile
    record: DialectRecord = UNKNOWN


@dataclass(frozen=True, slots=True)
class UpdateSetpoint:
    """Ask: a Dynamic profile that is there shall follow this from now on; signed W (2.1 only).

    Its `duration` counts anew from now. Answer: `ProfileAnswer`.
    """

    profile_id: int
    setpoint_w: float


def discharges(ask: object) -> bool:
    """Whether a station that is asked this is to give power."""
    match ask:
        case InstallProfile(profile=profile):
            return profile.lowest_w < 0
        case UpdateSetpoint(setpoint_w=setpoint_w):
            return setpoint_w < 0
    return False


@dataclass(frozen=True, slots=True)
class ProfileAnswer:
    """The station's word on a profile. Accepted proves nothing until the meter agrees.

    `detail` is what it said besides the reason code, such as the seconds of a RateLimitExceeded.
    """

    accepted: bool
    reason: str | None = None
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class ClearProfile:
    """Ask: forget the profile with this id. By id only, never by criteria."""

    profile_id: int


def lease_profile(
    profile_id: int,
    transaction_id: str,
    setpoint_w: float,
    now: datetime,
    lease_s: int,
    record: DialectRecord = UNKNOWN,
) -> ChargingProfile:
    """The lease that carries a setpoint: a TxProfile that ends by itself after `lease_s` seconds.

    Negative `setpoint_w` discharges. Reusing `profile_id` replaces the running lease (K01.FR.05).
    Starts a minute ago because some stations refuse a start in the future (their clock lags ours); the
    duration is counted from there and so is that much longer. A Dynamic one counts from its last update, and
    has no `valid_to`, which an update could not move. Of a Relative one only `valid_to` is an end.
    """
    lead_s = -record.start_offset_s
    native = record.discharge is Discharge.NATIVE_2_1
    dynamic = native and record.dynamic and record.unit is Unit.W  # an update carries no unit
    relative = record.kind is Kind.RELATIVE
    counts = native or record.discharge is Discharge.DRAFT_V2X
    kind = ProfileKind.DYNAMIC if dynamic else ProfileKind.RELATIVE if relative else ProfileKind.ABSOLUTE
    return ChargingProfile(
        id=profile_id,
        purpose=Purpose.TX,
        stack_level=0,
        start=now - timedelta(seconds=lead_s),
        periods=(Period(0, setpoint_w),),
        duration_s=lease_s if dynamic else None if relative else lease_s + lead_s,
        valid_to=None if dynamic else now + timedelta(seconds=lease_s),
        transaction_id=transaction_id,
        kind=kind,
        mode=OperationMode.CENTRAL_SETPOINT,
        max_offline_s=OFFLINE_MAX_S if counts else None,
        invalid_after_offline=native,
    )


def fallback_profile(profile_id: int, limit_w: float, now: datetime) -> ChargingProfile:
    """The safe profile under every lease: TxDefaultProfile without an end, never negative (V-04)."""
    return ChargingProfile(
        id=profile_id,
        purpose=Purpose.TX_DEFAULT,
        stack_level=0,
        start=now - timedelta(seconds=60),
        periods=(Period(0, max(0.0, limit_w)),),
    )


def bound_profile(profile_id: int, limit_w: float, now: datetime, lasts_s: int) -> ChargingProfile:
    """A low limit for the whole station for a while, beneath orders whose dialect is not proven.

    ChargingStationMaxProfile: the only one that also bounds a station which reads a negative limit as none.
    """
    return ChargingProfile(
        id=profile_id,
        purpose=Purpose.STATION_MAX,
        stack_level=0,
        start=now - timedelta(seconds=60),
        periods=(Period(0, max(0.0, limit_w)),),
        duration_s=lasts_s + 60,
        valid_to=now + timedelta(seconds=lasts_s),
    )
