"""Whatever a station repeats, in whatever order and company: one row for each key, and the same energy."""

import asyncio
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from csms.domain.fold import begin, fold
from csms.domain.meter import Reading
from csms.domain.transaction import EventType, Transaction, TransactionEvent, energy_wh
from csms.store import transactions
from csms.store.database import Database
from csms.store.statements import Change
from csms.store.transaction_rows import EVENT
from csms.store.writer import Writer

START = datetime(2026, 1, 1, tzinfo=UTC)
_NUMBERS = count()

# Which of up to eight events is sent in which commit: with repeats, inside a commit and across commits.
PLANS = st.lists(st.lists(st.integers(0, 7), min_size=1, max_size=4), min_size=1, max_size=30)


def event(seq_no: int) -> TransactionEvent:
    at = START + timedelta(seconds=60 * seq_no)
    readings = (Reading(at, power_w=-6000.0, import_wh=500.0, export_wh=100.0 * seq_no),)
    kind = EventType.STARTED if seq_no == 0 else EventType.UPDATED
    return TransactionEvent(kind, "tx", seq_no, at, "T", evse_id=1, readings=readings, raw=b"{}", digest=b"1")


def changes(identity: str, number: int, seq_no: int) -> list[Change]:
    told = event(seq_no)
    of = Transaction(identity, "tx", number)
    return [
        transactions.event_kept(of, told, None, START, 1),
        transactions.readings_kept(identity, 1, told.readings, "tx", seq_no, 1),
    ]


def folded(identity: str, number: int, numbers: list[int]) -> Transaction:
    transaction = begin(identity, event(numbers[0]), number)
    for seq_no in numbers[1:]:
        transaction = fold(transaction, event(seq_no))
    return transaction


def states(identity: str, number: int, numbers: list[int]) -> list[Change]:
    """The transaction after each event, whole or as a step, and the last one told twice."""
    out: list[Change] = []
    before: Transaction | None = None
    for seq_no in numbers:
        told = event(seq_no)
        after = begin(identity, told, number) if before is None else fold(before, told)
        out.append(transactions.state_kept(after, before))
        before = after
    return [*out, out[-1]]


async def check(url: str, plan: list[list[int]]) -> None:
    number = next(_NUMBERS)
    identity = f"s{number}"
    db = await Database.open(url)
    await db.migrate()
    writer = Writer(db)
    running = asyncio.create_task(writer.run())
    await asyncio.gather(
        *(
            writer.commit([change for n in numbers for change in changes(identity, number, n)])
            for numbers in plan
        )
    )
    sent = [seq_no for numbers in plan for seq_no in numbers]
    state = folded(identity, number, sent)
    await asyncio.gather(*(writer.commit([each]) for each in states(identity, number, sent)))
    kept = await db.all(select(EVENT.c.seq_no).where(EVENT.c.identity == identity))
    rows = await transactions.readings_of(db, identity, "tx")
    assert sorted(row.seq_no for row in kept) == sorted(set(sent))
    assert sorted((row.seq_no, row.export_wh) for row in rows) == [(n, 100.0 * n) for n in sorted(set(sent))]
    loaded = await transactions.load(db, identity, "tx")
    assert loaded == state
    assert energy_wh(loaded) == (0.0, 100.0 * (max(sent) - min(sent)))
    await writer.close()
    await running
    await db.close()


@settings(max_examples=60, deadline=None)
@given(plan=PLANS)
def test_repeats_change_nothing_on_sqlite(plan: list[list[int]]) -> None:
    asyncio.run(check("sqlite://", plan))


@pytest.mark.postgresql
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(plan=PLANS)
def test_repeats_change_nothing_on_postgresql(postgresql_url: str, plan: list[list[int]]) -> None:
    asyncio.run(check(postgresql_url, plan))
