"""States of charge that telematics or people have told: the newest word of each source on each vehicle."""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlmodel import Field, SQLModel

from csms.domain.soc import SocReport, SocSource, better
from csms.store.database import Database
from csms.store.edits import put_row
from csms.store.rows import moment, table_of
from csms.store.tokens import TOKEN
from csms.store.transaction_rows import TRANSACTION


class VehicleSocRow(SQLModel, table=True):
    """One source's newest word, in percent, and where the export register of the vehicle's transaction stood.

    `transaction_id` None: the vehicle was at no station of ours when the word came.
    """

    __tablename__ = "vehicle_soc"

    vehicle_id: str = Field(primary_key=True)
    source: str = Field(primary_key=True)
    soc: float
    accuracy: float
    told_at: datetime = Field(sa_column=moment(nullable=False))
    valid_until: datetime = Field(sa_column=moment(nullable=False))
    identity: str | None = None
    transaction_id: str | None = None
    export_wh: float | None = None
    read_at: datetime | None = Field(default=None, sa_column=moment())

    def report(self) -> SocReport:
        """In the domain's words."""
        return SocReport(
            self.vehicle_id, SocSource(self.source), self.soc, self.accuracy, self.told_at, self.valid_until
        )


SOC = table_of(VehicleSocRow)


class Plugged(NamedTuple):
    """The open transaction of a vehicle, and its newest export register in Wh."""

    identity: str
    transaction_id: str
    export_wh: float | None
    read_at: datetime | None


async def plugged(db: Database, vehicle_id: str) -> Plugged | None:
    """Where a vehicle is plugged in now; of several open transactions the newest."""
    columns = (
        TRANSACTION.c.identity,
        TRANSACTION.c.transaction_id,
        TRANSACTION.c.last_export_wh.label("export_wh"),
        TRANSACTION.c.last_at.label("read_at"),
    )
    token = func.lower(TRANSACTION.c.id_token)
    query = select(*columns).join(TOKEN, TOKEN.c.token == token)
    query = query.where(TRANSACTION.c.open, TOKEN.c.vehicle_id == vehicle_id)
    rows = await db.all(query.order_by(TRANSACTION.c.started_at.desc()).limit(1))
    return Plugged(**rows[0]._mapping) if rows else None


async def put(conn: AsyncConnection, report: SocReport, place: Plugged | None) -> None:
    """Keep a source's newest word."""
    row = VehicleSocRow(
        vehicle_id=report.vehicle_id,
        source=report.source.value,
        soc=report.soc,
        accuracy=report.accuracy,
        told_at=report.told_at,
        valid_until=report.valid_until,
        **({} if place is None else place._asdict()),
    )
    await put_row(conn, row)


async def of_vehicle(db: Database, vehicle_id: str) -> list[VehicleSocRow]:
    """Every source's newest word on a vehicle, over or not."""
    query = select(SOC).where(SOC.c.vehicle_id == vehicle_id).order_by(SOC.c.source)
    return await db.every(VehicleSocRow, query)


async def valid(db: Database, now: datetime) -> list[VehicleSocRow]:
    """Every word that says something now."""
    return await db.every(VehicleSocRow, select(SOC).where(SOC.c.valid_until > now))


def counting(rows: Iterable[VehicleSocRow]) -> dict[str, VehicleSocRow]:
    """Vehicle -> the word that counts."""
    best: dict[str, VehicleSocRow] = {}
    for row in rows:
        known = best.get(row.vehicle_id)
        if known is None or better(known.report(), row.report()) == row.report():
            best[row.vehicle_id] = row
    return best
