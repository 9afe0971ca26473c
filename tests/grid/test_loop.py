"""The loop as it runs: bells, time, isolation of failures."""

import asyncio
from collections.abc import Callable

import pytest

from csms.domain.facts import StationConnected
from csms.errors import StoreUnavailable
from csms.grid import decision, enrolment, fleet, intake
from csms.grid.ledger import Ledger
from csms.store import dispatches
from csms.store.dispatches import Participation
from csms.store.profiles import Outcome
from tests.grid.stage import PROGRAM, Car, Stage


async def _until(car: Car, test: Callable[[], bool], seconds: float = 5.0) -> None:
    """Wait for asks to the station until the test holds."""
    async with asyncio.timeout(seconds):
        while not test():
            car.asked.clear()
            await car.asked.wait()


async def test_bells_alone_start_cancel_and_end_an_event(stage: Stage) -> None:
    """Time stands still: what happens, happens by bells."""
    car = await stage.car("cs1")
    running = stage.tasks.create_task(stage.loop.run())
    event = await stage.event(-8_000, duration_s=600)
    await _until(car, lambda: bool(car.discharges))
    await intake.cancel(stage.db, stage.bus, stage.clock, event.id)
    await _until(car, lambda: bool(car.clears))
    running.cancel()


async def test_opt_out_is_on_the_wire_within_a_second(stage: Stage) -> None:
    car = await stage.car("cs1")
    running = stage.tasks.create_task(stage.loop.run())
    await stage.event(-8_000, duration_s=600)
    await _until(car, lambda: bool(car.discharges))
    await enrolment.opt_out(stage.db, stage.bus, stage.clock, "driver-cs1", PROGRAM)
    await _until(car, lambda: bool(car.clears), 1.0)
    running.cancel()


async def test_time_alone_starts_an_event_sharply(stage: Stage) -> None:
    car = await stage.car("cs1")
    running = stage.tasks.create_task(stage.loop.run())
    await stage.event(-8_000, duration_s=600, in_s=97.0)
    await _until(car, lambda: bool(car.installs))
    for _ in range(9):
        stage.clock.advance(10)
        await asyncio.sleep(0.02)
    assert car.leases == []
    stage.clock.advance(7)
    await stage.report(car)
    await _until(car, lambda: bool(car.discharges))
    running.cancel()


async def test_broken_planning_does_not_keep_withdrawals_from_happening(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """V-16. The planner is replaced by one that always fails."""
    car = await stage.car("cs1")
    event = await stage.event(-8_000, duration_s=600)
    await stage.turn()
    await stage.live(20)

    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(decision, "decide", broken)
    await stage.live(20)
    await intake.cancel(stage.db, stage.bus, stage.clock, event.id)
    await stage.turn()
    assert car.clears == [910_001]


async def test_tick_that_fails_is_followed_by_the_next(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    car = await stage.car("cs1")
    look, failures = fleet.look, [StoreUnavailable("away"), RuntimeError("what"), ValueError("ever")]

    async def unsteady(*arguments: object) -> object:
        if failures:
            raise failures.pop()
        return await look(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(fleet, "look", unsteady)
    running = stage.tasks.create_task(stage.loop.run())
    await stage.event(-8_000, duration_s=600)
    async with asyncio.timeout(5):
        while not car.discharges:
            stage.clock.advance(10)
            await stage.report(car)
            await asyncio.sleep(0.02)
    running.cancel()


async def test_summary_of_the_fleet(stage: Stage) -> None:
    await stage.site("small", export_w=5_000.0)
    await stage.car("cs1", soc=80.0, site_id="small")
    await stage.car("cs2", soc=30.0)
    await stage.car("v1g", bidirectional=False, wish_w=3_000.0)
    await stage.live(10)
    summary = await fleet.summary(stage.db, stage.clock.now())
    assert (summary.plugged_in, summary.online) == (3, 3)
    program = summary.programs[0]
    assert program.plugged_in == 3
    # less than the rating: no lease may take the site over its limit
    assert program.can_discharge_w == 5_000.0
    assert program.measured_w == 3_000.0
    assert program.available_wh > 10_000
    assert program.reasons == {"at the driver's reserve": 1, "station cannot discharge": 1}
    sites = {site.id: site for site in summary.sites}
    assert sites["small"].can_discharge_w == 5_000.0
    assert sites["depot"].plugged_in == 2


async def test_ledger_writes_for_all_who_wait(stage: Stage) -> None:
    ledger = Ledger(stage.db)
    at = stage.clock.now()
    rows = [
        Participation(
            event_id="ev", identity=f"s{n}", evse_id=1, transaction_id="t", state="left", changed_at=at
        )
        for n in range(50)
    ]
    await asyncio.gather(
        *(ledger.write(row, Outcome(row.identity, 1, 1, "cleared", None, at)) for row in rows)
    )
    assert len(await dispatches.participation(stage.db, "ev")) == 50


async def test_ledger_tells_all_who_wait_of_a_failure(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = Ledger(stage.db)
    at = stage.clock.now()

    def broken() -> None:
        raise StoreUnavailable("disk full")

    monkeypatch.setattr(stage.db, "begin", broken)
    writes = [ledger.write(Outcome("s", 1, 1, "cleared", None, at)) for _ in range(3)]
    results = await asyncio.gather(*writes, return_exceptions=True)
    assert all(isinstance(result, StoreUnavailable) for result in results)


async def test_after_a_reconnection_the_lease_is_written_anew(stage: Stage) -> None:
    """V-09: what the station holds is not believed before it has been told again."""
    car = await stage.car("cs1")
    running = stage.tasks.create_task(stage.loop.run())
    await stage.event(-8_000, duration_s=600)
    await _until(car, lambda: len(car.leases) == 1)
    stage.bus.publish(StationConnected(stage.clock.now(), "cs1", 2))
    await _until(car, lambda: len(car.leases) == 2)
    assert car.leases[0].id == car.leases[1].id
    running.cancel()
