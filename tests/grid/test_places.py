"""Places within places: feeders over sites, stations and EVSEs that somebody limits, fallbacks together."""

import msgspec
import pytest

from csms.domain.grid_event import Scope
from csms.domain.profile import Purpose
from csms.domain.program import Terms
from csms.store import external_limits, stations
from csms.wire import words
from tests.grid.stage import Stage


def schedule(*periods: tuple[int, float], unit: str = "W", phases: int | None = None) -> str:
    """A charging schedule of a grid operator, in JSON: from a second on, a limit."""
    told = words.ChargingScheduleType(
        id=1,
        charging_rate_unit=unit,  # type: ignore[arg-type]
        charging_schedule_period=tuple(
            words.ChargingSchedulePeriodType(start_period=start, limit=limit, number_phases=phases)
            for start, limit in periods
        ),
    )
    return msgspec.json.encode([told]).decode()


async def limit(
    stage: Stage, name: str, evse_id: int, told: str | None, critical: bool | None = None
) -> None:
    """Somebody limits the station, from now on."""
    at = stage.clock.now()
    change = external_limits.limited(name, evse_id, "SO", grid_critical=critical, schedule=told, at=at)
    await stage.writer.commit([change])


async def test_a_feeder_bounds_its_sites_together(stage: Stage) -> None:
    await stage.site("feeder", export_w=8_000.0)
    await stage.site("north", export_w=6_000.0, within="feeder")
    await stage.site("south", export_w=6_000.0, within="feeder")
    cars = [await stage.car(name, site_id=site) for name, site in (("a", "north"), ("b", "south"))]
    await stage.event(-12_000, duration_s=600)
    await stage.turn()
    for _ in range(20):
        await stage.live(10)
        assert sum(car.power_w for car in cars) >= -8_000.5
    assert sum(car.power_w for car in cars) < -7_500


async def test_an_event_for_a_feeder_is_for_all_sites_within(stage: Stage) -> None:
    await stage.site("feeder", export_w=50_000.0)
    await stage.site("north", within="feeder")
    await stage.site("elsewhere")
    inside = await stage.car("a", site_id="north")
    outside = await stage.car("b", site_id="elsewhere")
    await stage.event(-5_000, scope=Scope(site="feeder"))
    await stage.turn()
    await stage.live(30)
    assert inside.power_w < -4_500
    assert outside.leases == []


async def test_a_feeder_without_a_known_limit_lets_nothing_out(stage: Stage) -> None:
    await stage.site("feeder", export_w=None)
    await stage.site("north", within="feeder")
    car = await stage.car("a", site_id="north")
    await stage.event(-5_000)
    await stage.turn()
    await stage.live(30)
    assert car.discharges == []


async def test_a_stations_own_limit_holds_inside_its_site(stage: Stage) -> None:
    car = await stage.car("a")
    async with stage.db.begin() as conn:
        await stations.change(conn, "a", export_limit_w=3_000.0)
    await stage.event(-5_000)
    await stage.turn()
    await stage.live(60)
    assert car.power_w == pytest.approx(-3_000.0, abs=1)


@pytest.mark.parametrize("evse_id", [0, 1])
@pytest.mark.parametrize(("told", "critical"), [(schedule((0, 0.0)), None), (None, True)])
async def test_a_limit_of_nothing_or_a_critical_grid_stops_export_too(
    stage: Stage, evse_id: int, told: str | None, critical: bool | None
) -> None:
    car = await stage.car("a")
    await stage.event(-5_000)
    await stage.turn()
    await stage.live(30)
    assert car.power_w < -4_500
    await limit(stage, "a", evse_id, told, critical)
    await stage.live(20)
    assert car.power_w == 0.0
    await stage.writer.commit([external_limits.cleared("a", evse_id, "SO", stage.clock.now())])
    await stage.live(60)
    assert car.power_w < -4_500


async def test_an_external_limit_bounds_what_we_let_in(stage: Stage) -> None:
    car = await stage.car("a")
    await limit(stage, "a", 1, schedule((0, 10.0), unit="A", phases=1))  # 2,300 W
    await stage.event(+8_000)
    await stage.turn()
    car.wish_w = 10_000.0
    await stage.live(60)
    assert car.leases
    assert car.leases[-1].periods[0].limit_w == pytest.approx(2_300.0)


async def test_a_limit_that_comes_during_the_lease_counts_now(stage: Stage) -> None:
    car = await stage.car("a")
    await limit(stage, "a", 0, schedule((0, 9_000.0), (600, 0.0)))
    await stage.event(-5_000)
    await stage.turn()
    await stage.live(30)
    assert car.discharges == []  # it would hold for longer than until then


async def test_a_limit_that_was_only_told_bounds_nothing(stage: Stage) -> None:
    car = await stage.car("a")
    await limit(stage, "a", 0, None)
    await stage.event(-5_000)
    await stage.turn()
    await stage.live(30)
    assert car.power_w < -4_500


async def test_fallbacks_together_stay_inside_the_import_limit(stage: Stage) -> None:
    """V-05: when this server dies all leases end; what the vehicles fall back to fits the site."""
    await stage.program(Terms(fallback_w=7_000.0))
    await stage.site("small", export_w=50_000.0, import_w=12_000.0)
    cars = [await stage.car(f"c{number}", site_id="small", wish_w=10_000.0) for number in range(3)]
    await stage.car("absent", site_id="small", programs_=())  # counts, though it is in no program
    for car in cars:
        car.wish_w = 0.0
    await stage.event(-15_000, duration_s=900)
    await stage.turn()
    await stage.live(30)
    assert stage.net_w() < -14_000
    held = [
        profile.periods[-1].limit_w
        for car in cars
        for profile in car.held.values()
        if profile.purpose is Purpose.TX_DEFAULT
    ]
    assert held == [pytest.approx(3_000.0)] * 3
    for car in cars:  # nobody tells them anything more
        car.manner, car.wish_w = "gone", 10_000.0
    stage.clock.advance(310)
    for car in cars:
        car.step(1.0)
    assert 0 < stage.net_w() <= 12_000.0


async def test_a_site_that_lies_within_itself_lets_nothing_out(stage: Stage) -> None:
    await stage.site("a", within="b")
    await stage.site("b", within="a")
    car = await stage.car("cs", site_id="a")
    await stage.event(-5_000)
    await stage.turn()
    await stage.live(30)
    assert car.discharges == []


ODD = {
    "a start beyond all times": ((10**15, 5_000.0),),
    "a start before all times": ((-(10**15), 5_000.0), (10**15, 4_000.0)),
}


@pytest.mark.parametrize("periods", ODD.values(), ids=list(ODD))
async def test_one_odd_schedule_does_not_stop_the_fleet(
    stage: Stage, periods: tuple[tuple[int, float], ...]
) -> None:
    """A station may tell what it likes: the others are steered all the same."""
    car = await stage.car("a")
    await stage.car("odd", programs_=())
    await limit(stage, "odd", 0, schedule(*periods))
    await stage.event(-5_000)
    await stage.turn()
    await stage.live(30)
    assert car.power_w < -4_500


@pytest.mark.parametrize(
    "told", [schedule((0, 1e308), unit="A", phases=10**400), "[]x", "[{}]"], ids=["phases", "text", "empty"]
)
async def test_a_limit_that_nobody_can_read_lets_nothing_out(stage: Stage, told: str) -> None:
    car = await stage.car("a")
    await limit(stage, "a", 0, told)
    await stage.event(-5_000)
    await stage.turn()
    await stage.live(30)
    assert car.discharges == []


async def test_what_others_limit_makes_no_site_known(stage: Stage) -> None:
    """A discharge limit by a third party is no word on what the grid connection bears (V-15)."""
    car = await stage.car("a", site_id=None)
    period = '{"startPeriod":0,"dischargeLimit":-9000}'
    told = f'[{{"id":1,"chargingRateUnit":"W","chargingSchedulePeriod":[{period}]}}]'
    await limit(stage, "a", 1, told)
    await limit(stage, "a", 0, told)
    await stage.event(-5_000)
    await stage.turn()
    await stage.live(30)
    assert car.discharges == []
