"""Batteries that have gone in and out at swap stations (2.1, block S)."""

from datetime import datetime

from sqlalchemy import select
from sqlmodel import Field, SQLModel

from csms.store.database import Database
from csms.store.rows import moment, number, table_of, wide
from csms.store.statements import Change, from_row, keep


class BatterySwapRow(SQLModel, table=True):
    """One step of a swap: BatteryIn, BatteryOut or BatteryOutTimeout; `batteries` are OCPP's, in JSON."""

    __tablename__ = "battery_swap"

    id: int | None = Field(default=None, sa_column=number())
    identity: str = Field(index=True)
    request_id: int = Field(sa_column=wide(nullable=False))
    event: str
    id_token: str
    batteries: str
    at: datetime = Field(sa_column=moment(nullable=False))


SWAP = table_of(BatterySwapRow)
_KEPT = keep(BatterySwapRow)


async def listing(db: Database, identity: str, limit: int) -> list[BatterySwapRow]:
    """The newest steps at a station, newest first."""
    query = select(SWAP).where(SWAP.c.identity == identity)
    return await db.every(BatterySwapRow, query.order_by(SWAP.c.id.desc()).limit(limit))


def kept(row: BatterySwapRow) -> Change:
    """A step that a station has told."""
    return from_row(_KEPT, row)
