"""Transactions, their events and their meter readings: the record that must not lose anything."""

from datetime import datetime

from sqlalchemy import bindparam, func, select

from csms.domain.transaction import Transaction, TransactionEvent
from csms.store.database import Database
from csms.store.fleet import FleetRow, all_open, open_rows
from csms.store.queries import Query
from csms.store.readings import first_values, of_transaction, reading_of, readings, readings_kept
from csms.store.rows import plain, to_micros
from csms.store.statements import Change, from_row, keep, put, revise
from csms.store.transaction_rows import (
    CONFLICT,
    EVENT,
    READING,
    TRANSACTION,
    ChargingNeedsRow,
    EventConflictRow,
    ReadingRow,
    TransactionEventRow,
    TransactionRow,
    number_of,
)
from csms.store.transaction_states import (
    STEP,
    folded,
    is_step,
    seen_ranges,
    seen_text,
    state_values,
    step_values,
)

__all__ = [
    "CONFLICT",
    "EVENT",
    "READING",
    "TRANSACTION",
    "ChargingNeedsRow",
    "FleetRow",
    "ReadingRow",
    "TransactionEventRow",
    "TransactionRow",
    "all_open",
    "conflict",
    "conflict_kept",
    "cursor",
    "event",
    "event_kept",
    "folded",
    "get",
    "listing",
    "load",
    "met",
    "needs_kept",
    "open_at",
    "open_of_token",
    "open_rows",
    "reading_of",
    "readings",
    "readings_kept",
    "readings_of",
    "seen_ranges",
    "seen_text",
    "state_kept",
]

_EVENT = keep(TransactionEventRow)
_CONFLICT = keep(EventConflictRow)
_STATE = put(TransactionRow, fixed=("number",))
_STEP = revise(TransactionRow, STEP)
_NEEDS = put(ChargingNeedsRow, newer_by="at")

# ---- queries

_KEY = ("p_identity", "p_transaction")
_ONE = select(TRANSACTION).where(
    TRANSACTION.c.identity == bindparam("p_identity"),
    TRANSACTION.c.transaction_id == bindparam("p_transaction"),
)
_BY_KEY = Query(_ONE, _KEY)
_OTHERS = select(TRANSACTION).where(
    TRANSACTION.c.identity == bindparam("p_identity"),
    TRANSACTION.c.transaction_id != bindparam("p_transaction"),
    TRANSACTION.c.open,
)
_MET = Query(_ONE.union_all(_OTHERS), _KEY)
_OPEN_AT = Query(
    select(TRANSACTION)
    .where(TRANSACTION.c.identity == bindparam("p_identity"), TRANSACTION.c.open)
    .order_by(TRANSACTION.c.started_at),
    ("p_identity",),
)
_EVENT_BY_KEY = Query(
    select(EVENT).where(
        EVENT.c.number == number_of(bindparam("p_identity"), bindparam("p_transaction")),
        EVENT.c.seq_no == bindparam("p_seq_no"),
    ),
    (*_KEY, "p_seq_no"),
)
_CONFLICT_BY_KEY = Query(
    select(CONFLICT).where(
        CONFLICT.c.identity == bindparam("p_identity"),
        CONFLICT.c.transaction_id == bindparam("p_transaction"),
        CONFLICT.c.seq_no == bindparam("p_seq_no"),
        CONFLICT.c.digest == bindparam("p_digest"),
    ),
    (*_KEY, "p_seq_no", "p_digest"),
)
_OPEN_OF_TOKEN = Query(
    select(TRANSACTION.c.identity, TRANSACTION.c.transaction_id).where(
        TRANSACTION.c.open, func.lower(TRANSACTION.c.id_token) == bindparam("p_token")
    ),
    ("p_token",),
)


async def load(db: Database, identity: str, transaction_id: str) -> Transaction | None:
    """The transaction as it stands, to fold the next event into."""
    row = await get(db, transaction_id, identity)
    return None if row is None else folded(row)


async def event(db: Database, identity: str, transaction_id: str, seq_no: int) -> TransactionEventRow | None:
    """The event that was kept under this number."""
    return await db.one(TransactionEventRow, _EVENT_BY_KEY.of(identity, transaction_id, seq_no))


async def conflict(
    db: Database, identity: str, transaction_id: str, seq_no: int, digest: bytes
) -> EventConflictRow | None:
    """This other content under this number, if it was kept before."""
    return await db.one(EventConflictRow, _CONFLICT_BY_KEY.of(identity, transaction_id, seq_no, digest))


async def get(db: Database, transaction_id: str, identity: str | None = None) -> TransactionRow | None:
    """One transaction. Its id is the station's: without `identity` it is the newest of those called so."""
    if identity is not None:
        return await db.one(TransactionRow, _BY_KEY.of(identity, transaction_id))
    query = select(TRANSACTION).where(TRANSACTION.c.transaction_id == transaction_id)
    return await db.one(TransactionRow, query.order_by(TRANSACTION.c.updated_at.desc()).limit(1))


async def met(
    db: Database, identity: str, transaction_id: str
) -> tuple[Transaction | None, list[TransactionRow]]:
    """By one read: a transaction as it stands, None if it is new, and the station's others that are open."""
    rows = {
        row.transaction_id: row for row in await db.every(TransactionRow, _MET.of(identity, transaction_id))
    }
    known = rows.pop(plain(transaction_id), None)
    return None if known is None else folded(known), [*rows.values()]


async def open_at(db: Database, identity: str) -> list[TransactionRow]:
    """A station's transactions that have not ended."""
    return await db.every(TransactionRow, _OPEN_AT.of(identity))


async def open_of_token(db: Database, token: str) -> list[tuple[str, str]]:
    """Where (station, transaction) a token has a transaction that has not ended."""
    return [(row[0], row[1]) for row in await db.answers(_OPEN_OF_TOKEN.of(token.lower()))]


async def listing(
    db: Database, after: str | None, limit: int, identity: str | None = None, open_only: bool = False
) -> list[TransactionRow]:
    """Transactions by station and id, those after the one whose `cursor` is `after`."""
    query = select(TRANSACTION).order_by(TRANSACTION.c.identity, TRANSACTION.c.transaction_id).limit(limit)
    if after is not None:
        station, _, transaction_id = after.partition("/")
        behind = (TRANSACTION.c.identity == station) & (TRANSACTION.c.transaction_id > transaction_id)
        query = query.where((TRANSACTION.c.identity > station) | behind)
    if identity is not None:
        query = query.where(TRANSACTION.c.identity == identity)
    return await db.every(TransactionRow, query.where(TRANSACTION.c.open) if open_only else query)


def cursor(row: TransactionRow) -> str:
    """Where a listing goes on behind this row; an identity has no slash in it."""
    return f"{row.identity}/{row.transaction_id}"


async def readings_of(
    db: Database,
    identity: str,
    transaction_id: str,
    start: datetime | None = None,
    end: datetime | None = None,
) -> list[ReadingRow]:
    """Readings that came with a transaction's events, oldest first; from `start` to `end` if given."""
    row = await get(db, transaction_id, identity)
    return [] if row is None else await of_transaction(db, row, start, end)


# ---- what stations tell: changes for the writer


def event_kept(
    of: Transaction,
    event: TransactionEvent,
    answer_status: str | None,
    received_at: datetime,
    evse_id: int = 0,
) -> Change:
    """An event to the byte, with its first reading; one whose number is there already changes nothing.

    `evse_id` is the EVSE whose reading it is; 0 if that is not known.
    """
    row = (
        of.number,
        event.seq_no,
        of.station_id,
        plain(event.transaction_id),
        str(event.type),
        plain(event.trigger),
        to_micros(event.at),
        to_micros(received_at),
        event.offline,
        event.digest,
        answer_status,
        event.raw,
        *first_values(evse_id, event.readings),
    )
    return Change(_EVENT, (row,))


def conflict_kept(identity: str, event: TransactionEvent, received_at: datetime) -> Change:
    """Another content under a number that is taken (row 34)."""
    key = (identity, plain(event.transaction_id), event.seq_no, event.digest)
    return Change(_CONFLICT, ((*key, to_micros(received_at), event.raw),))


def state_kept(transaction: Transaction, before: Transaction | None = None) -> Change:
    """The folded state: whole, or what has moved since `before`, which is in the store or on its way."""
    if before is not None and is_step(before, transaction):
        return Change(_STEP, (step_values(transaction),))
    return Change(_STATE, (state_values(transaction),))


def needs_kept(row: ChargingNeedsRow) -> Change:
    """What the plugged-in vehicle wants; the newest word counts."""
    return from_row(_NEEDS, row)
