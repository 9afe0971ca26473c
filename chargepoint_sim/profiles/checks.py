"""What a station takes as a charging profile and why not: K01, K28, block Q and their reason codes. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from chargepoint_sim.profiles.profile import (
    Kind,
    Mode,
    Period,
    Profile,
    Purpose,
    RateUnit,
    Schedule,
    is_finite,
)

_NEWER = (Purpose.PRIORITY, Purpose.LOCAL_GENERATION)
_ALL_MODES = frozenset(Mode)
_MOST_PHASES = 3
_MODES = {  # K01.FR.111 to K01.FR.113
    Purpose.PRIORITY: frozenset({Mode.CHARGING_ONLY}),
    Purpose.MAX: frozenset({Mode.CHARGING_ONLY}),
    Purpose.EXTERNAL: frozenset({Mode.CHARGING_ONLY, Mode.EXTERNAL_LIMITS, Mode.EXTERNAL_SETPOINT}),
    Purpose.LOCAL_GENERATION: frozenset({Mode.CHARGING_ONLY, Mode.EXTERNAL_LIMITS}),
}
_CENTRAL = (Mode.CENTRAL_SETPOINT, Mode.CENTRAL_FREQUENCY)
_OWN = (Mode.LOCAL_FREQUENCY, Mode.LOCAL_LOAD_BALANCING, Mode.IDLE)


@dataclass(frozen=True)
class Refusal:
    """Why a profile was not taken: a standard reason code and a word more."""

    reason: str
    detail: str


@dataclass(frozen=True)
class Capability:
    """What this station can do with profiles, as its device model says.

    `modes` is what it can do beside ChargingOnly. `signed_limits`: a limit below zero is a discharge
    setpoint, as on stations older than 2.1. `phases_apart`: the vehicle has told values for L2 and L3.
    `balancing`: the thresholds of local load balancing are set.
    """

    stack_levels: int = 10
    units: frozenset[RateUnit] = frozenset(RateUnit)
    max_periods: int = 1024
    max_profiles: int = 100
    signed_limits: bool = True
    modes: frozenset[Mode] = frozenset()
    purposes: frozenset[Purpose] = frozenset()
    dynamic: bool = False
    limit_at_soc: bool = False
    sleep: bool = False
    phases_apart: bool = False
    balancing: bool = False
    highest_external_id: int | None = None


def objection(capability: Capability, profile: Profile) -> Refusal | None:
    """What is wrong with a profile by itself, wherever it is to live; None if nothing is."""
    for check in _CHECKS:
        refusal = check(capability, profile)
        if refusal is not None:
            return refusal
    for schedule in profile.schedules:
        refusal = _check_schedule(capability, profile, schedule)
        if refusal is not None:
            return refusal
    return None


def _check_head(capability: Capability, profile: Profile) -> Refusal | None:
    """What stands above the schedules."""
    highest = capability.highest_external_id
    if highest is not None and profile.id <= highest:
        return Refusal("InvalidProfileId", f"ids up to {highest} are the station's own")  # K01.FR.81
    if profile.purpose in _NEWER and profile.purpose not in capability.purposes:
        return Refusal("UnsupportedPurpose", f"not {profile.purpose}")  # K01.FR.120
    if profile.purpose is not Purpose.TX and profile.transaction_id is not None:
        return Refusal("InvalidProfile", "only a TxProfile has a transaction")
    if not 0 <= profile.stack_level <= capability.stack_levels:
        return Refusal("InvalidStackLevel", f"0 to {capability.stack_levels}")
    if not 1 <= len(profile.schedules) <= 3:
        return Refusal("InvalidSchedule", "one to three schedules")  # K01.FR.34
    if not _fit(profile.max_offline_s, profile.update_interval_s):
        return Refusal("ValueOutOfRange", "a number of seconds")
    if profile.kind is Kind.RECURRING and profile.recurrency is None:
        return Refusal("InvalidProfile", "recurring, but how often?")
    return None


def _check_dynamic(capability: Capability, profile: Profile) -> Refusal | None:
    """K28: one period that starts at once; only there may updates be spoken of."""
    if profile.kind is not Kind.DYNAMIC:
        if profile.update_interval_s is not None or profile.updated_at is not None:
            return Refusal("InvalidProfile", "only a Dynamic profile is updated")  # K01.FR.122, K28.FR.04
        return None
    if not capability.dynamic:
        return Refusal("UnsupportedKind", "no Dynamic profiles")  # K01.FR.121
    periods = profile.schedules[0].periods
    if len(profile.schedules) != 1 or len(periods) != 1 or periods[0].start_s != 0:
        return Refusal("InvalidSchedule", "Dynamic: one schedule with one period at 0")  # K28.FR.03
    return None


def _check_priority(capability: Capability, profile: Profile) -> Refusal | None:
    """Priority charging lasts until it is ended, and charges."""
    if profile.purpose is not Purpose.PRIORITY:
        return None
    if any(schedule.duration_s is not None for schedule in profile.schedules):
        return Refusal("InvalidSchedule", "priority charging has no duration")  # K01.FR.70
    if any(period.mode is not Mode.CHARGING_ONLY for one in profile.schedules for period in one.periods):
        return Refusal("InvalidSchedule", "priority charging only charges")  # K01.FR.71
    return None


_CHECKS: Sequence[Callable[[Capability, Profile], Refusal | None]] = (
    _check_head,
    _check_dynamic,
    _check_priority,
)


def _check_schedule(capability: Capability, profile: Profile, schedule: Schedule) -> Refusal | None:
    """Is this schedule well formed?"""
    if schedule.unit not in capability.units:
        return Refusal("UnsupportedRateUnit", f"not {schedule.unit}")  # K01.FR.26
    if len(schedule.periods) > capability.max_periods:
        return Refusal("TooManyElements", f"at most {capability.max_periods} periods")
    return _check_times(profile.kind, schedule) or _check_content(capability, profile, schedule)


def _check_times(kind: Kind, schedule: Schedule) -> Refusal | None:
    """Do start and periods fit the kind of profile?"""
    if not _fit(schedule.duration_s, *(period.start_s for period in schedule.periods)):
        return Refusal("ValueOutOfRange", "a number of seconds")
    starts = [period.start_s for period in schedule.periods]
    if not starts or starts[0] != 0:
        return Refusal("InvalidSchedule", "the first period starts at 0")  # K01.FR.31
    if any(later <= earlier for earlier, later in pairwise(starts)):
        return Refusal("InvalidSchedule", "periods must follow one another")  # K01.FR.35
    if kind is Kind.RELATIVE and schedule.start is not None:
        return Refusal("InvalidSchedule", "a relative schedule has no start")  # K01.FR.41
    if kind in (Kind.ABSOLUTE, Kind.RECURRING) and schedule.start is None:
        return Refusal("InvalidSchedule", "startSchedule is missing")  # K01.FR.40
    return None


def _fit(*seconds: int | None) -> bool:
    """Whether numbers of seconds, as far as they are said, are whole numbers of OCPP and not below zero."""
    return all(one is None or 0 <= one < 2**31 for one in seconds)


def _check_content(capability: Capability, profile: Profile, schedule: Schedule) -> Refusal | None:
    """Does the station know what is asked, period by period?"""
    if schedule.extras:  # K01.FR.123, K01.FR.124
        return Refusal("InvalidSchedule", f"no {min(schedule.extras)}")
    if schedule.at_soc is not None and not capability.limit_at_soc:
        return Refusal("InvalidSchedule", "no limitAtSoC")  # K01.FR.125
    if not is_finite(schedule):
        return Refusal("InvalidValue", "a limit is not a number")
    for period in schedule.periods:
        refusal = _check_period(capability, profile, schedule.unit, period)
        if refusal is not None:
            where = f"schedule {schedule.id}, period {period.start_s}"
            return Refusal(refusal.reason, f"{refusal.detail} ({where})")
    return None


def _check_period(capability: Capability, profile: Profile, unit: RateUnit, period: Period) -> Refusal | None:
    """Is this period well formed?"""
    if period.phases is not None and not 0 <= period.phases <= _MOST_PHASES:
        return Refusal("ValueOutOfRange", "numberPhases")
    if period.mode is not Mode.CHARGING_ONLY and period.mode not in capability.modes:
        return Refusal("InvalidOperationMode", f"not {period.mode}")  # K01.FR.115
    if period.mode not in _MODES.get(profile.purpose, _ALL_MODES):
        return Refusal("InvalidOperationMode", f"no {period.mode} in a {profile.purpose}")  # K01.FR.114
    return _check_mode(capability, profile.kind, unit, period) or _check_values(capability, profile, period)


def _check_mode(capability: Capability, kind: Kind, unit: RateUnit, period: Period) -> Refusal | None:
    """The fields that a mode needs, and those that it cannot have (the table of operation modes)."""
    mode, values = period.mode, period.values
    if mode is Mode.CHARGING_ONLY:
        if values.limit is None:
            return Refusal("InvalidSchedule", "a limit is missing")
        if values.discharge or values.setpoint or values.reactive:  # Q02.FR.02
            return Refusal("InvalidSchedule", "ChargingOnly has a limit and nothing else")
    if mode in _CENTRAL and values.setpoint is None:
        return Refusal("InvalidSchedule", "a setpoint is missing")
    if mode is Mode.CENTRAL_FREQUENCY and kind is not Kind.DYNAMIC:
        return Refusal("InvalidSchedule", "CentralFrequency needs a Dynamic profile")  # Q07.FR.02
    if mode in _OWN and values.amounts():
        return Refusal("InvalidSchedule", f"{mode} has no values of its own")  # Q08.FR.04, Q10.FR.02
    if mode is Mode.LOCAL_FREQUENCY:
        return _check_frequency(unit, period)
    if mode is Mode.LOCAL_LOAD_BALANCING and not capability.balancing:
        return Refusal("MissingDevModelInfo", "thresholds of LocalLoadBalancing")  # Q09.FR.02
    if period.sleep and not capability.sleep and mode is not Mode.IDLE:
        return Refusal("InvalidSchedule", "no evseSleep")  # K01.FR.126
    return None


def _check_frequency(unit: RateUnit, period: Period) -> Refusal | None:
    """Q08: a baseline and a curve with two points at least, in W."""
    regulation = period.regulation
    curve = None if regulation is None else regulation.over_frequency
    if curve is None or len(curve.points) < 2:
        return Refusal("NoFreqWattCurve", "v2xBaseline and a curve of two points")  # Q08.FR.03
    if unit is not RateUnit.W:
        return Refusal("InvalidSchedule", "LocalFrequency is in W")  # Q08.FR.05
    return None


def _check_values(capability: Capability, profile: Profile, period: Period) -> Refusal | None:
    """Signs, order and phases of the values."""
    values = period.values
    if values.limit is not None and min(values.limit) < 0.0 and not capability.signed_limits:
        return Refusal("InvalidSchedule", "a limit is not below zero")
    if any(len(amount) > 1 for amount in values.amounts()):
        if profile.purpose is not Purpose.TX:  # K01.FR.143, V2X.09
            return Refusal("PhaseConflict", "L2 and L3 only in a TxProfile")
        if not capability.phases_apart:  # K01.FR.142, V2X.08
            return Refusal("PhaseConflict", "the vehicle has told nothing of L2 and L3")
    if values.setpoint is not None and not _within(values.setpoint, values.limit, values.discharge):
        return Refusal("InvalidSchedule", "the setpoint is outside its own limits")  # V2X.05
    return None


def _within(
    setpoint: tuple[float, ...], limit: tuple[float, ...] | None, discharge: tuple[float, ...] | None
) -> bool:
    """Whether a setpoint lies between the limits of its own period, as far as they are of the same shape."""
    pairs_above = zip(setpoint, limit or (), strict=False)
    pairs_below = zip(setpoint, discharge or (), strict=False)
    return all(one <= most for one, most in pairs_above) and all(one >= least for one, least in pairs_below)
