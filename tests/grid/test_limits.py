"""What may never be ordered: below the reserve, on a bad SoC, beyond a site's limit."""

import math
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from csms.store import dispatches, transactions
from csms.store.transactions import ChargingNeedsRow
from tests.grid.stage import Car, Stage, open_stage


async def _reason(stage: Stage, event_id: str, identity: str) -> str | None:
    rows = await dispatches.of_event(stage.db, event_id, None, 1000)
    last = {row.identity: row.reason for row in await dispatches.setpoints(stage.db, rows[-1].id or 0)}
    return last[identity]


async def test_soc_missing(stage: Stage) -> None:
    car = await stage.car("cs1", soc_silent=True)
    event = await stage.event(-5_000)
    await stage.turn()
    await stage.live(30)
    assert car.discharges == []
    assert await _reason(stage, event.id, "cs1") == "state of charge not known"


async def test_soc_not_a_number(stage: Stage) -> None:
    car = await stage.car("cs1", soc_refused=True)
    event = await stage.event(-5_000)
    await stage.turn()
    await stage.live(30)
    assert car.discharges == []
    assert await _reason(stage, event.id, "cs1") == "state of charge not believable"


async def test_soc_goes_stale_during_the_event(stage: Stage) -> None:
    car = await stage.car("cs1")
    event = await stage.event(-5_000, duration_s=900)
    await stage.turn()
    await stage.live(30)
    assert car.power_w == -5_000
    car.soc_silent = True
    await stage.live(330)
    assert car.power_w == 0
    assert await _reason(stage, event.id, "cs1") == "state of charge too old"


async def test_no_word_of_the_vehicle_stands_in_for_a_meter_that_says_nothing(stage: Stage) -> None:
    """Fresh, and true: but nobody could see what an order does (V-10). The lease that runs is the last."""
    car = await stage.car("cs1", soc=80.0)
    event = await stage.event(-5_000, duration_s=3600)
    await stage.turn()
    await stage.live(30)
    assert car.power_w == -5_000
    car.meter_stuck = True
    for _ in range(25):
        needs = ChargingNeedsRow(
            identity="cs1", evse_id=1, at=stage.clock.now(), transfer="AC_BPT", soc=car.soc
        )
        await stage.writer.commit([transactions.needs_kept(needs)])
        await stage.live(30, 30)
    assert car.power_w == 0
    assert await _reason(stage, event.id, "cs1") == "meter has told no power lately"


async def test_section_2_2_row_17_soc_that_jumps_up_is_not_believed(stage: Stage) -> None:
    car = await stage.car("cs1", soc=40.0)
    event = await stage.event(-5_000, duration_s=900)
    await stage.turn()
    await stage.live(30)
    assert car.power_w == -5_000
    car.soc_told = 95.0
    await stage.live(30)
    assert car.power_w == 0
    assert await _reason(stage, event.id, "cs1") == "state of charge not believable"


async def test_reserve_is_respected(stage: Stage) -> None:
    car = await stage.car("cs1", soc=40.0, reserve=35.0, capacity_wh=20_000.0)
    event = await stage.event(-10_000, duration_s=3600)
    await stage.turn()
    for _ in range(120):
        await stage.live(30)
        assert car.soc > 36.0 - 0.01  # reserve and the program's margin
    assert car.soc < 38.0
    assert await _reason(stage, event.id, "cs1") == "at the driver's reserve"


async def test_event_floor_beats_a_lower_reserve(stage: Stage) -> None:
    car = await stage.car("cs1", soc=52.0, reserve=10.0, capacity_wh=20_000.0)
    await stage.event(-10_000, duration_s=1800, min_soc=50.0)
    await stage.turn()
    await stage.live(1800, 30)
    assert car.soc > 50.5


async def test_unknown_reserve_forbids_discharge(stage: Stage) -> None:
    car = await stage.car("cs1", reserve=None)
    event = await stage.event(-5_000)
    await stage.turn()
    await stage.live(30)
    assert car.discharges == []
    assert await _reason(stage, event.id, "cs1") == "driver's reserve not known"


async def test_who_must_charge_for_departure_charges_during_the_event(stage: Stage) -> None:
    leaving = stage.clock.now() + timedelta(hours=1)
    car = await stage.car(
        "cs1", soc=50.0, wish_w=10_000.0, departure=leaving, target_soc=63.0, capacity_wh=60_000.0
    )
    await stage.car("cs2")
    await stage.event(-5_000, duration_s=1800)
    await stage.turn()
    await stage.live(60)
    assert car.power_w > 5_000


async def test_site_export_limit(stage: Stage) -> None:
    await stage.site("small", export_w=6_000.0)
    small = [await stage.car(f"s{number}", site_id="small", soc=80.0) for number in range(3)]
    big = await stage.car("big", capacity_wh=200_000.0)
    await stage.event(-14_000, duration_s=600)
    await stage.turn()
    for _ in range(20):
        await stage.live(10)
        assert sum(car.power_w for car in small) >= -6_000.5
    assert big.power_w < -7_500
    assert stage.net_w() < -13_500


async def test_unknown_site_limit_means_no_export(stage: Stage) -> None:
    await stage.site("unknown", export_w=None)
    car = await stage.car("cs1", site_id="unknown")
    await stage.event(-5_000)
    await stage.turn()
    await stage.live(30)
    assert car.discharges == []


async def test_power_of_a_lost_station_is_not_given_away_before_its_lease_has_ended(stage: Stage) -> None:
    await stage.site("small", export_w=8_000.0)
    lost = await stage.car("lost", site_id="small", soc=90.0)
    other = await stage.car("other", site_id="small", soc=50.0, capacity_wh=200_000.0)
    await stage.event(-8_000, duration_s=900)
    await stage.turn()
    await stage.live(30)
    assert lost.power_w < -3_000
    lost.manner = "gone"
    await stage.connected(lost, up=False)
    for _ in range(40):
        await stage.live(10)
        assert lost.power_w + other.power_w >= -8_000.5
    assert lost.power_w == 0
    assert other.power_w < -7_000


manners = st.sampled_from(["obey", "refuse", "ignore", "mute", "gone"])
socs = st.one_of(st.floats(20, 95), st.just(math.nan))


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.lists(st.tuples(socs, manners), min_size=2, max_size=4),
    st.lists(st.tuples(st.integers(0, 3), manners), max_size=6),
    st.floats(3_000, 20_000),
)
async def test_whatever_stations_do_reserve_and_site_hold(
    fleet: list[tuple[float, str]], changes: list[tuple[int, str]], export_w: float
) -> None:
    async with open_stage() as stage:
        await stage.site(export_w=export_w)
        await stage.program()
        cars = [await _random_car(stage, number, soc, manner) for number, (soc, manner) in enumerate(fleet)]
        await stage.event(-10_000, duration_s=300)
        await stage.turn()
        for number, manner in [*changes, (0, "obey")]:
            car = cars[number % len(cars)]
            was_gone = car.manner == "gone"
            car.manner = manner
            if was_gone != (manner == "gone"):
                await stage.connected(car, up=was_gone)
            for _ in range(4):
                await stage.live(15, 15)
                assert sum(each.power_w for each in cars) >= -export_w - 1
                assert all(each.soc >= 30 or not each.discharges for each in cars)
        for car in cars:
            for lease in car.leases:
                assert lease.duration_s is not None
                assert lease.duration_s <= 960
            purposes = [profile.purpose.value for profile in car.installs]
            if "TxProfile" in purposes:
                assert purposes.index("TxDefaultProfile") < purposes.index("TxProfile")


async def _random_car(stage: Stage, number: int, soc: float, manner: str) -> Car:
    bad = math.isnan(soc)
    car = await stage.car(
        f"cs{number}", soc=50.0 if bad else soc, soc_refused=bad, manner=manner, capacity_wh=20_000.0
    )
    if manner == "gone":
        await stage.connected(car, up=False)
    return car


async def test_hypothesis_runs_on_a_stage_of_its_own() -> None:
    """The stage of the property above opens and closes without leaving tasks."""
    async with open_stage() as stage:
        await stage.site()
        assert stage.net_w() == pytest.approx(0)
