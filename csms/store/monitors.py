"""Monitors of variables at the stations, as they were set or reported."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlmodel import Field, SQLModel

from csms.store.database import Database
from csms.store.edits import put_row
from csms.store.rows import moment, table_of, wide
from csms.store.statements import Change, from_row, put


class MonitorRow(SQLModel, table=True):
    """One monitor; `kind` is OCPP's type (UpperThreshold, Delta, Periodic ...)."""

    __tablename__ = "monitor"

    identity: str = Field(primary_key=True)
    monitor_id: int = Field(sa_column=wide(primary_key=True))
    component: str
    component_instance: str = ""
    evse_id: int = 0
    connector_id: int = 0
    variable: str
    variable_instance: str = ""
    kind: str
    value: float
    severity: int
    in_transaction: bool = False
    origin: str | None = None
    reported_at: datetime = Field(sa_column=moment(nullable=False))


MONITOR = table_of(MonitorRow)

_PUT = put(MonitorRow)


async def listing(db: Database, identity: str) -> list[MonitorRow]:
    """The station's monitors as far as we know them."""
    query = select(MONITOR).where(MONITOR.c.identity == identity)
    return await db.every(MonitorRow, query.order_by(MONITOR.c.monitor_id))


async def keep(conn: AsyncConnection, rows: Iterable[MonitorRow]) -> None:
    """Monitors that the station has accepted."""
    for row in rows:
        await put_row(conn, row)


async def drop(conn: AsyncConnection, identity: str, ids: Sequence[int] | None = None) -> None:
    """Monitors that are gone: these, or all of the station."""
    statement = delete(MONITOR).where(MONITOR.c.identity == identity)
    if ids is not None:
        statement = statement.where(MONITOR.c.monitor_id.in_(ids))
    await conn.execute(statement)


def reported(rows: Sequence[MonitorRow]) -> Change:
    """Monitors that the station has reported."""
    return Change(_PUT, tuple(row for one in rows for row in from_row(_PUT, one).rows))
