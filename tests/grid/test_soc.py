"""A state of charge is believed only as far as the meter bears it out."""

from dataclasses import replace
from datetime import timedelta

import pytest

from csms.domain.program import Terms
from csms.grid import fleet
from csms.grid.loop import GridLoop
from csms.grid.pace import walk
from csms.grid.soc import SocWatch
from csms.store import transactions
from csms.store.transactions import ChargingNeedsRow
from tests.grid.stage import START, Stage


async def test_soc_that_stands_still_while_discharging_does_not_empty_the_vehicle(stage: Stage) -> None:
    car = await stage.car("cs1", soc=45.0, soc_told=45.0, capacity_wh=20_000.0)
    await stage.event(-10_000, duration_s=3600)
    await stage.turn()
    await stage.live(3600, 20)
    assert car.export_wh > 600  # it did take part
    assert car.soc >= 30.0


async def test_soc_that_stands_still_gains_nothing_by_turns_of_charging_and_discharging(stage: Stage) -> None:
    """Each turn loses a little; within the tolerance nobody would see the word part from the battery."""
    await stage.car("cs1", soc=45.0, capacity_wh=20_000.0)
    snapshot = await fleet.look(stage.db, stage.clock.now())
    (row,) = snapshot.rows
    watch, battery = SocWatch(), 45.0
    await walk(watch.watch(snapshot))
    for turn in range(1, 41):
        out_wh, in_wh = (300.0, 0.0) if turn % 2 else (0.0, 330.0)
        battery += 100 * (0.92 * in_wh - out_wh / 0.9) / 20_000
        at = START + timedelta(minutes=10 * turn)
        row = row._replace(
            soc_at=at,
            last_at=at,
            last_import_wh=(row.last_import_wh or 0.0) + in_wh,
            last_export_wh=(row.last_export_wh or 0.0) + out_wh,
        )
        refused, most = await walk(watch.watch(replace(snapshot, now=at, rows=(row,))))
        assert refused or most["cs1", 1] <= battery + Terms().soc_margin


async def test_soc_that_creeps_up_while_discharging_does_not_empty_the_vehicle(stage: Stage) -> None:
    car = await stage.car("cs1", soc=45.0, soc_told=45.0, capacity_wh=20_000.0)
    await stage.event(-10_000, duration_s=3600)
    await stage.turn()
    for _ in range(120):
        assert car.soc_told is not None
        car.soc_told += 0.25
        await stage.live(30, 30)
    assert car.soc >= 30.0


async def test_soc_over_the_vehicles_cable_is_held_to_the_meter_too(stage: Stage) -> None:
    car = await stage.car("cs1", soc=35.0, capacity_wh=20_000.0)
    await stage.event(-10_000, duration_s=3600)
    await stage.turn()
    await stage.live(30)
    car.soc_silent = True
    for _ in range(60):
        needs = ChargingNeedsRow(identity="cs1", evse_id=1, at=stage.clock.now(), transfer="AC_BPT", soc=95.0)
        await stage.writer.commit([transactions.needs_kept(needs)])
        await stage.live(30, 30)
    assert car.soc >= 30.0


async def test_soc_that_jumped_long_before_any_event_is_not_believed_in_it(stage: Stage) -> None:
    """While no event is near the fleet is looked at seldom, but it is looked at."""
    honest = await stage.car("cs2", soc=80.0)
    await stage.live(30)
    liar = await stage.car("cs1", soc=35.0, soc_told=35.0)
    await stage.live(180)
    liar.soc_told = 90.0
    await stage.live(180)
    exported_wh = liar.export_wh
    await stage.event(-10_000, duration_s=600)
    await stage.live(300)
    assert honest.power_w < 0
    assert liar.export_wh == exported_wh


async def test_honest_vehicle_is_believed_through_discharge_and_charge(stage: Stage) -> None:
    """Also where the vehicle rounds, and where its battery is ten percent larger than known."""
    car = await stage.car("cs1", soc=80.0, capacity_wh=22_000.0, known_capacity_wh=20_000.0)
    await stage.event(-8_000, duration_s=3600)
    await stage.turn()
    for _ in range(120):
        car.soc_told = float(round(car.soc))
        await stage.live(30, 30)
    assert car.soc < 48.0
    await stage.live(300)
    car.wish_w = 8_000.0
    for _ in range(60):
        car.soc_told = float(round(car.soc))
        await stage.live(30, 30)
    car.wish_w = 0.0
    await stage.event(-8_000, duration_s=600)
    await stage.live(60)
    assert car.power_w < -7_000


async def test_exchanged_meter_does_not_shake_the_belief(stage: Stage) -> None:
    car = await stage.car("cs1", soc=80.0)
    await stage.event(-8_000, duration_s=1800)
    await stage.turn()
    await stage.live(60)
    car.import_wh, car.export_wh = 0.0, 0.0
    await stage.live(60)
    assert car.power_w == pytest.approx(-8_000)


async def test_soc_stamped_in_the_future_is_not_taken_for_a_fresh_one(stage: Stage) -> None:
    car = await stage.car("cs1", soc=80.0, stamp_ahead_s=60.0)
    await stage.event(-8_000, duration_s=600)
    await stage.turn()
    await stage.live(60)
    assert car.discharges == []


async def test_what_was_told_first_outlives_the_server(stage: Stage) -> None:
    """A jump while nobody watches is no new beginning: the vehicle would be discharged below its reserve."""
    car = await stage.car("cs1", soc=40.0, capacity_wh=20_000.0)
    await stage.event(-10_000, duration_s=3600)
    await stage.turn()
    await stage.live(120)
    assert car.power_w < 0
    stage.loops.clear()
    car.soc_told = 95.0
    await stage.live(60)
    stage.loops.append(GridLoop(stage.db, stage.bus, stage.clock, "node-2"))
    await stage.live(900, 30)
    assert car.soc >= 30.0
    assert car.power_w == 0.0
