"""Messages on the displays of stations."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlmodel import Field, SQLModel

from csms.store.database import Database
from csms.store.edits import change_row, drop_rows, put_row
from csms.store.rows import moment, table_of, wide
from csms.store.statements import Change, from_row, put


class DisplayMessageRow(SQLModel, table=True):
    """One message; `content` is its OCPP MessageContent in JSON.

    `status` is the station's word on our setting it, or `Reported` if it told of it by itself.
    """

    __tablename__ = "display_message"

    identity: str = Field(primary_key=True)
    message_id: int = Field(sa_column=wide(primary_key=True))
    priority: str
    state: str | None = None
    start: datetime | None = Field(default=None, sa_column=moment())
    end: datetime | None = Field(default=None, sa_column=moment())
    transaction_id: str | None = None
    content: str
    status: str
    changed_at: datetime = Field(sa_column=moment(nullable=False))


MESSAGE = table_of(DisplayMessageRow)

_PUT = put(DisplayMessageRow)


async def listing(db: Database, identity: str) -> list[DisplayMessageRow]:
    """The messages of a station as far as we know them."""
    query = select(MESSAGE).where(MESSAGE.c.identity == identity)
    return await db.every(DisplayMessageRow, query.order_by(MESSAGE.c.message_id))


async def next_id(db: Database, identity: str) -> int:
    """An id that no message at this station has."""
    newest = select(func.coalesce(func.max(MESSAGE.c.message_id), 0)).where(MESSAGE.c.identity == identity)
    row = await db.first(newest)
    return 1 if row is None else int(row[0]) + 1


async def keep(conn: AsyncConnection, row: DisplayMessageRow) -> None:
    """A message that was set, with the station's word on it."""
    await put_row(conn, row)


async def refused(conn: AsyncConnection, row: DisplayMessageRow) -> None:
    """A message that the station would not take: one that stood under its id still stands."""
    key = {"identity": row.identity, "message_id": row.message_id}
    if not await change_row(
        conn, DisplayMessageRow, key, {"status": row.status, "changed_at": row.changed_at}
    ):
        await put_row(conn, row)


async def drop(conn: AsyncConnection, identity: str, message_id: int | None = None) -> None:
    """A message that is gone; all of the station if none is named."""
    key: dict[str, object] = {"identity": identity}
    await drop_rows(conn, DisplayMessageRow, key if message_id is None else {**key, "message_id": message_id})


def reported(rows: Sequence[DisplayMessageRow]) -> Change:
    """Messages that the station has told of."""
    return Change(_PUT, tuple(row for one in rows for row in from_row(_PUT, one).rows))
