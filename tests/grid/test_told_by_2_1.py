"""What a 2.1 station tells takes from what is ordered of it: alarms, DER limits, priority, the V2X window."""

from datetime import timedelta

import pytest

from csms.domain.flexibility import EvseView, NoDischarge
from csms.grid import fleet
from csms.grid.fleet import Membership
from csms.store import der_controls, particulars, transactions
from csms.store.der_controls import ACTIVE, ENDED, LIMIT, SCHEDULED, DerAlarmRow, DerControlRow
from csms.store.transactions import ChargingNeedsRow
from tests.grid.stage import Car, Stage


async def discharging(stage: Stage) -> Car:
    """One car, discharging in an event."""
    await stage.site()
    await stage.program()
    car = await stage.car("a")
    await stage.event(-8_000)
    await stage.live(60)
    assert car.power_w == pytest.approx(-8_000, rel=0.05)
    return car


def alarm(stage: Stage) -> DerAlarmRow:
    now = stage.clock.now()
    return DerAlarmRow(identity="a", control_type="HFMustTrip", fault="OverFrequency", at=now, heard_at=now)


async def test_v_12_a_station_in_a_grid_alarm_does_not_discharge(stage: Stage) -> None:
    car = await discharging(stage)
    await stage.writer.commit(der_controls.alarmed(alarm(stage)))
    before = len(car.discharges)
    await stage.live(60)
    assert car.power_w >= 0
    assert len(car.discharges) == before
    now = stage.clock.now()
    await stage.writer.commit([der_controls.alarm_ended("a", "HFMustTrip", "OverFrequency", now, now)])
    await stage.live(60)
    assert car.power_w == pytest.approx(-8_000, rel=0.05)


def limit(stage: Stage, percent: float, state: str = ACTIVE) -> DerControlRow:
    return DerControlRow(
        identity="a", control_id="l", control_type=LIMIT, is_default=False, settings="{}", state=state,
        discharge_pct=percent, changed_at=stage.clock.now(),
    )  # fmt: skip


async def test_r04_limit_max_discharge_takes_from_the_rating(stage: Stage) -> None:
    car = await discharging(stage)
    await stage.writer.commit([der_controls.reported([limit(stage, 40)])])
    await stage.live(400)  # the lease before has run out
    assert car.power_w == pytest.approx(-4_000, rel=0.05)
    await stage.writer.commit([der_controls.reported([limit(stage, 0)])])
    await stage.live(400)
    assert car.power_w >= 0


@pytest.mark.parametrize(
    ("percent", "state", "rating_w"),
    [
        (200, ACTIVE, 10_000),
        (100, ACTIVE, 10_000),
        (40, SCHEDULED, 10_000),
        (40, ENDED, 10_000),
        (40, ACTIVE, 4_000),
    ],
)
async def test_r04_limit_max_discharge_never_gives(
    stage: Stage, percent: float, state: str, rating_w: float
) -> None:
    await stage.site()
    await stage.car("a", programs_=())
    await stage.writer.commit([der_controls.reported([limit(stage, percent, state)])])
    (view,) = await views(stage)
    assert view.max_discharge_w == rating_w


async def views(stage: Stage) -> list[EvseView]:
    snapshot = await fleet.look(stage.db, stage.clock.now())
    return [fleet.view_of(row, Membership(), snapshot) for row in snapshot.rows]


async def test_k21_who_has_priority_takes_no_part(stage: Stage) -> None:
    car = await discharging(stage)
    assert car.transaction is not None
    name = car.transaction.transaction_id
    for priority, power_w in (("true", 0.0), ("false", -8_000)):
        told = particulars.told("a", name, [(particulars.PRIORITY, priority)], stage.clock.now())
        await stage.writer.commit([told])
        await stage.live(60)
        if power_w:
            assert car.power_w == pytest.approx(power_w, rel=0.05)
        else:
            assert car.power_w >= 0
            assert not car.held  # neither lease nor fallback: it is charged before all else


async def needs(
    stage: Stage, min_v2x_wh: float | None, soc: float | None = None, capacity_wh: float | None = None
) -> None:
    row = ChargingNeedsRow(
        identity="a",
        evse_id=1,
        at=stage.clock.now(),
        transfer="DC_BPT",
        min_v2x_wh=min_v2x_wh,
        soc=soc,
        capacity_wh=capacity_wh,
    )
    await stage.writer.commit([transactions.needs_kept(row)])


async def test_q01_a_vehicle_below_its_v2x_window_does_not_discharge(stage: Stage) -> None:
    car = await discharging(stage)
    await needs(stage, 2_000)
    await stage.live(60)
    assert car.power_w >= 0
    (group,) = (await fleet.summary(stage.db, stage.clock.now())).programs
    assert group.reasons == {NoDischarge.VEHICLE_CANNOT.value: 1}
    await needs(stage, -30_000)
    await stage.live(60)
    assert car.power_w == pytest.approx(-8_000, rel=0.05)


async def test_q01_what_it_may_give_is_given_once(stage: Stage) -> None:
    await stage.site()
    car = await stage.car("a", programs_=())
    await needs(stage, -1_000)
    (view,) = await views(stage)
    assert view.vehicle_bidirectional is True
    car.export_wh += 1_000
    await stage.report(car)
    (view,) = await views(stage)
    assert view.vehicle_bidirectional is False


async def test_q01_the_window_is_a_reserve_where_the_soc_is_told(stage: Stage) -> None:
    await stage.site()
    await stage.car("a", programs_=(), reserve=30.0)
    for min_v2x_wh, reserve in ((-6_000.0, 60.0), (-60_000.0, 30.0), (60_000.0, 100.0)):
        stage.clock.advance(1)
        await needs(stage, min_v2x_wh, soc=70.0)
        (view,) = await views(stage)
        assert view.need.reserve_soc == reserve


async def test_q01_of_two_capacities_that_counts_which_leaves_less_to_give(stage: Stage) -> None:
    await stage.site()
    await stage.car("a", programs_=(), reserve=30.0)  # 60 kWh by its registration
    for capacity_wh, reserve in ((30_000.0, 60.0), (120_000.0, 65.0)):
        stage.clock.advance(1)
        await needs(stage, -6_000.0, soc=70.0, capacity_wh=capacity_wh)
        (view,) = await views(stage)
        assert view.need.reserve_soc == reserve


async def test_q01_the_window_of_the_vehicle_before_is_not_this_ones(stage: Stage) -> None:
    await stage.site()
    car = await stage.car("a", programs_=())
    await needs(stage, 2_000)
    stage.clock.advance(timedelta(hours=1).total_seconds())
    await stage.unplug(car)
    await stage.plug_in(car)
    (view,) = await views(stage)
    assert view.vehicle_bidirectional is True
