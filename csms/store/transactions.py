"""Transactions, their events and their meter readings: the record that must not lose anything."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import bindparam, func, select

from csms.domain.meter import Reading
from csms.domain.transaction import Transaction, TransactionEvent
from csms.store.database import Database
from csms.store.fleet import FleetRow, all_open
from csms.store.queries import Query
from csms.store.rows import plain, to_micros
from csms.store.statements import Change, fill, from_row, keep, put
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
)
from csms.store.transaction_states import folded, reading_of, seen_ranges, seen_text, state_values

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
    "needs_kept",
    "open_at",
    "open_of_token",
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
_STATE = put(TransactionRow)
_READING = fill(ReadingRow)
_NEEDS = put(ChargingNeedsRow, newer_by="at")

# ---- queries

_KEY = ("p_identity", "p_transaction")
_BY_KEY = Query(
    select(TRANSACTION).where(
        TRANSACTION.c.identity == bindparam("p_identity"),
        TRANSACTION.c.transaction_id == bindparam("p_transaction"),
    ),
    _KEY,
)
_OPEN_AT = Query(
    select(TRANSACTION)
    .where(TRANSACTION.c.identity == bindparam("p_identity"), TRANSACTION.c.open)
    .order_by(TRANSACTION.c.started_at),
    ("p_identity",),
)
_EVENT_BY_KEY = Query(
    select(EVENT).where(
        EVENT.c.identity == bindparam("p_identity"),
        EVENT.c.transaction_id == bindparam("p_transaction"),
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


async def readings(
    db: Database, identity: str, evse_id: int, start: datetime, end: datetime
) -> list[ReadingRow]:
    """Readings of an EVSE from `start` to `end`, both included, oldest first, from whatever message."""
    query = select(READING).where(
        READING.c.identity == identity, READING.c.evse_id == evse_id, READING.c.at.between(start, end)
    )
    return await db.every(ReadingRow, query.order_by(READING.c.at, READING.c.seq_no, READING.c.part))


async def readings_of(
    db: Database,
    identity: str,
    transaction_id: str,
    start: datetime | None = None,
    end: datetime | None = None,
) -> list[ReadingRow]:
    """Readings that came with a transaction's events, oldest first; from `start` to `end` if given."""
    row = await get(db, transaction_id, identity)
    if row is None:
        return []
    # Readings that came before the EVSE was known stand under 0. Inside an EVSE's years of readings the
    # transaction's own times are the way to these.
    known = [at for at in (row.started_at, row.first_at) if at is not None]
    query = select(READING).where(
        READING.c.identity == identity,
        READING.c.evse_id.in_({0, row.evse_id or 0}),
        READING.c.source == transaction_id,
    )
    begin = start or (min(known) if known else None)
    if begin is not None:
        query = query.where(READING.c.at >= begin)
    if end is not None:
        query = query.where(READING.c.at <= end)
    return await db.every(ReadingRow, query.order_by(READING.c.at, READING.c.seq_no, READING.c.part))


# ---- what stations tell: changes for the writer


def event_kept(
    identity: str, event: TransactionEvent, answer_status: str | None, received_at: datetime
) -> Change:
    """An event to the byte; one whose number is there already changes nothing."""
    row = (
        identity,
        plain(event.transaction_id),
        event.seq_no,
        event.type.value,
        plain(event.trigger),
        to_micros(event.at),
        to_micros(received_at),
        event.offline,
        event.digest,
        answer_status,
        event.raw,
    )
    return Change(_EVENT, (row,))


def conflict_kept(identity: str, event: TransactionEvent, received_at: datetime) -> Change:
    """Another content under a number that is taken (row 34)."""
    key = (identity, plain(event.transaction_id), event.seq_no, event.digest)
    return Change(_CONFLICT, ((*key, to_micros(received_at), event.raw),))


def state_kept(transaction: Transaction) -> Change:
    """The folded state, whole."""
    return Change(_STATE, (state_values(transaction),))


def readings_kept(
    identity: str, evse_id: int, readings: Sequence[Reading], source: str, seq_no: int
) -> Change:
    """Readings of one message; `source` is its transaction, or empty and `seq_no` -1 for MeterValues.

    Told twice they are kept once. Values that come in several MeterValues with one time stamp fill one row.
    """
    rows = tuple(
        (
            identity,
            evse_id,
            to_micros(reading.at),
            source,
            seq_no,
            part,
            reading.power_w,
            reading.import_wh,
            reading.export_wh,
            reading.soc,
            reading.context,
        )
        for part, reading in enumerate(readings)
    )
    return Change(_READING, rows)


def needs_kept(row: ChargingNeedsRow) -> Change:
    """What the plugged-in vehicle wants; the newest word counts."""
    return from_row(_NEEDS, row)
