"""The probe on stations that take orders well, and on those that do not."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from csms.domain.dialect_record import UNKNOWN, Composite, Discharge, MeterSign, Zero
from csms.domain.probe import Finding, Step
from csms.domain.profile import InstallProfile, Purpose
from csms.domain.station import Registration
from csms.errors import Conflict
from csms.grid.probe import Prober, Wish
from csms.store import dialect_records, stations
from csms.store.stations import StationRow
from csms.wire import words
from tests.grid.stage import Car, Stage

WISH = Wish("cs1", 1, 1500.0, Discharge.NEGATIVE_LIMIT)


async def probed(stage: Stage, wish: Wish = WISH, **what: Any) -> tuple[Car, list[Finding], StationRow]:
    """A station that nobody knows, probed to the end."""
    stage.loops.clear()
    car = await stage.car("cs1", **({"wish_w": 5000.0} | what))
    async with stage.db.begin() as conn:
        await stations.change(conn, "cs1", discharge="none", firmware="1.2", vendor="Acme")
    prober, found = Prober(stage.db, stage.bus, stage.clock), []

    async def told(finding: Finding) -> None:
        found.append(finding)

    await prober.ready(wish)
    task = asyncio.create_task(prober.run(wish, UNKNOWN, told))
    while not task.done():
        if stage.clock.awaited:
            await stage.live(5, step_s=5)
        await asyncio.sleep(0)
    await task
    station = await stations.get(stage.db, "cs1")
    assert station is not None
    return car, found, station


def discharges(car: Car) -> list[InstallProfile]:
    return [ask for ask in car.asks if isinstance(ask, InstallProfile) and ask.profile.lowest_w < 0]


async def test_a_station_that_discharges_is_proven_with_date_and_firmware(stage: Stage) -> None:
    car, found, station = await probed(stage)
    assert [(finding.step, finding.passed) for finding in found] == [(step, True) for step in list(Step)[:6]]
    assert station.discharge == "negative_limit"
    assert station.hold is None
    row = await dialect_records.get(stage.db, "cs1")
    assert row is not None
    record = dialect_records.standing_of(row, station).record
    assert (record.composite, record.zero, record.meter_sign) == (
        Composite.TRUSTED,
        Zero.STOP,
        MeterSign.EXPORT,
    )
    assert record.verified_by is not None
    assert (record.verified_by.firmware, record.verified_by.on) == ("1.2", stage.clock.now().date())
    assert record.verified_by.steps == (1, 2, 3, 4, 5, 6)
    assert car.held == {}
    (discharge,) = discharges(car)
    assert discharge.profile.lowest_w == -1500.0
    assert discharge.profile.duration_s == 120  # a minute from now
    before = car.asks[: car.asks.index(discharge)]
    purposes = {ask.profile.purpose for ask in before if isinstance(ask, InstallProfile)}
    assert purposes == {Purpose.TX, Purpose.TX_DEFAULT, Purpose.STATION_MAX}


@pytest.mark.parametrize(
    ("what", "last", "told"),
    [
        ({"manner": "ignore"}, Step.SAFE, "composite"),
        ({"manner": "refuse"}, Step.SAFE, "fallback"),
        ({"manner": "refuse_negative"}, Step.NEGATIVE, "not taken: InvalidSchedule"),
        ({"manner": "refuse_bound"}, Step.SAFE, "ChargingStationMaxProfile not taken: NotSupported"),
        ({"shows": "blind"}, Step.NEGATIVE, "its composite schedule shows 10000 W"),
        ({"manner": "invert", "shows": "shut"}, Step.NEGATIVE, "measured 1500 W"),
        ({"manner": "ignore", "wish_w": 0.0}, Step.NEGATIVE, "measured 0 W"),
        ({"soc_silent": True, "soc_told": None}, Step.NEGATIVE, "V-01"),
        ({"bidirectional": False}, Step.NEGATIVE, "V-15"),
    ],
)
async def test_a_station_that_cannot_be_trusted_charges_only(
    stage: Stage, what: dict[str, Any], last: Step, told: str
) -> None:
    car, found, station = await probed(stage, **what)
    assert found[-1].step is last
    assert any(told in finding.told for finding in found)
    assert not any(finding.passed for finding in found if finding.step is Step.NEGATIVE)
    assert station.discharge == "none"
    assert station.hold is None
    row = await dialect_records.get(stage.db, "cs1")
    assert row is not None
    assert dialect_records.standing_of(row, station).record.verified_by is None
    assert len(discharges(car)) <= 1
    assert car.held == {}


async def test_a_lease_that_does_not_end_is_found_out(stage: Stage) -> None:
    _, found, station = await probed(stage, manner="endless")
    assert (found[-1].step, found[-1].passed) == (Step.EXPIRY, False)
    assert station.discharge == "none"


async def test_cut_network_restart_and_flash_budget(stage: Stage) -> None:
    """Steps 7 to 9: the test is the person who cuts the network, and the station that restarts."""
    stage.loops.clear()
    car = await stage.car("cs1", wish_w=5000.0)
    found: list[Finding] = []

    async def told(finding: Finding) -> None:
        found.append(finding)
        if finding.step is Step.REBOOT:
            car.budget_s, car.written_at = 20.0, stage.clock.now()

    wish = replace(WISH, through=Step.RATE)
    task = asyncio.create_task(Prober(stage.db, stage.bus, stage.clock).run(wish, UNKNOWN, told))
    cut = booted = False
    while not task.done():
        if stage.clock.awaited:
            await stage.live(5, step_s=5)
            if len(discharges(car)) == 2 and not cut:
                cut = True
                await stage.connected(car, False)
                await stage.live(30, step_s=5)
                await stage.connected(car, True, epoch=2)
            if not booted and any(isinstance(ask, words.ResetRequest) for ask in car.asks):
                booted = True
                told_boot = stations.booted(
                    "cs1", vendor="Acme", model="M", serial=None, firmware="1.2", reason="RemoteReset",
                    at=stage.clock.now(), registration=Registration.ACCEPTED,
                )  # fmt: skip
                await stage.writer.commit([told_boot])
        await asyncio.sleep(0)
    record = await task
    assert [finding.step for finding in found] == list(Step)
    assert record.may_discharge
    assert record.min_interval_s == 20.0
    assert found[-1].told == "after 0 profiles it wanted 20 s of quiet"
    assert record.verified_by is not None
    assert {5, 6, 8, 9} <= set(record.verified_by.steps)


async def test_abort_leaves_the_safe_profile(stage: Stage) -> None:
    stage.loops.clear()
    car = await stage.car("cs1", wish_w=5000.0)
    prober, reached = Prober(stage.db, stage.bus, stage.clock), asyncio.Event()

    async def told(finding: Finding) -> None:
        if finding.step is Step.SAFE:
            reached.set()

    task = asyncio.create_task(prober.run(WISH, UNKNOWN, told))
    while not discharges(car):
        if stage.clock.awaited:
            await stage.live(5, step_s=5)
        await asyncio.sleep(0)
    assert reached.is_set()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert {profile.purpose for profile in car.held.values()} == {Purpose.TX_DEFAULT, Purpose.STATION_MAX}
    await stage.live(30)
    assert 0 <= car.power_w <= 1500
    await stage.live(900)
    assert car.held == {}
    station = await stations.get(stage.db, "cs1")
    assert station is not None
    assert station.hold is None


async def test_who_is_not_there_or_is_held_is_not_probed(stage: Stage) -> None:
    prober = Prober(stage.db, stage.bus, stage.clock)
    with pytest.raises(Conflict, match="not connected"):
        await prober.ready(WISH)
    car = await stage.car("cs1")
    await prober.ready(WISH)
    async with stage.db.begin() as conn:
        await stations.change(conn, "cs1", hold="alarm")
    with pytest.raises(Conflict, match="held: alarm"):
        await prober.ready(WISH)
    async with stage.db.begin() as conn:
        await stations.change(conn, "cs1", hold=None)
    await stage.unplug(car)
    with pytest.raises(Conflict, match="No vehicle"):
        await prober.ready(WISH)


async def test_who_takes_part_in_an_event_is_not_probed(stage: Stage) -> None:
    await stage.car("cs1")
    await stage.event(-5000)
    await stage.turn()
    with pytest.raises(Conflict, match="grid event"):
        await Prober(stage.db, stage.bus, stage.clock).ready(WISH)
