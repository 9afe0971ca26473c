"""Settlement: once, after the grace time, from the registers."""

import asyncio

import pytest

from csms.domain.facts import SettlementReady
from csms.domain.grid_event import EventState
from csms.domain.program import BaselineMethod, Terms
from csms.grid.reporting import performance
from csms.grid.settlement import Settler, settle_event
from csms.store import dispatches, grid_events, programs, settlements
from tests.grid.stage import PROGRAM, Stage


async def test_waits_for_the_grace_time_and_settles_once(stage: Stage) -> None:
    await stage.car("cs1")
    event = await stage.event(-6_000, duration_s=300)
    await stage.turn()
    await stage.live(320)
    wait_s = await stage.settler.settle_due()
    assert wait_s == pytest.approx(30, abs=11)
    assert await settlements.get(stage.db, event.id) is None
    await stage.live(60)
    other = Settler(stage.db, stage.bus, stage.clock)
    await asyncio.gather(stage.settler.settle_due(), other.settle_due())
    await stage.settler.settle_due()
    await asyncio.sleep(0)
    assert len([fact for fact in stage.facts if isinstance(fact, SettlementReady)]) == 1
    states = [row.state for row in await grid_events.history(stage.db, event.id)]
    assert states == ["scheduled", "active", "ended", "settled"]


async def test_pre_event_baseline_is_frozen_at_the_start(stage: Stage) -> None:
    await stage.program(Terms(baseline=BaselineMethod.PRE_EVENT))
    await stage.car("cs1", wish_w=4_000.0)
    await stage.live(900)
    event = await stage.event(-2_000, duration_s=600, in_s=10)
    await stage.live(800)
    parts = await dispatches.participation(stage.db, event.id)
    assert parts[0].baseline_w == pytest.approx(4_000, rel=0.01)
    await stage.settler.settle_due()
    statement = await settlements.get(stage.db, event.id)
    assert statement is not None
    # from 4 kW in to 2 kW out
    assert statement.delivered_wh == pytest.approx(1_000, rel=0.05)


async def test_opted_out_driver_is_settled_for_the_part_before(stage: Stage) -> None:
    await stage.car("cs1", wish_w=7_000.0)
    event = await stage.event(-6_000, duration_s=600)
    await stage.turn()
    await stage.live(300)
    async with stage.db.begin() as conn:
        await programs.opt_out(conn, "driver-cs1", PROGRAM, None, stage.clock.now())
    await stage.live(400)
    await stage.settler.settle_due()
    statement = await settlements.get(stage.db, event.id)
    assert statement is not None
    assert statement.delivered_wh == pytest.approx(500, rel=0.06)
    # what was charged after the opt-out is no part of it but for the tick that it took
    assert statement.imported_wh < 25


async def test_missing_readings_are_unmetered_and_not_paid(stage: Stage) -> None:
    car = await stage.car("cs1")
    event = await stage.event(-6_000, duration_s=600)
    await stage.turn()
    car.meter_stuck = True
    await stage.live(700)
    await stage.settler.settle_due()
    statement = await settlements.get(stage.db, event.id)
    assert statement is not None
    assert statement.unmetered_intervals > 0
    assert statement.payment == 0


async def test_performance_before_and_after_settlement(stage: Stage) -> None:
    await stage.car("cs1")
    event = await stage.event(-6_000, duration_s=600)
    await stage.turn()
    await stage.live(300)
    report = await performance(stage.db, event.id)
    assert not report.settled
    assert report.target_wh == pytest.approx(500, rel=0.05)
    assert report.delivered_wh == pytest.approx(483, rel=0.05)
    assert report.parts == {"following": 1}
    assert [point.target_w for point in report.series][-1] == -6_000


async def test_settler_runs_by_itself(stage: Stage) -> None:
    await stage.car("cs1")
    event = await stage.event(-6_000, duration_s=60)
    await stage.turn()
    running = stage.tasks.create_task(stage.settler.run())
    await stage.live(70)
    for _ in range(20):
        stage.clock.advance(10)
        await asyncio.sleep(0.01)
    async with asyncio.timeout(5):
        while await settlements.settled_at(stage.db, event.id) is None:
            stage.clock.advance(10)
            await asyncio.sleep(0.01)
    running.cancel()
    stored = await grid_events.get(stage.db, event.id)
    assert stored is not None
    assert stored.state is EventState.SETTLED
    program = await programs.get(stage.db, PROGRAM)
    assert program is not None
    again = await settle_event(stage.db, stored, program, stage.clock.now())
    assert again == await settlements.get(stage.db, event.id)
