"""Streams of a variable's values from the stations (2.1, N11 to N15), and the newest value of each."""

from datetime import datetime

from sqlalchemy import bindparam, select, update
from sqlmodel import Field, SQLModel

from csms.store.database import Database
from csms.store.edits import Connection, change_row, drop_rows, put_row
from csms.store.rows import moment, plain, table_of, to_micros, wide
from csms.store.statements import Change, put, values_of, write


class EventStreamRow(SQLModel, table=True):
    """One stream. A message comes when `interval_s` are over or `values` have gathered.

    `last_at` and `last_value` are the newest value that has come; `closed_at` None: it is open.
    """

    __tablename__ = "event_stream"

    identity: str = Field(primary_key=True)
    stream_id: int = Field(sa_column=wide(primary_key=True))
    monitor_id: int = Field(sa_column=wide(nullable=False))
    interval_s: int | None = Field(default=None, sa_column=wide())
    values: int | None = Field(default=None, sa_column=wide())
    opened_at: datetime = Field(sa_column=moment(nullable=False))
    closed_at: datetime | None = Field(default=None, sa_column=moment())
    last_at: datetime | None = Field(default=None, sa_column=moment())
    last_value: str | None = None
    pending: int | None = Field(default=None, sa_column=wide())


STREAM = table_of(EventStreamRow)

_THIS = (STREAM.c.identity == bindparam("p_identity"), STREAM.c.stream_id == bindparam("p_stream"))
_OPENED = put(EventStreamRow)
_CLOSED = write(
    EventStreamRow,
    ("p_identity", "p_stream", "p_at"),
    update(STREAM).where(*_THIS).values(closed_at=bindparam("p_at")),
)
_HEARD = write(
    EventStreamRow,
    ("p_identity", "p_stream", "p_at", "p_value", "p_pending"),
    update(STREAM)
    .where(*_THIS)
    .values(last_at=bindparam("p_at"), last_value=bindparam("p_value"), pending=bindparam("p_pending")),
)


async def streams(db: Database, identity: str) -> list[EventStreamRow]:
    """A station's streams, also those that are closed."""
    query = select(STREAM).where(STREAM.c.identity == identity)
    return await db.every(EventStreamRow, query.order_by(STREAM.c.stream_id))


async def reported(conn: Connection, identity: str, rows: list[EventStreamRow]) -> None:
    """All that are open at the station (N14); what it did not name is not."""
    await drop_rows(conn, EventStreamRow, {"identity": identity})
    for row in rows:
        await put_row(conn, row)


async def adjusted(
    conn: Connection, identity: str, stream_id: int, interval_s: int | None, values: int | None
) -> None:
    """The station sends at another pace (N13)."""
    key = {"identity": identity, "stream_id": stream_id}
    await change_row(conn, EventStreamRow, key, {"interval_s": interval_s, "values": values})


def opened(row: EventStreamRow) -> Change:
    """The station begins a stream (N11)."""
    return Change(_OPENED, (values_of(_OPENED, row),))


def closed(identity: str, stream_id: int, at: datetime) -> Change:
    """The station ends a stream (N12)."""
    return Change(_CLOSED, ((identity, stream_id, to_micros(at)),))


def heard(identity: str, stream_id: int, at: datetime, value: str, pending: int) -> Change:
    """The newest value of a stream, and how many wait to be sent (N15)."""
    return Change(_HEARD, ((identity, stream_id, to_micros(at), plain(value), pending),))
