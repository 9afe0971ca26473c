"""Settlement statements."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlmodel import Field, SQLModel

from csms.domain.settlement import Line, Statement
from csms.store.database import Database
from csms.store.edits import append_rows, drop_rows, put_row
from csms.store.rows import moment, number, table_of


class SettlementRow(SQLModel, table=True):
    """The statement of one event; energies in Wh."""

    __tablename__ = "settlement"

    event_id: str = Field(primary_key=True)
    program_id: str
    settled_at: datetime = Field(sa_column=moment(nullable=False))
    currency: str
    price_per_kwh: float
    target_wh: float
    delivered_wh: float
    exported_wh: float
    imported_wh: float
    performance: float
    payment: float
    unmetered_intervals: int


class SettlementLineRow(SQLModel, table=True):
    """One driver at one EVSE in one interval."""

    __tablename__ = "settlement_line"

    id: int | None = Field(default=None, sa_column=number())
    event_id: str = Field(index=True)
    driver_id: str | None = None
    identity: str
    evse_id: int
    transaction_id: str
    start: datetime = Field(sa_column=moment(nullable=False))
    end: datetime = Field(sa_column=moment(nullable=False))
    metered: bool
    import_wh: float | None = None
    export_wh: float | None = None
    baseline_wh: float | None = None
    delivered_wh: float | None = None
    payment: float


SETTLEMENT = table_of(SettlementRow)
LINE = table_of(SettlementLineRow)

_LINE_FIELDS = tuple(name for name in Line.__dataclass_fields__ if name != "station_id")
_HEAD_FIELDS = tuple(name for name in Statement.__dataclass_fields__ if name != "lines")


async def store(conn: AsyncConnection, statement: Statement, at: datetime) -> None:
    """Keep an event's statement; one that is made anew replaces it whole."""
    head = {name: getattr(statement, name) for name in _HEAD_FIELDS}
    await put_row(conn, SettlementRow(settled_at=at, **head))
    await drop_rows(conn, SettlementLineRow, {"event_id": statement.event_id})
    await append_rows(conn, [_line_row(statement.event_id, line) for line in statement.lines])


async def get(db: Database, event_id: str) -> Statement | None:
    """An event's statement with its lines in their order."""
    head = await db.one(SettlementRow, select(SETTLEMENT).where(SETTLEMENT.c.event_id == event_id))
    if head is None:
        return None
    query = select(LINE).where(LINE.c.event_id == event_id).order_by(LINE.c.id)
    lines = tuple(_line(row) for row in await db.every(SettlementLineRow, query))
    return Statement(**{name: getattr(head, name) for name in _HEAD_FIELDS}, lines=lines)


async def settled_at(db: Database, event_id: str) -> datetime | None:
    """When an event was settled; None if it is not yet."""
    row = await db.first(select(SETTLEMENT.c.settled_at).where(SETTLEMENT.c.event_id == event_id))
    return None if row is None else row.settled_at


def _line_row(event_id: str, line: Line) -> SettlementLineRow:
    fields = {name: getattr(line, name) for name in _LINE_FIELDS}
    return SettlementLineRow(event_id=event_id, identity=line.station_id, **fields)


def _line(row: SettlementLineRow) -> Line:
    return Line(station_id=row.identity, **{name: getattr(row, name) for name in _LINE_FIELDS})
