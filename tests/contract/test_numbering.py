"""Transactions of stations that number nothing (OCPP 1.6): told again and late, the same comes out."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from csms.domain.transaction import energy_wh
from csms.errors import ChangeRefused
from csms.store import numbering, transactions
from csms.store.database import Database
from csms.store.numbering import START as STARTS
from csms.store.transaction_rows import EVENT
from csms.store.writer import Writer
from csms.wire.v16 import DIALECT
from tests.blocks.bench import START, Bench

METERS = 5
RECONNECT, STARTED, STOPPED = -1, 0, METERS + 1
_NUMBERS = count()

# What is told after the start, in any order and any number: -1 is a new connection, 0 the start once more,
# 1 to 5 meter values, 6 the stop. What is missing at the end is told then: it was waiting in the station.
PLANS = st.lists(st.integers(RECONNECT, STOPPED), max_size=25)


def at(minute: int) -> str:
    return (START + timedelta(minutes=minute)).isoformat()


def message(number: int, transaction_id: int) -> tuple[str, dict[str, Any]]:
    """What the station tells by this number."""
    if number == STARTED:
        return "StartTransaction", {"connectorId": 1, "idTag": "T", "meterStart": 1000, "timestamp": at(0)}
    if number == STOPPED:
        stop = {"transactionId": transaction_id, "meterStop": 9000, "timestamp": at(60), "reason": "Remote"}
        return "StopTransaction", stop
    sampled = [
        {"value": str(1000 + 500 * number)},
        {"value": str(0.25 * number), "unit": "kWh", "measurand": "Energy.Active.Export.Register"},
        {"value": "-7000", "measurand": "Power.Active.Import"},
    ]
    # two messages of one minute each: their times alone do not tell them apart
    values = [{"timestamp": at(10 + number // 2), "sampledValue": sampled}]
    return "MeterValues", {"connectorId": 1, "transactionId": transaction_id, "meterValue": values}


async def say(bench: Bench, identity: str, number: int, transaction_id: int) -> dict[str, Any]:
    action, payload = message(number, transaction_id)
    answer = await bench.tell(DIALECT.read_call(action, json.dumps(payload).encode()), identity)
    told: dict[str, Any] = json.loads(DIALECT.write_answer(action, answer))
    return told


async def check(url: str, plan: list[int]) -> None:
    identity = f"s{next(_NUMBERS)}"
    db = await Database.open(url)
    await db.migrate()
    writer = Writer(db)
    running = asyncio.create_task(writer.run())
    bench = Bench(db, writer)
    await bench.add_station(identity)
    begun = await say(bench, identity, STARTED, 0)
    transaction_id = begun["transactionId"]
    missing = [number for number in range(1, STOPPED + 1) if number not in plan]
    for number in (*plan, *missing):
        if number == RECONNECT:
            bench.reconnect(identity)
        else:
            answer = await say(bench, identity, number, transaction_id)
            assert answer == (begun if number == STARTED else {})
    loaded = await transactions.load(db, identity, str(transaction_id))
    assert loaded is not None
    assert energy_wh(loaded) == (8000.0, 1000.0)
    assert (loaded.seen, loaded.conflicts) == (((0, STOPPED),), 0)
    assert loaded.started_at == START
    assert loaded.ended_at == START + timedelta(minutes=60)
    events = await db.all(select(EVENT.c.transaction_id).where(EVENT.c.identity == identity))
    assert [row.transaction_id for row in events] == [str(transaction_id)] * (STOPPED + 1)
    await writer.close()
    await running
    await db.close()


@settings(max_examples=60, deadline=None)
@given(plan=PLANS)
def test_told_again_and_late_is_the_same_energy_on_sqlite(plan: list[int]) -> None:
    asyncio.run(check("sqlite://", plan))


@pytest.mark.postgresql
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(plan=PLANS)
def test_told_again_and_late_is_the_same_energy_on_postgresql(postgresql_url: str, plan: list[int]) -> None:
    asyncio.run(check(postgresql_url, plan))


async def test_an_id_is_given_once_in_the_house(db: Database, writer: Writer) -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    first = numbering.given("a", b"one", 7, now)
    await writer.commit([first])
    await writer.commit([first, first])  # the same start again, from a connection that has not heard of it
    with pytest.raises(ChangeRefused):
        await writer.commit([numbering.given("b", b"two", 7, now)])
    rows = await db.all(select(STARTS.c.digest, STARTS.c.transaction_id, STARTS.c.identity))
    assert [tuple(row) for row in rows] == [(b"one", 7, "a")]
    assert await numbering.id_of(db, b"one") == 7
    assert await numbering.id_of(db, b"two") is None
    assert await numbering.is_given(db, 7)
    assert not await numbering.is_given(db, 8)
