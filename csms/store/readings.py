"""Meter readings: with the event that brought them, or in a table of their own.

An event's first reading lies in the event's row, any further ones and those of MeterValues in `reading`; so
do first readings from before the event's row had room for them. Whoever reads gets them from both places.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ScalarSelect, Select, and_, literal, select

from csms.domain.meter import Reading
from csms.store.database import Database
from csms.store.rows import to_micros
from csms.store.statements import Change, Values, fill
from csms.store.transaction_rows import EVENT, READING, TRANSACTION, ReadingRow, TransactionRow, number_of

_READING = fill(ReadingRow)
_NONE: Values = (None,) * 7

_OF_EVENTS = select(
    EVENT.c.identity,
    EVENT.c.evse_id,
    EVENT.c.read_at.label("at"),
    EVENT.c.transaction_id.label("source"),
    EVENT.c.seq_no,
    literal(0).label("part"),
    EVENT.c.power_w,
    EVENT.c.import_wh,
    EVENT.c.export_wh,
    EVENT.c.soc,
    EVENT.c.context,
)


_OPEN = (TRANSACTION.c.identity, TRANSACTION.c.transaction_id)


def _first_with_events() -> Select[Any]:
    """By the key of events: what a transaction told first is found at its beginning."""
    of_it = EVENT.alias("of_it")
    first = select(of_it.c.seq_no).where(
        of_it.c.number == TRANSACTION.c.number,
        of_it.c.soc.is_not(None),
    )
    same = and_(
        EVENT.c.number == TRANSACTION.c.number,
        EVENT.c.seq_no == _one(first.order_by(of_it.c.seq_no)),
    )
    told = (EVENT.c.soc, EVENT.c.read_at, EVENT.c.import_wh, EVENT.c.export_wh)
    return select(*_OPEN, *told).select_from(TRANSACTION.join(EVENT, same)).where(TRANSACTION.c.open)


def _first_apart() -> Select[Any]:
    """The same among readings with rows of their own: by the EVSE, from the transaction's start on."""
    of_it = READING.alias("of_it")
    first = select(of_it.c.at).where(
        of_it.c.identity == TRANSACTION.c.identity,
        of_it.c.evse_id == TRANSACTION.c.evse_id,
        of_it.c.at >= TRANSACTION.c.started_at,
        of_it.c.source == TRANSACTION.c.transaction_id,
        of_it.c.soc.is_not(None),
    )
    same = and_(
        READING.c.identity == TRANSACTION.c.identity,
        READING.c.evse_id == TRANSACTION.c.evse_id,
        READING.c.at == _one(first.order_by(of_it.c.at)),
        READING.c.source == TRANSACTION.c.transaction_id,
        READING.c.soc.is_not(None),
    )
    told = (READING.c.soc, READING.c.at, READING.c.import_wh, READING.c.export_wh)
    return select(*_OPEN, *told).select_from(TRANSACTION.join(READING, same)).where(TRANSACTION.c.open)


def _one(query: Select[Any]) -> ScalarSelect[Any]:
    return query.limit(1).correlate(TRANSACTION).scalar_subquery()


_FIRST_WITH_EVENTS, _FIRST_APART = _first_with_events(), _first_apart()


class FirstSoc(NamedTuple):
    """The first state of charge that was told with a transaction's events, and the registers then."""

    identity: str
    transaction_id: str
    soc: float
    at: datetime
    import_wh: float | None
    export_wh: float | None


async def first_socs(db: Database) -> list[FirstSoc]:
    """Of each open transaction that has told one."""
    found: dict[tuple[str, str], FirstSoc] = {}
    for query in (_FIRST_WITH_EVENTS, _FIRST_APART):
        for one in map(FirstSoc._make, await db.all(query)):
            name = (one.identity, one.transaction_id)
            found[name] = min(found.get(name, one), one, key=_told_at)
    return list(found.values())


def _told_at(first: FirstSoc) -> datetime:
    return first.at


async def readings(
    db: Database, identity: str, evse_id: int, start: datetime, end: datetime, transaction_id: str = ""
) -> list[ReadingRow]:
    """Readings of an EVSE from `start` to `end`, both included, oldest first.

    Those of MeterValues, which are of no transaction, and those that came with events of this one.
    """
    apart = select(READING).where(
        READING.c.identity == identity,
        READING.c.evse_id == evse_id,
        READING.c.source.in_({"", transaction_id}),
        READING.c.at.between(start, end),
    )
    with_events = _OF_EVENTS.where(
        EVENT.c.number == number_of(identity, transaction_id),
        EVENT.c.evse_id == evse_id,
        EVENT.c.read_at.between(start, end),
    )
    return await _both(db, apart, with_events)


async def of_transaction(
    db: Database, row: TransactionRow, start: datetime | None = None, end: datetime | None = None
) -> list[ReadingRow]:
    """Readings that came with a transaction's events, oldest first; from `start` to `end` if given."""
    # Readings that came before the EVSE was known stand under 0. Inside an EVSE's years of readings the
    # transaction's own times are the way to these.
    known = [at for at in (row.started_at, row.first_at) if at is not None]
    apart = select(READING).where(
        READING.c.identity == row.identity,
        READING.c.evse_id.in_({0, row.evse_id or 0}),
        READING.c.source == row.transaction_id,
    )
    with_events = _OF_EVENTS.where(
        EVENT.c.number == row.number,
        EVENT.c.read_at.is_not(None),
    )
    begin = start or (min(known) if known else None)
    if begin is not None:
        apart = apart.where(READING.c.at >= begin)
    if start is not None:
        with_events = with_events.where(EVENT.c.read_at >= start)
    if end is not None:
        apart = apart.where(READING.c.at <= end)
        with_events = with_events.where(EVENT.c.read_at <= end)
    return await _both(db, apart, with_events)


async def _both(db: Database, apart: Select[Any], with_events: Select[Any]) -> list[ReadingRow]:
    return await db.every(ReadingRow, apart.union_all(with_events).order_by("at", "seq_no", "part"))


def reading_of(row: ReadingRow) -> Reading:
    """A stored reading in the domain's words."""
    return Reading(
        at=row.at,
        power_w=row.power_w,
        import_wh=row.import_wh,
        export_wh=row.export_wh,
        soc=row.soc,
        context=row.context,
    )


def first_values(evse_id: int, readings: Sequence[Reading]) -> Values:
    """An event's first reading in the order of the last columns of `TransactionEventRow`."""
    if not readings:
        return _NONE
    first = readings[0]
    return (
        evse_id,
        to_micros(first.at),
        first.power_w,
        first.import_wh,
        first.export_wh,
        first.soc,
        first.context,
    )


def readings_kept(
    identity: str, evse_id: int, readings: Sequence[Reading], source: str, seq_no: int, first: int = 0
) -> Change:
    """Readings of one message; `source` is its transaction, or empty and `seq_no` -1 for MeterValues.

    Told twice they are kept once. Values that come in several MeterValues with one time stamp fill one row.
    `first` is how many of the message's readings are kept otherwise.
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
        for part, reading in enumerate(readings[first:], first)
    )
    return Change(_READING, rows)
