"""Grid events: a call for flexibility with a window, a target and a scope."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from csms.domain.program import Program, Terms
from csms.domain.units import finite, format_power
from csms.errors import Conflict, Invalid

AHEAD_MAX = timedelta(days=366)


class EventState(StrEnum):
    """Life of a grid event. SCHEDULED -> ACTIVE -> ENDED -> SETTLED; CANCELLED from the first two."""

    SCHEDULED = "scheduled"
    ACTIVE = "active"
    ENDED = "ended"
    SETTLED = "settled"
    CANCELLED = "cancelled"


TRANSITIONS: Mapping[EventState, frozenset[EventState]] = {
    # To ENDED at once: the whole window passed while nobody looked.
    EventState.SCHEDULED: frozenset({EventState.ACTIVE, EventState.ENDED, EventState.CANCELLED}),
    EventState.ACTIVE: frozenset({EventState.ENDED, EventState.CANCELLED}),
    EventState.ENDED: frozenset({EventState.SETTLED}),
    EventState.SETTLED: frozenset(),
    EventState.CANCELLED: frozenset(),
}
LIVE = frozenset({EventState.SCHEDULED, EventState.ACTIVE})


@dataclass(frozen=True, slots=True)
class Scope:
    """Which stations an event is for; empty fields mean all of the program."""

    site: str | None = None
    stations: tuple[str, ...] = ()

    def covers(self, station_id: str, sites: Collection[str]) -> bool:
        """Whether a station is meant; `sites` are its site and all around it."""
        return (self.site is None or self.site in sites) and (
            not self.stations or station_id in self.stations
        )


@dataclass(frozen=True, slots=True)
class GridEvent:
    """A call for flexibility.

    `target_w` is what the fleet shall do net, in W: negative is into the grid. `min_soc` in percent is an
    extra floor that this event respects on top of every driver's reserve. `source` and `source_id` make a
    repeat from the same source harmless. Lower `priority` wins where events overlap; equal ones: the newer.
    """

    id: str
    program_id: str
    target_w: float
    start: datetime
    duration_s: int
    state: EventState
    created_at: datetime
    scope: Scope = Scope()
    min_soc: float | None = None
    priority: int = 100
    source: str = "api"
    source_id: str | None = None
    cancelled_at: datetime | None = None

    @property
    def end(self) -> datetime:
        """First instant after the window."""
        return self.start + timedelta(seconds=self.duration_s)

    @property
    def worked_until(self) -> datetime:
        """End of what counts: the window's, or the cancellation if that came first."""
        if self.cancelled_at is None:
            return self.end
        return max(self.start, min(self.end, self.cancelled_at))


@dataclass(frozen=True, slots=True)
class EventRequest:
    """What somebody asks for; `start` None means now."""

    program_id: str
    target_w: float
    duration_s: int
    start: datetime | None = None
    scope: Scope = Scope()
    min_soc: float | None = None
    priority: int = 100
    source: str = "api"
    source_id: str | None = None


def check(request: EventRequest, program: Program, now: datetime, fleet_limit_w: float | None = None) -> None:
    """Refuse an event that cannot be meant or met: raises `Invalid` naming the field of the request.

    `fleet_limit_w` is a magnitude: what the ratings of all EVSEs in the event's scope add up to in the
    direction of the target; None if nobody knows.
    """
    _check_power(request.target_w, program.terms)
    _check_window(request, program.terms, now)
    if request.min_soc is not None and not (finite(request.min_soc) and 0 <= request.min_soc <= 100):
        raise Invalid("min_soc", "The lowest state of charge is a percentage from 0 to 100.")
    if fleet_limit_w is not None and not abs(request.target_w) <= fleet_limit_w:  # NaN says no
        limit = format_power(fleet_limit_w)
        raise Invalid("target_w", f"By their ratings the stations in scope can do at most {limit}.")


def _check_power(target_w: float, terms: Terms) -> None:
    if not finite(target_w) or target_w == 0:
        raise Invalid("target_w", "A grid event needs a power that is a number and not zero.")
    if terms.max_power_w is not None and abs(target_w) > terms.max_power_w:
        raise Invalid("target_w", f"The program allows at most {format_power(terms.max_power_w)}.")


def _check_window(request: EventRequest, terms: Terms, now: datetime) -> None:
    if request.duration_s <= 0:
        raise Invalid("duration_s", "A grid event lasts longer than zero seconds.")
    if request.duration_s > terms.max_duration_s:
        raise Invalid("duration_s", f"The program allows at most {terms.max_duration_s} s.")
    start = request.start or now
    if start.tzinfo is None:
        raise Invalid("start", "The start needs a time zone.")
    if start > now + AHEAD_MAX:
        raise Invalid("start", f"The start is more than {AHEAD_MAX.days} days ahead.")
    # Subtracting keeps a start in the year 1 or 9999 from overflowing.
    if now - start >= timedelta(seconds=request.duration_s):
        raise Invalid("start", "The event's end is in the past.")
    if max(start, now) - now < timedelta(seconds=terms.notice_s):
        raise Invalid("start", f"The program asks for {terms.notice_s} s notice.")


def transition(event: GridEvent, to: EventState, at: datetime | None = None) -> GridEvent:
    """The event in its next state; the same event if it is there already (V-08: cancelling twice is once).

    `at` dates a cancellation. Raises `Conflict` for a step that the table does not have.
    """
    if event.state is to:
        return event
    if to not in TRANSITIONS[event.state]:
        raise Conflict(f"A grid event that is {event.state} cannot become {to}.")
    if to is EventState.CANCELLED:
        return replace(event, state=to, cancelled_at=at or event.cancelled_at)
    return replace(event, state=to)


def due(event: GridEvent, now: datetime) -> EventState:
    """The state that the clock asks for. Never backwards, and nothing after ENDED or CANCELLED."""
    if event.state not in LIVE:
        return event.state
    if now >= event.end:
        return EventState.ENDED
    return EventState.ACTIVE if now >= event.start else event.state


def running(events: Iterable[GridEvent], now: datetime) -> list[GridEvent]:
    """Events whose window is now, the strongest first."""
    return sorted(
        (event for event in events if event.start <= now and due(event, now) is EventState.ACTIVE),
        key=precedence,
    )


def precedence(event: GridEvent) -> tuple[int, float, str]:
    """Sort key: lower priority number first, then the newer, then by id so that the order is total."""
    return event.priority, -event.created_at.timestamp(), event.id


def target_at(events: Sequence[GridEvent], now: datetime) -> dict[str, float]:
    """Event id -> signed target in W of every running event, the strongest first.

    Where scopes overlap each event keeps its own target; `assign` says whose EVSE is whose, and what the
    weaker one cannot reach any more is its shortfall.
    """
    return {event.id: event.target_w for event in running(events, now)}


def assign(events: Iterable[GridEvent], station_id: str, sites: Collection[str]) -> GridEvent | None:
    """Which of these events rules this station's EVSEs: the strongest that covers it.

    `sites` are its site and all around it. Give it the `running` events of the programs that the driver is
    enrolled in.
    """
    covering = (event for event in events if event.scope.covers(station_id, sites))
    return min(covering, key=precedence, default=None)
