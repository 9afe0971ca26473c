"""The tick: withdraw, sense, decide, record, act. Wakes on a bell or on time; one node at a time does it."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta

import structlog

from csms.bus.bus import Bus
from csms.clock import Clock
from csms.domain.facts import (
    ChargingNeedsReported,
    DialectChanged,
    ExternalLimitChanged,
    Fact,
    GridEventAccepted,
    GridEventChanged,
    MeterRead,
    NeedsChanged,
    OptedOut,
    SocReported,
    StationConnected,
    StationDisconnected,
    TransactionUpdated,
)
from csms.domain.grid_event import LIVE, EventState, GridEvent
from csms.domain.transaction import EventType
from csms.errors import CsmsError, StoreUnavailable
from csms.grid import fleet, lifecycle
from csms.grid.fleet import Snapshot
from csms.grid.leases import EvseKey
from csms.grid.ledger import Ledger
from csms.grid.members import Members
from csms.grid.pace import mapped, walk
from csms.grid.participation import Roster
from csms.grid.records import Book, NotLeading
from csms.grid.setpoints import Actuator
from csms.grid.steering import Steering
from csms.grid.withdrawal import Withdrawals
from csms.store import dispatches, grid_events, profiles
from csms.store.database import Database

log = structlog.get_logger()

TICK_S = 10.0
_BREATH_S = 0.2
"""Real seconds between two ticks, unless something urgent happens: many bells are one tick. At least as long
as the tick took: half of the time belongs to the stations."""
_BREATH_MAX_S = 2.0
_CALM_LOOK_S = 60.0
"""House seconds between two looks at the fleet while no event is near and no station may hold anything.

A look costs 20 µs an EVSE. What it is for then is every vehicle's SoC: energy is counted by registers, so one
that rises without it is seen by the next look as well as by each between.
"""
_HOLD_TICKS = 4
_HOLD_MIN_S = 30.0
_LOOK_BACK = timedelta(hours=1)
"""So far back a new leader looks for seats that its predecessor did not conclude."""
_GONE = frozenset({"rejected", "cleared"})
_URGENT = (ExternalLimitChanged, GridEventAccepted, GridEventChanged, OptedOut)
_BELLS = (
    *_URGENT,
    DialectChanged,
    NeedsChanged,
    SocReported,
    StationConnected,
    StationDisconnected,
    TransactionUpdated,
)
_FREQUENT = (ChargingNeedsReported, MeterRead)


class GridLoop:
    """Runs every live grid event from its preparation to the last withdrawal.

    `tick_s` is in house seconds.
    """

    def __init__(self, db: Database, bus: Bus, clock: Clock, node_id: str, tick_s: float = TICK_S) -> None:
        self._db = db
        self._bus = bus
        self._clock = clock
        self._tick_s = tick_s
        self._bell = asyncio.Event()
        self._urgent = asyncio.Event()
        self._ticked_at = clock.monotonic()
        self._look_at = self._ticked_at
        self._leading = False
        self._took_s = 0.0
        self._next_s = tick_s
        self._inherited: set[EvseKey] = set()
        self._book = Book(db, node_id, max(_HOLD_MIN_S, _HOLD_TICKS * tick_s))
        self._ledger = Ledger(db)
        self._roster = Roster()
        self._actuator = Actuator(bus, clock, self._ledger, self._roster, self._bell.set)
        self._withdrawals = Withdrawals(self._actuator, self._roster)
        self._steering = Steering(db, bus, clock, self._book, self._roster, self._actuator)

    async def run(self) -> None:
        """Tick until cancelled. Nothing that goes wrong in one tick keeps the next from coming."""
        deaf = self._bus.listen(self._hear, *_BELLS), self._bus.listen(self._hear_often, *_FREQUENT)
        try:
            async with asyncio.TaskGroup() as tasks:
                while True:
                    began = asyncio.get_running_loop().time()
                    try:
                        await self.tick(tasks)
                    except CsmsError as error:
                        log.warning("tick failed", error=repr(error))
                    except Exception:
                        log.exception("tick failed")
                    self._took_s = asyncio.get_running_loop().time() - began
                    await self._rest(tasks)
        finally:
            for end in deaf:
                end()
            if self._leading:
                with suppress(CsmsError):
                    await self._book.resign()

    async def tick(self, tasks: asyncio.TaskGroup) -> None:
        """One turn. What stations are asked goes on in `tasks`; `settled` waits for it."""
        self._bell.clear()
        self._urgent.clear()
        self._ticked_at = self._clock.monotonic()
        self._next_s = self._tick_s
        now = self._clock.now()
        self._actuator.reading_anew()
        if not await self._lead(now):
            self._actuator.unbar()
            return
        try:
            events = await lifecycle.move(self._db, self._bus, now)
            self._next_s = lifecycle.seconds_to_next(events, now, self._tick_s)
            await self._turn(tasks, events, now)
        except NotLeading:
            self._step_down()

    @property
    def rung(self) -> bool:
        """Whether something has happened since the last tick began."""
        return self._bell.is_set()

    async def settled(self) -> None:
        """Wait until nothing is under way to any station."""
        await self._actuator.settled()

    async def _turn(self, tasks: asyncio.TaskGroup, events: Sequence[GridEvent], now: datetime) -> None:
        active, upcoming = lifecycle.active(events), lifecycle.upcoming(events, now)
        await self._read_seats([*active, *upcoming])
        await self._adopt(now)
        calm = not active and not upcoming and self._withdrawals.done
        if calm and self._ticked_at < self._look_at:
            self._actuator.unbar()
            return
        self._look_at = self._ticked_at + _CALM_LOOK_S
        snapshot = await fleet.look(self._db, now)
        if calm:
            self._actuator.unbar()
            await self._steering.watch(snapshot)
            return
        members = await Members.read(self._db, [*active, *upcoming])
        await self._withdraw(tasks, active, upcoming, members, snapshot)
        self._actuator.unbar()
        await self._steering.steer(tasks, active, upcoming, members, snapshot)
        if self._steering.news:
            self._bell.set()

    async def _withdraw(
        self,
        tasks: asyncio.TaskGroup,
        active: Sequence[GridEvent],
        upcoming: Sequence[GridEvent],
        members: Members,
        snapshot: Snapshot,
    ) -> None:
        """Comes first and needs no planning (V-16).

        Withdrawing is done before it is written down: it is always safe.
        """
        now, lines = snapshot.now, self._actuator.lines
        read = await walk(mapped(lambda row: ((row.station_id, row.evse_id), row.power_at), snapshot.rows))
        metered = dict(read)
        await walk(mapped(lambda pair: pair[1].pass_time(now, metered.get(pair[0])), [*lines.items()]))
        running = {event.id for event in active}
        coming = {event.id for event in upcoming}
        changed = await walk(self._withdrawals.vacate([*active, *upcoming], members.of, snapshot))
        barred = {
            (row.station_id, row.evse_id)
            for row in snapshot.rows
            if row.faulted or row.hold is not None or row.priority
        }
        self._withdrawals.withdraw(tasks, running, coming, barred, now)
        changed += self._withdrawals.conclude(running | coming, now)
        if changed:
            try:
                await self._ledger.write(*changed)
            except StoreUnavailable:
                for row in changed:
                    self._roster.distrust(row.event_id)
                raise

    async def _adopt(self, now: datetime) -> None:
        leased = await profiles.leased(self._db, now)
        leases = await profiles.live_leases(self._db, now) if self._withdrawals.unknown(leased) else []
        standing = await profiles.fallbacks(self._db)
        strange = self._withdrawals.strange(standing | self._inherited)
        self._inherited = set()
        held = [
            row
            for identity in {key[0] for key in strange}
            for row in await profiles.of_station(self._db, identity)
        ]
        fallbacks = [
            row
            for row in held
            if row.role == "fallback" and row.state not in _GONE and (row.identity, row.evse_id) in strange
        ]
        self._withdrawals.adopt(leases, fallbacks, standing, now)

    async def _lead(self, now: datetime) -> bool:
        leading = await self._book.lead(now)
        if leading and not self._leading:
            log.info("leading the grid loop")
            self._leading = True
            await self._inherit(now)
        elif self._leading and not leading:
            self._step_down()
        return leading

    def _step_down(self) -> None:
        """Another node leads.

        Stop asking stations. What they hold ends by itself or is that node's to withdraw.
        """
        log.warning("no longer leading the grid loop")
        self._leading = False
        self._actuator.drop()
        self._steering.drop()
        self._roster.forget(())

    async def _inherit(self, now: datetime) -> None:
        """Read the seats of live events, and of those that ended a short while ago.

        Their release may be half done, and a fallback that was sent but never answered may be there.
        """
        states = {*LIVE, EventState.ENDED, EventState.CANCELLED}
        events = await grid_events.in_states(self._db, states)
        recent = [event for event in events if event.worked_until > now - _LOOK_BACK]
        await self._read_seats(recent)
        rows = [row for event in recent for row in self._roster.rows(event.id)]
        self._inherited = {(row.identity, row.evse_id) for row in rows}

    async def _read_seats(self, events: Sequence[GridEvent]) -> None:
        for event in events:
            if not self._roster.knows(event.id):
                self._roster.load(event.id, await dispatches.participation(self._db, event.id))

    def _hear(self, fact: Fact) -> None:
        if type(fact) is TransactionUpdated and fact.event_type == EventType.UPDATED:
            self._hear_often(fact)
            return
        if isinstance(fact, OptedOut):
            self._actuator.bar(fact.driver_id)
        elif isinstance(fact, GridEventChanged) and fact.state == EventState.CANCELLED:
            self._actuator.bar(fact.event_id)
        if isinstance(fact, StationConnected):
            self._actuator.heard(fact.station_id)
        if isinstance(fact, _URGENT):
            self._urgent.set()
        self._bell.set()

    def _hear_often(self, _: Fact) -> None:
        """What every station tells all the time does not make a tick each time."""
        if self._clock.monotonic() - self._ticked_at >= self._tick_s / 3:
            self._bell.set()

    async def _rest(self, tasks: asyncio.TaskGroup) -> None:
        """Until a bell rings or it is time; then so long that more bells can join."""
        passed_s = self._clock.monotonic() - self._ticked_at  # a long tick does not make the next one late
        left_s = max(0.0, self._next_s - passed_s)
        timer = tasks.create_task(self._ring_after(left_s), name="grid time")
        await self._bell.wait()
        timer.cancel()
        with suppress(TimeoutError):
            async with asyncio.timeout(min(max(_BREATH_S, self._took_s), _BREATH_MAX_S)):
                await self._urgent.wait()

    async def _ring_after(self, seconds: float) -> None:
        await self._clock.sleep(seconds)
        self._urgent.set()
        self._bell.set()
