"""Controls of distributed energy resources at the stations (block R), and their alarms of the grid."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import bindparam, delete, func, literal_column, null, or_, select, update
from sqlmodel import Field, SQLModel

from csms.store.database import Database
from csms.store.edits import Connection, put_row
from csms.store.rows import moment, plain, table_of, to_micros, wide
from csms.store.statements import Change, put, values_of, write
from csms.store.transaction_rows import TRANSACTION

ACTIVE, SCHEDULED, SUPERSEDED, ENDED = "active", "scheduled", "superseded", "ended"
LIMIT = "LimitMaxDischarge"


class DerControlRow(SQLModel, table=True):
    """One control at a station. `settings` are OCPP's in JSON; `state`: scheduled, active, superseded, ended.

    `discharge_pct` is what a LimitMaxDischarge leaves of the most that may flow out, in percent.
    """

    __tablename__ = "der_control"

    identity: str = Field(primary_key=True)
    control_id: str = Field(primary_key=True)
    control_type: str
    is_default: bool
    priority: int | None = Field(default=None, sa_column=wide())
    settings: str
    state: str
    discharge_pct: float | None = None
    changed_at: datetime = Field(sa_column=moment(nullable=False))


class DerAlarmRow(SQLModel, table=True):
    """The newest word on one fault of the grid as a station sees it; it stands while `ended_at` is None."""

    __tablename__ = "der_alarm"

    identity: str = Field(primary_key=True)
    control_type: str = Field(primary_key=True)
    fault: str = Field(default="", primary_key=True)
    at: datetime = Field(sa_column=moment(nullable=False))
    ended_at: datetime | None = Field(default=None, sa_column=moment())
    extra_info: str | None = None
    heard_at: datetime = Field(sa_column=moment(nullable=False))


CONTROL = table_of(DerControlRow)
ALARM = table_of(DerAlarmRow)

IN_ALARM = TRANSACTION.c.identity.in_(select(ALARM.c.identity).where(ALARM.c.ended_at.is_(None)))
"""R05: the grid is not well at this station."""
LEFT_OF_DISCHARGE = (
    select(func.min(CONTROL.c.discharge_pct))
    .where(
        CONTROL.c.identity == TRANSACTION.c.identity,
        CONTROL.c.control_type == LIMIT,
        CONTROL.c.state == ACTIVE,
    )
    .scalar_subquery()
)
"""The least percentage that a LimitMaxDischarge leaves at this station; NULL without one."""

_THIS = (CONTROL.c.identity == bindparam("p_identity"), CONTROL.c.control_id == bindparam("p_control"))
_STATE = write(
    DerControlRow,
    ("p_identity", "p_control", "p_state", "p_at"),
    update(CONTROL).where(*_THIS).values(state=bindparam("p_state"), changed_at=bindparam("p_at")),
)
_REPORTED = put(DerControlRow)
_ALARM = put(DerAlarmRow, newer_by="at")
_ALARM_AGAIN = write(
    DerAlarmRow,
    ("p_identity", "p_type", "p_fault", "p_at", "p_heard"),
    update(ALARM)
    .where(
        ALARM.c.identity == bindparam("p_identity"),
        ALARM.c.control_type == bindparam("p_type"),
        ALARM.c.fault == bindparam("p_fault"),
        ALARM.c.ended_at.is_not(None),
    )
    .values(at=bindparam("p_at"), heard_at=bindparam("p_heard"), ended_at=null()),
)
_ALARM_ENDED = write(
    DerAlarmRow,
    ("p_identity", "p_type", "p_fault", "p_at", "p_heard"),
    update(ALARM)
    .where(
        ALARM.c.identity == bindparam("p_identity"),
        ALARM.c.control_type == bindparam("p_type"),
        or_(ALARM.c.fault == bindparam("p_fault"), bindparam("p_fault") == literal_column("''")),
        ALARM.c.at <= bindparam("p_at"),
        ALARM.c.ended_at.is_(None),
    )
    .values(ended_at=bindparam("p_at"), heard_at=bindparam("p_heard")),
)


async def controls(db: Database, identity: str) -> list[DerControlRow]:
    """The controls of a station as far as they are known."""
    query = select(CONTROL).where(CONTROL.c.identity == identity)
    return await db.every(DerControlRow, query.order_by(CONTROL.c.control_type, CONTROL.c.control_id))


async def control(db: Database, identity: str, control_id: str) -> DerControlRow | None:
    """One control."""
    here = (CONTROL.c.identity == identity, CONTROL.c.control_id == control_id)
    return await db.one(DerControlRow, select(CONTROL).where(*here))


async def alarms(db: Database, identity: str) -> list[DerAlarmRow]:
    """The alarms of a station, also those that are over; the newest first."""
    query = select(ALARM).where(ALARM.c.identity == identity)
    return await db.every(DerAlarmRow, query.order_by(ALARM.c.at.desc(), ALARM.c.control_type, ALARM.c.fault))


async def keep(conn: Connection, row: DerControlRow) -> None:
    """A control that the station has taken; it stands in the place of the one with its id."""
    await put_row(conn, row)


async def superseded(conn: Connection, identity: str, ids: Sequence[str], at: datetime) -> None:
    """Controls that have given way to one of higher priority."""
    here = (CONTROL.c.identity == identity, CONTROL.c.control_id.in_(ids))
    await conn.execute(update(CONTROL).where(*here).values(state=SUPERSEDED, changed_at=at))


async def drop(
    conn: Connection, identity: str, *, is_default: bool, control_type: str | None, control_id: str | None
) -> None:
    """Controls that are cleared: one by its id, else all of a type, else all; defaults or not."""
    query = delete(CONTROL).where(CONTROL.c.identity == identity, CONTROL.c.is_default == is_default)
    if control_id is not None:
        query = query.where(CONTROL.c.control_id == control_id)
    if control_type is not None:
        query = query.where(CONTROL.c.control_type == control_type)
    await conn.execute(query)


async def end_alarms(conn: Connection, identity: str, at: datetime) -> int:
    """A person says that the grid is well at a station; how many alarms stood."""
    here = (ALARM.c.identity == identity, ALARM.c.ended_at.is_(None))
    return (await conn.execute(update(ALARM).where(*here).values(ended_at=at, heard_at=at))).rowcount


def reported(rows: Iterable[DerControlRow]) -> Change:
    """Controls as the station tells them."""
    return Change(_REPORTED, tuple(values_of(_REPORTED, row) for row in rows))


def changed(identity: str, ids: Sequence[str], state: str, at: datetime) -> Change:
    """What has become of controls, by the station's word."""
    return Change(_STATE, tuple((identity, plain(control_id), state, to_micros(at)) for control_id in ids))


def alarmed(row: DerAlarmRow) -> tuple[Change, Change]:
    """The grid is not well. One that had ended stands anew, whatever the time: clocks are put right."""
    again = (row.identity, row.control_type, row.fault, to_micros(row.at), to_micros(row.heard_at))
    return Change(_ALARM_AGAIN, (again,)), Change(_ALARM, (values_of(_ALARM, row),))


def alarm_ended(identity: str, control_type: str, fault: str, at: datetime, heard_at: datetime) -> Change:
    """The grid is well again; without a `fault` all that the control has alarmed of is over."""
    return Change(_ALARM_ENDED, ((identity, control_type, fault, to_micros(at), to_micros(heard_at)),))
