"""The fuzzer's short form, and what its long runs have found (`make fuzz`)."""

from random import Random

import pytest
from sqlmodel import SQLModel

from csms.errors import OcppError
from csms.wire.v201 import DIALECT
from tests.flows.gateway.front import Front, event, front
from tests.fuzz.lanes import Lane, Score
from tests.fuzz.oracle import is_handled, verdict
from tests.fuzz.payloads import SERVED_ACTIONS, Maker, schema, written
from tests.fuzz.rounds import play


@pytest.mark.parametrize("seed", [1, 2])
async def test_a_gateway_bears_whatever_stations_send(seed: int) -> None:
    score = await play(seed, count=400)
    assert score.failures == []
    assert score.inputs["good"] > 0
    assert score.outcomes["CALLRESULT"] > 100
    assert score.outcomes["InternalError"] == 0


@pytest.mark.postgresql
async def test_no_number_that_a_station_may_say_is_too_large_for_postgresql(postgresql_url: str) -> None:
    score = await play(3, count=400, url=postgresql_url)
    assert score.failures == []


async def test_section_2_2_row_08_whatever_a_station_says_changes_nothing_of_another() -> None:
    """All rows of all tables, before and after a fuzzed session of its neighbour."""
    async with front() as door:
        await door.add_station("other", booted=True)
        async with door.connected("other", boot=False) as other:
            for number, transaction_id in enumerate(("tx-1", "tx-2", "TX-1")):
                await other.result("TransactionEvent", event(number, "Started", transaction_id))
            before = await _rows_of(door, "other")
            await door.add_station("fuzzed-0")
            await Lane(door, "fuzzed-0", Random(8), 600, Score()).calls()
            assert await _rows_of(door, "other") == before
    assert before["transaction"]
    assert before["transaction_event"]


async def _rows_of(door: Front, identity: str) -> dict[str, list[tuple[object, ...]]]:
    found = {}
    for table in SQLModel.metadata.sorted_tables:
        if "identity" in table.columns and table.name != "frame":
            rows = await door.db.all(table.select().where(table.c.identity == identity))
            found[table.name] = sorted((tuple(row) for row in rows), key=repr)
    return found


@pytest.mark.parametrize("seed", range(4))
def test_our_verdict_is_that_of_the_schemas(seed: int) -> None:
    """The Structs against two JSON schema readers; the differences are listed in `oracle`."""
    dice = Random(seed)
    for _ in range(1500):
        action = dice.choice(SERVED_ACTIONS)
        maker = Maker(schema(action), dice)
        text = written(dice.choice((maker.valid, maker.near, maker.hostile))(), dice.random() < 0.5)
        right = verdict(action, text, witness=dice.randrange(5) == 0)
        assert right.allows(_answer(action, text)), (action, text[:2000])


def _answer(action: str, text: str) -> list[object]:
    try:
        DIALECT.read_call(action, text.encode())
    except OcppError as refusal:
        return [4, "", refusal.code, refusal.description, {}]
    return [3, "", {}] if is_handled(action) else [4, "", "NotSupported", "", {}]
