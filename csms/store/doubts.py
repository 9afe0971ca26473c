"""Transactions that do not add up: with a gap, or not alone at their EVSE (rows 35 and 39)."""

from collections import Counter
from datetime import datetime

from sqlalchemy import bindparam, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from csms.store.database import Database
from csms.store.edits import change_row
from csms.store.queries import Query
from csms.store.rows import to_micros
from csms.store.transaction_rows import HAS_GAPS, TRANSACTION, TransactionRow
from csms.store.transactions import open_at

_WITH_GAPS = Query(
    select(TRANSACTION).where(
        TRANSACTION.c.identity == bindparam("p_identity"),
        text(HAS_GAPS),
        TRANSACTION.c.updated_at >= bindparam("p_since"),
    ),
    ("p_identity", "p_since"),
)


async def doubtful(db: Database, identity: str, since: datetime) -> list[TransactionRow]:
    """A station's transactions, changed since then, that have a gap or share their EVSE while open."""
    opened = [row for row in await open_at(db, identity) if row.updated_at is None or row.updated_at >= since]
    broken = await db.every(TransactionRow, _WITH_GAPS.of(identity, to_micros(since)))
    rows = {row.transaction_id: row for row in (*opened, *broken)}.values()
    places = Counter(row.evse_id for row in rows if row.open)
    return [row for row in rows if "," in row.seen or (row.evse_id is not None and places[row.evse_id] > 1)]


async def shares_its_evse(db: Database, row: TransactionRow) -> bool:
    """Whether it is open, and not alone at its EVSE (row 39)."""
    if row.evse_id is None or not row.open:
        return False
    return sum(other.evse_id == row.evse_id for other in await open_at(db, row.identity)) > 1


async def given_up(conn: AsyncConnection, row: TransactionRow) -> None:
    """The station knows it no more: it is not open, and has no end (a late event of it opens it again)."""
    key = {"identity": row.identity, "transaction_id": row.transaction_id}
    await change_row(conn, TransactionRow, key, {"open": False})
