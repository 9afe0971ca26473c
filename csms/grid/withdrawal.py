"""Withdraw what no live event holds any more: after the end, a cancel, an opt-out, a refusal, an unplugging.

Reads the seats and what stations may hold, and nothing that plans (V-16). It looks at the state of things,
not at what happened, so a lost bell or a restart leaves nothing behind: the next tick finds it.
"""

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime, timedelta

from csms.domain.grid_event import GridEvent
from csms.grid.fleet import Membership, Snapshot
from csms.grid.leases import EvseKey, Fallback, Lease, Line, share_of
from csms.grid.pace import Steps, mapped, slices
from csms.grid.participation import HOLDING, Part, Roster, Seat
from csms.grid.setpoints import Actuator, Withdraw
from csms.store.dispatches import Participation
from csms.store.profiles import ProfileRow
from csms.store.transactions import FleetRow

_Place = tuple[str, int, str]
_AT_ONCE = frozenset({Part.OPTED_OUT, Part.REFUSED, Part.NOT_FOLLOWING, Part.LEFT, Part.SUPERSEDED})


class Withdrawals:
    """Finds what must be withdrawn, and gives it to the actuator."""

    def __init__(self, actuator: Actuator, roster: Roster) -> None:
        self._actuator = actuator
        self._roster = roster
        self._due: dict[EvseKey, datetime] = {}

    @property
    def done(self) -> bool:
        """Whether no station may hold anything of ours, and no seat is left that something may be due to."""
        actuator = self._actuator
        if actuator.fallbacks or actuator.busy_keys() or self._roster.events():
            return False
        return not any(line.live or line.replaced for line in actuator.lines.values())

    def unknown(self, leased: Iterable[EvseKey]) -> bool:
        """Whether there is a lease among these that this process knows nothing of."""
        lines, busy, none = self._actuator.lines, self._actuator.busy, Line()
        return any(not lines.get(key, none).live and not busy(key) for key in leased)

    def strange(self, fallbacks: Iterable[EvseKey]) -> set[EvseKey]:
        """Those of the acknowledged fallbacks that this process knows nothing of."""
        known = self._actuator.fallbacks
        return {key for key in fallbacks if key[1] > 0 and key not in known and not self._actuator.busy(key)}

    def adopt(
        self,
        leases: Iterable[ProfileRow],
        fallbacks: Iterable[ProfileRow],
        acknowledged_at: Collection[EvseKey],
        now: datetime,
    ) -> None:
        """Take over what the store knows and this process does not: another node's, or from before a restart.

        A lease that was never answered may hide a deeper one under the same id.
        """
        for row in leases:
            key = (row.identity, row.evse_id)
            line = self._actuator.line(key)
            if line.live or self._actuator.busy(key) or row.valid_to is None:
                continue
            lease = Lease(row.limit_w, row.valid_to, row.transaction_id, row.changed_at)
            if row.state == "accepted":
                line.accepted(lease, row.changed_at)
            else:
                line.sent(lease)
                line.unclear = True
        for row in fallbacks:
            # One without an end is not ours by its form: it is withdrawn like one that has run out.
            acknowledged = (row.identity, row.evse_id) in acknowledged_at
            fallback = Fallback(row.limit_w, row.changed_at, row.valid_to or now, acknowledged)
            self._actuator.fallbacks.setdefault((row.identity, row.evse_id), fallback)

    def vacate(
        self, events: Iterable[GridEvent], members: Callable[[str], Membership], snapshot: Snapshot
    ) -> Steps[list[Participation]]:
        """Mark the seats of drivers who opted out, left the program or unplugged; the rows to write."""
        places = yield from mapped(_place_and_driver, snapshot.rows)
        driver_of = dict(places)
        changed: list[Participation | None] = []
        for event in events:
            membership = members(event.id)
            for part in slices([*self._roster.seats([event.id])]):
                changed += (self._vacated(seat, membership, driver_of, snapshot.now) for seat in part)
                yield
        return [row for row in changed if row is not None]

    def _vacated(
        self, seat: Seat, membership: Membership, driver_of: Mapping[_Place, str | None], now: datetime
    ) -> Participation | None:
        place = (seat.station_id, seat.evse_id, seat.transaction_id)
        if place not in driver_of:
            return self._roster.mark(seat, Part.LEFT, now)
        driver = driver_of[place]
        if driver in membership.opted_out or driver not in membership.enrolled:
            return self._roster.mark(seat, Part.OPTED_OUT, now)
        return None

    def withdraw(
        self,
        tasks: asyncio.TaskGroup,
        active: Collection[str],
        upcoming: Collection[str],
        barred: Collection[EvseKey],
        now: datetime,
    ) -> None:
        """Clear leases outside the active events' seats, fallbacks outside theirs and the upcoming events'.

        `barred` are EVSEs that may hold nothing whatever their seat: faulted, or held by a person. The lease
        goes first; fallbacks follow spread over a while where an event ended for many at once (V-11).
        """
        leased = _keys(self._roster.seats(active)) - set(barred)
        covered = _keys(self._roster.seats({*active, *upcoming})) - set(barred)
        actuator = self._actuator
        for key in {*actuator.lines, *actuator.busy_keys()} - leased:
            if actuator.line(key).live or actuator.leasing(key):
                self._put(tasks, key, Withdraw(fallback=False), now)
        hurried = self._hurried()
        for key in covered & self._due.keys():
            del self._due[key]
        for key in {*actuator.fallbacks, *actuator.busy_keys()} - covered:
            if key in actuator.fallbacks and not actuator.line(key).live and not actuator.busy(key):
                return_s = actuator.fallbacks[key].return_s
                wait_s = 0.0 if key in hurried else return_s * share_of(key[0])
                due = self._due.setdefault(key, now + timedelta(seconds=wait_s))
                if now >= due:
                    self._put(tasks, key, Withdraw(fallback=True), now)
            elif actuator.covering(key):
                self._put(tasks, key, Withdraw(fallback=True), now)

    def conclude(self, live: Collection[str], now: datetime) -> list[Participation]:
        """Mark the seats of events that are over as released, once their stations have let go.

        A seat that was only prepared stays so: it never had an order. Where another event holds the EVSE now,
        the lease that is there is that event's.
        """
        taken = _keys(self._roster.seats(live))
        changed: list[Participation | None] = []
        kept = set(live)
        for event_id in set(self._roster.events()) - kept:
            for seat, row in self._roster.seats([event_id]).items():
                key = (seat.station_id, seat.evse_id)
                if key not in taken and (self._actuator.line(key).live or self._actuator.busy(key)):
                    kept.add(event_id)
                elif row.state != Part.PREPARED:
                    changed.append(self._roster.mark(seat, Part.RELEASED, now))
            if any(key in self._actuator.fallbacks for key in _keys_of(self._roster.rows(event_id))):
                kept.add(event_id)
        self._roster.forget(kept)
        return [row for row in changed if row is not None]

    def _put(self, tasks: asyncio.TaskGroup, key: EvseKey, work: Withdraw, now: datetime) -> None:
        # After a failure there is a pause, but an order that is on its way is overtaken in any case (V-07).
        if self._actuator.busy(key) or not self._actuator.resting(key, now):
            self._actuator.put(tasks, key, work)

    def _hurried(self) -> set[EvseKey]:
        """EVSEs that went out one by one: their drivers get their charging back at once."""
        rows = [row for event_id in self._roster.events() for row in self._roster.rows(event_id)]
        out = {(row.identity, row.evse_id) for row in rows if row.state in _AT_ONCE}
        return out - {(row.identity, row.evse_id) for row in rows if row.state in {*HOLDING, Part.RELEASED}}


def _place_and_driver(row: FleetRow) -> tuple[_Place, str | None]:
    return (row.station_id, row.evse_id, row.transaction_id), row.driver_id


def _keys(seats: Iterable[Seat]) -> set[EvseKey]:
    return {(seat.station_id, seat.evse_id) for seat in seats}


def _keys_of(rows: Iterable[Participation]) -> set[EvseKey]:
    return {(row.identity, row.evse_id) for row in rows}
