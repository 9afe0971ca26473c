"""Programs, drivers, vehicles, enrolments, needs, opt-outs."""

import json
from dataclasses import asdict
from datetime import datetime

from sqlalchemy import bindparam, func, select
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlmodel import Field, SQLModel

from csms.domain.program import BaselineMethod, Need, Program, Terms
from csms.store.database import Database
from csms.store.edits import drop_rows, put_row
from csms.store.queries import Query
from csms.store.rows import moment, table_of
from csms.store.tokens import TOKEN


class ProgramRow(SQLModel, table=True):
    """A program; `terms` is JSON of `domain.program.Terms`."""

    __tablename__ = "program"

    program_id: str = Field(primary_key=True)
    name: str
    terms: str


class DriverRow(SQLModel, table=True):
    """A driver."""

    __tablename__ = "driver"

    driver_id: str = Field(primary_key=True)
    name: str | None = None


class VehicleRow(SQLModel, table=True):
    """A vehicle; powers are magnitudes in W, None means not known."""

    __tablename__ = "vehicle"

    vehicle_id: str = Field(primary_key=True)
    driver_id: str | None = Field(default=None, index=True)
    capacity_wh: float | None = None
    max_charge_w: float | None = None
    max_discharge_w: float | None = None
    bidirectional: bool = False


class EnrolmentRow(SQLModel, table=True):
    """A driver's part in a program."""

    __tablename__ = "enrolment"

    driver_id: str = Field(primary_key=True)
    program_id: str = Field(primary_key=True)
    since: datetime = Field(sa_column=moment(nullable=False))


class NeedRow(SQLModel, table=True):
    """What a driver wants; the newest word counts."""

    __tablename__ = "need"

    driver_id: str = Field(primary_key=True)
    reserve_soc: float | None = None
    departure: datetime | None = Field(default=None, sa_column=moment())
    target_energy_wh: float | None = None
    target_soc: float | None = None
    changed_at: datetime = Field(sa_column=moment(nullable=False))


class OptOutRow(SQLModel, table=True):
    """A driver's 'not this time' (`event_id`) or 'not until further notice' (empty)."""

    __tablename__ = "opt_out"

    driver_id: str = Field(primary_key=True)
    program_id: str = Field(primary_key=True)
    event_id: str = Field(default="", primary_key=True)
    at: datetime = Field(sa_column=moment(nullable=False))


PROGRAM = table_of(ProgramRow)
DRIVER = table_of(DriverRow)
VEHICLE = table_of(VehicleRow)
ENROLMENT = table_of(EnrolmentRow)
NEED = table_of(NeedRow)
OPT_OUT = table_of(OptOutRow)

_TAKES_PART = Query(
    select(ENROLMENT.c.program_id)
    .select_from(
        TOKEN.outerjoin(VEHICLE, VEHICLE.c.vehicle_id == TOKEN.c.vehicle_id).join(
            ENROLMENT, ENROLMENT.c.driver_id == func.coalesce(TOKEN.c.driver_id, VEHICLE.c.driver_id)
        )
    )
    .where(TOKEN.c.token == bindparam("p_token")),
    ("p_token",),
)

# ---- programs


async def get(db: Database, program_id: str) -> Program | None:
    """The program with its terms."""
    row = await db.one(ProgramRow, select(PROGRAM).where(PROGRAM.c.program_id == program_id))
    return None if row is None else _program(row)


async def listing(db: Database) -> list[Program]:
    """All programs, by id."""
    return [
        _program(row) for row in await db.every(ProgramRow, select(PROGRAM).order_by(PROGRAM.c.program_id))
    ]


async def put(conn: AsyncConnection, program: Program) -> None:
    """Add or replace a program."""
    row = ProgramRow(program_id=program.id, name=program.name, terms=json.dumps(asdict(program.terms)))
    await put_row(conn, row)


def _program(row: ProgramRow) -> Program:
    told = json.loads(row.terms)
    # a term that a later release added has its default in a program of an earlier one
    terms = {name: told[name] for name in Terms.__dataclass_fields__ if name in told}
    return Program(row.program_id, row.name, Terms(**terms | {"baseline": BaselineMethod(terms["baseline"])}))


# ---- drivers and vehicles


async def drivers(db: Database, after: str | None, limit: int) -> list[DriverRow]:
    """Drivers by id, those after `after`."""
    query = select(DRIVER).order_by(DRIVER.c.driver_id).limit(limit)
    return await db.every(DriverRow, query if after is None else query.where(DRIVER.c.driver_id > after))


async def driver(db: Database, driver_id: str) -> DriverRow | None:
    """One driver."""
    return await db.one(DriverRow, select(DRIVER).where(DRIVER.c.driver_id == driver_id))


async def put_driver(conn: AsyncConnection, row: DriverRow) -> None:
    """Add or replace a driver."""
    await put_row(conn, row)


async def vehicles(
    db: Database, after: str | None, limit: int, driver: str | None = None
) -> list[VehicleRow]:
    """Vehicles by id, those after `after`; of one driver if given."""
    query = select(VEHICLE).order_by(VEHICLE.c.vehicle_id).limit(limit)
    if after is not None:
        query = query.where(VEHICLE.c.vehicle_id > after)
    return await db.every(VehicleRow, query if driver is None else query.where(VEHICLE.c.driver_id == driver))


async def vehicle(db: Database, vehicle_id: str) -> VehicleRow | None:
    """One vehicle."""
    return await db.one(VehicleRow, select(VEHICLE).where(VEHICLE.c.vehicle_id == vehicle_id))


async def put_vehicle(conn: AsyncConnection, row: VehicleRow) -> None:
    """Add or replace a vehicle."""
    await put_row(conn, row)


# ---- a driver's part in a program


async def enrol(conn: AsyncConnection, driver: str, program: str, at: datetime) -> None:
    """Let a driver take part; a repeat only dates it anew."""
    await put_row(conn, EnrolmentRow(driver_id=driver, program_id=program, since=at))


async def leave(conn: AsyncConnection, driver: str, program: str) -> bool:
    """End a driver's part; False if there was none."""
    return await drop_rows(conn, EnrolmentRow, {"driver_id": driver, "program_id": program}) > 0


async def enrolments(db: Database, driver: str) -> list[EnrolmentRow]:
    """The programs a driver is in."""
    query = select(ENROLMENT).where(ENROLMENT.c.driver_id == driver)
    return await db.every(EnrolmentRow, query.order_by(ENROLMENT.c.program_id))


async def enrolled(db: Database, program_id: str) -> set[str]:
    """Drivers in a program."""
    query = select(ENROLMENT.c.driver_id).where(ENROLMENT.c.program_id == program_id)
    return {row.driver_id for row in await db.all(query)}


async def takes_part(db: Database, token: str) -> bool:
    """Whether the driver of a token is in any program."""
    return bool(await db.answers(_TAKES_PART.of(token.lower())))


async def put_need(conn: AsyncConnection, row: NeedRow) -> None:
    """What a driver wants from now on."""
    await put_row(conn, row)


async def need(db: Database, driver: str) -> NeedRow | None:
    """What a driver wants; None if nothing was said."""
    return await db.one(NeedRow, select(NEED).where(NEED.c.driver_id == driver))


def need_of(row: NeedRow) -> Need:
    """The row in the domain's words."""
    return Need(row.reserve_soc, row.departure, row.target_energy_wh, row.target_soc)


async def opt_out(
    conn: AsyncConnection, driver: str, program: str, event_id: str | None, at: datetime
) -> None:
    """Not this time, or (`event_id` None) not until further notice."""
    await put_row(conn, OptOutRow(driver_id=driver, program_id=program, event_id=event_id or "", at=at))


async def opt_in(conn: AsyncConnection, driver: str, program: str, event_id: str | None) -> bool:
    """Take an opt-out back; False if there was none."""
    key = {"driver_id": driver, "program_id": program, "event_id": event_id or ""}
    return await drop_rows(conn, OptOutRow, key) > 0


async def opt_outs(db: Database, driver: str) -> list[OptOutRow]:
    """What a driver has opted out of."""
    query = select(OPT_OUT).where(OPT_OUT.c.driver_id == driver)
    return await db.every(OptOutRow, query.order_by(OPT_OUT.c.program_id, OPT_OUT.c.event_id))


async def opted_out(db: Database, program_id: str, event_id: str | None) -> set[str]:
    """Drivers who take no part in this event: opted out of it, or until further notice."""
    query = select(OPT_OUT.c.driver_id).where(
        OPT_OUT.c.program_id == program_id, OPT_OUT.c.event_id.in_({"", event_id or ""})
    )
    return {row.driver_id for row in await db.all(query)}
