"""The fuzzer's short form, and what its long runs have found (`make fuzz`)."""

from random import Random

import pytest

from csms.errors import OcppError
from csms.wire.v201 import DIALECT
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
