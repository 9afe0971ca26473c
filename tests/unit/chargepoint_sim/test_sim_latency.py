"""From a charging profile to the vehicle, in simulated time: in its next charge loop, whatever is between."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chargepoint_sim.clock import HandClock
from chargepoint_sim.ev.battery import Battery, BatteryModel
from chargepoint_sim.ev.vehicle import DriverNeeds, Vehicle, VehicleModel
from chargepoint_sim.iso15118.evcc import Evcc
from chargepoint_sim.profiles.profile import Kind, Period, Profile, Purpose, RateUnit, Schedule
from chargepoint_sim.station.device_model import Place
from chargepoint_sim.station.equipment import HighLevel
from chargepoint_sim.station.station import Behaviour, Station
from chargepoint_sim.station.variables import Fixed

START = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)
BATTERY = BatteryModel(60_000, 11_000, 10_000)
LOOP_S = 1.0


@dataclass
class Scene:
    """A charging vehicle at a station without a server; what flows, with when, as the vehicle hears it."""

    station: Station
    clock: HandClock
    evcc: Evcc
    heard: list[tuple[float, float]] = field(default_factory=list)

    def order(self, limit_w: float) -> None:
        """What the server's SetChargingProfile does."""
        transaction = self.station.cabinet.visits[1].transaction
        assert transaction is not None
        schedule = Schedule(1, RateUnit.W, (Period(0, limit_w),), START - timedelta(hours=1))
        profile = Profile(1, 1, Purpose.TX, Kind.ABSOLUTE, (schedule,), transaction_id=transaction.id)
        assert self.station.cabinet.install(1, profile) is None


@asynccontextmanager
async def charging(high_level: HighLevel) -> AsyncIterator[Scene]:
    """Charge, with nobody to ask: authorization is switched off."""
    clock = HandClock(START)
    behaviour = Behaviour(high_level=high_level, loop_period_s=LOOP_S)
    station = Station(Fixed("CS1", "x" * 16), "ws://127.0.0.1:9/none", clock, _silent, behaviour)
    station.cabinet.equipment.message_clock = clock
    station.cabinet.equipment.model.put(Place("AuthCtrlr"), "Enabled", "false")
    vehicle = Vehicle(
        "EV1",
        VehicleModel("test", BATTERY, bidirectional=True),
        Battery.at(BATTERY, 60.0),
        DriverNeeds(departure_s=7_200),
        "TAG",
    )
    async with asyncio.TaskGroup() as tasks:
        station.cabinet.tasks = tasks
        visit = station.cabinet.plug(1, vehicle)
        for _ in range(20):
            if visit.charging.is_set():
                break
            await clock.advance(0.5)
        assert visit.charging.is_set()
        hookup: Any = visit._sessions._hookup
        scene = Scene(station, clock, hookup._evcc)
        object.__setattr__(
            scene.evcc.plan, "on_power", lambda power_w: scene.heard.append((clock.monotonic(), power_w))
        )
        await clock.advance(3 * LOOP_S)
        yield scene
        visit.vanish()
        await clock.advance(2.0)


def _silent(event: str, fields: dict[str, object]) -> None:
    """Nobody listens."""


@pytest.mark.parametrize("into_the_loop_s", [0.0, 0.3, 0.95])
async def test_a_negative_limit_is_in_the_next_answer_of_the_charge_loop(into_the_loop_s: float) -> None:
    async with charging(HighLevel.MEMORY) as scene:
        await scene.clock.advance(into_the_loop_s)
        scene.order(-7_000)
        ordered_at, loops = scene.clock.monotonic(), len(scene.heard)
        await scene.clock.advance(LOOP_S + 0.1)
        at_s, power_w = scene.heard[loops]
        assert power_w == -7_000  # the very next answer
        assert at_s - ordered_at <= LOOP_S + 0.1
        assert all(power == -7_000 for _, power in scene.heard[loops:])


async def test_every_order_is_obeyed_in_its_turn() -> None:
    async with charging(HighLevel.MEMORY) as scene:
        for limit_w in (-3_000, 5_000, -9_000, 0, -1_000):
            scene.order(limit_w)
            loops = len(scene.heard)
            await scene.clock.advance(LOOP_S + 0.1)
            assert scene.heard[loops][1] == limit_w
