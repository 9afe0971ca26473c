"""After the event: gather the participants' readings, settle, store the statement. Each event once."""

import asyncio
from datetime import datetime, timedelta

import structlog

from csms.bus.bus import Bus
from csms.clock import Clock
from csms.domain.dialect_record import Discharge
from csms.domain.facts import GridEventChanged, SettlementReady
from csms.domain.grid_event import EventState, GridEvent, precedence
from csms.domain.program import Program
from csms.domain.settlement import MAX_GAP, ParticipantReadings, Statement, settle
from csms.errors import CsmsError
from csms.grid.participation import HOLDING, Part
from csms.store import dispatches, grid_events, programs, settlements, stations, transactions
from csms.store.database import Database
from csms.store.dispatches import Participation

log = structlog.get_logger()

LOOK_S = 30.0
"""House seconds between two looks, for bells that were lost."""
_Place = tuple[str, int, str]
_Span = tuple[datetime, datetime]
_BEFORE = timedelta(minutes=45)
"""Readings so far back can bear on a baseline or on a register's value at the start."""


async def settle_event(db: Database, event: GridEvent, program: Program, now: datetime) -> Statement:
    """Work out the statement of an event from what the store holds now. Changes nothing."""
    away = await _away(db, event)
    parts = [
        await _readings(db, event, row, away.get(_place(row), ()))
        for row in await dispatches.participation(db, event.id)
        if row.state != Part.PREPARED  # never had an order
    ]
    return settle(event, program, parts)


class Settler:
    """Settles events once their grace time for late meter data is over. May run on every node."""

    def __init__(self, db: Database, bus: Bus, clock: Clock, every_s: float = LOOK_S) -> None:
        self._every_s = every_s
        self._db = db
        self._bus = bus
        self._clock = clock
        self._bell = asyncio.Event()
        self._done: set[str] = set()

    async def run(self) -> None:
        """Look at each change of an event, and from time to time, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._listen(), name="settlement bells")
            while True:
                self._bell.clear()
                wait_s = self._every_s
                try:
                    wait_s = await self.settle_due()
                except CsmsError as error:
                    log.warning("settlement failed", error=repr(error))
                except Exception:
                    log.exception("settlement failed")
                timer = tasks.create_task(self._ring_after(wait_s), name="settlement time")
                await self._bell.wait()
                timer.cancel()

    async def settle_due(self) -> float:
        """Settle what is due; how many house seconds to wait before looking again."""
        now, wait_s = self._clock.now(), self._every_s
        for event in await grid_events.in_states(self._db, {EventState.ENDED, EventState.CANCELLED}):
            if event.id in self._done:
                continue
            program = await programs.get(self._db, event.program_id)
            if program is None or not await self._to_settle(event):
                self._done.add(event.id)
                continue
            left_s = (event.worked_until - now).total_seconds() + program.terms.grace_s
            if left_s > 0:
                wait_s = min(wait_s, left_s)
                continue
            await self._settle(event, program, now)
            self._done.add(event.id)
        return wait_s

    async def _to_settle(self, event: GridEvent) -> bool:
        """Every event that ended; a cancelled one for the part that ran. None twice."""
        if await settlements.settled_at(self._db, event.id) is not None:
            return False
        if event.state is EventState.ENDED:
            return True
        return any(row.state == EventState.ACTIVE for row in await grid_events.history(self._db, event.id))

    async def _settle(self, event: GridEvent, program: Program, now: datetime) -> None:
        statement = await settle_event(self._db, event, program, now)
        async with self._db.begin() as conn:
            if event.state is EventState.ENDED and not await grid_events.change_state(
                conn, event.id, {EventState.ENDED}, EventState.SETTLED, now
            ):
                return  # another node was quicker
            await settlements.store(conn, statement, now)
        log.info(
            "settled", event_id=event.id, delivered_wh=statement.delivered_wh, target_wh=statement.target_wh
        )
        if event.state is EventState.ENDED:
            self._bus.publish(GridEventChanged(now, event.id, EventState.SETTLED.value))
        self._bus.publish(SettlementReady(now, event.id))

    async def _listen(self) -> None:
        async with self._bus.subscribe(GridEventChanged) as facts:
            async for _ in facts:
                self._bell.set()

    async def _ring_after(self, seconds: float) -> None:
        await self._clock.sleep(seconds)
        self._bell.set()


async def _away(db: Database, event: GridEvent) -> dict[_Place, tuple[_Span, ...]]:
    """When stronger events ruled the EVSEs: what flowed then is theirs."""
    away: dict[_Place, tuple[_Span, ...]] = {}
    for other in await grid_events.in_states(db, set(EventState) - {EventState.SCHEDULED}):
        start, end = max(event.start, other.start), min(event.worked_until, other.worked_until)
        if start >= end or precedence(other) >= precedence(event):
            continue
        for row in await dispatches.participation(db, other.id):
            if row.state != Part.PREPARED:
                back = min(end, row.changed_at) if row.state == Part.OPTED_OUT else end
                away[_place(row)] = (*away.get(_place(row), ()), (start, back))
    return away


def _place(row: Participation) -> _Place:
    return row.identity, row.evse_id, row.transaction_id


async def _readings(
    db: Database, event: GridEvent, row: Participation, away: tuple[_Span, ...]
) -> ParticipantReadings:
    transaction = await transactions.get(db, row.transaction_id, row.identity)
    station = await stations.get(db, row.identity)
    ended = None if transaction is None else transaction.ended_at
    # Whoever was taken out before the end is settled for the time before that.
    out = None if row.state in HOLDING or row.state == Part.RELEASED else row.changed_at
    until = min((at for at in (ended, out) if at is not None), default=None)
    stored = await transactions.readings(
        db, row.identity, row.evse_id, event.start - _BEFORE, event.worked_until + MAX_GAP, row.transaction_id
    )
    return ParticipantReadings(
        driver_id=row.driver_id,
        station_id=row.identity,
        evse_id=row.evse_id,
        transaction_id=row.transaction_id,
        readings=tuple(map(transactions.reading_of, stored)),
        since=None if transaction is None else transaction.started_at,
        until=until,
        baseline_w=row.baseline_w,
        bidirectional=station is not None and station.discharge != Discharge.NONE,
        away=away,
    )
