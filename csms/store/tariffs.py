"""Tariffs, and what transactions cost."""

from datetime import datetime

from sqlalchemy import bindparam, select
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlmodel import Field, SQLModel

from csms.errors import NotFound
from csms.store.database import Database
from csms.store.edits import drop_rows, put_row
from csms.store.queries import Query
from csms.store.rows import moment, table_of
from csms.store.statements import Change, from_row, put
from csms.store.stations import STATION
from csms.store.transaction_rows import TRANSACTION


class TariffRow(SQLModel, table=True):
    """A tariff; amounts are decimal text in `currency`, exact.

    `update_every_s`: how often a driver is told the running cost; 0: never.
    """

    __tablename__ = "tariff"

    tariff_id: str = Field(primary_key=True)
    currency: str
    start_fee: str = "0"
    energy_per_kwh: str = "0"
    export_per_kwh: str = "0"
    time_per_hour: str = "0"
    minimum: str = "0"
    update_every_s: int = 0
    description: str | None = None
    changed_at: datetime = Field(sa_column=moment(nullable=False))


class TransactionCostRow(SQLModel, table=True):
    """What a transaction costs by the newest that is known; `final` once it has ended."""

    __tablename__ = "transaction_cost"

    identity: str = Field(primary_key=True)
    transaction_id: str = Field(primary_key=True)
    tariff_id: str
    currency: str
    total: str
    final: bool = False
    at: datetime = Field(sa_column=moment(nullable=False))


TARIFF = table_of(TariffRow)
COST = table_of(TransactionCostRow)

_COST = put(TransactionCostRow)


async def get(db: Database, tariff_id: str) -> TariffRow | None:
    """One tariff."""
    return await db.one(TariffRow, select(TARIFF).where(TARIFF.c.tariff_id == tariff_id))


async def listing(db: Database) -> list[TariffRow]:
    """All tariffs, by id."""
    return await db.every(TariffRow, select(TARIFF).order_by(TARIFF.c.tariff_id))


_OF_STATION = Query(
    select(TARIFF)
    .join_from(TARIFF, STATION, STATION.c.tariff_id == TARIFF.c.tariff_id)
    .where(STATION.c.identity == bindparam("p_identity")),
    ("p_identity",),
)


async def of_station(db: Database, identity: str) -> TariffRow | None:
    """The tariff that holds at a station; None if nothing is charged there."""
    return await db.one(TariffRow, _OF_STATION.of(identity))


async def cost(db: Database, identity: str, transaction_id: str) -> TransactionCostRow | None:
    """What a transaction costs."""
    here = (COST.c.identity == identity, COST.c.transaction_id == transaction_id)
    return await db.one(TransactionCostRow, select(COST).where(*here))


async def running(db: Database) -> dict[tuple[str, str], int]:
    """Open transactions (station, id) whose driver is told the running cost, and each how many seconds.

    Only at stations that are connected.
    """
    query = (
        select(TRANSACTION.c.identity, TRANSACTION.c.transaction_id, TARIFF.c.update_every_s)
        .select_from(TARIFF)
        .join(STATION, STATION.c.tariff_id == TARIFF.c.tariff_id)
        .join(TRANSACTION, TRANSACTION.c.identity == STATION.c.identity)
        .where(TARIFF.c.update_every_s > 0, STATION.c.connected, TRANSACTION.c.open)
    )
    return {(row.identity, row.transaction_id): row.update_every_s for row in await db.all(query)}


async def put_tariff(conn: AsyncConnection, row: TariffRow) -> None:
    """Add or replace a tariff; what has been worked out by the old one stays."""
    await put_row(conn, row)


async def put_cost(conn: AsyncConnection, row: TransactionCostRow) -> None:
    """Keep what a transaction costs so far; a final cost stands."""
    final = select(COST.c.final).where(
        COST.c.identity == row.identity, COST.c.transaction_id == row.transaction_id, COST.c.final
    )
    if (await conn.execute(final)).first() is None:
        await put_row(conn, row)


async def remove(conn: AsyncConnection, tariff_id: str) -> None:
    """Forget a tariff. Raises `NotFound`."""
    if not await drop_rows(conn, TariffRow, {"tariff_id": tariff_id}):
        raise NotFound("tariff", tariff_id)


def cost_kept(row: TransactionCostRow) -> Change:
    """What a transaction costs, kept with its event."""
    return from_row(_COST, row)
