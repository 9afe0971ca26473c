"""What a vehicle is offered for its plan: a share of every place around. One station has one task."""

import asyncio
from collections.abc import Callable

import pytest

from csms.domain.charging_needs import Room, Share
from csms.domain.facts import ChargingNeedsReported
from csms.domain.station import EvseRating
from csms.errors import Conflict
from csms.grid.charging_needs import EVSES_MAX, TRIES, TRY_EVERY_S, Offers, make_offer, running
from csms.store import external_limits, stations
from csms.store.places import sites_within
from tests.grid.stage import Car, Stage


async def offered_w(stage: Stage, car: Car) -> float:
    """What the vehicle is offered now; its rating is 10 kW."""
    station = await stations.get(stage.db, car.station_id)
    assert station is not None
    whom = station, await running(stage.db, station, 1)
    made = await make_offer(stage.db, stage.bus, stage.clock.now(), whom)
    assert made.accepted
    assert car.leases[-1].highest_w == made.limit_w
    return made.limit_w


async def feeder(stage: Stage) -> None:
    await stage.site("feeder", import_w=12_000)
    await stage.site("depot", import_w=9_000, within="feeder")
    await stage.site("yard", import_w=1e6, within="feeder")


async def test_k15_all_places_around_bound_an_offer(stage: Stage) -> None:
    await feeder(stage)
    first = await stage.car("a")
    assert await offered_w(stage, first) == 9_000  # the depot has nobody else
    second = await stage.car("b")
    assert await offered_w(stage, first) == 4_500
    others = [await stage.car(name, "yard") for name in "cd"]
    assert await offered_w(stage, others[0]) == 3_000  # the feeder is shared by all four
    assert await offered_w(stage, second) == 3_000


async def test_k15_a_station_bounds_an_offer_and_who_limits_it_for_a_while_does_not(stage: Stage) -> None:
    car = await stage.car("a")
    assert await offered_w(stage, car) == car.rating_w
    async with stage.db.begin() as conn:
        await stations.change(conn, "a", import_limit_w=7_000)
    assert await offered_w(stage, car) == 7_000
    now = stage.clock.now()
    await stage.writer.commit(
        [external_limits.limited("a", 1, "SO", grid_critical=True, schedule=None, at=now)]
    )
    assert await offered_w(stage, car) == 7_000


async def test_k15_a_place_that_nobody_knows_stops_no_charging(stage: Stage) -> None:
    await stage.site(import_w=None)
    car = await stage.car("a", site_id="nowhere")
    assert await offered_w(stage, car) == car.rating_w


async def test_k15_nothing_known_nothing_offered(stage: Stage) -> None:
    await stage.car("a", site_id=None)
    async with stage.db.begin() as conn:
        await stations.put_evse(conn, "a", EvseRating(1, None, None))
    with pytest.raises(Conflict):
        await offered_w(stage, stage.cars["a"])


def test_the_least_share_counts() -> None:
    shares = (Share(9_000, 3), Share(20_000, 4), Share(8_000, 0))
    assert Room(11_000, None, shares).limit_w() == 3_000
    assert Room(2_000, None, shares).limit_w() == 2_000
    assert Room(None, None, (Share(0.0, 1),)).limit_w() == 0
    assert Room().limit_w() is None


async def test_sites_within_a_site_are_found_once(stage: Stage) -> None:
    await feeder(stage)
    await stage.site("alone")
    assert sorted(await sites_within(stage.db, "feeder")) == ["depot", "feeder", "yard"]
    assert await sites_within(stage.db, "alone") == ["alone"]


async def test_one_station_with_evses_without_end_has_one_task(stage: Stage) -> None:
    """Only the EVSE that is there is offered anything, and nothing is left behind."""
    car = await stage.car("a")
    offers = Offers(stage.db, stage.bus, stage.clock)
    async with asyncio.TaskGroup() as group:
        before = len(asyncio.all_tasks())
        running_ = group.create_task(offers.run())
        await asyncio.sleep(0)
        for evse_id in range(1, 20 * EVSES_MAX):
            stage.bus.publish(ChargingNeedsReported(stage.clock.now(), "a", evse_id))
        async with asyncio.timeout(30):
            await until(lambda: bool(car.leases))
            assert len(asyncio.all_tasks()) - before <= 3
            for _ in range(TRIES):
                await until(lambda: stage.clock.awaited or not offers.waiting)
                assert offers.waiting <= EVSES_MAX
                stage.clock.advance(TRY_EVERY_S)
            await until(lambda: not offers.waiting)
        running_.cancel()
    assert len(car.leases) == 1


async def until(holds: Callable[[], bool]) -> None:
    while not holds():  # noqa: ASYNC110 - it is others who do the work
        await asyncio.sleep(0.001)
