"""What was said: calls that we sent, security events, frames. Append-only but for a call's own state."""

from datetime import datetime

from sqlalchemy import Index, and_, delete, literal_column, or_, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlmodel import Field, SQLModel

from csms.domain.station import is_place
from csms.errors import NotFound
from csms.store.database import Database
from csms.store.edits import add_row, change_row
from csms.store.queries import Query
from csms.store.rows import moment, number, plain, plain_or_none, table_of, to_micros, wide
from csms.store.statements import Change, from_row, keep
from csms.store.stations import STATION
from csms.wire.words import EventDataType


class CallRow(SQLModel, table=True):
    """One call to a station and what became of it: accepted, sent, answered, refused, failed, expired.

    Secrets in `payload` are replaced before it is stored. After `deadline` no answer is waited for.
    `request_id` is that of the request which it began, if more than an answer is to come. With `retry` it is
    sent again by itself until it is answered or `deadline` is over; `attempts` have come to nothing so far.
    """

    __tablename__ = "call"
    __table_args__ = (
        Index(
            "ix_call_waiting",  # few of all calls wait for another attempt
            "identity",
            sqlite_where=text("retry = 1 AND state = 'accepted'"),
            postgresql_where=text("retry = true AND state = 'accepted'"),
        ),
    )

    call_id: str = Field(primary_key=True)
    identity: str = Field(index=True)
    action: str
    payload: str
    state: str
    answer: str | None = None
    error_code: str | None = None
    error_text: str | None = None
    user: str | None = None
    idempotency_key: str | None = None
    deadline: datetime | None = Field(default=None, sa_column=moment())
    request_id: int | None = Field(default=None, sa_column=wide())
    retry: bool = False
    attempts: int = 0
    created_at: datetime = Field(sa_column=moment(nullable=False, index=True))
    changed_at: datetime = Field(sa_column=moment(nullable=False))


class SecurityEventRow(SQLModel, table=True):
    """A security event; the same one told twice is kept once (station, type, time)."""

    __tablename__ = "security_event"

    identity: str = Field(primary_key=True)
    type: str = Field(primary_key=True)
    at_text: str = Field(primary_key=True)
    received_at: datetime = Field(sa_column=moment(nullable=False, index=True))
    tech_info: str | None = None


class NotifiedEventRow(SQLModel, table=True):
    """An event of the device model that the station notified (NotifyEvent)."""

    __tablename__ = "notified_event"

    identity: str = Field(primary_key=True)
    generated_at: str = Field(primary_key=True)
    seq_no: int = Field(sa_column=wide(primary_key=True))
    event_id: int = Field(sa_column=wide(primary_key=True))
    received_at: datetime = Field(sa_column=moment(nullable=False))
    component: str
    variable: str
    value: str
    trigger: str
    at_text: str | None = None
    component_instance: str | None = None
    evse_id: int | None = None
    connector_id: int | None = None
    variable_instance: str | None = None
    origin: str | None = None
    severity: int | None = None
    monitor_id: int | None = Field(default=None, sa_column=wide())
    cause: int | None = Field(default=None, sa_column=wide())
    cleared: bool | None = None
    transaction_id: str | None = None
    tech_code: str | None = None
    tech_info: str | None = None


class FrameRow(SQLModel, table=True):
    """One OCPP-J frame with secrets replaced, newest few thousand a station; `way` is `in` or `out`."""

    __tablename__ = "frame"

    id: int | None = Field(default=None, sa_column=number())
    identity: str = Field(index=True)
    at: datetime = Field(sa_column=moment(nullable=False))
    way: str
    text: str


CALL = table_of(CallRow)
SECURITY_EVENT = table_of(SecurityEventRow)
FRAME = table_of(FrameRow)
NOTIFIED_EVENT = table_of(NotifiedEventRow)

_WAITING = (CALL.c.retry, CALL.c.state == literal_column("'accepted'"))
_ANY_WAITING = Query(select(CALL.c.call_id).where(*_WAITING).limit(1), ())

_SECURITY_EVENT = keep(SecurityEventRow)
_NOTIFIED_EVENT = keep(NotifiedEventRow)
_FRAME = keep(FrameRow)

# ---- queries


async def calls(
    db: Database, identity: str, limit: int, *, state: str | None = None, action: str | None = None
) -> list[CallRow]:
    """The newest calls to a station, newest first; only those in a state or of an action, if one is named."""
    query = select(CALL).where(CALL.c.identity == identity)
    if state is not None:
        query = query.where(CALL.c.state == state)
    if action is not None:
        query = query.where(CALL.c.action == action)
    return await db.every(CallRow, query.order_by(CALL.c.created_at.desc(), CALL.c.call_id).limit(limit))


async def call(db: Database, call_id: str) -> CallRow | None:
    """One call."""
    return await db.one(CallRow, select(CALL).where(CALL.c.call_id == call_id))


async def security_events(db: Database, identity: str, limit: int) -> list[SecurityEventRow]:
    """The newest security events of a station, newest first."""
    query = select(SECURITY_EVENT).where(SECURITY_EVENT.c.identity == identity)
    return await db.every(SecurityEventRow, query.order_by(SECURITY_EVENT.c.received_at.desc()).limit(limit))


async def notified_events(db: Database, identity: str, limit: int) -> list[NotifiedEventRow]:
    """The newest events of a station's device model, newest first."""
    query = select(NOTIFIED_EVENT).where(NOTIFIED_EVENT.c.identity == identity)
    newest = query.order_by(NOTIFIED_EVENT.c.received_at.desc(), NOTIFIED_EVENT.c.seq_no.desc())
    return await db.every(NotifiedEventRow, newest.limit(limit))


async def frames(db: Database, identity: str, after_id: int, limit: int) -> list[FrameRow]:
    """Frames of a station behind the one with id `after_id`, oldest first."""
    query = select(FRAME).where(FRAME.c.identity == identity, FRAME.c.id > after_id)
    return await db.every(FrameRow, query.order_by(FRAME.c.id).limit(limit))


async def any_waiting(db: Database) -> bool:
    """Whether there are calls that may be sent again, to whichever station."""
    return bool(await db.answers(_ANY_WAITING.of()))


async def waiting(db: Database, limit: int) -> list[CallRow]:
    """Calls to stations that are connected which may be sent again, oldest first."""
    query = select(CALL).join(STATION, STATION.c.identity == CALL.c.identity)
    due = query.where(STATION.c.connected, *_WAITING).order_by(CALL.c.created_at, CALL.c.call_id)
    return await db.every(CallRow, due.limit(limit))


# ---- administration


async def call_added(conn: AsyncConnection, row: CallRow) -> None:
    """Write down a call before it is sent. Raises `Conflict` for an id that is taken."""
    await add_row(conn, row, "There is a call with this id already.")


async def call_changed(
    conn: AsyncConnection, call_id: str, state: str, *, at: datetime, **said: object
) -> None:
    """What became of a call; `said`: answer, error_code, error_text. Raises `NotFound`."""
    fields = {"state": state, "changed_at": at, **said}
    if not await change_row(conn, CallRow, {"call_id": call_id}, fields):
        raise NotFound("call", call_id)


async def call_taken(conn: AsyncConnection, call_id: str, at: datetime) -> bool:
    """A call that waits is sent now, by one who asks this first."""
    statement = update(CALL).where(CALL.c.call_id == call_id, CALL.c.state == "accepted")
    return (await conn.execute(statement.values(state="sent", changed_at=at))).rowcount > 0


async def calls_lapsed(conn: AsyncConnection, now: datetime) -> int:
    """Calls whose deadline is over and of which nobody has said how they ended: nobody waits for them now.

    That is so after a crash; those that are to be sent again wait for that. Says how many there were.
    """
    cut_off = and_(CALL.c.retry, CALL.c.state == "sent", CALL.c.deadline >= now)
    await conn.execute(update(CALL).where(cut_off).values(state="accepted", changed_at=now))
    over = and_(CALL.c.state.in_(("accepted", "sent")), or_(CALL.c.deadline.is_(None), CALL.c.deadline < now))
    statement = update(CALL).where(over).values(state="expired", error_code="Lost", changed_at=now)
    return (await conn.execute(statement)).rowcount


async def waiting_lapsed(conn: AsyncConnection, now: datetime) -> int:
    """Calls that could not be brought until their deadline. Says how many there were."""
    statement = update(CALL).where(*_WAITING, CALL.c.deadline < now)
    return (await conn.execute(statement.values(state="expired", changed_at=now))).rowcount


async def trim_frames(conn: AsyncConnection, identity: str, kept: int) -> None:
    """Keep a station's newest `kept` frames only."""
    ids = select(FRAME.c.id).where(FRAME.c.identity == identity).order_by(FRAME.c.id.desc())
    border = ids.offset(kept).limit(1).scalar_subquery()
    await conn.execute(delete(FRAME).where(FRAME.c.identity == identity, FRAME.c.id <= border))


# ---- what stations tell: changes for the writer


def security_event(
    identity: str, kind: str, at_text: str, received_at: datetime, tech_info: str | None = None
) -> Change:
    """A security event with the station's own time stamp as it came; told twice it is kept once."""
    row = (identity, plain(kind), plain(at_text), to_micros(received_at), plain_or_none(tech_info))
    return Change(_SECURITY_EVENT, (row,))


def notified_event(
    identity: str, *, generated_at: str, seq_no: int, event: EventDataType, at: datetime
) -> Change:
    """An event of the device model (NotifyEvent); told twice it is kept once."""
    component, variable = event.component, event.variable
    evse = component.evse
    row = NotifiedEventRow(
        identity=identity,
        generated_at=generated_at,
        seq_no=seq_no,
        event_id=event.event_id,
        received_at=at,
        component=component.name,
        variable=variable.name,
        value=event.actual_value,
        trigger=event.trigger,
        at_text=event.timestamp,
        component_instance=component.instance,
        evse_id=evse.id if evse and is_place(evse.id) else None,
        connector_id=evse.connector_id if evse and is_place(evse.connector_id or 0) else None,
        variable_instance=variable.instance,
        origin=event.event_notification_type,
        severity=event.severity,
        monitor_id=event.variable_monitoring_id,
        cause=event.cause,
        cleared=event.cleared,
        transaction_id=event.transaction_id,
        tech_code=event.tech_code,
        tech_info=event.tech_info,
    )
    return from_row(_NOTIFIED_EVENT, row)


def frame(identity: str, at: datetime, way: str, text: str) -> Change:
    """One frame as it went over the wire, secrets already replaced; `way` is `in` or `out`."""
    return Change(_FRAME, ((identity, to_micros(at), way, plain(text)),))
