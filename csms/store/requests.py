"""Long-running requests that later messages refer to by `requestId`, and the parts of their results.

open ──> complete     all has come, or the station has said that it is done
     ──> failed       the station has said that it could not
     ──> refused      the station did not take it on
     ──> replaced     the station dropped it for a newer one
"""

from datetime import datetime

from sqlalchemy import bindparam, case, func, literal_column, select, update
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlmodel import Field, SQLModel

from csms.store.database import Database
from csms.store.edits import add_row, change_row, drop_rows, put_row
from csms.store.rows import moment, number, plain, plain_or_none, table_of, to_micros, wide
from csms.store.statements import Change, keep, write

OPEN, COMPLETE, FAILED, REFUSED, REPLACED = "open", "complete", "failed", "refused", "replaced"


class RequestRow(SQLModel, table=True):
    """A report, log, firmware update ... at one station, followed to its end.

    `state` is ours (see above); `status` is the station's last word on it, in its own terms.
    """

    __tablename__ = "request"

    identity: str = Field(primary_key=True)
    request_id: int = Field(sa_column=wide(primary_key=True))
    kind: str
    state: str = OPEN
    parts: int = 0
    status: str | None = None
    detail: str | None = None
    call_id: str | None = None
    opened_at: datetime = Field(sa_column=moment(nullable=False))
    changed_at: datetime = Field(sa_column=moment(nullable=False))


class RequestPartRow(SQLModel, table=True):
    """A part of a result as the station told it, in JSON; `seq_no` where the message has one."""

    __tablename__ = "request_part"

    id: int | None = Field(default=None, sa_column=number())
    identity: str = Field(index=True)
    request_id: int = Field(sa_column=wide(nullable=False))
    seq_no: int | None = Field(default=None, sa_column=wide())
    at: datetime = Field(sa_column=moment(nullable=False))
    payload: str


_OPEN_MAX = 20

REQUEST = table_of(RequestRow)
PART = table_of(RequestPartRow)

_ENDED = REQUEST.c.state.in_([literal_column(f"'{state}'") for state in (COMPLETE, FAILED, REPLACED)])
_THIS = (REQUEST.c.identity == bindparam("p_identity"), REQUEST.c.request_id == bindparam("p_request"))
_STATE = case((_ENDED, REQUEST.c.state), else_=bindparam("p_state"))

_PART = write(
    RequestRow,
    ("p_identity", "p_request", "p_at", "p_state"),
    update(REQUEST)
    .where(*_THIS)
    .values(parts=REQUEST.c.parts + literal_column("1"), state=_STATE, changed_at=bindparam("p_at")),
)
_TOLD = write(
    RequestRow,
    ("p_identity", "p_request", "p_at", "p_state", "p_status", "p_detail"),
    update(REQUEST)
    .where(*_THIS)
    .values(
        parts=REQUEST.c.parts + literal_column("1"),
        state=_STATE,
        status=case((_ENDED, REQUEST.c.status), else_=bindparam("p_status")),
        detail=case((_ENDED, REQUEST.c.detail), else_=bindparam("p_detail")),
        changed_at=bindparam("p_at"),
    ),
)
_KEPT = keep(RequestPartRow)


async def open(conn: AsyncConnection, identity: str, kind: str, at: datetime) -> int:
    """Begin a request of a kind at a station: the id that its messages will carry."""
    newest = select(func.coalesce(func.max(REQUEST.c.request_id), 0)).where(REQUEST.c.identity == identity)
    request_id = int((await conn.execute(newest)).scalar_one()) + 1
    row = RequestRow(identity=identity, request_id=request_id, kind=kind, opened_at=at, changed_at=at)
    await add_row(conn, row, "Another request began at the same moment.")
    return request_id


async def begin(conn: AsyncConnection, row: RequestRow) -> None:
    """Begin a request under an id that a person chose; one that had this id before is forgotten."""
    await put_row(conn, row)


async def change(conn: AsyncConnection, identity: str, request_id: int, **fields: object) -> None:
    """What we know of a request by another way than its messages."""
    await change_row(conn, RequestRow, {"identity": identity, "request_id": request_id}, fields)


async def replaced_by(conn: AsyncConnection, identity: str, kind: str, request_id: int, at: datetime) -> None:
    """The station has dropped what it had under way of this kind for a newer request."""
    older = (REQUEST.c.identity == identity, REQUEST.c.kind == kind, REQUEST.c.request_id != request_id)
    statement = update(REQUEST).where(*older, REQUEST.c.state == OPEN)
    await conn.execute(statement.values(state=REPLACED, changed_at=at))


async def forget(conn: AsyncConnection, identity: str, request_id: int) -> None:
    """Forget a request and what came of it."""
    key = {"identity": identity, "request_id": request_id}
    await drop_rows(conn, RequestPartRow, key)
    await drop_rows(conn, RequestRow, key)


async def get(db: Database, identity: str, request_id: int) -> RequestRow | None:
    """One request."""
    query = select(REQUEST).where(REQUEST.c.identity == identity, REQUEST.c.request_id == request_id)
    return await db.one(RequestRow, query)


async def listing(db: Database, identity: str, limit: int) -> list[RequestRow]:
    """The newest requests of a station, newest first."""
    query = select(REQUEST).where(REQUEST.c.identity == identity)
    newest = query.order_by(REQUEST.c.opened_at.desc(), REQUEST.c.request_id.desc()).limit(limit)
    return await db.every(RequestRow, newest)


async def parts(db: Database, row: RequestRow) -> list[RequestPartRow]:
    """What has come of a request since it began, in the station's order; a part told twice comes once."""
    query = select(PART).where(
        PART.c.identity == row.identity, PART.c.request_id == row.request_id, PART.c.at >= row.opened_at
    )
    found = await db.every(RequestPartRow, query.order_by(PART.c.seq_no, PART.c.id))
    seen: set[int] = set()
    once = []
    for part in found:
        if part.seq_no is None or part.seq_no not in seen:
            once.append(part)
            seen.update(() if part.seq_no is None else (part.seq_no,))
    return once


async def open_of(db: Database, identity: str, kind: str, since: datetime | None = None) -> list[RequestRow]:
    """A station's requests of a kind that have not ended, newest first; those begun after `since`."""
    query = select(REQUEST).where(
        REQUEST.c.identity == identity, REQUEST.c.kind == kind, REQUEST.c.state == OPEN
    )
    if since is not None:
        query = query.where(REQUEST.c.opened_at > since)
    newest = query.order_by(REQUEST.c.opened_at.desc(), REQUEST.c.request_id.desc())
    return await db.every(RequestRow, newest.limit(_OPEN_MAX))


def part(identity: str, request_id: int, at: datetime, complete: bool) -> Change:
    """A part of the answer came; a request that nobody made stays unknown, a complete one stays complete."""
    return Change(_PART, ((identity, request_id, to_micros(at), COMPLETE if complete else OPEN),))


def told(
    identity: str, request_id: int, at: datetime, *, state: str, status: str, detail: str | None = None
) -> Change:
    """The station's own word on how a request goes on; one that has ended stays as it ended."""
    row = (identity, request_id, to_micros(at), state, plain(status), plain_or_none(detail))
    return Change(_TOLD, (row,))


def result(identity: str, request_id: int, seq_no: int | None, at: datetime, payload: str) -> Change:
    """A part of a result, kept as it came."""
    return Change(_KEPT, ((identity, request_id, seq_no, to_micros(at), plain(payload)),))


async def completed(db: Database, identity: str, kind: str) -> bool:
    """Whether a request of this kind was ever answered to its end by this station."""
    query = select(REQUEST.c.request_id).where(
        REQUEST.c.identity == identity, REQUEST.c.kind == kind, REQUEST.c.state == COMPLETE
    )
    return await db.first(query.limit(1)) is not None
