"""A new process, or another node, takes over in the middle."""

import pytest

from csms.domain.grid_event import EventState
from csms.grid import intake
from csms.grid.loop import GridLoop
from csms.store import dispatches, grid_events, profiles
from tests.grid.stage import Stage


def _second(stage: Stage) -> GridLoop:
    loop = GridLoop(stage.db, stage.bus, stage.clock, "node-2")
    stage.loops.append(loop)
    return loop


async def test_new_process_goes_on_with_an_active_event(stage: Stage) -> None:
    cars = [await stage.car(f"cs{number}") for number in range(3)]
    event = await stage.event(-12_000, duration_s=900)
    await stage.turn()
    await stage.live(100)
    stage.loops.clear()
    await stage.live(60)
    assert stage.net_w() == -12_000  # on their leases
    _second(stage)
    await stage.live(200)
    assert -12_600 < stage.net_w() < -11_400
    await stage.live(700)
    assert stage.net_w() == 0
    assert all(car.held == {} for car in cars)
    assert {row.state for row in await dispatches.participation(stage.db, event.id)} == {"released"}


async def test_new_process_finishes_a_release(stage: Stage) -> None:
    car = await stage.car("cs1", wish_w=4000.0)
    event = await stage.event(-8_000, duration_s=900)
    await stage.turn()
    await stage.live(60)
    stage.loops.clear()
    await intake.cancel(stage.db, stage.bus, stage.clock, event.id)
    await stage.live(40)
    assert car.power_w == pytest.approx(-8_000)
    _second(stage)
    await stage.live(60)
    assert car.held == {}
    assert car.power_w == 4000.0
    assert [row.state for row in await dispatches.participation(stage.db, event.id)] == ["released"]


async def test_new_process_ends_an_event_whose_end_nobody_saw(stage: Stage) -> None:
    car = await stage.car("cs1")
    event = await stage.event(-8_000, duration_s=60)
    await stage.turn()
    stage.loops.clear()
    await stage.live(100)
    _second(stage)
    await stage.turn()
    stored = await grid_events.get(stage.db, event.id)
    assert stored is not None
    assert stored.state is EventState.ENDED
    await stage.live(60)
    assert car.held == {}


async def test_one_leads_and_the_other_takes_over(stage: Stage) -> None:
    car = await stage.car("cs1")
    first = stage.loop
    _second(stage)
    await stage.event(-8_000, duration_s=900)
    await stage.turn()
    await stage.live(80)
    sent = len(car.installs)
    assert sent == 2  # one fallback, one lease: not both nodes
    stage.loops.remove(first)
    await stage.live(200)
    assert car.power_w == pytest.approx(-8_000)
    # the first comes back and stays a follower
    stage.loops.append(first)
    before = len(car.asks)
    await first.tick(stage.tasks)
    await first.settled()
    assert len(car.asks) == before


async def test_order_found_half_done_counts_with_its_worst(stage: Stage) -> None:
    """The process died between writing the lease down and hearing the answer."""
    await stage.site("small", export_w=10_000.0)
    half = await stage.car("half", site_id="small", soc=90.0)
    other = await stage.car("other", site_id="small")
    await stage.event(-10_000, duration_s=900)
    await stage.turn()
    await stage.live(20)
    async with stage.db.begin() as conn:
        row = (await profiles.of_station(stage.db, "half"))[0]
        row.state, row.limit_w = "sent", -1000.0
        await profiles.sent(conn, row)
    half.manner = "mute"
    stage.loops.clear()
    _second(stage)
    for _ in range(30):
        await stage.live(10)
        assert half.power_w + other.power_w >= -10_000.5


@pytest.mark.parametrize(("came_back", "ticks", "leases"), [(False, 0, 1), (True, 0, 0), (True, 1, 0)])
async def test_v_04_an_order_that_waits_while_its_station_comes_back_is_not_sent(
    stage: Stage, came_back: bool, ticks: int, leases: int
) -> None:
    """The station may have lost its fallback meanwhile: what was planned before counts no more."""
    car = await stage.car("cs1")
    await stage.event(-5_000, duration_s=900)
    loop, actuator = stage.loop, stage.loop._actuator
    await loop.tick(stage.tasks)
    await loop.settled()
    assert len(car.installs) == 1  # the fallback
    actuator._puts._free = 0
    await loop.tick(stage.tasks)
    if came_back:
        actuator.heard("cs1")
    for _ in range(ticks):
        await loop.tick(stage.tasks)
    actuator._puts.leave()
    await loop.settled()
    assert len(car.leases) == leases
    await stage.turn()
    assert len(car.leases) == 1
