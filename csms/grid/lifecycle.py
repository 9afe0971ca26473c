"""The life of grid events: what begins and ends now, and when the clock has to be looked at again."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import structlog

from csms.bus.bus import Bus
from csms.domain.facts import GridEventChanged
from csms.domain.grid_event import LIVE, EventState, GridEvent, due, transition
from csms.grid.leases import PREPARE_S
from csms.store import grid_events
from csms.store.database import Database

log = structlog.get_logger()


async def move(db: Database, bus: Bus, now: datetime) -> list[GridEvent]:
    """Begin and end what is due; the events that are live afterwards.

    Compare-and-set: an event that was cancelled in between stays cancelled, and is not among the live ones
    (V-08).
    """
    live: list[GridEvent] = []
    for event in await grid_events.in_states(db, LIVE):
        wanted = due(event, now)
        if wanted is event.state:
            live.append(event)
            continue
        async with db.begin() as conn:
            changed = await grid_events.change_state(conn, event.id, {event.state}, wanted, now)
        if not changed:
            continue
        log.info("grid event changed", event_id=event.id, state=wanted.value)
        bus.publish(GridEventChanged(now, event.id, wanted.value))
        if wanted in LIVE:
            live.append(transition(event, wanted, now))
    return live


def active(events: Sequence[GridEvent]) -> list[GridEvent]:
    """Those whose window is now."""
    return [event for event in events if event.state is EventState.ACTIVE]


def upcoming(events: Sequence[GridEvent], now: datetime) -> list[GridEvent]:
    """Those that begin so soon that their fallbacks are brought out."""
    soon = now + timedelta(seconds=PREPARE_S)
    return [event for event in events if event.state is EventState.SCHEDULED and event.start <= soon]


def seconds_to_next(events: Sequence[GridEvent], now: datetime, longest: float) -> float:
    """House seconds until an event begins, ends or has to be prepared; at most `longest`."""
    moments = [event.end for event in events]
    for event in events:
        if event.state is EventState.SCHEDULED:
            moments += [event.start, event.start - timedelta(seconds=PREPARE_S)]
    ahead = [(at - now).total_seconds() for at in moments if at > now]
    return min([longest, *ahead])
