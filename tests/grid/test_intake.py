"""The only door for a grid event."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from csms.domain.facts import GridEventAccepted
from csms.domain.grid_event import EventRequest, Scope
from csms.domain.program import Need, Terms
from csms.errors import Invalid, NotFound
from csms.grid import enrolment, intake
from csms.store import grid_events, programs
from tests.grid.stage import PROGRAM, START, Stage

REQUEST = EventRequest(program_id=PROGRAM, target_w=-5_000.0, duration_s=600)


async def _accept(stage: Stage, request: EventRequest = REQUEST, key: str | None = None) -> str:
    return (await intake.accept(stage.db, stage.bus, stage.clock, request, key)).id


def test_ids_are_short_unique_and_in_the_order_of_time() -> None:
    ids = [intake.event_id(START + timedelta(milliseconds=number)) for number in range(200)]
    assert ids == sorted(ids)
    assert len({*ids, *(intake.event_id(START) for _ in range(200))}) == 400
    assert all(each.startswith("ev-") and len(each) == 19 for each in ids)


async def test_accepted_is_stored_and_told(stage: Stage) -> None:
    await stage.car("cs1")
    event_id = await _accept(stage)
    stored = await grid_events.get(stage.db, event_id)
    assert stored is not None
    assert stored.start == stage.clock.now()
    await asyncio.sleep(0)
    assert [fact.event_id for fact in stage.facts if isinstance(fact, GridEventAccepted)] == [event_id]


async def test_repeat_of_a_source_id_or_key_is_the_first_event(stage: Stage) -> None:
    await stage.car("cs1")
    signal = replace(REQUEST, source="vtn", source_id="42")
    first = await _accept(stage, signal)
    assert await _accept(stage, replace(signal, target_w=-1.0)) == first
    keyed = await _accept(stage, key="k-1")
    assert keyed != first
    assert await _accept(stage, key="k-1") == keyed


async def test_the_same_signal_ten_times_at_once_is_one_event(stage: Stage) -> None:
    await stage.car("cs1")
    signal = replace(REQUEST, source="vtn", source_id="42")
    ids = await asyncio.gather(*(_accept(stage, signal) for _ in range(10)))
    assert len(set(ids)) == 1
    assert len(await grid_events.listing(stage.db, None, 10)) == 1


async def test_window_that_has_begun_begins_now_and_ends_as_asked(stage: Stage) -> None:
    await stage.car("cs1")
    start = stage.clock.now() - timedelta(seconds=100)
    event_id = await _accept(stage, replace(REQUEST, start=start))
    stored = await grid_events.get(stage.db, event_id)
    assert stored is not None
    assert stored.start == stage.clock.now()
    assert stored.end == start + timedelta(seconds=600)


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (replace(REQUEST, target_w=0.0), "target_w"),
        (replace(REQUEST, target_w=float("nan")), "target_w"),
        (replace(REQUEST, target_w=-50_000.0), "target_w"),
        (replace(REQUEST, duration_s=0), "duration_s"),
        (replace(REQUEST, duration_s=10**9), "duration_s"),
        (replace(REQUEST, start=START - timedelta(hours=1)), "start"),
        (replace(REQUEST, min_soc=101.0), "min_soc"),
        (replace(REQUEST, scope=Scope(site="nowhere")), "scope"),
        (replace(REQUEST, scope=Scope(stations=("cs1", "cs9"))), "scope"),
    ],
)
async def test_impossible_events_are_refused(stage: Stage, request_: EventRequest, field: str) -> None:
    await stage.car("cs1")
    await stage.car("v1g", bidirectional=False)
    with pytest.raises(Invalid) as refusal:
        await _accept(stage, request_)
    assert refusal.value.field == field
    assert await grid_events.listing(stage.db, None, 10) == []


async def test_a_fleet_without_stations_can_do_nothing(stage: Stage) -> None:
    with pytest.raises(Invalid, match="at most 0 W"):
        await _accept(stage)


async def test_unknown_program(stage: Stage) -> None:
    with pytest.raises(NotFound):
        await _accept(stage, replace(REQUEST, program_id="none"))


async def test_notice_of_the_program(stage: Stage) -> None:
    await stage.car("cs1")
    await stage.program(Terms(notice_s=600))
    with pytest.raises(Invalid) as refusal:
        await _accept(stage)
    assert refusal.value.field == "start"


async def test_enrolment_names_what_is_not_there(stage: Stage) -> None:
    await stage.car("cs1")
    db, bus, clock = stage.db, stage.bus, stage.clock
    for driver, program in (("nobody", PROGRAM), ("driver-cs1", "none")):
        with pytest.raises(NotFound):
            await enrolment.enrol(db, bus, clock, driver, program)
        with pytest.raises(NotFound):
            await enrolment.opt_out(db, bus, clock, driver, program)
    with pytest.raises(NotFound):
        await enrolment.opt_out(db, bus, clock, "driver-cs1", PROGRAM, "ev-none")
    with pytest.raises(NotFound):
        await enrolment.set_need(db, bus, clock, "nobody", Need())


@pytest.mark.parametrize(
    ("need", "field"),
    [
        (Need(reserve_soc=-1), "reserve_soc"),
        (Need(reserve_soc=float("nan")), "reserve_soc"),
        (Need(target_soc=101), "target_soc"),
        (Need(target_energy_wh=float("inf")), "target_energy_wh"),
        (Need(departure=START.replace(tzinfo=None)), "departure"),
    ],
)
async def test_needs_that_cannot_be_meant(stage: Stage, need: Need, field: str) -> None:
    await stage.car("cs1")
    with pytest.raises(Invalid) as refusal:
        await enrolment.set_need(stage.db, stage.bus, stage.clock, "driver-cs1", need)
    assert refusal.value.field == field


async def test_need_is_kept(stage: Stage) -> None:
    await stage.car("cs1")
    await enrolment.set_need(stage.db, stage.bus, stage.clock, "driver-cs1", Need(reserve_soc=55.0))
    row = await programs.need(stage.db, "driver-cs1")
    assert row is not None
    assert row.reserve_soc == 55.0


async def test_a_higher_reserve_during_the_event_stops_the_discharge(stage: Stage) -> None:
    car = await stage.car("cs1", soc=60.0)
    await stage.event(-5_000, duration_s=900)
    await stage.turn()
    await stage.live(30)
    assert car.power_w == -5_000
    await enrolment.set_need(stage.db, stage.bus, stage.clock, "driver-cs1", Need(reserve_soc=70.0))
    await stage.live(20)
    assert car.power_w == 0
