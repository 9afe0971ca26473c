"""Reservations and how they ended."""

from datetime import datetime

from sqlalchemy import bindparam, func, literal_column, select, update
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlmodel import Field, SQLModel

from csms.store.database import Database
from csms.store.edits import add_row, put_row
from csms.store.rows import moment, plain, table_of, to_micros, wide
from csms.store.statements import Change, write


class ReservationRow(SQLModel, table=True):
    """One reservation. `evse_id` None: any EVSE of the station, or any with `connector_type`.

    `state`: requested, active, refused, cancelled, used, expired, removed, unused; `status` is the station's
    last word. `transaction_id` is what it was used for.
    """

    __tablename__ = "reservation"

    identity: str = Field(primary_key=True)
    reservation_id: int = Field(sa_column=wide(primary_key=True))
    evse_id: int | None = None
    connector_type: str | None = None
    id_token: str
    id_token_type: str
    group_token: str | None = None
    expiry: datetime = Field(sa_column=moment(nullable=False))
    state: str = "requested"
    status: str | None = None
    transaction_id: str | None = None
    made_at: datetime = Field(sa_column=moment(nullable=False))
    changed_at: datetime = Field(sa_column=moment(nullable=False))


RESERVATION = table_of(ReservationRow)

_THIS = (
    RESERVATION.c.identity == bindparam("p_identity"),
    RESERVATION.c.reservation_id == bindparam("p_reservation"),
)
_ENDED = write(
    ReservationRow,
    ("p_identity", "p_reservation", "p_at", "p_state", "p_status"),
    update(RESERVATION)
    .where(*_THIS)
    .values(state=bindparam("p_state"), status=bindparam("p_status"), changed_at=bindparam("p_at")),
)
_USED = write(
    ReservationRow,
    ("p_identity", "p_reservation", "p_at", "p_transaction"),
    update(RESERVATION)
    .where(*_THIS)
    .values(
        state=literal_column("'used'"),
        transaction_id=bindparam("p_transaction"),
        changed_at=bindparam("p_at"),
    ),
)


async def next_id(conn: AsyncConnection, identity: str) -> int:
    """An id that no reservation at this station has."""
    newest = select(func.coalesce(func.max(RESERVATION.c.reservation_id), 0))
    return int((await conn.execute(newest.where(RESERVATION.c.identity == identity))).scalar_one()) + 1


async def add(conn: AsyncConnection, row: ReservationRow) -> None:
    """Write down a reservation before it is asked for."""
    await add_row(conn, row, "There is a reservation with this id already.")


async def put(conn: AsyncConnection, row: ReservationRow) -> None:
    """Write down a reservation under an id that a person chose; it replaces the one with that id (H01)."""
    await put_row(conn, row)


async def change(conn: AsyncConnection, identity: str, reservation_id: int, **fields: object) -> None:
    """What became of a reservation by an answer of the station."""
    here = (RESERVATION.c.identity == identity, RESERVATION.c.reservation_id == reservation_id)
    await conn.execute(update(RESERVATION).where(*here).values(**fields))


async def get(db: Database, identity: str, reservation_id: int) -> ReservationRow | None:
    """One reservation."""
    here = (RESERVATION.c.identity == identity, RESERVATION.c.reservation_id == reservation_id)
    return await db.one(ReservationRow, select(RESERVATION).where(*here))


async def listing(db: Database, identity: str | None, state: str | None, limit: int) -> list[ReservationRow]:
    """The newest reservations, newest first; of one station or in one state if named."""
    query = select(RESERVATION)
    if identity is not None:
        query = query.where(RESERVATION.c.identity == identity)
    if state is not None:
        query = query.where(RESERVATION.c.state == state)
    newest = query.order_by(RESERVATION.c.made_at.desc(), RESERVATION.c.reservation_id.desc())
    return await db.every(ReservationRow, newest.limit(limit))


def ended(identity: str, reservation_id: int, at: datetime, state: str, status: str) -> Change:
    """The station has ended a reservation by itself (H04)."""
    return Change(_ENDED, ((identity, reservation_id, to_micros(at), state, plain(status)),))


def used(identity: str, reservation_id: int, at: datetime, transaction_id: str) -> Change:
    """A transaction has begun on a reservation (H03)."""
    return Change(_USED, ((identity, reservation_id, to_micros(at), plain(transaction_id)),))
