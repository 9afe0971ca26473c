"""What vehicles need, who shares a site with them, and what they were offered (K15 to K17).

An offer stands in the table of profiles under the id that the EVSE's leases have: there as in the station the
newer takes the place of the older.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import and_, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from csms.domain.profile import LEASE_MAX_S
from csms.store.database import Database
from csms.store.profiles import PROFILE, ProfileRow, Sent, sent
from csms.store.stations import STATION
from csms.store.transaction_rows import NEEDS, TRANSACTION, ChargingNeedsRow

OFFER = "offer"
_GRID = ("lease", "fallback")
_NAMES = 500  # in one statement


async def get(db: Database, identity: str, evse_id: int) -> ChargingNeedsRow | None:
    """What the vehicle at an EVSE has told last."""
    query = select(NEEDS).where(NEEDS.c.identity == identity, NEEDS.c.evse_id == evse_id)
    return await db.one(ChargingNeedsRow, query)


async def vehicles_at(db: Database, site_ids: Sequence[str]) -> int:
    """How many transactions are open at these sites together."""
    joined = TRANSACTION.join(STATION, TRANSACTION.c.identity == STATION.c.identity)
    query = select(func.count()).select_from(joined)
    found = 0
    for start in range(0, len(site_ids), _NAMES):
        named = STATION.c.site_id.in_(site_ids[start : start + _NAMES])
        row = await db.first(query.where(TRANSACTION.c.open, named))
        found += 0 if row is None else int(row[0])
    return found


async def offer_in_force(db: Database, identity: str, evse_id: int, now: datetime) -> ProfileRow | None:
    """What the vehicle at an EVSE was offered and its station has taken."""
    query = select(PROFILE).where(
        PROFILE.c.identity == identity,
        PROFILE.c.evse_id == evse_id,
        PROFILE.c.role == OFFER,
        PROFILE.c.state == "accepted",
        PROFILE.c.valid_to > now,
    )
    return await db.one(ProfileRow, query)


async def offering(conn: AsyncConnection, offer: Sent) -> bool:
    """Write down an offer before it is sent; False, and nothing is written, while a grid event has the EVSE.

    That is while a lease, or the fallback that rules when leases end, may be in force there.
    """
    # a Dynamic lease has no end that could be read: it ends so long after its last update
    fresh = PROFILE.c.changed_at > offer.changed_at - timedelta(seconds=LEASE_MAX_S)
    query = select(PROFILE.c.profile_id).where(
        PROFILE.c.identity == offer.identity,
        PROFILE.c.evse_id == offer.evse_id,
        PROFILE.c.role.in_(_GRID),
        PROFILE.c.state.in_(("sent", "accepted", "failed")),
        or_(PROFILE.c.valid_to > offer.changed_at, and_(PROFILE.c.valid_to.is_(None), fresh)),
    )
    if (await conn.execute(query.limit(1))).first() is not None:
        return False
    await sent(conn, offer)
    return True


async def offered(
    conn: AsyncConnection, identity: str, evse_id: int, state: str, reason: str | None, at: datetime
) -> None:
    """What the station said to an offer; of one whose place a lease has taken meanwhile nothing is kept."""
    statement = update(PROFILE).where(
        PROFILE.c.identity == identity,
        PROFILE.c.evse_id == evse_id,
        PROFILE.c.role == OFFER,
        PROFILE.c.state == "sent",
    )
    await conn.execute(statement.values(state=state, reason=reason, changed_at=at))
