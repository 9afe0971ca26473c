"""Record: what was decided is on disk, under the leader's hand, before a watt moves."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from csms.domain.profile import Purpose
from csms.grid.leases import EvseKey, fallback_id
from csms.grid.setpoints import PutFallback, PutLease
from csms.store import dispatches, leader, profiles
from csms.store.database import Database
from csms.store.dispatches import DispatchRow, Ordered, Participation
from csms.store.profiles import Sent

ROLE = "grid"


class NotLeading(Exception):
    """Another node has taken over; nothing was written and nothing may be sent."""


class Book:
    """Writes for one node, and only while that node leads: the hold is renewed in the same transaction."""

    def __init__(self, db: Database, node_id: str, hold_s: float) -> None:
        self._db = db
        self._node_id = node_id
        self._hold_s = hold_s

    async def lead(self, now: datetime) -> bool:
        """Take or renew the leadership; False while another node holds it."""
        async with self._db.begin() as conn:
            return await leader.hold(conn, ROLE, self._node_id, now, self._hold_s)

    async def resign(self) -> None:
        """Let another node take over at once."""
        async with self._db.begin() as conn:
            await leader.release(conn, ROLE, self._node_id)

    async def record(
        self,
        now: datetime,
        sent: Iterable[Sent],
        seats: Iterable[Participation],
        dispatch: DispatchRow | None = None,
        setpoints: Sequence[Ordered] = (),
    ) -> None:
        """All of one event's tick. Raises `NotLeading`, `StoreUnavailable`."""
        async with self._db.begin() as conn:
            if not await leader.hold(conn, ROLE, self._node_id, now, self._hold_s):
                raise NotLeading
            if dispatch is not None:
                await dispatches.record(conn, dispatch, setpoints)
            await profiles.sent(conn, *sent)
            await dispatches.participation_put(conn, *seats)


def sent_row(item: PutFallback | PutLease, boots: Mapping[EvseKey, int], now: datetime) -> Sent:
    """A profile that is about to be sent.

    `boots` is the boot of each EVSE's station as it is known now (V-04).
    """
    profile = item.profile if isinstance(item, PutFallback) else item.order.profile
    key = (item.seat.station_id, item.seat.evse_id)
    return Sent(
        identity=key[0],
        evse_id=key[1],
        profile_id=profile.id,
        role="fallback" if profile.id == fallback_id(key[1]) else "lease",
        purpose=Purpose(profile.purpose).value,
        limit_w=profile.periods[-1].limit_w,
        transaction_id=profile.transaction_id,
        valid_to=item.lease.until if isinstance(item, PutLease) else profile.valid_to,
        boot_epoch=boots.get(key, 0),
        changed_at=now,
    )
