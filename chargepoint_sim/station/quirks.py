"""How stations in the field differ from the standard in charging profiles: what they refuse, how they read.

The list is what has been seen in stations and their software; limits as in the profile, W or A.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from chargepoint_sim.profiles.checks import Refusal
from chargepoint_sim.profiles.composite import Step, Window
from chargepoint_sim.profiles.profile import Amount, Kind, Period, Profile, Purpose, RateUnit
from chargepoint_sim.station.equipment import Equipment
from chargepoint_sim.station.knobs import Knob, Knobs

NO_LIMIT = 1e9  # more than any station can do


def refusal(equipment: Equipment, profile: Profile, remote_start: bool) -> Refusal | None:
    """Why this station does not take a profile that others take; None if it does."""
    knobs = equipment.knobs
    if not knobs:
        return None
    found = next((_REFUSALS[knob] for knob in _REFUSALS if knobs.on(knob) and _STRIKES[knob](profile)), None)
    if found is None and knobs.on(Knob.NEEDS_REMOTE_START) and not remote_start:
        found = Refusal("InvalidProfile", "only after a remote start")
    return found or _id_too_low(knobs, profile) or _over_budget(equipment, profile)


def _id_too_low(knobs: Knobs, profile: Profile) -> Refusal | None:
    """Whether this station wants every new profile to have a higher id than the last one."""
    if not knobs.on(Knob.RISING_IDS):
        return None
    key = (Knob.RISING_IDS, "last")
    if profile.id <= knobs.memory.get(key, float("-inf")):
        return Refusal("DuplicateProfile", f"ids have to rise above {knobs.memory[key]:.0f}")
    knobs.memory[key] = profile.id
    return None


def _over_budget(equipment: Equipment, profile: Profile) -> Refusal | None:
    """Whether the flash memory may not be written again yet: an identical profile costs no write."""
    knobs, now_s = equipment.knobs, equipment.clock.monotonic()
    seconds = knobs.number(Knob.FLASH_BUDGET)
    if seconds is None or any(one.profile == profile for one in equipment.profiles.installed):
        return None
    key = (Knob.FLASH_BUDGET, "written at")
    left = knobs.memory.get(key, now_s - seconds) + seconds - now_s
    if left > 0.0:
        return Refusal("RateLimitExceeded", f"{max(1, round(left))} seconds")
    knobs.memory[key] = now_s
    return None


def told_composite(
    equipment: Equipment, evse_id: int, window: Window, relative_starts: dict[int, datetime], unit: RateUnit
) -> list[Step] | None:
    """The composite schedule that this station tells, None if it tells none."""
    knobs, profiles = equipment.knobs, equipment.profiles
    if knobs.on(Knob.COMPOSITE_NONE):
        return None
    steps = profiles.composite(evse_id, window, relative_starts, unit)
    if not knobs.on(Knob.COMPOSITE_WRONG):
        return steps
    evses = [evse_id] if evse_id else list(profiles.local)
    return [replace(steps[0], limit=sum(profiles.local[one].limit(unit) for one in evses))]


def reading(knobs: Knobs) -> Callable[[list[Profile], datetime], list[Profile]]:
    """How this station understands the profiles that it has, in the order it got them, at a moment."""

    def read(profiles: list[Profile], moment: datetime) -> list[Profile]:
        if not knobs:
            return profiles
        if knobs.on(Knob.EXPIRED_BREAK):
            profiles = _until_invalid(profiles, moment)
        return [_understood(knobs, one) for one in profiles]

    return read


def _until_invalid(profiles: Sequence[Profile], moment: datetime) -> list[Profile]:
    """The search ends at the first profile outside its validity: what was stored later is not seen."""
    found: list[Profile] = []
    for one in profiles:
        early = one.valid_from is not None and moment < one.valid_from
        if early or (one.valid_to is not None and moment >= one.valid_to):
            break
        found.append(one)
    return found


def _understood(knobs: Knobs, profile: Profile) -> Profile:
    schedules = tuple(
        replace(schedule, periods=tuple(_period(knobs, period) for period in schedule.periods))
        for schedule in profile.schedules
    )
    if knobs.on(Knob.NEVER_EXPIRES):
        schedules = tuple(replace(schedule, duration_s=None) for schedule in schedules)
        profile = replace(profile, valid_to=None, max_offline_s=None)
    return replace(profile, schedules=schedules)


def _period(knobs: Knobs, period: Period) -> Period:
    factor = knobs.number(Knob.SCALE_LIMITS) or 1.0
    factor = -factor if knobs.on(Knob.INVERT_LIMITS) else factor
    limit = None if period.limit is None else factor * _limit(knobs, period.limit)
    setpoint: Amount | None = tuple(_limit(knobs, phase) for phase in period.setpoint or ())
    if not setpoint or max(setpoint) >= NO_LIMIT:  # a setpoint that is no limit is none
        setpoint = None
    else:
        setpoint = tuple(factor * phase for phase in setpoint)
    return replace(period, limit=limit, setpoint=setpoint)


def _limit(knobs: Knobs, limit: float) -> float:
    """What a limit or a setpoint means to this station."""
    unlimited = Knob.IGNORE_NEGATIVE if limit < 0.0 else Knob.ZERO_IS_NO_LIMIT
    if limit <= 0.0 and knobs.on(unlimited):
        return NO_LIMIT
    return 0.0 if limit < 0.0 and knobs.on(Knob.NEGATIVE_AS_ZERO) else limit


def _any_limit(test: Callable[[float], bool]) -> Callable[[Profile], bool]:
    """Whether a limit or a setpoint of a profile is such a one."""
    return lambda profile: any(
        test(one)
        for schedule in profile.schedules
        for period in schedule.periods
        for one in (period.values.limit or ()) + (period.setpoint or ())
    )


def _any_unit(unit: RateUnit) -> Callable[[Profile], bool]:
    return lambda profile: any(schedule.unit is unit for schedule in profile.schedules)


def _broken_watts(profile: Profile) -> bool:
    watts = (schedule for schedule in profile.schedules if schedule.unit is RateUnit.W)
    return any(not (period.limit or 0.0).is_integer() for schedule in watts for period in schedule.periods)


_STRIKES: Mapping[Knob, Callable[[Profile], bool]] = {
    Knob.REJECT_PROFILES: lambda profile: True,
    Knob.REJECT_NEGATIVE: _any_limit(lambda limit: limit < 0.0),
    Knob.REJECT_ZERO: _any_limit(lambda limit: limit == 0.0),
    Knob.STACK_LEVEL_ZERO: lambda profile: profile.stack_level != 0,
    Knob.ABSOLUTE_ONLY: lambda profile: profile.kind is not Kind.ABSOLUTE,
    Knob.RELATIVE_ONLY: lambda profile: profile.kind is not Kind.RELATIVE,
    Knob.WATTS_ONLY: _any_unit(RateUnit.A),
    Knob.AMPERES_ONLY: _any_unit(RateUnit.W),
    Knob.WHOLE_WATTS: _broken_watts,
    Knob.NO_TX_PROFILE: lambda profile: profile.purpose is Purpose.TX,
}
_REFUSALS: Mapping[Knob, Refusal] = {
    Knob.REJECT_PROFILES: Refusal("InvalidProfile", "not here"),
    Knob.REJECT_NEGATIVE: Refusal("InvalidSchedule", "nothing is negative"),
    Knob.REJECT_ZERO: Refusal("InvalidSchedule", "all is above 0"),
    Knob.STACK_LEVEL_ZERO: Refusal("InvalidStackLevel", "only 0"),
    Knob.ABSOLUTE_ONLY: Refusal("UnsupportedKind", "only Absolute"),
    Knob.RELATIVE_ONLY: Refusal("UnsupportedKind", "only Relative"),
    Knob.WATTS_ONLY: Refusal("UnsupportedRateUnit", "only W"),
    Knob.AMPERES_ONLY: Refusal("UnsupportedRateUnit", "only A"),
    Knob.WHOLE_WATTS: Refusal("InvalidSchedule", "whole watts"),
    Knob.NO_TX_PROFILE: Refusal("UnsupportedPurpose", "no TxProfile"),
}
