"""The only door for a grid event, whatever its source: check, store, ring the bell."""

import secrets
from datetime import datetime, timedelta
from math import ceil

import structlog

from csms.bus.bus import Bus
from csms.clock import Clock
from csms.domain.facts import GridEventAccepted, GridEventChanged
from csms.domain.grid_event import LIVE, EventRequest, EventState, GridEvent, check
from csms.errors import Conflict, NotFound
from csms.grid import fleet
from csms.store import grid_events, programs
from csms.store.database import Database

log = structlog.get_logger()

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's: nothing that is mistaken for something else
_TIME_DIGITS = 9
_CHANCE_DIGITS = 7


def event_id(now: datetime) -> str:
    """A short unique id whose order is the order in time: `ev-` + 9 digits of milliseconds + 7 of chance."""
    number = int(now.timestamp() * 1000)
    digits = [_ALPHABET[(number >> 5 * place) & 31] for place in reversed(range(_TIME_DIGITS))]
    return "ev-" + "".join(digits) + "".join(secrets.choice(_ALPHABET) for _ in range(_CHANCE_DIGITS))


async def accept(
    db: Database, bus: Bus, clock: Clock, request: EventRequest, idempotency_key: str | None = None
) -> GridEvent:
    """Take an event in, or raise `NotFound` (program) or `Invalid` (a field) and change nothing.

    A repeat, known by (source, source_id) or by the idempotency key, returns the first event. A window that
    began in the past begins now instead: nothing could have been ordered before.
    """
    known = await _known(db, request, idempotency_key)
    if known is not None:
        return known
    program = await programs.get(db, request.program_id)
    if program is None:
        raise NotFound("program", request.program_id)
    now = clock.now()
    check(request, program, now, await fleet.fleet_limit_w(db, request))
    event = _event(request, now)
    try:
        async with db.begin() as conn:
            await grid_events.add(conn, event, idempotency_key)
    except Conflict:
        # The same signal came twice at the same time; the other one was first.
        known = await _known(db, request, idempotency_key)
        if known is None:
            raise
        return known
    log.info("grid event accepted", event_id=event.id, program_id=event.program_id, target_w=event.target_w)
    bus.publish(GridEventAccepted(now, event.id))
    return event


async def cancel(db: Database, bus: Bus, clock: Clock, event_id: str) -> GridEvent:
    """End an event for good, before, during or after its window; twice is once (V-08).

    An event that is over already stays as it is. Raises `NotFound`. Cancelling races with the start in the
    store: whoever comes second finds the state changed, and a cancelled event never starts.
    """
    event = await _present(db, event_id)
    if event.state not in LIVE:
        return event
    now = clock.now()
    async with db.begin() as conn:
        changed = await grid_events.change_state(
            conn, event_id, LIVE, EventState.CANCELLED, now, f"was {event.state.value}"
        )
    if changed:
        log.info("grid event cancelled", event_id=event_id)
        bus.publish(GridEventChanged(now, event_id, EventState.CANCELLED.value))
    return await _present(db, event_id)


async def _present(db: Database, event_id: str) -> GridEvent:
    event = await grid_events.get(db, event_id)
    if event is None:
        raise NotFound("grid event", event_id)
    return event


async def _known(db: Database, request: EventRequest, idempotency_key: str | None) -> GridEvent | None:
    if request.source_id is not None:
        known = await grid_events.by_source(db, request.source, request.source_id)
        if known is not None:
            return known
    if idempotency_key is not None:
        return await grid_events.by_idempotency_key(db, idempotency_key)
    return None


def _event(request: EventRequest, now: datetime) -> GridEvent:
    start = max(request.start or now, now)
    end = (request.start or now) + timedelta(seconds=request.duration_s)
    return GridEvent(
        id=event_id(now),
        program_id=request.program_id,
        target_w=request.target_w,
        start=start,
        duration_s=ceil((end - start).total_seconds()),
        state=EventState.SCHEDULED,
        created_at=now,
        scope=request.scope,
        min_soc=request.min_soc,
        priority=request.priority,
        source=request.source,
        source_id=request.source_id,
    )
