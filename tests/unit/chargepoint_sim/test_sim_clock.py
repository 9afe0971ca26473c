"""Simulated time."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from chargepoint_sim.clock import Bell, HandClock, ScaledClock, deadline

START = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)


async def test_a_hand_set_clock_wakes_everyone_at_their_own_time() -> None:
    clock, woken = HandClock(START), []

    async def sleeper(seconds: float) -> None:
        await clock.sleep(seconds)
        woken.append((seconds, clock.monotonic()))

    async with asyncio.TaskGroup() as tasks:
        for seconds in (30.0, 10.0, 20.0, 99.0):
            tasks.create_task(sleeper(seconds))
        await clock.advance(25)
        assert woken == [(10.0, 10.0), (20.0, 20.0)]
        assert clock.now() == START + timedelta(seconds=25)
        await clock.advance(100)
    assert woken[2:] == [(30.0, 30.0), (99.0, 99.0)]


async def test_a_deadline_ends_a_wait_and_leaves_a_quick_one_alone() -> None:
    clock = HandClock(START)
    async with deadline(clock, 10):
        await asyncio.sleep(0)

    async def slow() -> None:
        with pytest.raises(TimeoutError):
            async with deadline(clock, 10):
                await clock.sleep(11)

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(slow())
        await clock.advance(10)
    assert clock.monotonic() == 10


async def test_a_bell_wakes_those_who_wait_and_nobody_else() -> None:
    clock, bell = HandClock(START), Bell()
    bell.ring()
    async with asyncio.TaskGroup() as tasks:
        first = tasks.create_task(bell.wait(clock, 10))
        await clock.advance(5)
        bell.ring()
        second = tasks.create_task(bell.wait(clock, 10))
        await clock.advance(10)
    assert (first.result(), second.result()) == (True, False)


def test_a_scaled_clock_takes_over_the_time_of_day_and_keeps_its_seconds() -> None:
    clock = ScaledClock(60.0, START)
    before = clock.monotonic()
    clock.set(START + timedelta(days=1))
    assert abs(clock.now() - START - timedelta(days=1)) < timedelta(seconds=60)
    assert 0 <= clock.monotonic() - before < 60


def test_the_journey_of_a_message_is_no_reason_to_jump() -> None:
    clock = ScaledClock(10.0, START)
    clock.set(clock.now() - timedelta(seconds=0.9))
    assert clock.now() >= START
