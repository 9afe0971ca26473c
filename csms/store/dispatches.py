"""The audit trail of the loop: per tick what was wanted, ordered and measured. Powers are signed W."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import NamedTuple

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlmodel import Field, SQLModel

from csms.store.database import Database
from csms.store.edits import write_rows
from csms.store.rows import moment, number, table_of, wide
from csms.store.statements import Values, keep, put, values_of


class DispatchRow(SQLModel, table=True):
    """One tick for one event."""

    __tablename__ = "dispatch"

    id: int | None = Field(default=None, sa_column=number())
    event_id: str = Field(index=True)
    at: datetime = Field(sa_column=moment(nullable=False))
    target_w: float
    corrected_w: float
    measured_w: float
    setpoint_w: float
    shortfall_w: float
    evses: int
    discharging: int
    lowest_soc_margin: float | None = None


class SetpointRow(SQLModel, table=True):
    """What one EVSE was ordered in one tick; `reason` says why it was not asked to discharge."""

    __tablename__ = "setpoint"

    id: int | None = Field(default=None, sa_column=number())
    dispatch_id: int = Field(sa_column=wide(nullable=False, index=True))
    event_id: str = Field(index=True)
    identity: str
    evse_id: int
    transaction_id: str
    setpoint_w: float
    measured_w: float | None = None
    soc_margin: float | None = None
    reason: str | None = None


class Ordered(NamedTuple):
    """What `SetpointRow` holds before its dispatch has an id: row objects by the thousand are dear."""

    event_id: str
    identity: str
    evse_id: int
    transaction_id: str
    setpoint_w: float
    measured_w: float | None = None
    soc_margin: float | None = None
    reason: str | None = None
    dispatch_id: int = 0


class ParticipationRow(SQLModel, table=True):
    """What became of one EVSE in one event: following, refused, not_following, offline, released."""

    __tablename__ = "participation"

    event_id: str = Field(primary_key=True)
    identity: str = Field(primary_key=True)
    evse_id: int = Field(primary_key=True)
    transaction_id: str = Field(primary_key=True)
    driver_id: str | None = None
    state: str
    detail: str | None = None
    baseline_w: float | None = None
    changed_at: datetime = Field(sa_column=moment(nullable=False))


@dataclass(slots=True)
class Participation:
    """A `ParticipationRow` in memory, where it is changed: the loop has one for each EVSE in each event."""

    event_id: str
    identity: str
    evse_id: int
    transaction_id: str
    driver_id: str | None = None
    state: str = "prepared"
    detail: str | None = None
    baseline_w: float | None = None
    changed_at: datetime = field(kw_only=True)


DISPATCH = table_of(DispatchRow)
SETPOINT = table_of(SetpointRow)
PARTICIPATION = table_of(ParticipationRow)


_SETPOINT = keep(SetpointRow)
_PARTICIPATION = put(ParticipationRow)
_DISPATCH_ID = _SETPOINT.names.index("dispatch_id")


async def record(conn: AsyncConnection, row: DispatchRow, setpoints: Sequence[SetpointRow | Ordered]) -> int:
    """Write down a tick before a watt moves: the dispatch's id, which its setpoints get too."""
    statement = insert(DISPATCH).values(row.model_dump(exclude={"id"})).returning(DISPATCH.c.id)
    dispatch_id = int((await conn.execute(statement)).scalar_one())

    def values(setpoint: SetpointRow | Ordered) -> Values:
        row = values_of(_SETPOINT, setpoint)
        return (*row[:_DISPATCH_ID], dispatch_id, *row[_DISPATCH_ID + 1 :])

    await write_rows(conn, _SETPOINT, setpoints, values)
    return dispatch_id


async def of_event(db: Database, event_id: str, after: int | None, limit: int) -> list[DispatchRow]:
    """Ticks of an event, oldest first, those behind the one with id `after`."""
    query = select(DISPATCH).where(DISPATCH.c.event_id == event_id, DISPATCH.c.id > (after or 0))
    return await db.every(DispatchRow, query.order_by(DISPATCH.c.id).limit(limit))


async def newest(db: Database, event_id: str) -> DispatchRow | None:
    """An event's last tick."""
    query = select(DISPATCH).where(DISPATCH.c.event_id == event_id)
    return await db.one(DispatchRow, query.order_by(DISPATCH.c.id.desc()).limit(1))


async def setpoints(db: Database, dispatch_id: int) -> list[SetpointRow]:
    """What the EVSEs were ordered in one tick."""
    query = select(SETPOINT).where(SETPOINT.c.dispatch_id == dispatch_id).order_by(SETPOINT.c.id)
    return await db.every(SetpointRow, query)


async def participation_put(conn: AsyncConnection, *rows: Participation) -> None:
    """What has become of EVSEs in an event."""
    await write_rows(conn, _PARTICIPATION, rows, partial(values_of, _PARTICIPATION))


async def participation(db: Database, event_id: str) -> list[Participation]:
    """All EVSEs that had a part in an event."""
    query = select(PARTICIPATION).where(PARTICIPATION.c.event_id == event_id)
    rows = await db.all(query.order_by(PARTICIPATION.c.identity, PARTICIPATION.c.evse_id))
    return [Participation(**row._mapping) for row in rows]
