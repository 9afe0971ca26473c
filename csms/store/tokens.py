"""Id tokens and whom they belong to."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlmodel import Field, SQLModel

from csms.errors import NotFound
from csms.store.database import Database
from csms.store.edits import change_row, drop_rows, put_row
from csms.store.rows import moment, table_of


class IdTokenRow(SQLModel, table=True):
    """A token that may start transactions.

    `token` is case-folded; `driver_id` and `vehicle_id` tie it to needs.
    """

    __tablename__ = "id_token"

    token: str = Field(primary_key=True)
    type: str
    status: str = "Accepted"
    group_token: str | None = None
    expiry: datetime | None = Field(default=None, sa_column=moment())
    driver_id: str | None = Field(default=None, index=True)
    vehicle_id: str | None = None


TOKEN = table_of(IdTokenRow)


async def get(db: Database, token: str) -> IdTokenRow | None:
    """The token, in any spelling: tokens are case-insensitive."""
    return await db.one(IdTokenRow, select(TOKEN).where(TOKEN.c.token == token.lower()))


async def listing(db: Database, after: str | None, limit: int) -> list[IdTokenRow]:
    """Tokens in order, those after `after`."""
    query = select(TOKEN).order_by(TOKEN.c.token).limit(limit)
    return await db.every(IdTokenRow, query if after is None else query.where(TOKEN.c.token > after.lower()))


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
