"""Charging profiles as values, in the words of OCPP 2.1; older versions leave the newer fields empty.

Powers are signed, + into the vehicle. On 2.0.1 and 1.6 a limit below zero is a discharge setpoint.
"""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import pairwise

VOLTAGE_V = 230.0  # nominal, line to neutral
DEFAULT_PHASES = 3  # K01.FR.19


class Purpose(StrEnum):
    """What a profile is for."""

    EXTERNAL = "ChargingStationExternalConstraints"
    MAX = "ChargingStationMaxProfile"
    TX_DEFAULT = "TxDefaultProfile"
    TX = "TxProfile"
    PRIORITY = "PriorityCharging"
    LOCAL_GENERATION = "LocalGeneration"


class Kind(StrEnum):
    """What a schedule's start refers to."""

    ABSOLUTE = "Absolute"
    RECURRING = "Recurring"
    RELATIVE = "Relative"
    DYNAMIC = "Dynamic"
    """One period that is updated at any time; its duration counts from the last update (K28)."""


class Mode(StrEnum):
    """Who decides on the power in a period (2.1, block Q)."""

    CHARGING_ONLY = "ChargingOnly"
    CENTRAL_SETPOINT = "CentralSetpoint"
    CENTRAL_FREQUENCY = "CentralFrequency"
    EXTERNAL_SETPOINT = "ExternalSetpoint"
    EXTERNAL_LIMITS = "ExternalLimits"
    LOCAL_FREQUENCY = "LocalFrequency"
    LOCAL_LOAD_BALANCING = "LocalLoadBalancing"
    IDLE = "Idle"


class RateUnit(StrEnum):
    """Unit of the limits: W in all, or A per phase."""

    W = "W"
    A = "A"


class Recurrency(StrEnum):
    """How often a recurring schedule starts again."""

    DAILY = "Daily"
    WEEKLY = "Weekly"


_RECURRENCE = {Recurrency.DAILY: timedelta(days=1), Recurrency.WEEKLY: timedelta(days=7)}


Amount = tuple[float, ...]
"""One value for all phases (W: the sum, A: each), or one for each phase, L1 first."""


@dataclass(frozen=True)
class Curve:
    """Power over a quantity, W: straight between its points, level beyond them."""

    points: tuple[tuple[float, float], ...]

    def at(self, quantity: float) -> float:
        """The power at a value."""
        points = sorted(self.points)
        if quantity <= points[0][0]:
            return points[0][1]
        for (left, low), (right, high) in pairwise(points):
            if quantity <= right:
                return high if right == left else low + (high - low) * (quantity - left) / (right - left)
        return points[-1][1]


@dataclass(frozen=True)
class Values:
    """What a period says of power: the most in, the most out (below zero), the power wanted."""

    limit: Amount | None = None
    discharge: Amount | None = None
    setpoint: Amount | None = None
    reactive: Amount | None = None

    def amounts(self) -> tuple[Amount, ...]:
        """All that are said."""
        said = (self.limit, self.discharge, self.setpoint, self.reactive)
        return tuple(amount for amount in said if amount is not None)


@dataclass(frozen=True)
class Regulation:
    """What a station needs to find its setpoint itself (Q08): baseline and curves, W."""

    baseline_w: float = 0.0
    over_frequency: Curve | None = None
    over_signal: Curve | None = None


@dataclass(frozen=True)
class Period:
    """From `start_s` on, this holds. `limit` and `phases` are all that there was before 2.1.

    `further` are the limits of L2 and L3 where they are given by themselves; `phase` is phaseToUse.
    """

    start_s: int
    limit: float | None
    phases: int | None = None
    further: Amount = ()
    discharge: Amount | None = None
    setpoint: Amount | None = None
    reactive: Amount | None = None
    mode: Mode = Mode.CHARGING_ONLY
    regulation: Regulation | None = None
    phase: int | None = None
    sleep: bool = False
    preconditioning: bool = False

    @property
    def values(self) -> Values:
        """What it says of power."""
        limit = None if self.limit is None else (self.limit, *self.further)
        return Values(limit, self.discharge, self.setpoint, self.reactive)


@dataclass(frozen=True)
class Schedule:
    """Periods from a start, for `duration_s` or without end. Above a state of charge another limit holds."""

    id: int
    unit: RateUnit
    periods: tuple[Period, ...]
    start: datetime | None = None
    duration_s: int | None = None
    min_rate: float | None = None
    at_soc: tuple[int, float] | None = None
    extras: frozenset[str] = frozenset()
    """What else it asks for, by its name in 2.1: useLocalTime, randomizedDelay."""


@dataclass(frozen=True)
class Profile:
    """One charging profile. Only the first schedule steers; the others are offers to the vehicle."""

    id: int
    stack_level: int
    purpose: Purpose
    kind: Kind
    schedules: tuple[Schedule, ...]
    recurrency: Recurrency | None = None
    valid_from: datetime | None = None
    valid_to: datetime | None = None
    transaction_id: str | None = None
    max_offline_s: int | None = None
    invalid_after_offline: bool = False
    update_interval_s: int | None = None
    updated_at: datetime | None = None


@dataclass(frozen=True)
class Situation:
    """What a profile depends on beside the time: since when Relative ones count, since when the station
    is offline (None: it is not), and the vehicle's state of charge, percent."""

    relative_start: datetime
    offline_since: datetime | None = None
    soc: float | None = None


@dataclass(frozen=True)
class Span:
    """What a profile says from now until `until` (None: for ever). `period` is None where it is silent."""

    period: Period | None
    until: datetime | None


def span_at(profile: Profile, moment: datetime, situation: Situation) -> Span:
    """What this profile says at `moment`."""
    # K01.FR.36, K01.FR.37
    if profile.valid_from is not None and moment < profile.valid_from:
        return Span(None, profile.valid_from)
    if profile.valid_to is not None and moment >= profile.valid_to:
        return Span(None, None)
    offline_end = offline_expiry(profile, situation.offline_since)
    if offline_end is not None and moment >= offline_end:  # K01.FR.101
        return Span(None, None)
    found = _in_schedule(profile, moment, situation.relative_start)
    return Span(found.period, earliest(found.until, profile.valid_to, offline_end))


def offline_expiry(profile: Profile, since: datetime | None) -> datetime | None:
    """When a profile stops to hold because the station is offline since `since`."""
    if since is None or profile.max_offline_s is None:
        return None
    return since + timedelta(seconds=profile.max_offline_s)


def _start(profile: Profile, relative_start: datetime) -> datetime:
    """From when a profile's steering schedule counts."""
    if profile.kind is Kind.DYNAMIC and profile.updated_at is not None:
        return profile.updated_at  # K28.FR.13
    if profile.kind is Kind.RELATIVE:
        return relative_start
    return profile.schedules[0].start or relative_start


def _in_schedule(profile: Profile, moment: datetime, relative_start: datetime) -> Span:
    """What the steering schedule says at `moment`, whatever the profile's validity."""
    schedule, start = profile.schedules[0], _start(profile, relative_start)
    if moment < start:
        return Span(None, start)
    end = None if schedule.duration_s is None else start + timedelta(seconds=schedule.duration_s)
    again: datetime | None = None
    if profile.kind is Kind.RECURRING:
        every = _RECURRENCE[profile.recurrency or Recurrency.DAILY]
        start += every * ((moment - start) // every)
        again = start + every
        own_end = again if schedule.duration_s is None else start + timedelta(seconds=schedule.duration_s)
        end = min(own_end, again)
    if end is not None and moment >= end:
        return Span(None, again)  # K01.FR.13: a gap falls back
    # K01.FR.11, K01.FR.12
    elapsed = (moment - start).total_seconds()
    current, following = None, None
    for period in schedule.periods:
        if period.start_s <= elapsed:
            current = period
        else:
            following = start + timedelta(seconds=period.start_s)
            break
    return Span(current, earliest(following, end))


def earliest(*moments: datetime | None) -> datetime | None:
    """The first of the moments that are known."""
    return min((moment for moment in moments if moment is not None), default=None)


def convert(limit: float, unit: RateUnit, wanted: RateUnit, phases: int) -> float:
    """A limit in another unit. K01.FR.43 to K01.FR.50: A is per phase."""
    if unit is wanted:
        return limit
    return limit / (VOLTAGE_V * phases) if wanted is RateUnit.A else limit * VOLTAGE_V * phases


def is_finite(schedule: Schedule) -> bool:
    """Whether every value is a number that can be followed."""
    numbers = [
        number for period in schedule.periods for amount in period.values.amounts() for number in amount
    ]
    if schedule.at_soc is not None:
        numbers.append(schedule.at_soc[1])
    return all(math.isfinite(number) for number in numbers)
