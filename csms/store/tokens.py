"""Id tokens and whom they belong to."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import bindparam, select
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlmodel import Field, SQLModel

from csms.errors import NotFound
from csms.store.database import Database
from csms.store.edits import change_row, drop_rows, put_row
from csms.store.queries import Query
from csms.store.rows import moment, table_of


class IdTokenRow(SQLModel, table=True):
    """A token that may start transactions.

    `token` is case-folded; `driver_id` and `vehicle_id` tie it to needs. Without `concurrent` it may have one
    open transaction at a time.
    """

    __tablename__ = "id_token"

    token: str = Field(primary_key=True)
    type: str
    status: str = "Accepted"
    group_token: str | None = None
    expiry: datetime | None = Field(default=None, sa_column=moment())
    concurrent: bool = True
    driver_id: str | None = Field(default=None, index=True)
    vehicle_id: str | None = None


TOKEN = table_of(IdTokenRow)

_AT_ONCE = 500


_BY_TOKEN = Query(select(TOKEN).where(TOKEN.c.token == bindparam("p_token")), ("p_token",))


async def get(db: Database, token: str) -> IdTokenRow | None:
    """The token, in any spelling: tokens are case-insensitive."""
    return await db.one(IdTokenRow, _BY_TOKEN.of(token.lower()))


async def listing(db: Database, after: str | None, limit: int) -> list[IdTokenRow]:
    """Tokens in order, those after `after`."""
    query = select(TOKEN).order_by(TOKEN.c.token).limit(limit)
    return await db.every(IdTokenRow, query if after is None else query.where(TOKEN.c.token > after.lower()))


async def all_of(db: Database, names: Sequence[str] | None = None) -> list[IdTokenRow]:
    """These tokens, or all, in order; a name that is not known is left out."""
    query = select(TOKEN).order_by(TOKEN.c.token)
    if names is None:
        return await db.every(IdTokenRow, query)
    found: list[IdTokenRow] = []
    for start in range(0, len(names), _AT_ONCE):
        part = [name.lower() for name in names[start : start + _AT_ONCE]]
        found += await db.every(IdTokenRow, query.where(TOKEN.c.token.in_(part)))
    return sorted(found, key=lambda row: row.token)


async def put(conn: AsyncConnection, row: IdTokenRow) -> None:
    """Add or replace a token."""
    await put_row(conn, IdTokenRow(**row.model_dump() | {"token": row.token.lower()}))


async def change(conn: AsyncConnection, token: str, **fields: object) -> None:
    """Change a token. Raises `NotFound`."""
    if fields and not await change_row(conn, IdTokenRow, {"token": token.lower()}, fields):
        raise NotFound("id token", token)


async def remove(conn: AsyncConnection, token: str) -> None:
    """Forget a token. Raises `NotFound`."""
    if not await drop_rows(conn, IdTokenRow, {"token": token.lower()}):
        raise NotFound("id token", token)
