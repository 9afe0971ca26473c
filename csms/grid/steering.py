"""From the fleet's state to orders on their way, event by event: the planning half of a tick."""

import asyncio
from collections.abc import Sequence
from functools import partial

import structlog

from csms.bus.bus import Bus
from csms.clock import Clock
from csms.domain.facts import DispatchMade, SecurityAlarmRaised
from csms.domain.flexibility import EvseView
from csms.domain.grid_event import GridEvent, precedence
from csms.domain.tracking import Following
from csms.grid import decision
from csms.grid.baselines import freeze
from csms.grid.compliance import Compliance
from csms.grid.decision import Decision, Recall, Scene
from csms.grid.dialects import Dialects
from csms.grid.envelope import Envelope
from csms.grid.fleet import Snapshot, view_of
from csms.grid.leases import EvseKey
from csms.grid.members import Members
from csms.grid.pace import mapped, walk
from csms.grid.participation import Part, Roster, Seat
from csms.grid.records import Book, NotLeading, sent_row
from csms.grid.setpoints import Actuator, PutFallback, PutLease
from csms.grid.soc import SocWatch
from csms.store import readings, stations
from csms.store.database import Database
from csms.store.dispatches import DispatchRow, Participation
from csms.store.transactions import FleetRow

log = structlog.get_logger()


class Steering:
    """Steers all live events. An event whose planning fails is left to its leases; the others go on."""

    def __init__(
        self, db: Database, bus: Bus, clock: Clock, book: Book, roster: Roster, actuator: Actuator
    ) -> None:
        self._db = db
        self._bus = bus
        self._clock = clock
        self._book = book
        self._roster = roster
        self._actuator = actuator
        self._dialects = Dialects(db, clock)
        self._soc_watch = SocWatch()
        self._compliance = Compliance()
        self._memories: dict[str, Recall] = {}
        self._frozen: set[str] = set()
        self._active: set[str] = set()
        self._watching = False
        self.news = False

    def drop(self) -> None:
        """Forget what was learned."""
        self._memories, self._frozen, self._watching = {}, set(), False

    async def watch(self, snapshot: Snapshot) -> tuple[set[EvseKey], dict[EvseKey, float]]:
        """Follow every vehicle's SoC, whether an event is near or not: see `SocWatch.watch`."""
        self.news = False
        if not self._watching:
            self._soc_watch.begin(await readings.first_socs(self._db))
            self._watching = True
        return await walk(self._soc_watch.watch(snapshot))

    async def steer(
        self,
        tasks: asyncio.TaskGroup,
        active: Sequence[GridEvent],
        upcoming: Sequence[GridEvent],
        members: Members,
        snapshot: Snapshot,
    ) -> None:
        """Decide, record and start what each event needs now. `news` says whether to look again at once."""
        watched = await self.watch(snapshot)
        self._active = {event.id for event in active}
        scene = await self._scene(snapshot)
        await walk(mapped(scene.envelope.add, snapshot.rows))
        boots = dict(await walk(mapped(_boot, snapshot.rows)))
        ruled = await walk(members.ruled(active, snapshot))
        silent = self._actuator.silent(snapshot.now)
        ordered: set[EvseKey] = set()
        for event in [*sorted(active, key=precedence), *sorted(upcoming, key=precedence)]:
            membership = members.seen(event.id, self._roster, silent, watched)
            try:
                if event.id in ruled:
                    rows = ruled[event.id]
                    ordered |= {(row.station_id, row.evse_id) for row in rows}
                    views = await walk(
                        mapped(partial(view_of, membership=membership, snapshot=snapshot), rows)
                    )
                    await self._steer(tasks, event, members, views, scene, boots)
                else:
                    rows = (await walk(members.ruled([event], snapshot)))[event.id]
                    views = await walk(
                        mapped(partial(view_of, membership=membership, snapshot=snapshot), rows)
                    )
                    await self._prepare(tasks, event, members, views, scene, (boots, ordered))
            except NotLeading:
                raise
            except Exception:
                log.exception("planning failed", event_id=event.id)
                self._roster.distrust(event.id)
        self._forget([*active, *upcoming])

    async def _scene(self, snapshot: Snapshot) -> Scene:
        await self._dialects.refresh()
        return Scene(
            now=snapshot.now,
            sites=snapshot.sites,
            lines=self._actuator.lines,
            fallbacks=self._actuator.fallbacks,
            busy=self._actuator.busy,
            dialect=self._dialects.of,
            envelope=Envelope(self._actuator.lines, self._actuator.fallbacks, snapshot.sites, snapshot.now),
        )

    async def _steer(
        self,
        tasks: asyncio.TaskGroup,
        event: GridEvent,
        members: Members,
        views: Sequence[EvseView],
        scene: Scene,
        boots: dict[EvseKey, int],
    ) -> None:
        seats = self._seats(event, views, scene)
        seats += await self._verify(event, views, scene)
        out = {(seat.identity, seat.evse_id) for seat in seats if seat.state == Part.NOT_FOLLOWING}
        followed = [view for view in views if (view.station_id, view.evse_id) not in out]
        program = members.program(event.id)
        last = self._memories.get(event.id, Recall())
        made = await walk(decision.decide(event, program, followed, scene, last))
        sent = await walk(mapped(partial(sent_row, boots=boots, now=scene.now), made.work))
        await self._book.record(scene.now, sent, seats, made.dispatch, made.setpoints)
        self._memories[event.id] = made.recall
        await self._act(tasks, made.work)
        self._bus.publish(_fact(made))
        if event.id not in self._frozen:
            self._frozen.add(event.id)
            frozen = await freeze(self._db, event, program, self._roster)
            await self._book.record(scene.now, (), frozen)

    async def _prepare(
        self,
        tasks: asyncio.TaskGroup,
        event: GridEvent,
        members: Members,
        views: Sequence[EvseView],
        scene: Scene,
        known: tuple[dict[EvseKey, int], set[EvseKey]],
    ) -> None:
        """Bring out the fallbacks of an event that is about to begin."""
        boots, ordered = known
        program = members.program(event.id)
        seats, work = [], []

        def prepare(view: EvseView) -> None:
            if not view.online or view.held or view.faulted:
                return
            held = (view.station_id, view.evse_id) in ordered
            item = decision.prepare(event, program, view, scene, held=held)
            seat = self._roster.take(_seat(event, view), view.driver_id, scene.now)
            if seat is not None:
                seats.append(seat)
            if item is not None and not view.refused:
                work.append(item)

        await walk(mapped(prepare, views))
        if seats or work:
            sent = await walk(mapped(partial(sent_row, boots=boots, now=scene.now), work))
            await self._book.record(scene.now, sent, seats)
            await self._act(tasks, work)

    async def _act(self, tasks: asyncio.TaskGroup, work: Sequence[PutFallback | PutLease]) -> None:
        for item in work:  # all at once: from now on each of these may be followed
            if isinstance(item, PutLease):
                self._actuator.line((item.seat.station_id, item.seat.evse_id)).sent(item.lease)
        await walk(mapped(partial(self._put, tasks), work))

    def _put(self, tasks: asyncio.TaskGroup, item: PutFallback | PutLease) -> None:
        self._actuator.put(tasks, (item.seat.station_id, item.seat.evse_id), item)

    def _seats(self, event: GridEvent, views: Sequence[EvseView], scene: Scene) -> list[Participation]:
        """Take the seats of this event's EVSEs, out of weaker events too; mark who is away."""
        changed: list[Participation | None] = []
        others = {
            (seat.station_id, seat.evse_id): seat
            for other in self._roster.events()
            if other != event.id and other in self._active
            for seat in self._roster.seats([other])
        }
        for view in views:
            seat = _seat(event, view)
            changed.append(self._roster.take(seat, view.driver_id, scene.now))
            weaker = others.get((view.station_id, view.evse_id))
            if weaker is not None:
                changed.append(self._roster.mark(weaker, Part.SUPERSEDED, scene.now, event.id))
            if not view.online and self._roster.state(seat) in (Part.PREPARED, Part.FOLLOWING):
                changed.append(self._roster.mark(seat, Part.OFFLINE, scene.now))
        return list({id(row): row for row in changed if row is not None}.values())

    async def _verify(self, event: GridEvent, views: Sequence[EvseView], scene: Scene) -> list[Participation]:
        """Take out who does not do what it was told (V-10).

        The wrong direction holds the station for a person.
        """
        changed: list[Participation] = []
        for seat, verdict in await walk(self._compliance.judge(event.id, views, scene.lines)):
            row = self._roster.mark(seat, Part.NOT_FOLLOWING, scene.now, verdict.value)
            if row is None:
                continue
            log.warning(
                "not following", station_id=seat.station_id, evse_id=seat.evse_id, verdict=verdict.value
            )
            changed.append(row)
            self.news = True
            if verdict is Following.WRONG_SIGN:
                async with self._db.begin() as conn:
                    await stations.change(conn, seat.station_id, hold="power flows in the wrong direction")
                self._bus.publish(SecurityAlarmRaised(scene.now, seat.station_id, "WrongPowerDirection"))
        return changed

    def _forget(self, events: Sequence[GridEvent]) -> None:
        live = {event.id for event in events}
        self._memories = {event_id: kept for event_id, kept in self._memories.items() if event_id in live}
        self._frozen &= live


def _boot(row: FleetRow) -> tuple[EvseKey, int]:
    return (row.station_id, row.evse_id), row.boot_epoch


def _seat(event: GridEvent, view: EvseView) -> Seat:
    return Seat(event.id, view.station_id, view.evse_id, view.transaction_id)


def _fact(made: Decision) -> DispatchMade:
    row: DispatchRow = made.dispatch
    return DispatchMade(
        at=row.at,
        event_id=row.event_id,
        target_w=row.target_w,
        measured_w=row.measured_w,
        setpoint_w=row.setpoint_w,
        shortfall_w=row.shortfall_w,
        evses=row.evses,
        lowest_soc_margin=row.lowest_soc_margin,
    )
