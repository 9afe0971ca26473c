"""What results from all profiles of an EVSE: the lowest limit over the purposes, at every instant.

At an instant each purpose speaks with its highest stack level that has a period then; a TxProfile
silences the TxDefaultProfile; of what is left the lowest limit counts (K08.FR.04), never more than
what the EVSE can do itself. Where no profile speaks, that local maximum is the answer.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from chargepoint_sim.profiles.profile import (
    DEFAULT_PHASES,
    Profile,
    Purpose,
    RateUnit,
    convert,
    earliest,
    span_at,
)


@dataclass(frozen=True)
class Step:
    """From `start_s` after the beginning, `limit` holds. `phases` is None where no profile speaks."""

    start_s: int
    limit: float
    phases: int | None = None


@dataclass(frozen=True)
class Instant:
    """What holds at an instant and until when (None: for ever)."""

    limit: float
    phases: int | None
    until: datetime | None


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

    limit: float
    unit: RateUnit
    phases: int | None


def instant(
    profiles: Iterable[Profile], moment: datetime, relative_start: datetime, local: Local, unit: RateUnit
) -> Instant:
    """The limit of an EVSE at one moment, out of all profiles that concern it."""
    voices, until = _voices(profiles, moment, relative_start)
    if Purpose.TX in voices:
        voices.pop(Purpose.TX_DEFAULT, None)  # K02.FR.04
    if not voices:
        return Instant(local.limit(unit), None, until)
    # Errata 2.36: the composite takes the lowest number of phases.
    told = [voice.phases for voice in voices.values() if voice.phases is not None]
    phases = min(told, default=None)
    limits = [convert(voice.limit, voice.unit, unit, phases or DEFAULT_PHASES) for voice in voices.values()]
    return Instant(min(*limits, local.limit(unit)), phases or DEFAULT_PHASES, until)


def _voices(
    profiles: Iterable[Profile], moment: datetime, relative_start: datetime
) -> tuple[dict[Purpose, _Voice], datetime | None]:
    """For each purpose the highest stack level that speaks now, and when anything changes next."""
    voices: dict[Purpose, _Voice] = {}
    until: datetime | None = None
    for profile in sorted(profiles, key=lambda profile: profile.stack_level, reverse=True):
        span = span_at(profile, moment, relative_start)
        until = earliest(until, span.until)
        if span.period is not None and profile.purpose not in voices:
            voices[profile.purpose] = _Voice(span.period.limit, profile.schedules[0].unit, span.period.phases)
    return voices, until


def composite(
    profiles: Sequence[Profile], window: "Window", relative_start: datetime, local: Local, unit: RateUnit
) -> list[Step]:
    """The composite schedule of one EVSE over a window."""
    found: list[Step] = []
    moment: datetime | None = window.start
    while moment is not None and (moment < window.end or not found):
        now = instant(profiles, moment, relative_start, local, unit)
        step = Step(int((moment - window.start).total_seconds()), now.limit, now.phases)
        if found and found[-1].start_s == step.start_s:
            found.pop()  # less than a second long
        if not found or (found[-1].limit, found[-1].phases) != (step.limit, step.phases):
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


def total(parts: Sequence[Sequence[Step]], cap: Sequence[Step]) -> list[Step]:
    """The sum over all EVSEs (K08.FR.03), nowhere above the station's own `cap`.

    Phases of a sum are the most of its parts, those of the result the fewest of sum and cap.
    """
    starts = sorted({step.start_s for steps in (*parts, cap) for step in steps})
    found: list[Step] = []
    for start_s in starts:
        now = [_at(steps, start_s) for steps in parts]
        ceiling = _at(cap, start_s)
        phases = max((step.phases for step in now if step.phases is not None), default=None)
        if ceiling.phases is not None:
            phases = min(phases or ceiling.phases, ceiling.phases)
        limit = min(sum(step.limit for step in now), ceiling.limit)
        if not found or (found[-1].limit, found[-1].phases) != (limit, phases):
            found.append(Step(start_s, limit, phases))
    return found


def _at(steps: Sequence[Step], start_s: int) -> Step:
    """The step that holds at `start_s`."""
    return next(step for step in reversed(steps) if step.start_s <= start_s)
