"""Two events, or two programs, at one EVSE."""

import pytest

from csms.domain.grid_event import EventState
from csms.domain.profile import Purpose
from csms.domain.program import Program, Terms
from csms.grid import enrolment, intake
from csms.grid.loop import GridLoop
from csms.store import dispatches, profiles, programs, settlements
from tests.grid.stage import PROGRAM, Stage


async def _second_program(stage: Stage, terms: Terms = Terms()) -> None:
    async with stage.db.begin() as conn:
        await programs.put(conn, Program("emergency", "emergency", terms))


async def test_two_programs_with_different_fallbacks_do_not_fight_over_the_evse(stage: Stage) -> None:
    """The one that runs now and the one that comes next: each profile wears the station's flash."""
    await _second_program(stage, Terms(fallback_w=1_500.0))
    car = await stage.car("cs1", programs_=(PROGRAM, "emergency"))
    await stage.event(-4_000, duration_s=300)
    await stage.event(-6_000, duration_s=300, in_s=310, program_id="emergency")
    await stage.live(300)
    fallbacks = [profile for profile in car.installs if profile.purpose is Purpose.TX_DEFAULT]
    assert len(fallbacks) <= 2
    await stage.live(120)
    assert car.power_w == -6_000
    await stage.live(600)
    assert car.held == {}


async def test_fallback_of_a_later_event_does_not_stand_for_an_earlier_one(stage: Stage) -> None:
    """Before its event's start a fallback allows the rating: under a lease it must bite already (V-04)."""
    await _second_program(stage)
    car = await stage.car("cs1", programs_=(PROGRAM, "emergency"), wish_w=9_000.0)
    await stage.event(-4_000, duration_s=1200, in_s=100)
    await stage.live(10)
    early = await stage.event(-6_000, duration_s=60, in_s=10, program_id="emergency", priority=1)
    await stage.live(30)
    assert car.power_w == -6_000
    fallback = next(held for held in car.held.values() if held.purpose is Purpose.TX_DEFAULT)
    passed_s = (stage.clock.now() - fallback.start).total_seconds()
    in_force = [period.limit_w for period in fallback.periods if period.start_s <= passed_s][-1]
    assert in_force == 0
    assert early.start < stage.clock.now()
    count = len(car.installs)
    await stage.live(70)
    assert len(car.installs) - count <= 3


async def test_energy_under_the_stronger_event_is_paid_once(stage: Stage) -> None:
    await _second_program(stage)
    car = await stage.car("cs1", programs_=(PROGRAM, "emergency"), capacity_wh=200_000.0)
    weak = await stage.event(-4_000, duration_s=900)
    await stage.turn()
    await stage.live(300)
    strong = await stage.event(-9_000, duration_s=300, program_id="emergency", priority=1)
    before_wh = car.export_wh
    await stage.turn()
    await stage.live(900)
    await stage.settler.settle_due()
    both = [await settlements.get(stage.db, event.id) for event in (weak, strong)]
    assert both[0] is not None
    assert both[1] is not None
    assert both[1].delivered_wh == pytest.approx(750, rel=0.07)
    assert both[0].delivered_wh + both[1].delivered_wh == pytest.approx(car.export_wh - 500.0, rel=0.02)
    assert before_wh < car.export_wh


async def test_who_comes_back_late_is_paid_for_the_time_before(stage: Stage) -> None:
    car = await stage.car("cs1")
    event = await stage.event(-6_000, duration_s=600)
    await stage.turn()
    await stage.live(400)
    await enrolment.opt_out(stage.db, stage.bus, stage.clock, "driver-cs1", PROGRAM, event.id)
    await stage.live(100)
    car.manner = "mute"
    await enrolment.opt_in(stage.db, stage.bus, stage.clock, "driver-cs1", PROGRAM, event.id)
    await stage.turn()
    await stage.live(300)
    await stage.settler.settle_due()
    statement = await settlements.get(stage.db, event.id)
    assert statement is not None
    assert statement.delivered_wh == pytest.approx(667, rel=0.05)


async def test_fallback_that_was_never_answered_is_found_by_the_next_process(stage: Stage) -> None:
    """The process dies before the answer, the event is cancelled: the driver gets the charging back."""
    car = await stage.car("cs1", wish_w=7_000.0)
    event = await stage.event(-5_000, duration_s=3600, in_s=60)
    await stage.live(20)
    async with stage.db.begin() as conn:
        row = (await profiles.of_station(stage.db, "cs1"))[0]
        row.state = "sent"
        await profiles.sent(conn, row)
    stage.loops.clear()
    await intake.cancel(stage.db, stage.bus, stage.clock, event.id)
    await stage.live(60)
    assert car.power_w == 0
    stage.loops.append(GridLoop(stage.db, stage.bus, stage.clock, "node-2"))
    await stage.live(60)
    assert car.held == {}
    assert car.power_w == 7_000.0
    assert (await dispatches.participation(stage.db, event.id))[0].state != EventState.ACTIVE
