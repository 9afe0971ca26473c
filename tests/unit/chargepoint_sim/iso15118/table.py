"""A vehicle and an outlet on one table: in memory, over TCP, or over TLS; a hand-set clock."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from ssl import SSLContext

from chargepoint_sim.clock import HandClock
from chargepoint_sim.ev.battery import Battery, BatteryModel
from chargepoint_sim.ev.vehicle import Current, DriverNeeds, PowerLimits, Vehicle, VehicleModel
from chargepoint_sim.iso15118.channel import Channel, MemoryChannel
from chargepoint_sim.iso15118.evcc import Evcc, Plan
from chargepoint_sim.iso15118.exi.vocabulary import Element
from chargepoint_sim.iso15118.outlet import ChargingNeeds, Ending, Permission
from chargepoint_sim.iso15118.secc import Hardware, Memory, Secc
from chargepoint_sim.iso15118.v2 import station as station_2
from chargepoint_sim.iso15118.v20 import station, vehicle
from chargepoint_sim.iso15118.wire import WireChannel, connect, listen
from chargepoint_sim.station.evse import Evse

START = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)
RATING = PowerLimits(11_000, 11_000)
BATTERY = BatteryModel(60_000, 11_000, 10_000)
PLAN, HARDWARE = Plan(vehicle.DIALECTS), Hardware("ZZTEST1")
DIALECTS = station.DIALECTS + station_2.DIALECTS
QUIET_TURNS, MOST_TURNS = 12, 2000


class Over(StrEnum):
    MEMORY = "memory"
    TCP = "tcp"
    TLS = "tls"


def a_vehicle(current: Current = Current.DC, bidirectional: bool = True, soc: float = 50.0) -> Vehicle:
    model = VehicleModel("test", BATTERY, bidirectional, current, 400.0 if current is Current.DC else 230.0)
    needs = DriverNeeds(target_soc=80, min_soc=20, v2x_min_soc=30, departure_s=3600)
    return Vehicle("EVCC01", model, Battery.at(BATTERY, soc), needs)


@dataclass
class Traffic:
    """What passes over the table."""

    sent: list[Element] = field(default_factory=list)
    taken: int = 0

    def names(self, ending: str = "") -> list[str]:
        """Names of messages, each only once in a row."""
        names = [type(one).__name__ for one in self.sent if type(one).__name__.endswith(ending)]
        return [name for number, name in enumerate(names) if number == 0 or names[number - 1] != name]

    def last(self, kind: type[Element]) -> Element:
        return next(one for one in reversed(self.sent) if type(one) is kind)


class Watched:
    """A channel end whose messages are written down."""

    def __init__(self, inner: Channel, traffic: Traffic) -> None:
        self.inner = inner
        self.traffic = traffic

    async def send(self, message: Element) -> None:
        await self.inner.send(message)
        self.traffic.sent.append(message)

    async def recv(self, timeout_s: float) -> Element:
        message = await self.inner.recv(timeout_s)
        self.traffic.taken += 1
        return message

    async def pause(self, seconds: float) -> None:
        await self.inner.pause(seconds)

    def nudge(self) -> None:
        self.inner.nudge()

    def close(self) -> None:
        self.inner.close()


@dataclass(frozen=True)
class Setting:
    """What is on the table."""

    vehicle: Vehicle
    over: Over = Over.MEMORY
    plan: Plan = PLAN
    hardware: Hardware = HARDWARE
    tls: tuple[SSLContext, SSLContext] | None = None
    memory: Memory | None = None
    clock: HandClock | None = None
    granted: Permission = Permission.GRANTED
    on_needs: Callable[[ChargingNeeds], None] = lambda needs: None


class Table:
    """Both ends, wired up."""

    def __init__(self, setting: Setting, clock: HandClock, ends: tuple[Channel, Channel]) -> None:
        self._alone: asyncio.Task[Ending] | None = None
        self.clock = clock
        self.traffic = Traffic()
        self.vehicle = setting.vehicle
        self.evse = Evse(1, RATING, clock)
        self.evse.plug(setting.vehicle)
        self.evse.granted, self.evse.on_needs = setting.granted, setting.on_needs
        self.vehicle_end, self.station_end = (Watched(end, self.traffic) for end in ends)
        self.evcc = Evcc(self.vehicle_end, setting.vehicle, clock, setting.plan)
        numbers = iter(range(1, 100))
        memory = setting.memory or Memory(new_session_id=lambda: next(numbers).to_bytes(8, "big"))
        self.secc = Secc(self.station_end, self.evse, clock, setting.hardware, DIALECTS, memory)

    def path_closed(self) -> bool:
        """Whether power could flow."""
        return self.evse.closed

    def start(self, tasks: asyncio.TaskGroup) -> None:
        """Let both ends talk."""
        self._ends = tasks.create_task(self.evcc.run()), tasks.create_task(self.secc.run())

    def begin_vehicle(self) -> None:
        """Let the vehicle talk, to a station that the test plays."""
        self._alone = asyncio.create_task(self.evcc.run())

    def vehicle_done(self) -> bool:
        """Whether it has given up."""
        return self._alone is not None and self._alone.done()

    async def leave(self) -> None:
        """Nobody is left at the table."""
        if self._alone is not None:
            self._alone.cancel()
            await asyncio.wait({self._alone})

    @property
    def endings(self) -> tuple[Ending, Ending]:
        """How the vehicle and the station say that it ended."""
        return self._ends[0].result(), self._ends[1].result()

    def over(self) -> tuple[bool, bool]:
        """Which end is done."""
        return self._ends[0].done(), self._ends[1].done()

    async def advance(self, seconds: float) -> None:
        """Let time pass, and everything that has been sent arrive."""
        await self.clock.advance(seconds)
        quiet, before = 0, -1
        for _ in range(MOST_TURNS):
            await asyncio.sleep(0)
            now = len(self.traffic.sent)
            quiet = quiet + 1 if now == before and now == self.traffic.taken else 0
            before = now
            if quiet > QUIET_TURNS:
                return

    async def finish(self) -> None:
        """Until both ends are done."""
        for _ in range(20):
            if all(self.over()):
                return
            await self.advance(1)
        raise AssertionError(f"still {self.evcc.state} and {self.secc.state}")


@asynccontextmanager
async def laid(setting: Setting) -> AsyncIterator[Table]:
    """A table with both ends connected."""
    clock = setting.clock or HandClock(START)
    if setting.over is Over.MEMORY:
        table = Table(setting, clock, MemoryChannel.pair(clock, clock))
        yield table
        await table.leave()
        return
    arrived: asyncio.Future[WireChannel] = asyncio.get_running_loop().create_future()
    pair = setting.tls if setting.over is Over.TLS else None
    server_tls, client_tls = pair or (None, None)
    server = await listen("127.0.0.1", 0, (clock, clock), arrived.set_result, server_tls)
    try:
        port = server.sockets[0].getsockname()[1]
        vehicle_end = await connect("127.0.0.1", port, (clock, clock), client_tls)
        station_end = await asyncio.wait_for(arrived, 10)
        yield Table(setting, clock, (vehicle_end, station_end))
        vehicle_end.close()
        station_end.close()
    finally:
        server.close()
        await server.wait_closed()


@asynccontextmanager
async def session(setting: Setting) -> AsyncIterator[Table]:
    """A table at which both ends talk; after the block both are done."""
    async with laid(setting) as table, asyncio.TaskGroup() as tasks:
        table.start(tasks)
        await table.advance(0)
        yield table
        await table.finish()
