"""Which dialect record holds for each station, and the records that come with the product."""

import tomllib
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from importlib import resources
from typing import Any

import msgspec
from sqlalchemy import bindparam, select
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlmodel import Field, SQLModel

from csms.domain.dialect_choice import Models, Origin, Plate, Shipped, Standing, declared_standing
from csms.domain.dialect_record import Discharge, record_fields, record_from
from csms.store.database import Database
from csms.store.edits import change_row, put_row
from csms.store.queries import Query
from csms.store.rows import moment, plain, plain_or_none, table_of, to_micros
from csms.store.statements import Change, put
from csms.store.stations import StationRow, discharge_changed


class DialectRecordRow(SQLModel, table=True):
    """The record that holds for a station, in JSON, and the name plate that it holds for.

    `void` says why what was proven about discharge is so no more.
    """

    __tablename__ = "dialect_record"

    identity: str = Field(primary_key=True)
    record: str
    origin: str
    name: str | None = None
    vendor: str | None = None
    model: str | None = None
    firmware: str | None = None
    version: str | None = None
    void: str | None = None
    changed_at: datetime = Field(sa_column=moment(nullable=False, index=True))
    changed_by: str | None = None


DIALECT_RECORD = table_of(DialectRecordRow)

_ONE = Query(
    select(DIALECT_RECORD).where(DIALECT_RECORD.c.identity == bindparam("p_identity")), ("p_identity",)
)
_PUT = put(DialectRecordRow)


async def get(db: Database, identity: str) -> DialectRecordRow | None:
    """What holds for a station; None if nothing was ever said."""
    return await db.one(DialectRecordRow, _ONE.of(identity))


async def changed_since(db: Database, at: datetime | None) -> list[tuple[str, str]]:
    """(identity, record) of what has changed at that moment or later; all for None."""
    query = select(DIALECT_RECORD.c.identity, DIALECT_RECORD.c.record)
    since = query if at is None else query.where(DIALECT_RECORD.c.changed_at >= at)
    return [(row.identity, row.record) for row in await db.all(since)]


def standing_of(row: DialectRecordRow | None, station: StationRow) -> Standing:
    """A row in the domain's words. A station without one stands as it was registered."""
    if row is None:
        plate = Plate(station.vendor, station.model, station.firmware, station.version)
        discharge = Discharge(station.discharge)
        return Standing(plate=plate) if discharge is Discharge.NONE else declared_standing(discharge, plate)
    record = record_from(msgspec.json.decode(row.record))
    plate = Plate(row.vendor, row.model, row.firmware, row.version)
    return Standing(record, Origin(row.origin), plate, row.name, row.void)


async def put_standing(
    conn: AsyncConnection, identity: str, standing: Standing, at: datetime, by: str | None
) -> None:
    """A person's or a probe's word on a station; its way to discharge changes with it."""
    values = _row(identity, standing, at, by)
    await put_row(conn, DialectRecordRow(**values))
    await change_row(conn, StationRow, {"identity": identity}, {"discharge": standing.discharge.value})


def stands(identity: str, standing: Standing, at: datetime) -> tuple[Change, Change]:
    """What holds after a boot: the record, and how the station may be ordered to discharge."""
    values = _row(identity, standing, at, None) | {"changed_at": to_micros(at)}
    row = tuple(values[column.name] for column in DIALECT_RECORD.columns)
    return Change(_PUT, (row,)), discharge_changed(identity, standing.discharge.value)


@cache
def shipped() -> tuple[Shipped, ...]:
    """The records that come with the product. Raises `Invalid` for one that makes no sense."""
    found: list[Shipped] = []
    folder = resources.files("csms").joinpath("dialect_records")
    for file in sorted(folder.iterdir(), key=lambda each: each.name):
        if file.name.endswith(".toml"):
            tables = tomllib.loads(file.read_text("utf-8"))["records"]
            found += map(_shipped, tables)
    return tuple(found)


def _shipped(table: Mapping[str, Any]) -> Shipped:
    models = {key: value for key, value in table.items() if key not in ("name", "source", "record")}
    return Shipped(
        table["name"], msgspec.convert(models, Models), record_from(table["record"]), table["source"]
    )


def _row(identity: str, standing: Standing, at: datetime, by: str | None) -> dict[str, Any]:
    plate = standing.plate
    return {
        "identity": identity,
        "record": msgspec.json.encode(record_fields(standing.record)).decode(),
        "origin": standing.origin.value,
        "name": standing.name,
        "vendor": plain_or_none(plate.vendor),
        "model": plain_or_none(plate.model),
        "firmware": plain_or_none(plate.firmware),
        "version": plate.version,
        "void": plain_or_none(standing.void),
        "changed_at": at,
        "changed_by": None if by is None else plain(by),
    }
