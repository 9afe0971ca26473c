"""Programs, grid events, dispatches and statements, on both databases."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from csms.domain.grid_event import EventState, GridEvent, Scope
from csms.domain.program import BaselineMethod, Need, Program, Terms
from csms.domain.settlement import Line, Statement
from csms.errors import Conflict
from csms.store import dispatches, grid_events, programs, settlements
from csms.store.database import Database

NOW = datetime(2026, 1, 1, 12, 30, 15, 123456, tzinfo=UTC)
LATER = NOW + timedelta(seconds=30)
EVENT = GridEvent(
    id="e1",
    program_id="peak",
    target_w=-300_000.0,
    start=NOW,
    duration_s=900,
    state=EventState.SCHEDULED,
    created_at=NOW,
    scope=Scope("depot", ("a", "b")),
    min_soc=30.0,
    source="mqtt",
    source_id="x1",
)


async def test_a_program_comes_back_with_its_terms(db: Database) -> None:
    terms = Terms(baseline=BaselineMethod.PRE_EVENT, price_per_kwh=0.4, max_power_w=1e6, grace_s=5.0)
    program = Program("peak", "Evening peak", terms)
    async with db.begin() as conn:
        await programs.put(conn, Program("peak", "old"))
        await programs.put(conn, program)
    assert await programs.get(db, "peak") == program
    assert await programs.listing(db) == [program]
    assert await programs.get(db, "other") is None


async def test_drivers_vehicles_and_needs(db: Database) -> None:
    need = programs.NeedRow(driver_id="d1", reserve_soc=40.0, departure=LATER, changed_at=NOW)
    async with db.begin() as conn:
        for name in ("d2", "d1"):
            await programs.put_driver(conn, programs.DriverRow(driver_id=name))
        await programs.put_vehicle(
            conn, programs.VehicleRow(vehicle_id="v1", driver_id="d1", bidirectional=True)
        )
        await programs.put_need(conn, need)
    assert [row.driver_id for row in await programs.drivers(db, None, 10)] == ["d1", "d2"]
    assert [row.driver_id for row in await programs.drivers(db, "d1", 10)] == ["d2"]
    assert await programs.driver(db, "d3") is None
    vehicle = await programs.vehicle(db, "v1")
    assert vehicle is not None
    assert vehicle.bidirectional
    assert len(await programs.vehicles(db, None, 10, driver="d1")) == 1
    assert await programs.vehicles(db, None, 10, driver="d2") == []
    row = await programs.need(db, "d1")
    assert row is not None
    assert programs.need_of(row) == Need(40.0, LATER, None, None)


async def test_enrolment_and_opting_out(db: Database) -> None:
    async with db.begin() as conn:
        for driver in ("d1", "d2", "d3"):
            await programs.enrol(conn, driver, "peak", NOW)
        await programs.enrol(conn, "d1", "peak", LATER)
        assert await programs.leave(conn, "d3", "peak")
        assert not await programs.leave(conn, "d3", "peak")
        await programs.opt_out(conn, "d1", "peak", "e1", NOW)
        await programs.opt_out(conn, "d2", "peak", None, NOW)
    assert await programs.enrolled(db, "peak") == {"d1", "d2"}
    assert [row.since for row in await programs.enrolments(db, "d1")] == [LATER]
    assert await programs.opted_out(db, "peak", "e1") == {"d1", "d2"}
    assert await programs.opted_out(db, "peak", "e2") == {"d2"}
    assert await programs.opted_out(db, "peak", None) == {"d2"}
    assert len(await programs.opt_outs(db, "d1")) == 1
    async with db.begin() as conn:
        assert await programs.opt_in(conn, "d2", "peak", None)
        assert not await programs.opt_in(conn, "d2", "peak", "e1")
    assert await programs.opted_out(db, "peak", "e1") == {"d1"}


async def test_a_grid_event_comes_back_and_its_source_s_repeat_is_refused(db: Database) -> None:
    async with db.begin() as conn:
        await grid_events.add(conn, EVENT, "key")
    assert await grid_events.get(db, "e1") == EVENT
    assert await grid_events.by_source(db, "mqtt", "x1") == EVENT
    assert await grid_events.by_idempotency_key(db, "key") == EVENT
    for repeat in (EVENT, replace(EVENT, id="e2")):
        with pytest.raises(Conflict):
            async with db.begin() as conn:
                await grid_events.add(conn, repeat)
    async with db.begin() as conn:  # no source id: any number of them
        await grid_events.add(conn, replace(EVENT, id="e3", source_id=None, scope=Scope()))
        await grid_events.add(conn, replace(EVENT, id="e4", source_id=None))
    assert [event.id for event in await grid_events.listing(db, None, 2)] == ["e1", "e3"]
    assert [event.id for event in await grid_events.listing(db, "e3", 2)] == ["e4"]
    assert (await grid_events.listing(db, "e1", 1))[0].scope == Scope()


async def test_an_event_changes_its_state_once(db: Database) -> None:
    async with db.begin() as conn:
        await grid_events.add(conn, EVENT)
        waiting = [EventState.SCHEDULED]
        assert await grid_events.change_state(conn, "e1", waiting, EventState.ACTIVE, LATER)
        assert not await grid_events.change_state(conn, "e1", waiting, EventState.ACTIVE, LATER)
        both = [EventState.SCHEDULED, EventState.ACTIVE]
        assert await grid_events.change_state(conn, "e1", both, EventState.CANCELLED, LATER, "by ada")
    event = await grid_events.get(db, "e1")
    assert event is not None
    assert (event.state, event.cancelled_at) == (EventState.CANCELLED, LATER)
    history = await grid_events.history(db, "e1")
    assert [(row.state, row.detail) for row in history] == [
        ("scheduled", None),
        ("active", None),
        ("cancelled", "by ada"),
    ]
    assert await grid_events.in_states(db, [EventState.ACTIVE]) == []
    assert [event.id for event in await grid_events.in_states(db, [EventState.CANCELLED])] == ["e1"]
    assert await grid_events.listing(db, None, 10, [EventState.ACTIVE]) == []


def dispatch(at: datetime) -> dispatches.DispatchRow:
    return dispatches.DispatchRow(
        event_id="e1",
        at=at,
        target_w=-10.0,
        corrected_w=-11.0,
        measured_w=-9.0,
        setpoint_w=-10.0,
        shortfall_w=0.0,
        evses=2,
        discharging=1,
    )


async def test_a_tick_is_recorded_with_its_setpoints(db: Database) -> None:
    orders = [
        dispatches.SetpointRow(
            dispatch_id=0,
            event_id="e1",
            identity="a",
            evse_id=evse_id,
            transaction_id="t",
            setpoint_w=-5.0,
            reason=reason,
        )
        for evse_id, reason in ((1, None), (2, "driver opted out"))
    ]
    async with db.begin() as conn:
        first = await dispatches.record(conn, dispatch(NOW), orders)
        second = await dispatches.record(conn, dispatch(LATER), [])
    assert second > first
    assert [row.reason for row in await dispatches.setpoints(db, first)] == [None, "driver opted out"]
    assert await dispatches.setpoints(db, second) == []
    assert [row.id for row in await dispatches.of_event(db, "e1", None, 10)] == [first, second]
    assert [row.at for row in await dispatches.of_event(db, "e1", first, 10)] == [LATER]
    newest = await dispatches.newest(db, "e1")
    assert newest is not None
    assert newest.id == second


async def test_participation_is_one_row_an_evse(db: Database) -> None:
    async with db.begin() as conn:
        for state in ("following", "refused"):
            row = dispatches.Participation(
                event_id="e1", identity="a", evse_id=1, transaction_id="t", state=state, changed_at=NOW
            )
            await dispatches.participation_put(conn, row)
    (row,) = await dispatches.participation(db, "e1")
    assert row.state == "refused"


async def test_a_statement_comes_back_whole_and_is_replaced_whole(db: Database) -> None:
    lines = tuple(
        Line("d1", "a", 1, "t", NOW, LATER, export is not None, export, export, export, export, 1.5)
        for export in (58.0, None)
    )
    statement = Statement("e1", "peak", "USD", 2.0, 60.0, 58.0, 58.0, 0.0, 0.97, 1.5, 1, lines)
    async with db.begin() as conn:
        await settlements.store(conn, replace(statement, payment=9.0), NOW)
        await settlements.store(conn, statement, LATER)
    assert await settlements.get(db, "e1") == statement
    assert await settlements.settled_at(db, "e1") == LATER
    assert await settlements.get(db, "e2") is None
    assert await settlements.settled_at(db, "e2") is None
