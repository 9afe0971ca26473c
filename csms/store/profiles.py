"""Charging profiles: what was sent, what the station said to it."""

from datetime import datetime

from sqlalchemy import and_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlmodel import Field, SQLModel

from csms.store.database import Database
from csms.store.edits import drop_rows, put_row
from csms.store.rows import moment, table_of
from csms.store.stations import STATION


class ProfileRow(SQLModel, table=True):
    """The newest profile under one id at one EVSE. `state`: sent, accepted, rejected, failed, cleared.

    `role` is what it is to us: `lease`, `fallback` or `manual`. `boot_epoch` is the boot of the station in
    which it was acknowledged: a fallback counts only in the same one (V-04).
    """

    __tablename__ = "profile"

    identity: str = Field(primary_key=True)
    evse_id: int = Field(primary_key=True)
    profile_id: int = Field(primary_key=True)
    role: str
    purpose: str
    limit_w: float
    transaction_id: str | None = None
    valid_to: datetime | None = Field(default=None, sa_column=moment())
    state: str
    reason: str | None = None
    boot_epoch: int = 0
    changed_at: datetime = Field(sa_column=moment(nullable=False))


PROFILE = table_of(ProfileRow)

FALLBACK_STANDS = and_(
    PROFILE.c.role == "fallback",
    PROFILE.c.state == "accepted",
    PROFILE.c.identity == STATION.c.identity,
    PROFILE.c.boot_epoch == STATION.c.boot_epoch,
)
"""V-04: acknowledged since the station's last boot."""


async def sent(conn: AsyncConnection, row: ProfileRow) -> None:
    """Write down a profile before it is sent; it replaces the one with its id at this EVSE."""
    await put_row(conn, row)


async def outcome(  # noqa: PLR0913 - the key has three parts, what was said has two
    conn: AsyncConnection,
    identity: str,
    evse_id: int,
    profile_id: int,
    state: str,
    reason: str | None,
    at: datetime,
) -> None:
    """What the station said: accepted, rejected, failed, cleared.

    A profile is acknowledged in the boot in which it was sent (`ProfileRow.boot_epoch` as given to `sent`):
    an answer that crosses a boot does not count for the new one.
    """
    key = (PROFILE.c.identity == identity, PROFILE.c.evse_id == evse_id, PROFILE.c.profile_id == profile_id)
    await conn.execute(update(PROFILE).where(*key).values(state=state, reason=reason, changed_at=at))


async def of_station(db: Database, identity: str) -> list[ProfileRow]:
    """A station's profiles as far as we sent them."""
    query = select(PROFILE).where(PROFILE.c.identity == identity)
    return await db.every(ProfileRow, query.order_by(PROFILE.c.evse_id, PROFILE.c.profile_id))


async def fallbacks(db: Database) -> set[tuple[str, int]]:
    """Where (identity, evse_id) a fallback profile was acknowledged since the station's last boot."""
    query = select(PROFILE.c.identity, PROFILE.c.evse_id).where(FALLBACK_STANDS)
    return {(row.identity, row.evse_id) for row in await db.all(query)}


async def live_leases(db: Database, now: datetime) -> list[ProfileRow]:
    """Leases that may still be in force: not refused, not cleared, not run out."""
    query = select(PROFILE).where(
        PROFILE.c.role == "lease",
        PROFILE.c.state.in_(("sent", "accepted", "failed")),
        PROFILE.c.valid_to > now,
    )
    return await db.every(ProfileRow, query.order_by(PROFILE.c.identity, PROFILE.c.evse_id))


async def forget(conn: AsyncConnection, identity: str) -> None:
    """Forget what we knew of a station's profiles: nothing counts as acknowledged there any more."""
    await drop_rows(conn, ProfileRow, {"identity": identity})
