"""The fuzzer's short form, and what its long runs have found (`make fuzz`)."""

from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlmodel import SQLModel

from csms.errors import OcppError
from csms.wire.dialect import RawCall
from csms.wire.v201 import DIALECT
from csms.wire.v201.messages import ASKED
from tests.flows.gateway.front import Front, event, front
from tests.fuzz.lanes import Lane, Score
from tests.fuzz.oracle import is_handled, on_answer, verdict
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


@pytest.mark.parametrize("action", SERVED_ACTIONS)
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.randoms(use_true_random=False), st.sampled_from(("valid", "near", "hostile")), st.booleans())
def test_our_verdict_is_that_of_the_schemas(action: str, dice: Random, kind: str, escaped: bool) -> None:
    """The Structs against two JSON schema readers; the differences are listed in `oracle`."""
    text = written(getattr(Maker(schema(action), dice), kind)(), escaped)
    assert verdict(action, text, witness=True).allows(_answer(action, text)), text


@pytest.mark.parametrize("action", sorted(ASKED))
@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.randoms(use_true_random=False), st.sampled_from(("valid", "near", "hostile")), st.booleans())
def test_our_verdict_on_answers_is_that_of_the_schemas(
    action: str, dice: Random, kind: str, escaped: bool
) -> None:
    """What stations answer to our calls; here nothing goes back, but the asker must know (row 24)."""
    text = written(getattr(Maker(schema(action, "Response"), dice), kind)(), escaped)
    right = on_answer(action, text)
    code = None
    try:
        DIALECT.read_answer(RawCall(action, {}), text.encode())
    except OcppError as refusal:
        code = refusal.code
    assert right.taken if code is None else code in right.codes, text


def _answer(action: str, text: str) -> list[object]:
    try:
        DIALECT.read_call(action, text.encode())
    except OcppError as refusal:
        return [4, "", refusal.code, refusal.description, {}]
    return [3, "", {}] if is_handled(action) else [4, "", "NotSupported", "", {}]
