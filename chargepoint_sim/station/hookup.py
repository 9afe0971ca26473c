"""The talk between one vehicle and one EVSE during a charging session, over whatever lies between them."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from ssl import SSLContext
from tempfile import TemporaryDirectory
from typing import Protocol

from chargepoint_sim.clock import Clock
from chargepoint_sim.ev.vehicle import Vehicle
from chargepoint_sim.iso15118.channel import Channel, MemoryChannel
from chargepoint_sim.iso15118.evcc import Evcc, Plan
from chargepoint_sim.iso15118.outlet import ChargingNeeds, Ending, Permission, VehicleState
from chargepoint_sim.iso15118.pki import make_pki
from chargepoint_sim.iso15118.secc import NO_SESSION, Hardware, Memory, Secc
from chargepoint_sim.iso15118.services import SERVICES, Control, Wish
from chargepoint_sim.iso15118.tls import station_context, vehicle_context
from chargepoint_sim.iso15118.v2 import station as station_2
from chargepoint_sim.iso15118.v20 import station as station_20
from chargepoint_sim.iso15118.v20 import vehicle as vehicle_20
from chargepoint_sim.iso15118.wire import WireChannel, join
from chargepoint_sim.station.evse import Evse

# Within one process nothing is lost, so a time-out would only tell of a busy machine.
_PATIENCE_S = 60.0
_STATION_DIALECTS = station_20.DIALECTS + station_2.DIALECTS
_POLL_S = 1.0


@dataclass(frozen=True)
class Terms:
    """How a session is held; `session_id` is the one of a paused session that `memory` keeps."""

    message_clock: Clock
    loop_period_s: float
    control: Control = Control.DYNAMIC
    session_id: bytes = NO_SESSION
    memory: Memory = field(default_factory=Memory)


class Hookup(Protocol):
    """A charging session between a vehicle and an EVSE."""

    @property
    def session_id(self) -> bytes:
        """By which a paused session is gone on with."""

    async def run(self) -> Ending:
        """Hold the session until it is over; the contactor is open afterwards."""

    def nudge(self) -> None:
        """Something has changed: speak soon."""

    def offer(self) -> None:
        """The EVSE may now do something else with its vehicle: talk about services (again)."""

    def pause(self, by_station: bool) -> None:
        """One end wants to sleep."""

    def renegotiate(self, by_station: bool) -> None:
        """One end wants to talk about needs and schedule again."""

    def terminate(self) -> None:
        """The station wants the session to end."""

    def stop(self) -> None:
        """The driver wants the session to end."""

    def vanish(self) -> None:
        """The vehicle is gone without a word."""


class Iso15118Hookup:
    """ISO 15118-20 through two ends of a channel. `connect` brings them together before they talk."""

    def __init__(
        self,
        evse: Evse,
        vehicle: Vehicle,
        ends: tuple[Channel, Channel],
        terms: Terms,
        connect: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self._vehicle_end, station_end = ends
        self._connect = connect
        plan = Plan(
            vehicle_20.DIALECTS,
            terms.loop_period_s,
            terms.control,
            least_timeout_s=_PATIENCE_S,
            session_id=terms.session_id,
        )
        self._evcc = Evcc(self._vehicle_end, vehicle, evse.clock, plan)
        self._evse = evse
        hardware = _hardware(evse)
        self._secc = Secc(station_end, evse, evse.clock, hardware, _STATION_DIALECTS, terms.memory)

    async def run(self) -> Ending:
        """Both ends at once."""
        if self._connect is not None:
            try:
                await self._connect()
            except (OSError, TimeoutError):
                return Ending.LOST
        async with asyncio.TaskGroup() as ends:
            ends.create_task(self._evcc.run())
            station = ends.create_task(self._secc.run())
        return station.result()

    @property
    def session_id(self) -> bytes:
        """By which a paused session is gone on with."""
        return self._evcc.session_id

    def nudge(self) -> None:
        """Something has changed: speak soon."""
        self._secc.nudge()

    def offer(self) -> None:
        """The EVSE may now do something else with its vehicle: talk about services (again)."""
        self._secc.hardware = _hardware(self._evse)
        if self._secc.service is not None:
            self._secc.want(Wish.NEW_SERVICE)

    def pause(self, by_station: bool) -> None:
        """One end wants to sleep."""
        self._want(Wish.PAUSE, by_station)

    def renegotiate(self, by_station: bool) -> None:
        """One end wants to talk about needs and schedule again."""
        self._want(Wish.NEW_SCHEDULE, by_station)

    def _want(self, wish: Wish, by_station: bool) -> None:
        if by_station:
            self._secc.want(wish)
        else:
            self._evcc.want(wish)
            self._secc.nudge()

    def terminate(self) -> None:
        """The station wants the session to end."""
        self._secc.terminate()

    def stop(self) -> None:
        """The driver wants the session to end."""
        self._evcc.stop()
        self._secc.nudge()

    def vanish(self) -> None:
        """The vehicle is gone without a word."""
        self._vehicle_end.close()


def _hardware(evse: Evse) -> Hardware:
    """What an outlet offers: services both ways only where energy may come back."""
    services = frozenset(one.id for one in SERVICES.values() if evse.two_way or not one.bidirectional)
    return Hardware(evse_id=f"ZZSIME{evse.evse_id:04d}", services=services)


def in_memory(evse: Evse, vehicle: Vehicle, terms: Terms) -> Hookup:
    """ISO 15118-20 without bytes."""
    return Iso15118Hookup(evse, vehicle, MemoryChannel.pair(evse.clock, terms.message_clock), terms)


def on_the_wire(evse: Evse, vehicle: Vehicle, terms: Terms, tls: bool = False) -> Hookup:
    """ISO 15118-20 as bytes over loopback."""
    vehicle_end, station_end = (WireChannel(evse.clock, terms.message_clock) for _ in range(2))

    async def connect() -> None:
        await join(vehicle_end, station_end, _contexts() if tls else None)

    return Iso15118Hookup(evse, vehicle, (vehicle_end, station_end), terms, connect)


@cache
def _contexts() -> tuple[SSLContext, SSLContext]:
    """The station's and the vehicle's side of TLS; one test PKI serves the whole process."""
    with TemporaryDirectory() as folder:
        pki = make_pki(Path(folder))
        return station_context(pki.station), vehicle_context(pki.vehicle)


class DirectHookup:
    """No messages: the station simply knows its vehicle. For big fleets."""

    def __init__(self, evse: Evse, vehicle: Vehicle, loop_period_s: float) -> None:
        self._evse = evse
        self._vehicle = vehicle
        self._loop_period_s = loop_period_s
        self._changed = asyncio.Event()
        self._ending: Ending | None = None

    async def run(self) -> Ending:
        """The same steps as with messages, in three lines."""
        try:
            while self._ending is None and self._evse.permission() is not Permission.GRANTED:
                await self._pause(_POLL_S)
            if self._ending is None:
                self._evse.take_needs(self._needs())
                self._evse.set_contactor(True)
            while self._ending is None:
                self._evse.exchange(self._state())
                await self._pause(self._loop_period_s)
        finally:
            self._evse.set_contactor(False)
        return self._ending or Ending.BY_VEHICLE

    @property
    def session_id(self) -> bytes:
        """There is none."""
        return NO_SESSION

    def nudge(self) -> None:
        """Something has changed."""
        self._changed.set()

    def offer(self) -> None:
        """The EVSE may now do something else with its vehicle."""
        if self._evse.closed:
            self._evse.take_needs(self._needs())
        self._changed.set()

    def pause(self, by_station: bool) -> None:
        """One end wants to sleep."""
        self._end(Ending.PAUSED)

    def renegotiate(self, by_station: bool) -> None:
        """There is nothing to talk about: the station knows its vehicle."""

    def terminate(self) -> None:
        """The station wants the session to end."""
        self._end(Ending.BY_STATION)

    def stop(self) -> None:
        """The driver wants the session to end."""
        self._end(Ending.BY_VEHICLE)

    def vanish(self) -> None:
        """The vehicle is gone without a word."""
        self._end(Ending.LOST)

    def _end(self, ending: Ending) -> None:
        self._ending = ending
        self._changed.set()

    async def _pause(self, seconds: float) -> None:
        timer = self._evse.clock.call_later(seconds, self._changed.set)
        try:
            await self._changed.wait()
        finally:
            timer.cancel()
        self._changed.clear()

    def _departure_in_s(self) -> float | None:
        departure = self._vehicle.needs.departure_s
        return None if departure is None else departure - self._evse.clock.monotonic()

    def _state(self) -> VehicleState:
        vehicle = self._vehicle
        return VehicleState(
            ability=vehicle.ability(),
            requests=vehicle.requests(),
            bidirectional=vehicle.model.bidirectional,
            soc=vehicle.battery.soc,
            departure_in_s=self._departure_in_s(),
        )

    def _needs(self) -> ChargingNeeds:
        vehicle, model = self._vehicle, self._vehicle.model
        return ChargingNeeds(
            evccid=vehicle.evccid,
            current=model.current,
            bidirectional=model.bidirectional and self._evse.two_way,
            rating=vehicle.rating(),
            max_current_a=model.battery.max_charge_w / model.voltage_v,
            max_voltage_v=model.voltage_v,
            requests=vehicle.requests(),
            departure_in_s=self._departure_in_s(),
            capacity_wh=model.battery.capacity_wh,
            soc=vehicle.battery.soc,
            target_soc=vehicle.needs.target_soc,
        )
