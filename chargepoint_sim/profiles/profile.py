"""Charging profiles as values. Limits are signed: below zero is a discharge setpoint."""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

VOLTAGE_V = 230.0  # nominal, line to neutral
DEFAULT_PHASES = 3  # K01.FR.19


class Purpose(StrEnum):
    """What a profile is for."""

    EXTERNAL = "ChargingStationExternalConstraints"
    MAX = "ChargingStationMaxProfile"
    TX_DEFAULT = "TxDefaultProfile"
    TX = "TxProfile"


class Kind(StrEnum):
    """What a schedule's start refers to."""

    ABSOLUTE = "Absolute"
    RECURRING = "Recurring"
    RELATIVE = "Relative"


class RateUnit(StrEnum):
    """Unit of the limits: W in all, or A per phase."""

    W = "W"
    A = "A"


class Recurrency(StrEnum):
    """How often a recurring schedule starts again."""

    DAILY = "Daily"
    WEEKLY = "Weekly"


_RECURRENCE = {Recurrency.DAILY: timedelta(days=1), Recurrency.WEEKLY: timedelta(days=7)}


@dataclass(frozen=True)
class Period:
    """From `start_s` on, `limit` holds."""

    start_s: int
    limit: float
    phases: int | None = None


@dataclass(frozen=True)
class Schedule:
    """Periods from a start, for `duration_s` or without end."""

    id: int
    unit: RateUnit
    periods: tuple[Period, ...]
    start: datetime | None = None
    duration_s: int | None = None
    min_rate: float | None = None


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


@dataclass(frozen=True)
class Span:
    """What a profile says from now until `until` (None: for ever). `period` is None where it is silent."""

    period: Period | None
    until: datetime | None


def span_at(profile: Profile, moment: datetime, relative_start: datetime) -> Span:
    """What this profile says at `moment`; a Relative one counts from `relative_start`."""
    # K01.FR.36, K01.FR.37
    if profile.valid_from is not None and moment < profile.valid_from:
        return Span(None, profile.valid_from)
    if profile.valid_to is not None and moment >= profile.valid_to:
        return Span(None, None)
    found = _in_schedule(profile, moment, relative_start)
    return Span(found.period, earliest(found.until, profile.valid_to))


def _in_schedule(profile: Profile, moment: datetime, relative_start: datetime) -> Span:
    """What the steering schedule says at `moment`, whatever the profile's validity."""
    schedule = profile.schedules[0]
    start = relative_start if profile.kind is Kind.RELATIVE else (schedule.start or relative_start)
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
    """Whether every limit is a number that can be followed."""
    return all(math.isfinite(period.limit) for period in schedule.periods)
