"""What others tell a station to do: limits of a grid operator or an energy manager; the vehicle's plan."""

from datetime import datetime

from sqlalchemy import bindparam, delete, select, update
from sqlmodel import Field, SQLModel

from csms.store.database import Database
from csms.store.rows import moment, plain, plain_or_none, table_of, to_micros
from csms.store.statements import Change, put, write


class ChargingLimitRow(SQLModel, table=True):
    """The newest limit of one source at one EVSE (0: the station); `schedule` is OCPP's, in JSON.

    In force while `cleared_at` is None.
    """

    __tablename__ = "charging_limit"

    identity: str = Field(primary_key=True)
    evse_id: int = Field(primary_key=True)
    source: str = Field(primary_key=True)
    grid_critical: bool | None = None
    schedule: str | None = None
    set_at: datetime = Field(sa_column=moment(nullable=False))
    cleared_at: datetime | None = Field(default=None, sa_column=moment())


class VehicleScheduleRow(SQLModel, table=True):
    """The newest plan of the vehicle at one EVSE (NotifyEVChargingSchedule), in JSON."""

    __tablename__ = "vehicle_schedule"

    identity: str = Field(primary_key=True)
    evse_id: int = Field(primary_key=True)
    schedule: str
    at: datetime = Field(sa_column=moment(nullable=False))


LIMIT = table_of(ChargingLimitRow)
SCHEDULE = table_of(VehicleScheduleRow)

_IN_FORCE = select(LIMIT).where(LIMIT.c.cleared_at.is_(None)).order_by(LIMIT.c.identity, LIMIT.c.evse_id)
_SET = put(ChargingLimitRow)
_SCHEDULE = put(VehicleScheduleRow)
_CLEARED = write(
    ChargingLimitRow,
    ("p_identity", "p_evse", "p_source", "p_at"),
    update(LIMIT)
    .where(
        LIMIT.c.identity == bindparam("p_identity"),
        LIMIT.c.evse_id == bindparam("p_evse"),
        LIMIT.c.source == bindparam("p_source"),
    )
    .values(cleared_at=bindparam("p_at")),
)
_TIDIED = write(
    ChargingLimitRow,
    ("p_identity",),
    delete(LIMIT).where(LIMIT.c.identity == bindparam("p_identity"), LIMIT.c.cleared_at.is_not(None)),
)


async def limits(db: Database, identity: str) -> list[ChargingLimitRow]:
    """The limits that a station has told of, also those that are over."""
    query = select(LIMIT).where(LIMIT.c.identity == identity)
    return await db.every(ChargingLimitRow, query.order_by(LIMIT.c.evse_id, LIMIT.c.source))


async def in_force(db: Database) -> list[ChargingLimitRow]:
    """Every limit at any station that has not been cleared."""
    return await db.every(ChargingLimitRow, _IN_FORCE)


async def vehicle_schedules(db: Database, identity: str) -> list[VehicleScheduleRow]:
    """The newest plan of the vehicle at each EVSE."""
    query = select(SCHEDULE).where(SCHEDULE.c.identity == identity).order_by(SCHEDULE.c.evse_id)
    return await db.every(VehicleScheduleRow, query)


def limited(
    identity: str,
    evse_id: int,
    source: str,
    *,
    grid_critical: bool | None,
    schedule: str | None,
    at: datetime,
) -> Change:
    """Somebody else limits the station (K12)."""
    row = (identity, evse_id, plain(source), grid_critical, plain_or_none(schedule), to_micros(at), None)
    return Change(_SET, (row,))


def cleared(identity: str, evse_id: int, source: str, at: datetime) -> Change:
    """Somebody else limits the station no longer (K13)."""
    return Change(_CLEARED, ((identity, evse_id, plain(source), to_micros(at)),))


def tidied(identity: str) -> Change:
    """What is over at a station is not kept any longer."""
    return Change(_TIDIED, ((identity,),))


def planned(identity: str, evse_id: int, schedule: str, at: datetime) -> Change:
    """The vehicle has told what it will do (K15.FR.10, K17)."""
    return Change(_SCHEDULE, ((identity, evse_id, plain(schedule), to_micros(at)),))
