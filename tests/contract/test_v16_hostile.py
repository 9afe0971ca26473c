"""Whatever a 1.6 station puts into its messages, it is answered in OCPP's words and nothing breaks."""

import asyncio
import json
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from csms.errors import OcppError
from csms.store.database import Database
from csms.store.writer import Writer
from csms.wire.v16 import DIALECT
from tests.blocks.bench import Bench
from tests.unit.wire.payloads import full_payload

ACTIONS = sorted(DIALECT.vocabulary.served)
ODD: list[Any] = [
    None,
    True,
    "",
    "\0",
    "\u202e\ud83d\ude00",
    "x" * 300,
    "NaN",
    "-0",
    0,
    -1,
    2**31,
    2**63 - 1,
    -(2**63),
    2**64,
    1e308,
    0.1,
    [],
    {},
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-14:00",
    "1970-01-01T00:00:00Z",
    "2026-11-22T10:00:00",
]

_NUMBERS = count()

Spot = tuple[str | int, ...]


def spots(part: Any, at: Spot = ()) -> list[Spot]:
    """Where a payload can be spoilt."""
    inner = part.items() if isinstance(part, dict) else enumerate(part) if isinstance(part, list) else ()
    return [at, *(spot for key, value in inner for spot in spots(value, (*at, key)))]


def spoilt(payload: Any, spot: Spot, odd: Any) -> Any:
    """The payload with another value there."""
    if not spot:
        return odd
    copy = payload.copy()
    copy[spot[0]] = spoilt(payload[spot[0]], spot[1:], odd)
    return copy


@st.composite
def calls(draw: st.DrawFn) -> tuple[str, Any]:
    """A call with up to three odd values in it."""
    action = draw(st.sampled_from(ACTIONS))
    payload = full_payload(action, "v16")
    for _ in range(draw(st.integers(0, 3))):
        payload = spoilt(payload, draw(st.sampled_from(spots(payload))), draw(st.sampled_from(ODD)))
    return action, payload


async def answered(bench: Bench, identity: str, action: str, payload: Any) -> str | None:
    """The code of the refusal; None for an answer."""
    try:
        request = DIALECT.read_call(action, json.dumps(payload).encode())
        DIALECT.write_answer(action, await bench.tell(request, identity))
    except OcppError as error:
        return error.code
    return None


async def tell(url: str, told: list[tuple[str, Any]]) -> None:
    db = await Database.open(url)
    await db.migrate()
    writer = Writer(db)
    running = asyncio.create_task(writer.run())
    bench = Bench(db, writer)
    identity = f"odd-{next(_NUMBERS)}"
    codes: list[str | None] = []
    try:
        await bench.add_station(identity)
        for action, payload in told:
            codes.append(await answered(bench, identity, action, payload))
        assert "InternalError" not in codes
    finally:
        await writer.close()
        await running
        await db.close()


@settings(max_examples=120, deadline=None)
@given(told=st.lists(calls(), min_size=1, max_size=6))
def test_odd_values_are_refused_or_kept_on_sqlite(told: list[tuple[str, Any]]) -> None:
    asyncio.run(tell("sqlite://", told))


@pytest.mark.postgresql
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(told=st.lists(calls(), min_size=1, max_size=6))
def test_odd_values_are_refused_or_kept_on_postgresql(
    postgresql_url: str, told: list[tuple[str, Any]]
) -> None:
    asyncio.run(tell(postgresql_url, told))
