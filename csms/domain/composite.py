"""Composite schedules (K08): what follows from all charging profiles that stand in a station.

At each instant and for each layer the profile with the highest stack level that has a period then; a
TxProfile displaces the TxDefaultProfile (K02.FR.04); of the layers left the lowest limit holds (SC.01,
K08.FR.04). The rule knows no sign: a limit below zero is lower than any maximum, so nothing here holds a
discharge back (V-02 is what does). LocalGeneration is left out: it only ever loosens.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import islice
from math import inf

from csms.domain.standing_profile import (
    Kind,
    Layer,
    Phases,
    StandingPeriod,
    StandingProfile,
    Unit,
)

_ALL = 3  # numberPhases where none is told (K01.FR.43)
_Told = tuple[Unit, StandingPeriod]


@dataclass(frozen=True, slots=True)
class Spell:
    """A time without connection; `until` None while it lasts."""

    since: datetime
    until: datetime | None = None

    def lasts_s(self, at: datetime) -> float:
        """Its length in seconds as far as it has come at a time."""
        end = at if self.until is None else min(at, self.until)
        return (end - self.since).total_seconds()


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What the profiles do not say themselves.

    `unlimited` is what holds where nothing is said, `transactions` when the running one of each EVSE began
    (a Relative schedule counts from there, else from the request, K08.FR.06), `offline` when the station was
    without us, `boosted` the EVSEs with PriorityCharging on.
    """

    evses: tuple[int, ...] = (1,)
    unlimited: Mapping[Unit, float] = field(default_factory=lambda: {Unit.A: 57.0, Unit.W: 55_612.0})
    voltage_v: float = 230.0
    transactions: Mapping[int, datetime] = field(default_factory=dict)
    offline: tuple[Spell, ...] = ()
    boosted: frozenset[int] = frozenset()

    def begun(self, evse_id: int, question: "Question") -> datetime:
        """What the seconds of a Relative schedule are counted from."""
        return self.transactions.get(evse_id, question.start)


@dataclass(frozen=True, slots=True)
class Question:
    """GetCompositeSchedule: `evse_id` 0 asks for all EVSEs together."""

    evse_id: int
    start: datetime
    duration_s: int
    unit: Unit


def composite(
    profiles: Sequence[StandingProfile], question: Question, given: Circumstances
) -> tuple[StandingPeriod, ...]:
    """The periods from `question.start` on, neighbours that say the same as one.

    A question about no time at all is answered for its instant. Times are aware, powers signed.
    """
    found: list[StandingPeriod] = []
    for at in _instants(profiles, question, given):
        period = replace(
            _at(profiles, question, given, at), start_s=int((at - question.start).total_seconds())
        )
        if not found or replace(found[-1], start_s=period.start_s) != period:
            found.append(period)
    return tuple(found)


def _at(
    profiles: Sequence[StandingProfile], question: Question, given: Circumstances, at: datetime
) -> StandingPeriod:
    sight, evse_id = _Sight(profiles, question, given, at), question.evse_id
    if evse_id:
        told = [*sight.of_vehicle(evse_id), *sight.of_place(evse_id)]
    else:
        singles = [sight.lowest([*sight.of_vehicle(evse), *sight.of_place(evse)]) for evse in given.evses]
        # EVSEs of which nothing is said count with what they may do, beside others of which something is
        known = [one or sight.unlimited() for one in singles] if any(singles) else []
        told = [(question.unit, sight.total(known))] if known else []
    return _capped(sight.lowest([*told, *sight.of_place(0)]) or sight.unlimited())


_Pick = Callable[[Sequence[float]], float]


@dataclass(frozen=True, slots=True)
class _Sight:
    """All that holds at one instant, in the unit asked for."""

    profiles: Sequence[StandingProfile]
    question: Question
    given: Circumstances
    at: datetime

    def unlimited(self) -> StandingPeriod:
        """What holds where nothing is said; it names no phases."""
        return StandingPeriod(0, limit=(self.given.unlimited[self.question.unit],))

    def of_vehicle(self, evse_id: int) -> Iterator[_Told]:
        """What limits a vehicle by itself: its TxProfile, else a TxDefaultProfile; a boost displaces both."""
        layers = [Layer.TX, Layer.TX_DEFAULT]
        if evse_id in self.given.boosted:
            layers.insert(0, Layer.PRIORITY)
        found = (self._highest(layer, {0, evse_id}, evse_id) for layer in layers)
        yield from islice((one for one in found if one is not None), 1)

    def of_place(self, evse_id: int) -> Iterator[_Told]:
        """What limits an EVSE, or the whole station: each holds, none displaces another."""
        layers = [Layer.EXTERNAL] if evse_id else [Layer.EXTERNAL, Layer.STATION_MAX]
        found = (self._highest(layer, {evse_id}, evse_id) for layer in layers)
        yield from (one for one in found if one is not None)

    def _highest(self, layer: Layer, places: set[int], evse_id: int) -> _Told | None:
        """What the highest stack level of a layer says; a profile of the EVSE itself before one of all."""
        own = [one for one in self.profiles if one.layer is layer and one.evse_id in places]
        begun = self.given.begun(evse_id, self.question)
        for profile in sorted(own, key=lambda one: (one.stack_level, one.evse_id), reverse=True):
            period = _in_force(profile, begun, self.given.offline, self.at)
            if period is not None:
                return profile.unit, period
        return None

    def lowest(self, told: Sequence[_Told]) -> StandingPeriod | None:
        """What all of these allow together, in the unit asked for; None of nothing."""
        if not told:
            return None
        # the composite has the lowest number of phases of all that it is made of (errata 2025-09, 2.36)
        phases = min((period.phases for _, period in told if period.phases is not None), default=None)
        form = _Form(self.question.unit, self.given.voltage_v, phases or _ALL, _parted(told))
        periods = [form.written(unit, period) for unit, period in told]
        return StandingPeriod(
            0,
            limit=_each(min, [period.limit for period in periods]),
            discharge_limit=_each(max, [period.discharge_limit for period in periods]),
            setpoint=_each(_gentlest, [period.setpoint for period in periods]),
            phases=phases,
        )

    def total(self, singles: Sequence[StandingPeriod]) -> StandingPeriod:
        """What is to be expected of all EVSEs together (K08.FR.03): the plain sum, discharge counted off."""
        told = [(self.question.unit, one) for one in singles]
        phases = max((one.phases for one in singles if one.phases is not None), default=None)
        form = _Form(self.question.unit, self.given.voltage_v, phases or _ALL, _parted(told))
        periods = [form.written(unit, period) for unit, period in told]
        return StandingPeriod(
            0, limit=_each(sum, [one.setpoint or one.limit for one in periods]), phases=phases
        )


@dataclass(frozen=True, slots=True)
class _Form:
    """One way of writing values, so that they can be compared. `parted`: each of three phases by itself."""

    unit: Unit
    voltage_v: float
    phases: int
    parted: bool

    def written(self, unit: Unit, period: StandingPeriod) -> StandingPeriod:
        """The same period in this form."""
        return replace(
            period,
            limit=self._value(unit, period.limit, min),
            discharge_limit=self._value(unit, period.discharge_limit, max),
            setpoint=self._value(unit, period.setpoint, _gentlest),
        )

    def _value(self, unit: Unit, value: Phases | None, strictest: _Pick) -> Phases | None:
        if value is None:
            return None
        each = [self._of_phase(unit, one, len(value) == 1) for one in value]
        if self.parted and self.phases == _ALL:
            return tuple(each * _ALL if len(each) == 1 else each)
        together = strictest(each)
        return (together * self.phases if self.unit is Unit.W else together,)

    def _of_phase(self, unit: Unit, value: float, of_all: bool) -> float:
        """The value of one phase: A = W / (V x phases) (K01.FR.46)."""
        if unit is Unit.W and of_all:
            value /= self.phases
        if unit is self.unit:
            return value
        return value / self.voltage_v if unit is Unit.W else value * self.voltage_v


def _parted(told: Iterable[_Told]) -> bool:
    """Whether any value stands for one phase only."""
    return any(
        len(value) > 1
        for _, period in told
        for value in (period.limit, period.discharge_limit, period.setpoint)
        if value is not None
    )


def _each(pick: _Pick, values: Sequence[Phases | None]) -> Phases | None:
    """Phase by phase, over those that say something."""
    known = [value for value in values if value is not None]
    return tuple(pick(one) for one in zip(*known, strict=True)) if known else None


def _gentlest(setpoints: Sequence[float]) -> float:
    """Of several setpoints the one that moves least out of the vehicle, or else least into it (SC.04)."""
    return max(setpoints) if all(one < 0 for one in setpoints) else min(setpoints)


def _capped(period: StandingPeriod) -> StandingPeriod:
    """A setpoint stays between its limits (V2X.03, V2X.04, K08.FR.08)."""
    if period.setpoint is None:
        return period
    highest = period.limit or tuple(inf for _ in period.setpoint)
    lowest = period.discharge_limit or tuple(-inf for _ in period.setpoint)
    bounds = zip(lowest, period.setpoint, highest, strict=True)
    return replace(period, setpoint=tuple(min(max(low, wish), high) for low, wish, high in bounds))


# ---- what holds when


def _in_force(
    profile: StandingProfile, begun: datetime, offline: Sequence[Spell], at: datetime
) -> StandingPeriod | None:
    """What a profile says at a time; None if nothing. `begun` is what a Relative schedule counts from."""
    if not _valid(profile, offline, at):
        return None
    start = _start(profile, begun, at)
    passed = (at - start).total_seconds()
    if passed < 0 or (profile.duration_s is not None and passed >= profile.duration_s):
        return None
    past = [period for period in profile.periods if period.start_s <= passed]
    return past[-1] if past and past[-1].says_something else None


def _valid(profile: StandingProfile, offline: Sequence[Spell], at: datetime) -> bool:
    if profile.valid_from is not None and at < profile.valid_from:
        return False
    if profile.valid_to is not None and at >= profile.valid_to:
        return False
    if profile.max_offline_s is None:
        return True
    for spell in offline:  # K01.FR.101 to .105
        over = spell.since <= at and spell.lasts_s(at) >= profile.max_offline_s
        if over and (profile.invalid_after_offline or spell.until is None or at < spell.until):
            return False
    return True


def _start(profile: StandingProfile, begun: datetime, at: datetime) -> datetime:
    """When the schedule that counts at a time began; a recurring one does not go back before its first."""
    if profile.kind is Kind.DYNAMIC:
        return profile.updated_at or profile.start or begun
    start = begun if profile.kind is Kind.RELATIVE or profile.start is None else profile.start
    if profile.recurrence is None or at < start:
        return start
    return start + (at - start) // profile.recurrence.length * profile.recurrence.length


def _instants(
    profiles: Iterable[StandingProfile], question: Question, given: Circumstances
) -> list[datetime]:
    """All times within the question at which anything may change, its own start first."""
    end = question.start + timedelta(seconds=max(0, question.duration_s))
    found = {question.start}
    for profile in profiles:
        for evse_id in given.evses:
            found |= _turns(profile, given.begun(evse_id, question), question.start, end)
        if profile.max_offline_s is not None:
            for spell in given.offline:
                found.add(spell.since + timedelta(seconds=profile.max_offline_s))
                found.add(spell.until or question.start)
    return sorted(at for at in found if question.start <= at < end or at == question.start)


def _turns(profile: StandingProfile, begun: datetime, start: datetime, end: datetime) -> set[datetime]:
    """Where one profile turns from one period to the next, begins or ends."""
    ends = [] if profile.duration_s is None else [profile.duration_s]
    offsets = [timedelta(seconds=one) for one in [*(p.start_s for p in profile.periods), *ends]]
    found = {at for at in (profile.valid_from, profile.valid_to) if at is not None}
    turn = _start(profile, begun, start)
    while turn < end:
        found |= {turn + offset for offset in offsets}
        if profile.recurrence is None:
            break
        turn += profile.recurrence.length
    return found
