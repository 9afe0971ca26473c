"""Section 2.3 against our port: the 32 inputs that drop, end or fool the session of the usual library.

What that library does with them is in docs/reliability.md; here each has its answer and the session lives.
"""

from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from csms.domain.facts import SecurityAlarmRaised
from csms.store import transactions
from tests.flows.gateway.front import STATION, Front, event, front
from tests.grid.test_timekeeper import JumpingClock
from tests.unit.wire.hostile import REFUSED, soc


async def test_section_2_3_each_hostile_input_has_its_answer_and_the_session_lives(door: Front) -> None:
    await door.add_station("cs-2", booted=True)
    async with door.connected("cs-2", boot=False) as client:
        for parameters in REFUSED:
            text, id, code = parameters.values
            await client.send(text)
            frame = await client.receive()
            assert frame[:3] == [4, id, code], parameters.id
            assert frame[4:] == [{}], parameters.id
            await client.result("Heartbeat", {})


@pytest.mark.parametrize("number", ["-1", "101"])
async def test_section_2_3_an_impossible_soc_is_taken_and_not_believed(door: Front, number: str) -> None:
    async with door.connected() as client:
        await client.send(soc(number).replace('"m1"', '"soc"'))
        assert (await client.receive())[:2] == [3, "soc"]
    at = datetime(2026, 11, 22, tzinfo=UTC)
    rows = await transactions.readings(door.db, STATION, 1, at, at + timedelta(days=1))
    assert [row.soc for row in rows] == [None]


async def test_section_2_2_row_16_a_reused_id_never_does_a_thing_twice(door: Front) -> None:
    """Whatever is sent under whichever id: an event is in the store once, as it was first told."""
    dice = Random(16)
    told: dict[int, str] = {}
    async with door.connected() as client:
        for _ in range(150):
            seq_no, trigger = dice.randrange(12), dice.choice(("Authorized", "CablePluggedIn"))
            frame = await client.call(
                "TransactionEvent",
                event(seq_no, triggerReason=trigger, timestamp="2026-03-01T12:00:00Z"),
                f"id-{dice.randrange(6)}",
            )
            if frame[0] == 4:
                assert frame[2] == "RpcFrameworkError"  # row 14
            else:
                told.setdefault(seq_no, trigger)
    for seq_no in range(12):
        kept = await transactions.event(door.db, STATION, "tx-1", seq_no)
        assert (None if kept is None else kept.trigger) == told.get(seq_no)


@pytest.mark.parametrize("at", ["1970-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z"])
async def test_section_2_2_row_18_far_off_times_are_kept_and_can_be_read_again(door: Front, at: str) -> None:
    async with door.connected() as client:
        values = [{"timestamp": at, "sampledValue": [{"value": 1.0}]}]
        started = event(0, "Started", timestamp=at, meterValue=values)
        assert await client.result("TransactionEvent", started) == {}
    (row,) = await transactions.listing(door.db, None, 10)
    assert row.started_at is not None
    assert row.started_at.isoformat().startswith(at[:10])
    assert len(await transactions.readings_of(door.db, STATION, "tx-1")) == 1


@pytest.mark.parametrize(("offset_s", "alarms"), [(299.0, 0), (301.0, 1), (-4000.0, 0)])
async def test_row_41_a_clock_that_is_off_by_minutes_raises_an_alarm(
    door: Front, offset_s: float, alarms: int
) -> None:
    """One that is behind may have waited: that is only believed after several messages."""
    async with door.connected() as client:
        at = (door.gateway.house.clock.now() + timedelta(seconds=offset_s)).isoformat()
        await client.result("TransactionEvent", event(0, "Started", timestamp=at))
        await client.result("Heartbeat", {})
    told = [fact.kind for fact in door.facts if isinstance(fact, SecurityAlarmRaised)]
    assert told == ["clock is off"] * alarms


async def test_row_42_a_jump_of_our_clock_ends_no_conversation() -> None:
    """Silence, pings, asks and the store wait by a clock that never jumps."""
    clock = JumpingClock()
    async with front(clock=clock) as door, door.connected() as client:
        for number, days in enumerate((1, -2, 400, -400)):
            clock.wall += timedelta(days=days)
            assert await client.result("TransactionEvent", event(number)) == {}
            answer = await client.result("Heartbeat", {})
            assert answer["currentTime"].startswith(clock.wall.isoformat()[:19])
        assert door.gateway.connections == 1
