"""Grid events and their history."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import UniqueConstraint, select, update
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlmodel import Field, SQLModel

from csms.domain.grid_event import EventState, GridEvent, Scope
from csms.store.database import Database
from csms.store.edits import add_row, append_rows
from csms.store.rows import moment, number, table_of


class GridEventRow(SQLModel, table=True):
    """A grid event (`domain.grid_event.GridEvent`).

    (`source`, `source_id`) is unique where an id is given.
    """

    __tablename__ = "grid_event"
    __table_args__ = (UniqueConstraint("source", "source_id", name="uq_grid_event_source"),)

    event_id: str = Field(primary_key=True)
    program_id: str = Field(index=True)
    target_w: float
    start: datetime = Field(sa_column=moment(nullable=False, index=True))
    duration_s: int
    state: str = Field(index=True)
    created_at: datetime = Field(sa_column=moment(nullable=False))
    site: str | None = None
    stations: str = ""
    min_soc: float | None = None
    priority: int = 100
    source: str = "api"
    source_id: str | None = None
    cancelled_at: datetime | None = Field(default=None, sa_column=moment())
    idempotency_key: str | None = Field(default=None, index=True)


class GridEventHistoryRow(SQLModel, table=True):
    """One change in a grid event's life."""

    __tablename__ = "grid_event_history"

    id: int | None = Field(default=None, sa_column=number())
    event_id: str = Field(index=True)
    at: datetime = Field(sa_column=moment(nullable=False))
    state: str
    detail: str | None = None


GRID_EVENT = table_of(GridEventRow)
HISTORY = table_of(GridEventHistoryRow)


async def add(conn: AsyncConnection, event: GridEvent, idempotency_key: str | None = None) -> None:
    """Keep a new event. Raises `Conflict` if its id, or its source's id for it, is there already."""
    row = GridEventRow(
        event_id=event.id,
        program_id=event.program_id,
        target_w=event.target_w,
        start=event.start,
        duration_s=event.duration_s,
        state=event.state.value,
        created_at=event.created_at,
        site=event.scope.site,
        stations=",".join(event.scope.stations),
        min_soc=event.min_soc,
        priority=event.priority,
        source=event.source,
        source_id=event.source_id,
        cancelled_at=event.cancelled_at,
        idempotency_key=idempotency_key,
    )
    await add_row(conn, row, f"There is a grid event {event.source_id or event.id!r} already.")
    await _remember(conn, event.id, event.state, event.created_at, None)


async def get(db: Database, event_id: str) -> GridEvent | None:
    """One event."""
    return _one(await db.every(GridEventRow, select(GRID_EVENT).where(GRID_EVENT.c.event_id == event_id)))


async def by_source(db: Database, source: str, source_id: str) -> GridEvent | None:
    """The event that a source knows under this id."""
    query = select(GRID_EVENT).where(GRID_EVENT.c.source == source, GRID_EVENT.c.source_id == source_id)
    return _one(await db.every(GridEventRow, query))


async def by_idempotency_key(db: Database, key: str) -> GridEvent | None:
    """The event that was made under this Idempotency-Key."""
    query = select(GRID_EVENT).where(GRID_EVENT.c.idempotency_key == key)
    return _one(await db.every(GridEventRow, query))


async def listing(
    db: Database, after: str | None, limit: int, states: Iterable[EventState] | None = None
) -> list[GridEvent]:
    """Events by id, those after `after`; in these states only, if given."""
    query = select(GRID_EVENT).order_by(GRID_EVENT.c.event_id).limit(limit)
    if after is not None:
        query = query.where(GRID_EVENT.c.event_id > after)
    if states is not None:
        query = query.where(GRID_EVENT.c.state.in_([state.value for state in states]))
    return [_event(row) for row in await db.every(GridEventRow, query)]


async def in_states(db: Database, states: Iterable[EventState]) -> list[GridEvent]:
    """All events in these states, by start."""
    query = select(GRID_EVENT).where(GRID_EVENT.c.state.in_([state.value for state in states]))
    rows = await db.every(GridEventRow, query.order_by(GRID_EVENT.c.start, GRID_EVENT.c.event_id))
    return [_event(row) for row in rows]


async def change_state(
    conn: AsyncConnection,
    event_id: str,
    from_states: Iterable[EventState],
    to_state: EventState,
    at: datetime,
    detail: str | None = None,
) -> bool:
    """Compare and set, with a line in the history; False if the event is in none of `from_states`."""
    values: dict[str, object] = {"state": to_state.value}
    if to_state is EventState.CANCELLED:
        values["cancelled_at"] = at
    allowed = [state.value for state in from_states]
    statement = update(GRID_EVENT).where(GRID_EVENT.c.event_id == event_id, GRID_EVENT.c.state.in_(allowed))
    if (await conn.execute(statement.values(values))).rowcount == 0:
        return False
    await _remember(conn, event_id, to_state, at, detail)
    return True


async def history(db: Database, event_id: str) -> list[GridEventHistoryRow]:
    """An event's life so far, oldest first."""
    query = select(HISTORY).where(HISTORY.c.event_id == event_id).order_by(HISTORY.c.id)
    return await db.every(GridEventHistoryRow, query)


async def _remember(
    conn: AsyncConnection, event_id: str, state: EventState, at: datetime, detail: str | None
) -> None:
    await append_rows(conn, [GridEventHistoryRow(event_id=event_id, at=at, state=state.value, detail=detail)])


def _one(rows: list[GridEventRow]) -> GridEvent | None:
    return _event(rows[0]) if rows else None


def _event(row: GridEventRow) -> GridEvent:
    return GridEvent(
        id=row.event_id,
        program_id=row.program_id,
        target_w=row.target_w,
        start=row.start,
        duration_s=row.duration_s,
        state=EventState(row.state),
        created_at=row.created_at,
        scope=Scope(row.site, tuple(row.stations.split(",")) if row.stations else ()),
        min_soc=row.min_soc,
        priority=row.priority,
        source=row.source,
        source_id=row.source_id,
        cancelled_at=row.cancelled_at,
    )
