"""What results from all profiles of an EVSE: the tightest bounds over the purposes, at every instant.

At an instant each purpose speaks with its highest stack level that has a period then; a TxProfile
silences the TxDefaultProfile, and priority charging both; of what is left the lowest limit and the highest
discharge limit count (K08.FR.04), never more than what the EVSE can do itself. A setpoint stays within them.
Where no profile speaks, the local maximum is the answer.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from chargepoint_sim.profiles.amounts import Scale, capped, highest, lowest, lump_sum
from chargepoint_sim.profiles.profile import (
    DEFAULT_PHASES,
    Amount,
    Mode,
    Period,
    Profile,
    Purpose,
    RateUnit,
    Schedule,
    Situation,
    Values,
    earliest,
    span_at,
)

_STEERING = (Purpose.PRIORITY, Purpose.TX, Purpose.TX_DEFAULT)
_NOTHING = Values()


@dataclass(frozen=True)
class Step:
    """From `start_s` after the beginning, this holds. `phases` is None where no profile speaks.

    `limit` is None only where a setpoint stands alone, or nothing may flow.
    """

    start_s: int
    limit: float | None
    phases: int | None = None
    further: Amount = ()
    discharge: Amount | None = None
    setpoint: Amount | None = None
    reactive: Amount | None = None
    mode: Mode = Mode.CHARGING_ONLY

    @property
    def values(self) -> Values:
        """What it says of power."""
        limit = None if self.limit is None else (self.limit, *self.further)
        return Values(limit, self.discharge, self.setpoint, self.reactive)


@dataclass(frozen=True)
class Instant:
    """What holds at an instant and until when (None: for ever). `steering` is the period that has the say."""

    values: Values
    phases: int | None
    until: datetime | None
    mode: Mode = Mode.CHARGING_ONLY
    steering: Period | None = None

    @property
    def limit_w(self) -> float | None:
        """The most that may flow, W, if it is in W."""
        return None if self.values.limit is None else lump_sum(self.values.limit)

    def step(self, start_s: int) -> Step:
        """The same as a step of a schedule."""
        limit, *further = self.values.limit or (None,)
        said = self.values
        return Step(
            start_s,
            limit,
            self.phases,
            tuple(one for one in further if one is not None),
            said.discharge,
            said.setpoint,
            said.reactive,
            self.mode,
        )


@dataclass(frozen=True)
class Local:
    """What an EVSE can do by itself, in both units: W in all, A per phase."""

    w: float
    a: float

    def limit(self, unit: RateUnit) -> float:
        """The local maximum in a unit."""
        return self.w if unit is RateUnit.W else self.a


@dataclass(frozen=True)
class _Voice:
    """One purpose's word at an instant."""

    period: Period
    unit: RateUnit
    at_soc: Amount | None = None


def instant(
    profiles: Iterable[Profile], moment: datetime, situation: Situation, local: Local, unit: RateUnit
) -> Instant:
    """What holds for an EVSE at one moment, out of all profiles that concern it."""
    voices, until = _voices(profiles, moment, situation)
    _silence(voices)
    said = [voice for voice in voices.values() if voice.period.values != _NOTHING]
    steering = next((voices[one].period for one in _STEERING if one in voices), None)
    external = voices.get(Purpose.EXTERNAL)
    mode = (steering or (external.period if external is not None else None) or Period(0, None)).mode
    if mode is Mode.IDLE:
        return Instant(_NOTHING, None, until, mode, steering)
    if not said:
        return Instant(Values((local.limit(unit),)), None, until, mode, steering)
    # Errata 2.36, K01.FR.140: the composite takes the lowest number of phases.
    told = [voice.period.phases for voice in said if voice.period.phases]
    phases = min(told, default=DEFAULT_PHASES)
    return Instant(
        _merged(voices, Scale(unit, phases, _apart(said, phases)), local), phases, until, mode, steering
    )


def _voices(
    profiles: Iterable[Profile], moment: datetime, situation: Situation
) -> tuple[dict[Purpose, _Voice], datetime | None]:
    """For each purpose the highest stack level that speaks now, and when anything changes next."""
    voices: dict[Purpose, _Voice] = {}
    until: datetime | None = None
    for profile in sorted(profiles, key=lambda profile: profile.stack_level, reverse=True):
        span = span_at(profile, moment, situation)
        until = earliest(until, span.until)
        if span.period is not None and profile.purpose not in voices:
            schedule = profile.schedules[0]
            voices[profile.purpose] = _Voice(span.period, schedule.unit, _at_soc(schedule, situation.soc))
    return voices, until


def _at_soc(schedule: Schedule, soc: float | None) -> Amount | None:
    """The limit that a full battery brings (K01.FR.100); without a state of charge there is none."""
    if schedule.at_soc is None or soc is None or soc < schedule.at_soc[0]:
        return None
    return (schedule.at_soc[1],)


def _silence(voices: dict[Purpose, _Voice]) -> None:
    """Of those that steer a transaction only the first has the say."""
    steering = [purpose for purpose in _STEERING if purpose in voices]
    for purpose in steering[1:]:  # K02.FR.04, K21.FR.04
        del voices[purpose]


def _apart(voices: Iterable[_Voice], phases: int) -> bool:
    """Whether the result has a value for each phase."""
    amounts = (amount for voice in voices for amount in voice.period.values.amounts())
    return phases > 1 and any(len(amount) > 1 for amount in amounts)


def _merged(voices: dict[Purpose, _Voice], scale: Scale, local: Local) -> Values:
    """One word out of all: the tightest bounds, and the steering setpoint within them."""
    limits: list[Amount] = []
    discharges: list[Amount] = []
    for voice in voices.values():
        said = voice.period.values
        limits += [scale.read(one, voice.unit) for one in (said.limit, voice.at_soc) if one is not None]
        discharges += [scale.read(one, voice.unit) for one in (said.discharge,) if one is not None]
    setpoint, reactive = (_wanted(voices, scale, name) for name in ("setpoint", "reactive"))
    limit = lowest([*limits, scale.local(local.w, local.a)]) if limits or setpoint is None else None
    discharge = highest(discharges) if discharges else None
    return Values(
        limit, discharge, None if setpoint is None else capped(setpoint, limit, discharge), reactive
    )


def _wanted(voices: dict[Purpose, _Voice], scale: Scale, name: str) -> Amount | None:
    """The setpoint of the external system, else that of the transaction (SetpointPriority)."""
    for purpose in (Purpose.EXTERNAL, *_STEERING):
        voice = voices.get(purpose)
        amount: Amount | None = None if voice is None else getattr(voice.period, name)
        if voice is not None and amount is not None:
            return scale.read(amount, voice.unit)
    return None


def composite(
    profiles: Sequence[Profile], window: "Window", situation: Situation, local: Local, unit: RateUnit
) -> list[Step]:
    """The composite schedule of one EVSE over a window."""
    found: list[Step] = []
    moment: datetime | None = window.start
    while moment is not None and (moment < window.end or not found):
        now = instant(profiles, moment, situation, local, unit)
        step = now.step(int((moment - window.start).total_seconds()))
        if found and found[-1].start_s == step.start_s:
            found.pop()  # less than a second long
        if not found or replace(found[-1], start_s=step.start_s) != step:
            found.append(step)
        moment = now.until
    return found


@dataclass(frozen=True)
class Window:
    """The time that is asked for; a length of zero or less asks for its first instant alone."""

    start: datetime
    duration_s: int

    @property
    def end(self) -> datetime:
        """Where it ends."""
        return self.start + timedelta(seconds=max(0, self.duration_s))


def total(parts: Sequence[Sequence[Step]], cap: Sequence[Step], unit: RateUnit) -> list[Step]:
    """The sum over all EVSEs (K08.FR.03), nowhere above the station's own `cap`.

    A setpoint counts as what it is, else the limit. Phases of a sum are the most of its parts, those of the
    result the fewest of sum and cap.
    """
    starts = sorted({step.start_s for steps in (*parts, cap) for step in steps})
    found: list[Step] = []
    for start_s in starts:
        now, ceiling = [_at(steps, start_s) for steps in parts], _at(cap, start_s)
        phases = max((step.phases for step in now if step.phases is not None), default=None)
        if ceiling.phases is not None:
            phases = min(phases or ceiling.phases, ceiling.phases)
        scale = Scale(unit, phases or DEFAULT_PHASES, any(step.further for step in (*now, ceiling)))
        sums = [scale.read(_expected(step), unit) for step in now]
        summed = tuple(sum(phase) for phase in zip(*sums, strict=True))
        limits = (
            [summed]
            if ceiling.limit is None
            else [summed, scale.read((ceiling.limit, *ceiling.further), unit)]
        )
        limit, *further = lowest(limits)
        step = Step(start_s, limit, phases, tuple(further))
        if not found or replace(found[-1], start_s=start_s) != step:
            found.append(step)
    return found


def _expected(step: Step) -> Amount:
    """What an EVSE is expected to take at most."""
    return step.values.setpoint or step.values.limit or (0.0,)


def _at(steps: Sequence[Step], start_s: int) -> Step:
    """The step that holds at `start_s`."""
    return next(step for step in reversed(steps) if step.start_s <= start_s)
