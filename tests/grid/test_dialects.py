"""Orders as each station's dialect record has them: flash budget, read-back, updates, pauses."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import update

from csms.domain.dialect_record import Composite, DialectRecord, Discharge, declared
from csms.domain.grid_event import GridEvent
from csms.domain.profile import ProfileKind, Purpose, UpdateSetpoint
from csms.domain.program import Terms
from csms.grid.delivery import agrees, composite_w, pause_seconds
from csms.grid.dialects import Dialects
from csms.grid.leases import Lease, Line, lease_seconds
from csms.store import dialect_records, dispatches
from csms.store.database import Database
from csms.store.dialect_records import DIALECT_RECORD
from csms.wire import words
from tests.grid.stage import START, Car, Stage

RECORD = declared(Discharge.NEGATIVE_LIMIT)
TRUSTED = replace(RECORD, composite=Composite.TRUSTED)
DYNAMIC = replace(declared(Discharge.NATIVE_2_1), dynamic=True)


async def running(stage: Stage, record: DialectRecord, **what: Any) -> tuple[Car, GridEvent]:
    car = await stage.car("cs1", **what)
    await stage.dialect(car, record)
    event = await stage.event(-5000, duration_s=900)
    await stage.turn()
    return car, event


async def state(stage: Stage, event: GridEvent) -> tuple[str, str | None]:
    (seat,) = await dispatches.participation(stage.db, event.id)
    return seat.state, seat.detail


async def test_a_station_that_shows_the_order_goes_on(stage: Stage) -> None:
    car, event = await running(stage, TRUSTED)
    await stage.live(60)
    assert car.power_w == -5000
    assert (await state(stage, event))[0] == "following"
    asked = [ask for ask in car.asks if isinstance(ask, words.GetCompositeScheduleRequest)]
    assert len(asked) == 1
    await stage.live(120)
    assert len(car.leases) >= 2
    assert asked == [ask for ask in car.asks if isinstance(ask, words.GetCompositeScheduleRequest)]


async def test_a_station_that_reads_a_negative_limit_as_none_is_out_before_it_moves(stage: Stage) -> None:
    car, event = await running(stage, TRUSTED, shows="blind")
    assert car.clears[:1] == [car.leases[0].id]
    assert (await state(stage, event)) == (
        "not_following",
        "the composite schedule does not show the order",
    )
    await stage.live(60)
    assert len(car.discharges) == 1


async def test_without_a_composite_schedule_the_meter_alone_judges(stage: Stage) -> None:
    car, event = await running(stage, TRUSTED, shows="shut")
    await stage.live(60)
    assert car.power_w == -5000
    assert (await state(stage, event))[0] == "following"


async def test_where_the_composite_is_not_trusted_it_is_not_asked_for(stage: Stage) -> None:
    car, _ = await running(stage, RECORD, shows="blind")
    assert not any(isinstance(ask, words.GetCompositeScheduleRequest) for ask in car.asks)


async def test_a_dynamic_lease_is_put_once_and_then_updated(stage: Stage) -> None:
    car, event = await running(stage, DYNAMIC)
    assert car.leases[0].kind is ProfileKind.DYNAMIC
    await stage.live(300)
    updates = [ask for ask in car.asks if isinstance(ask, UpdateSetpoint)]
    assert len(car.leases) == 1
    assert len(updates) >= 2
    assert {ask.setpoint_w for ask in updates} == {-5000.0}
    assert car.power_w == -5000
    assert (await state(stage, event))[0] == "following"


async def test_v_03_a_dynamic_lease_ends_without_us(stage: Stage) -> None:
    car, _ = await running(stage, DYNAMIC)
    stage.loops.clear()
    await stage.live(310)
    assert car.power_w >= 0


async def test_v_05_a_dynamic_lease_never_outlasts_what_is_counted(stage: Stage) -> None:
    """An update cannot shorten: near the event's end the shorter lease is put in full."""
    car, event = await running(stage, DYNAMIC)
    await stage.live((event.end - stage.clock.now()).total_seconds() - 20)
    (lease,) = (held for held in car.held.values() if held.purpose is Purpose.TX)
    assert lease.duration_s is not None
    counted = stage.loop._actuator.line((car.station_id, 1)).lease
    assert counted is not None
    assert lease.start + timedelta(seconds=lease.duration_s) <= counted.until
    assert len(car.leases) > 1


async def test_a_dynamic_lease_that_is_gone_is_put_anew(stage: Stage) -> None:
    car, _ = await running(stage, DYNAMIC)
    car.held.clear()
    await stage.live(250)
    assert len(car.leases) >= 1
    assert any(isinstance(ask, UpdateSetpoint) for ask in car.asks)


async def test_a_station_that_writes_too_often_is_left_alone_for_the_time_it_names(stage: Stage) -> None:
    car, event = await running(stage, RECORD, budget_s=45.0)
    assert len(car.installs) == 2  # the fallback took the budget, the lease was refused
    assert not car.held.keys() & {lease.id for lease in car.leases}
    assert (await state(stage, event))[0] in ("prepared", "following")
    await stage.live(40)
    assert len(car.installs) == 2
    await stage.live(30)
    assert car.power_w <= -5000
    assert (await state(stage, event))[0] == "following"


def test_the_length_of_a_lease_follows_the_flash_budget() -> None:
    event = GridEvent("e", "p", -1.0, START, 7200, state="active", created_at=START)  # type: ignore[arg-type]
    plain = lease_seconds("cs1", event, Terms(), START)
    assert 180 <= plain <= 300
    slow = replace(RECORD, min_interval_s=240)
    assert lease_seconds("cs1", event, Terms(), START, slow) == 540
    assert lease_seconds("cs1", event, Terms(), START, replace(RECORD, min_interval_s=3600)) == 900
    assert lease_seconds("cs1", event, Terms(), START, replace(slow, max_duration_s=120)) == 120


def test_v_11_leases_given_at_one_moment_do_not_end_at_one_moment() -> None:
    event = GridEvent("e", "p", -1.0, START, 7200, state="active", created_at=START)  # type: ignore[arg-type]
    ends = sorted(lease_seconds(f"cs{n}", event, Terms(), START) for n in range(1000))
    busiest = max(sum(at <= end < at + 60 for end in ends) for at in range(180, 300))
    assert ends[-1] <= 300
    assert busiest < 600  # of 1000 in any minute


def test_a_correction_waits_for_the_flash_budget_and_an_end_does_not() -> None:
    line = Line()
    line.accepted(Lease(-5000.0, START + timedelta(seconds=900), "tx", START), START)
    slow = replace(RECORD, min_interval_s=300, deadband_w=200)
    until = START + timedelta(seconds=960)

    def due(setpoint_w: float, after_s: float, record: DialectRecord = slow) -> bool:
        return line.due(setpoint_w, "tx", until, START + timedelta(seconds=after_s), record)

    assert not due(-4000.0, 60)
    assert due(-4000.0, 300)
    assert not due(-4900.0, 300)
    assert due(0.0, 60)
    assert due(-5000.0, 100, replace(RECORD, keepalive_s=90))
    assert not due(-5000.0, 80, replace(RECORD, keepalive_s=90))
    line.not_before = START + timedelta(seconds=70)
    assert not due(0.0, 60)


def test_after_a_clear_a_slow_station_is_given_its_time() -> None:
    line = Line(settle_s=30.0)
    line.cleared(START)
    assert line.paused(START + timedelta(seconds=29))
    assert not line.paused(START + timedelta(seconds=30))


@pytest.mark.parametrize(
    ("detail", "seconds"),
    [
        ("30 seconds before retry", 30),
        ("wait 2.5 s", 2.5),
        ("0", 1),
        ("99999", 900),
        (None, 60),
        ("soon", 60),
    ],
)
def test_the_seconds_that_a_station_names(detail: str | None, seconds: float) -> None:
    assert pause_seconds(detail) == seconds


@pytest.mark.parametrize(
    ("composite", "good"), [(-5000, True), (-3000, True), (-5200, False), (0, False), (11_000, False)]
)
def test_what_a_composite_schedule_may_show(composite: float, good: bool) -> None:
    assert agrees(-5000.0, composite, RECORD) is good


@pytest.mark.parametrize(
    ("period", "unit", "power_w"),
    [
        ({"limit": -5000.0}, "W", -5000.0),
        ({"setpoint": -4000.0, "limit": 0.0}, "W", -4000.0),
        ({"limit": -10.0, "number_phases": 3}, "A", -6900.0),
        ({"limit": -10.0}, "A", None),
        ({}, "W", None),
    ],
)
def test_a_composite_schedule_in_watts(period: dict[str, float], unit: str, power_w: float | None) -> None:
    schedule = words.CompositeScheduleType(
        evse_id=1,
        duration=30,
        schedule_start="2026-01-01T00:00:00Z",
        charging_rate_unit=unit,  # type: ignore[arg-type]
        charging_schedule_period=(words.ChargingSchedulePeriodType(start_period=0, **period),),  # type: ignore[arg-type]
    )
    assert composite_w(schedule, RECORD) == power_w


async def test_a_record_that_nobody_understands_takes_its_own_station_out_and_no_other(stage: Stage) -> None:
    odd = await stage.car("odd")
    await stage.dialect(odd, RECORD)
    async with stage.db.begin() as conn:
        await conn.execute(update(DIALECT_RECORD).values(record='{"shape":"of tomorrow"}'))
    car, _ = await running(stage, RECORD)
    await stage.live(60)
    assert car.power_w < 0
    assert odd.discharges == []


async def test_what_is_written_by_another_clock_is_read(stage: Stage) -> None:
    """The time of day stepped back an hour, and then forward again; a look that sees no jump reads little."""
    car = await stage.car("cs1")
    dialects = Dialects(stage.db, stage.clock)

    async def seen(record: DialectRecord) -> bool:
        await stage.dialect(car, record)
        stage.clock.advance(10)
        await dialects.refresh()
        return dialects.of("cs1", record.discharge) == record

    assert await seen(RECORD)
    for hours in (-1, 2, -1):
        stage.clock.step(timedelta(hours=hours))
        assert await seen(replace(TRUSTED, deadband_w=100.0 + hours))
        assert await seen(replace(TRUSTED, deadband_w=200.0 + hours))


async def test_two_jumps_that_cancel_each_other_hide_nothing_for_long(stage: Stage) -> None:
    car = await stage.car("cs1")
    await stage.dialect(car, RECORD)
    dialects = Dialects(stage.db, stage.clock)
    await dialects.refresh()
    stage.clock.step(timedelta(hours=-1))
    await stage.dialect(car, TRUSTED)
    stage.clock.step(timedelta(hours=1))
    stage.clock.advance(3600)
    await dialects.refresh()
    assert dialects.of("cs1", TRUSTED.discharge) == TRUSTED


async def test_a_look_reads_what_has_changed_and_no_more(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []
    whole = dialect_records.changed_since

    async def noted(db: Database, at: datetime | None) -> list[tuple[str, str]]:
        asked.append(at)
        return await whole(db, at)

    monkeypatch.setattr(dialect_records, "changed_since", noted)
    dialects = Dialects(stage.db, stage.clock)
    for _ in range(3):
        await dialects.refresh()
        stage.clock.advance(10)
    assert asked[0] is None
    assert asked[1:] == [START - timedelta(minutes=2), START - timedelta(seconds=110)]
