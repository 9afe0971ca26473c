"""Tariffs that stand in the stations themselves (2.1, block I): set, cleared and reported."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import delete, select
from sqlmodel import Field, SQLModel

from csms.store.database import Database
from csms.store.edits import Connection, drop_rows, put_row
from csms.store.rows import moment, table_of


class StationTariffRow(SQLModel, table=True):
    """A tariff at an EVSE of a station (0: all). `content` is OCPP's in JSON, None if only reported."""

    __tablename__ = "station_tariff"

    identity: str = Field(primary_key=True)
    evse_id: int = Field(primary_key=True)
    tariff_id: str = Field(primary_key=True)
    kind: str = "DefaultTariff"
    content: str | None = None
    changed_at: datetime = Field(sa_column=moment(nullable=False))


TARIFF = table_of(StationTariffRow)


async def of_station(db: Database, identity: str) -> list[StationTariffRow]:
    """The tariffs in a station as far as they are known."""
    query = select(TARIFF).where(TARIFF.c.identity == identity)
    return await db.every(StationTariffRow, query.order_by(TARIFF.c.evse_id, TARIFF.c.tariff_id))


async def keep(conn: Connection, row: StationTariffRow) -> None:
    """A tariff that the station has taken as the default: the only one at its EVSE, or of all (I07)."""
    query = delete(TARIFF).where(TARIFF.c.identity == row.identity, TARIFF.c.kind == row.kind)
    await conn.execute(query if row.evse_id == 0 else query.where(TARIFF.c.evse_id == row.evse_id))
    await put_row(conn, row)


async def drop(conn: Connection, identity: str, tariff_id: str | None, evse_id: int | None) -> None:
    """A tariff that the station has cleared (I09); None: whatever it is called, wherever it stands."""
    query = delete(TARIFF).where(TARIFF.c.identity == identity)
    if tariff_id is not None:
        query = query.where(TARIFF.c.tariff_id == tariff_id)
    if evse_id:
        query = query.where(TARIFF.c.evse_id == evse_id)
    await conn.execute(query)


async def reported(conn: Connection, identity: str, rows: Iterable[StationTariffRow]) -> None:
    """All that stands in the station (I08); what a tariff is in full is remembered."""
    query = select(TARIFF).where(TARIFF.c.identity == identity)
    known = {row.tariff_id: row.content for row in await conn.execute(query)}
    await drop_rows(conn, StationTariffRow, {"identity": identity})
    for row in rows:
        row.content = known.get(row.tariff_id)
        await put_row(conn, row)
