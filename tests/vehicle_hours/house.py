"""The deciding half of the house, as the grid loop drives it, without a database and without sockets.

`Memory` is what survives a crash: what was written down before it was sent, and what stations answered.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TypeVar

from csms.domain.dialect_record import DialectRecord, Discharge
from csms.domain.flexibility import EvseView
from csms.domain.grid_event import GridEvent
from csms.domain.program import Program
from csms.domain.safety import check_order
from csms.domain.tracking import Following
from csms.grid.compliance import Compliance
from csms.grid.decision import Recall, Scene, decide
from csms.grid.envelope import Envelope
from csms.grid.fleet import Membership, Snapshot, view_of
from csms.grid.leases import EvseKey, Fallback, Lease, Line
from csms.grid.pace import Steps
from csms.grid.setpoints import PutFallback, PutLease
from csms.grid.soc import SocWatch
from csms.store.readings import FirstSoc
from csms.store.transactions import FleetRow

T = TypeVar("T")
SILENT_S = 60.0


def drain(steps: Steps[T]) -> T:
    """Work to the end."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            result: T = end.value
            return result


@dataclass
class Note:
    """What is written down of the lease at one EVSE: the newest that was sent, and if it was answered."""

    lease: Lease
    answered: bool = False


@dataclass
class Memory:
    """Survives a crash."""

    leases: dict[EvseKey, Note] = field(default_factory=dict)
    fallbacks: dict[EvseKey, tuple[Fallback, int]] = field(default_factory=dict)
    out: dict[str, set[EvseKey]] = field(default_factory=dict)
    held: set[str] = field(default_factory=set)
    opted_out: set[str] = field(default_factory=set)
    first_socs: dict[str, FirstSoc] = field(default_factory=dict)


Send = Callable[[EvseKey, PutLease | PutFallback | None], None]
"""Bring an order, or with None the word to forget the lease, to an EVSE."""


class House:
    """One life of the server."""

    def __init__(self, memory: Memory, send: Send, record: DialectRecord) -> None:
        self._memory = memory
        self._send = send
        self._record = record
        self._watch = SocWatch()
        self._watch.begin(memory.first_socs.values())
        self._compliance = Compliance()
        self._recalls: dict[str, Recall] = {}
        self.lines: dict[EvseKey, Line] = {}
        self.busy: set[EvseKey] = set()
        self.silent: dict[EvseKey, datetime] = {}
        self.fallbacks = {key: known for key, (known, _) in memory.fallbacks.items()}
        for key, note in memory.leases.items():  # as `grid.withdrawal` takes over what it did not send itself
            line = self.lines.setdefault(key, Line())
            if note.answered:
                line.accepted(note.lease, note.lease.sent_at)
            else:
                line.sent(note.lease)
                line.unclear = True

    def tick(self, event: GridEvent | None, program: Program, snapshot: Snapshot) -> None:
        """One turn of the loop: withdraw, verify, decide, send."""
        now = snapshot.now
        metered = {(row.station_id, row.evse_id): row.power_at for row in snapshot.rows}
        for key, line in self.lines.items():
            line.pass_time(now, metered.get(key))
        watched = drain(self._watch.watch(snapshot))
        taking_part = self._withdraw(event, snapshot)
        if event is None:
            return
        envelope = Envelope(self.lines, self.fallbacks, snapshot.sites, now)
        for row in snapshot.rows:
            envelope.add(row)
        membership = Membership(
            enrolled={row.driver_id for row in snapshot.rows if row.driver_id is not None},
            opted_out=self._memory.opted_out,
            not_following=self._memory.out.get(event.id, set()),
            silent={key for key, until in self.silent.items() if until > now},
            soc_refused=watched[0],
            most_soc=watched[1],
        )
        views = [view_of(row, membership, snapshot) for row in taking_part]
        views = self._verified(event, views)
        scene = Scene(
            now, snapshot.sites, self.lines, self.fallbacks, self.busy.__contains__, envelope, self._dialect
        )
        made = drain(decide(event, program, views, scene, self._recalls.get(event.id, Recall())))
        self._recalls[event.id] = made.recall
        boots = {(row.station_id, row.evse_id): row.boot_epoch for row in snapshot.rows}
        for item in made.work:
            self._put(item, boots, now)

    def _dialect(self, station_id: str, discharge: Discharge) -> DialectRecord:
        return self._record

    def _withdraw(self, event: GridEvent | None, snapshot: Snapshot) -> list[FleetRow]:
        """Clear what no event holds any more; the rows that the event may steer."""
        rows = [] if event is None else [row for row in snapshot.rows if self._may(event, row)]
        kept = {(row.station_id, row.evse_id) for row in rows}
        for key, line in self.lines.items():
            if line.live and key not in kept and key not in self.busy:
                self._send(key, None)
        return rows

    def _may(self, event: GridEvent, row: FleetRow) -> bool:
        out = self._memory.out.get(event.id, set())
        return (
            row.driver_id not in self._memory.opted_out
            and row.hold is None
            and (row.station_id, row.evse_id) not in out
        )

    def _verified(self, event: GridEvent, views: Sequence[EvseView]) -> list[EvseView]:
        verdicts = drain(self._compliance.judge(event.id, views, self.lines))
        gone = set()
        for seat, verdict in verdicts:
            key = (seat.station_id, seat.evse_id)
            gone.add(key)
            self._memory.out.setdefault(event.id, set()).add(key)
            if verdict is Following.WRONG_SIGN:
                self._memory.held.add(seat.station_id)
        return [view for view in views if (view.station_id, view.evse_id) not in gone]

    def _put(self, item: PutLease | PutFallback, boots: Mapping[EvseKey, int], now: datetime) -> None:
        """Write it down, look at it once more, send it."""
        key = (item.seat.station_id, item.seat.evse_id)
        if key in self.busy:
            return
        if isinstance(item, PutLease):
            check_order(item.order, now)
            self.lines.setdefault(key, Line()).sent(item.lease)
            self._memory.leases[key] = Note(item.lease)
        else:
            self.fallbacks[key] = item.fallback
            self._memory.fallbacks[key] = (item.fallback, boots[key])
        self._send(key, item)

    # ---- what stations answer

    def answered(
        self, key: EvseKey, item: PutLease | PutFallback | None, accepted: bool, boot: int, now: datetime
    ) -> None:
        """The station's word has come."""
        line = self.lines.setdefault(key, Line())
        if item is None:
            line.cleared(now)
            self._memory.leases.pop(key, None)
        elif isinstance(item, PutFallback):
            if accepted:
                self.fallbacks[key] = replace(item.fallback, acknowledged=True)
                self._memory.fallbacks[key] = (self.fallbacks[key], boot)
            else:
                self.fallbacks.pop(key, None)
                self._memory.fallbacks.pop(key, None)
        elif accepted:
            line.accepted(item.lease, now)
            self._memory.leases[key] = Note(item.lease, answered=True)
        else:
            line.refused(item.lease)
            self._memory.out.setdefault(item.seat.event_id, set()).add(key)
            self._forget(key, line)

    def _forget(self, key: EvseKey, line: Line) -> None:
        """A refused lease leaves the one before in force, which the row no longer tells: depth not known."""
        if line.lease is None and not line.unproven:
            self._memory.leases.pop(key, None)

    def unanswered(self, key: EvseKey, now: datetime) -> None:
        """Nothing came in time."""
        self.silent[key] = now + timedelta(seconds=SILENT_S)
