"""Long-running requests that later notifications refer to by `requestId`."""

from datetime import datetime

from sqlalchemy import bindparam, case, func, literal_column, select, update
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlmodel import Field, SQLModel

from csms.store.database import Database
from csms.store.edits import add_row
from csms.store.rows import moment, table_of, to_micros, wide
from csms.store.statements import Change, write


class RequestRow(SQLModel, table=True):
    """A report, log or profile report under way at one station; `state`: open, complete, failed."""

    __tablename__ = "request"

    identity: str = Field(primary_key=True)
    request_id: int = Field(sa_column=wide(primary_key=True))
    kind: str
    state: str = "open"
    parts: int = 0
    opened_at: datetime = Field(sa_column=moment(nullable=False))
    changed_at: datetime = Field(sa_column=moment(nullable=False))


REQUEST = table_of(RequestRow)

_PART = write(
    RequestRow,
    ("p_identity", "p_request", "p_at", "p_state"),
    update(REQUEST)
    .where(REQUEST.c.identity == bindparam("p_identity"), REQUEST.c.request_id == bindparam("p_request"))
    .values(
        parts=REQUEST.c.parts + literal_column("1"),
        state=case(
            (REQUEST.c.state == literal_column("'complete'"), REQUEST.c.state), else_=bindparam("p_state")
        ),
        changed_at=bindparam("p_at"),
    ),
)


async def open(conn: AsyncConnection, identity: str, kind: str, at: datetime) -> int:
    """Begin a request of a kind at a station: the id that its notifications will carry."""
    newest = select(func.coalesce(func.max(REQUEST.c.request_id), 0)).where(REQUEST.c.identity == identity)
    request_id = int((await conn.execute(newest)).scalar_one()) + 1
    row = RequestRow(identity=identity, request_id=request_id, kind=kind, opened_at=at, changed_at=at)
    await add_row(conn, row, "Another request began at the same moment.")
    return request_id


async def get(db: Database, identity: str, request_id: int) -> RequestRow | None:
    """One request."""
    query = select(REQUEST).where(REQUEST.c.identity == identity, REQUEST.c.request_id == request_id)
    return await db.one(RequestRow, query)


def part(identity: str, request_id: int, at: datetime, complete: bool) -> Change:
    """A part of the answer came; a request that nobody made stays unknown, a complete one stays complete."""
    return Change(_PART, ((identity, request_id, to_micros(at), "complete" if complete else "open"),))


async def completed(db: Database, identity: str, kind: str) -> bool:
    """Whether a request of this kind was ever answered to its end by this station."""
    query = select(REQUEST.c.request_id).where(
        REQUEST.c.identity == identity, REQUEST.c.kind == kind, REQUEST.c.state == "complete"
    )
    return await db.first(query.limit(1)) is not None
