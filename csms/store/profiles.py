"""Charging profiles: what was sent, what the station said to it."""

from datetime import datetime
from functools import partial
from typing import NamedTuple

from sqlalchemy import BigInteger, ColumnElement, String, and_, bindparam, select, update
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlmodel import Field, SQLModel

from csms.store.database import Database
from csms.store.edits import drop_rows, write_rows
from csms.store.rows import moment, table_of, to_micros
from csms.store.statements import put, values_of, write
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


class Sent(NamedTuple):
    """What `ProfileRow` holds of a profile that is about to be sent: row objects by the thousand are dear."""

    identity: str
    evse_id: int
    profile_id: int
    role: str
    purpose: str
    limit_w: float
    transaction_id: str | None
    valid_to: datetime | None
    boot_epoch: int
    changed_at: datetime
    state: str = "sent"
    reason: str | None = None


class Outcome(NamedTuple):
    """What a station said to a profile: state accepted, rejected, failed or cleared, and why."""

    identity: str
    evse_id: int
    profile_id: int
    state: str
    reason: str | None
    at: datetime


PROFILE = table_of(ProfileRow)

FALLBACK_STANDS = and_(
    PROFILE.c.role == "fallback",
    PROFILE.c.state == "accepted",
    PROFILE.c.identity == STATION.c.identity,
    PROFILE.c.boot_epoch == STATION.c.boot_epoch,
)
"""V-04: acknowledged since the station's last boot."""


_SENT = put(ProfileRow)
_OUTCOME = write(
    ProfileRow,
    ("p_state", "p_reason", "p_at", "p_identity", "p_evse_id", "p_profile_id"),
    update(PROFILE)
    .where(
        PROFILE.c.identity == bindparam("p_identity"),
        PROFILE.c.evse_id == bindparam("p_evse_id"),
        PROFILE.c.profile_id == bindparam("p_profile_id"),
    )
    .values(
        state=bindparam("p_state"),
        reason=bindparam("p_reason", type_=String),
        changed_at=bindparam("p_at", type_=BigInteger),
    ),
)


async def sent(conn: AsyncConnection, *rows: ProfileRow | Sent) -> None:
    """Write down profiles before they are sent; each replaces the one with its id at its EVSE."""
    await write_rows(conn, _SENT, rows, partial(values_of, _SENT))


async def outcome(conn: AsyncConnection, *said: Outcome) -> None:
    """What stations said to their profiles.

    A profile is acknowledged in the boot in which it was sent (`ProfileRow.boot_epoch` as given to `sent`):
    an answer that crosses a boot does not count for the new one.
    """
    await write_rows(
        conn,
        _OUTCOME,
        said,
        lambda one: (one.state, one.reason, to_micros(one.at), one.identity, one.evse_id, one.profile_id),
    )


async def of_station(db: Database, identity: str) -> list[ProfileRow]:
    """A station's profiles as far as we sent them."""
    query = select(PROFILE).where(PROFILE.c.identity == identity)
    return await db.every(ProfileRow, query.order_by(PROFILE.c.evse_id, PROFILE.c.profile_id))


async def by_id(db: Database, identity: str, profile_id: int) -> ProfileRow | None:
    """The profile with this id at a station; an id is unique there."""
    here = (PROFILE.c.identity == identity, PROFILE.c.profile_id == profile_id)
    return await db.one(ProfileRow, select(PROFILE).where(*here).limit(1))


async def fallbacks(db: Database) -> set[tuple[str, int]]:
    """Where (identity, evse_id) a fallback profile was acknowledged since the station's last boot."""
    query = select(PROFILE.c.identity, PROFILE.c.evse_id).where(FALLBACK_STANDS)
    return {(row.identity, row.evse_id) for row in await db.all(query)}


async def live_leases(db: Database, now: datetime) -> list[ProfileRow]:
    """Leases that may still be in force: not refused, not cleared, not run out."""
    query = select(PROFILE).where(*_live(now))
    return await db.every(ProfileRow, query.order_by(PROFILE.c.identity, PROFILE.c.evse_id))


async def leased(db: Database, now: datetime) -> set[tuple[str, int]]:
    """Where (identity, evse_id) one of `live_leases` may be in force."""
    query = select(PROFILE.c.identity, PROFILE.c.evse_id).where(*_live(now))
    return {(row.identity, row.evse_id) for row in await db.all(query)}


def _live(now: datetime) -> tuple[ColumnElement[bool], ...]:
    return (
        PROFILE.c.role == "lease",
        PROFILE.c.state.in_(("sent", "accepted", "failed")),
        PROFILE.c.valid_to > now,
    )


async def forget(conn: AsyncConnection, identity: str) -> None:
    """Forget what we knew of a station's profiles: nothing counts as acknowledged there any more."""
    await drop_rows(conn, ProfileRow, {"identity": identity})
