"""From a grid event to a statement, with six vehicles that do what they are told."""

from csms.domain.facts import DispatchMade, GridEventAccepted, GridEventChanged, SettlementReady
from csms.domain.grid_event import EventState
from csms.domain.profile import Purpose
from csms.grid.reporting import performance
from csms.store import dispatches, grid_events, profiles, settlements
from tests.grid.stage import Stage


async def test_six_vehicles_deliver_a_quarter_of_an_hour(stage: Stage) -> None:
    cars = [await stage.car(f"cs{number}", soc=60 + 5 * number) for number in range(6)]
    event = await stage.event(-30_000, duration_s=900, in_s=60)
    await stage.live(60)
    assert all(car.discharges for car in cars)
    assert all(car.power_w == 0 for car in cars)
    await stage.live(600)
    assert -31_000 < stage.net_w() < -29_000
    await stage.live(310)
    assert stage.net_w() == 0
    await stage.live(120)
    stored = await grid_events.get(stage.db, event.id)
    assert stored is not None
    assert stored.state is EventState.ENDED
    await stage.settler.settle_due()
    statement = await settlements.get(stage.db, event.id)
    assert statement is not None
    assert statement.performance > 0.97
    assert len({line.driver_id for line in statement.lines}) == 6
    assert statement.payment > 0
    stored = await grid_events.get(stage.db, event.id)
    assert stored is not None
    assert stored.state is EventState.SETTLED
    kinds = {type(fact) for fact in stage.facts}
    assert {GridEventAccepted, GridEventChanged, DispatchMade, SettlementReady} <= kinds
    report = await performance(stage.db, event.id)
    assert report.settled
    assert report.parts == {"released": 6}
    assert report.lowest_soc_margin is not None
    assert report.lowest_soc_margin > 0


async def test_nothing_is_left_on_the_stations(stage: Stage) -> None:
    cars = [await stage.car(f"cs{number}", wish_w=7000.0) for number in range(3)]
    await stage.event(-12_000, duration_s=300)
    await stage.turn()
    await stage.live(600)
    for car in cars:
        assert car.held == {}
        assert car.power_w == 7000.0
    assert await profiles.live_leases(stage.db, stage.clock.now()) == []
    assert await profiles.fallbacks(stage.db) == set()


async def test_fallback_is_acknowledged_before_the_first_lease(stage: Stage) -> None:
    car = await stage.car("cs1")
    await stage.event(-5000, in_s=300)
    await stage.turn()
    assert car.asks == []
    await stage.live(200)
    assert [profile.purpose for profile in car.installs] == [Purpose.TX_DEFAULT]
    await stage.live(120)
    assert car.installs[1].purpose is Purpose.TX
    assert car.installs[1].periods[0].limit_w == -5000


async def test_fallback_changes_nothing_before_the_start_and_ends_by_itself(stage: Stage) -> None:
    car = await stage.car("cs1", wish_w=7000.0)
    event = await stage.event(-5000, in_s=100, duration_s=600)
    await stage.live(90)
    assert car.power_w == 7000.0
    await stage.live(50)
    assert car.power_w == -5000.0
    fallback = car.installs[0]
    assert fallback.valid_to is not None
    assert fallback.valid_to > event.end
    # the server dies: idle, then the driver's charging again
    stage.loops.clear()
    await stage.live(340)
    assert car.power_w == 0
    await stage.live(600)
    assert car.power_w == 7000.0


async def test_late_joiner_gets_its_fallback_first(stage: Stage) -> None:
    await stage.car("cs1", soc=31.0)  # nearly nothing to give
    await stage.event(-9_000, duration_s=900)
    await stage.live(60)
    late = await stage.car("cs2", wish_w=5000.0)
    await stage.live(20)
    assert [profile.purpose for profile in late.installs[:2]] == [Purpose.TX_DEFAULT, Purpose.TX]
    assert late.power_w < 0


async def test_unchanged_setpoint_is_renewed_at_half_time_only(stage: Stage) -> None:
    car = await stage.car("cs1")
    await stage.event(-5000, duration_s=900)
    await stage.turn()
    await stage.live(80)
    assert len(car.leases) == 1
    await stage.live(80)  # it lasts from 180 s to 300 s
    assert len(car.leases) == 2
    assert len({lease.id for lease in car.leases}) == 1


async def test_dispatches_are_on_record(stage: Stage) -> None:
    await stage.car("cs1")
    await stage.car("v1g", bidirectional=False, wish_w=7000.0)
    event = await stage.event(-5000, duration_s=900)
    await stage.turn()
    await stage.live(60)
    rows = await dispatches.of_event(stage.db, event.id, None, 100)
    assert rows[-1].target_w == -5000
    assert rows[-1].measured_w == -5000
    setpoints = {row.identity: row for row in await dispatches.setpoints(stage.db, rows[-1].id or 0)}
    assert setpoints["cs1"].setpoint_w == -5000
    assert setpoints["v1g"].setpoint_w == 0
    assert setpoints["v1g"].reason == "station cannot discharge"
    # curtailed by the same kind of lease, with a limit that is not negative
    assert stage.cars["v1g"].leases[0].periods[0].limit_w == 0
    assert stage.cars["v1g"].power_w == 0


async def test_event_that_asks_for_charging(stage: Stage) -> None:
    for number in range(3):
        await stage.car(f"cs{number}", soc=50.0, wish_w=10_000.0)
    event = await stage.event(12_000, duration_s=600)
    await stage.turn()
    await stage.live(300)
    assert 11_500 < stage.net_w() < 12_500
    await stage.live(400)
    await stage.settler.settle_due()
    statement = await settlements.get(stage.db, event.id)
    assert statement is not None
    assert statement.performance > 0.95
