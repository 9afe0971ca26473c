"""Cancel, overlap and opt-out, at every time at which they can come."""

import asyncio

import pytest

from csms.domain.grid_event import EventState
from csms.domain.program import Program, Terms
from csms.errors import NotFound
from csms.grid import enrolment, intake
from csms.grid.records import Book
from csms.store import dispatches, grid_events, profiles, programs, settlements
from tests.grid.stage import PROGRAM, Stage


async def test_cancel_of_an_unknown_event(stage: Stage) -> None:
    with pytest.raises(NotFound):
        await intake.cancel(stage.db, stage.bus, stage.clock, "ev-nothing")


async def test_cancel_before_the_start_also_once_prepared(stage: Stage) -> None:
    car = await stage.car("cs1", wish_w=7000.0)
    event = await stage.event(-5_000, in_s=60)
    await stage.live(20)
    assert len(car.held) == 1
    cancelled = await intake.cancel(stage.db, stage.bus, stage.clock, event.id)
    assert cancelled.state is EventState.CANCELLED
    await stage.live(120)
    assert car.leases == []
    assert car.held == {}
    assert car.power_w == 7000.0
    await stage.settler.settle_due()
    assert await settlements.get(stage.db, event.id) is None


async def test_cancel_during_withdraws_at_once_and_settles_what_ran(stage: Stage) -> None:
    car = await stage.car("cs1")
    event = await stage.event(-6_000, duration_s=900)
    await stage.turn()
    await stage.live(300)
    first = await intake.cancel(stage.db, stage.bus, stage.clock, event.id)
    again = await intake.cancel(stage.db, stage.bus, stage.clock, event.id)
    assert first == again
    await stage.turn()
    assert car.leases[-1].id not in car.held
    await stage.live(120)
    assert car.power_w == 0
    await stage.settler.settle_due()
    statement = await settlements.get(stage.db, event.id)
    assert statement is not None
    assert statement.target_wh == pytest.approx(500, abs=1)
    assert statement.performance > 0.9
    stored = await grid_events.get(stage.db, event.id)
    assert stored is not None
    assert stored.state is EventState.CANCELLED


async def test_cancel_after_the_end_changes_nothing(stage: Stage) -> None:
    await stage.car("cs1")
    event = await stage.event(-6_000, duration_s=60)
    await stage.turn()
    await stage.live(80)
    late = await intake.cancel(stage.db, stage.bus, stage.clock, event.id)
    assert late.state is EventState.ENDED


async def test_cancel_beats_the_start(stage: Stage) -> None:
    car = await stage.car("cs1")
    event = await stage.event(-6_000, in_s=10)
    await stage.turn()
    stage.clock.advance(15)
    await asyncio.gather(
        intake.cancel(stage.db, stage.bus, stage.clock, event.id), stage.loop.tick(stage.tasks)
    )
    await stage.loop.settled()
    await stage.turn()
    stored = await grid_events.get(stage.db, event.id)
    assert stored is not None
    assert stored.state is EventState.CANCELLED
    assert all(lease.id not in car.held for lease in car.leases)


async def test_overlap_the_stronger_takes_the_evse_and_gives_it_back(stage: Stage) -> None:
    async with stage.db.begin() as conn:
        await programs.put(conn, Program("emergency", "emergency", Terms()))
    car = await stage.car("cs1", programs_=(PROGRAM, "emergency"))
    weak = await stage.event(-4_000, duration_s=600)
    await stage.turn()
    await stage.live(60)
    assert car.power_w == -4_000
    strong = await stage.event(-9_000, duration_s=120, program_id="emergency", priority=1)
    await stage.turn()
    await stage.live(60)
    assert car.power_w == -9_000
    parts = {row.event_id: row.state for row in await dispatches.participation(stage.db, weak.id)}
    assert parts == {weak.id: "superseded"}
    await stage.live(100)
    assert car.power_w == -4_000
    assert len({profile.id for profile in car.leases}) == 1
    strongs = await dispatches.participation(stage.db, strong.id)
    assert [row.state for row in strongs] == ["released"]


async def test_opt_out_during_an_event_within_one_wake(stage: Stage) -> None:
    car = await stage.car("cs1", wish_w=5000.0)
    other = await stage.car("cs2")
    await stage.event(-8_000, duration_s=600)
    await stage.turn()
    await stage.live(30)
    await enrolment.opt_out(stage.db, stage.bus, stage.clock, "driver-cs1", PROGRAM)
    await stage.loop.tick(stage.tasks)
    await stage.loop.settled()
    assert car.clears == [910_001]
    await stage.live(60)
    assert car.held == {}
    assert car.power_w == 5000.0
    assert other.power_w == pytest.approx(-8_000, abs=800)
    leases = len(car.leases)
    await stage.live(200)
    assert len(car.leases) == leases


async def test_opt_out_overtakes_an_order_on_its_way(stage: Stage) -> None:
    """The lease waits for a slow station.

    The withdrawal is behind it, and no further discharge follows (V-07).
    """
    car = await stage.car("cs1")
    await stage.event(-8_000, duration_s=600, in_s=60)
    await stage.live(50)
    car.gate = asyncio.Event()
    stage.clock.advance(10)
    await stage.loop.tick(stage.tasks)
    await enrolment.opt_out(stage.db, stage.bus, stage.clock, "driver-cs1", PROGRAM)
    await stage.loop.tick(stage.tasks)
    car.gate.set()
    await stage.loop.settled()
    await stage.turn()
    assert car.held == {}
    assert len(car.discharges) <= 1
    assert await profiles.live_leases(stage.db, stage.clock.now()) == []


async def test_opt_in_again_brings_the_driver_back(stage: Stage) -> None:
    car = await stage.car("cs1")
    event = await stage.event(-8_000, duration_s=900)
    await stage.turn()
    await enrolment.opt_out(stage.db, stage.bus, stage.clock, "driver-cs1", PROGRAM, event.id)
    await stage.live(20)
    assert car.power_w == 0
    await enrolment.opt_in(stage.db, stage.bus, stage.clock, "driver-cs1", PROGRAM, event.id)
    await stage.live(30)
    assert car.power_w == pytest.approx(-8_000)


async def test_leaving_the_program_is_an_opt_out(stage: Stage) -> None:
    car = await stage.car("cs1")
    await stage.event(-8_000, duration_s=900)
    await stage.turn()
    await enrolment.leave(stage.db, stage.bus, stage.clock, "driver-cs1", PROGRAM)
    await stage.turn()
    assert car.held == {}


async def test_unplugging_frees_the_evse(stage: Stage) -> None:
    car = await stage.car("cs1")
    event = await stage.event(-8_000, duration_s=900)
    await stage.turn()
    await stage.live(60)
    await stage.unplug(car)
    await stage.turn()
    assert car.held == {}
    assert [row.state for row in await dispatches.participation(stage.db, event.id)] == ["left"]


@pytest.mark.parametrize("ends", ["opt out", "cancel"])
async def test_order_that_was_planned_before_an_opt_out_does_not_go_out_after_it(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, ends: str
) -> None:
    """It comes while the tick writes down what it means to do (V-07, V-08)."""
    car = await stage.car("cs1")
    event = await stage.event(-8_000, duration_s=600, in_s=60)
    await stage.live(50)
    record = Book.record

    async def slow(*arguments: object, **more: object) -> None:
        await record(*arguments, **more)  # type: ignore[arg-type]
        if ends == "opt out":
            await enrolment.opt_out(stage.db, stage.bus, stage.clock, "driver-cs1", PROGRAM)
        else:
            await intake.cancel(stage.db, stage.bus, stage.clock, event.id)
        for _ in range(5):
            await asyncio.sleep(0)

    running = stage.tasks.create_task(stage.loop.run())
    await asyncio.sleep(0.1)
    monkeypatch.setattr(Book, "record", slow)
    try:
        stage.clock.advance(10)
        async with asyncio.timeout(5):
            while not car.clears:
                await asyncio.sleep(0.05)
                stage.clock.advance(5)
    finally:
        running.cancel()
    assert car.discharges == []
