"""Local authorization lists: what each station shall have, and what it has acknowledged."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlmodel import Field, SQLModel

from csms.domain.local_list import Entry, Update
from csms.store.database import Database
from csms.store.edits import append_rows, change_row, drop_rows, put_row
from csms.store.rows import moment, table_of, wide


class LocalListRow(SQLModel, table=True):
    """The list of one station.

    `version` is the newest that it has acknowledged, 0: none. `tokens` are those that shall stand in it, as
    JSON; None: all that are known. `state`: empty, in step, failed.
    """

    __tablename__ = "local_list"

    identity: str = Field(primary_key=True)
    version: int = Field(default=0, sa_column=wide(nullable=False))
    tokens: str | None = None
    state: str = "empty"
    changed_at: datetime = Field(sa_column=moment(nullable=False))


class LocalListEntryRow(SQLModel, table=True):
    """One entry that the station has acknowledged."""

    __tablename__ = "local_list_entry"

    identity: str = Field(primary_key=True)
    token: str = Field(primary_key=True)
    type: str
    status: str
    group_token: str | None = None
    expiry: datetime | None = Field(default=None, sa_column=moment())


LIST = table_of(LocalListRow)
ENTRY = table_of(LocalListEntryRow)


async def get(db: Database, identity: str) -> LocalListRow | None:
    """The list of a station."""
    return await db.one(LocalListRow, select(LIST).where(LIST.c.identity == identity))


async def entries(db: Database, identity: str) -> list[Entry]:
    """What the station has acknowledged, by token."""
    query = select(ENTRY).where(ENTRY.c.identity == identity).order_by(ENTRY.c.token)
    rows = await db.every(LocalListEntryRow, query)
    return [Entry(row.token, row.type, row.status, row.group_token, row.expiry) for row in rows]


async def want(conn: AsyncConnection, identity: str, tokens: str | None, at: datetime) -> None:
    """Say what shall stand in the list of a station: a JSON list of tokens, or None for all."""
    if not await change_row(conn, LocalListRow, {"identity": identity}, {"tokens": tokens}):
        await put_row(conn, LocalListRow(identity=identity, tokens=tokens, changed_at=at))


async def set_state(
    conn: AsyncConnection, identity: str, state: str, at: datetime, version: int | None = None
) -> None:
    """How it stands with the list of a station, and its version if that is known now."""
    fields: dict[str, object] = {"state": state, "changed_at": at}
    if version is not None:
        fields["version"] = version
    if not await change_row(conn, LocalListRow, {"identity": identity}, fields):
        await put_row(conn, LocalListRow(identity=identity, state=state, version=version or 0, changed_at=at))


async def acknowledge(conn: AsyncConnection, identity: str, update: Update, at: datetime) -> None:
    """The station has taken this version: a full list replaces all, a difference what it names."""
    if update.full:
        await drop_rows(conn, LocalListEntryRow, {"identity": identity})
    for entry in (*update.gone, *update.entries):
        await drop_rows(conn, LocalListEntryRow, {"identity": identity, "token": entry.token})
    if update.entries:
        await append_rows(conn, [_entry_row(identity, entry) for entry in update.entries])
    await set_state(conn, identity, "in step", at, update.version)


def _entry_row(identity: str, entry: Entry) -> LocalListEntryRow:
    return LocalListEntryRow(
        identity=identity,
        token=entry.token,
        type=entry.type,
        status=entry.status,
        group_token=entry.group_token,
        expiry=entry.expiry,
    )
