"""The console of a single station: plug vehicles in and out by typing."""

import asyncio
import sys
import threading

from chargepoint_sim.dice import dice
from chargepoint_sim.ev.battery import Battery
from chargepoint_sim.ev.vehicle import DriverNeeds, Vehicle, VehicleModel
from chargepoint_sim.station.der import GRID_FAULTS, LIMIT_MAX_DISCHARGE
from chargepoint_sim.station.equipment import Observe
from chargepoint_sim.station.notices import DerAlarmNews
from chargepoint_sim.station.station import Station
from chargepoint_sim.station.steering import Change
from chargepoint_sim.station.visit import Visit
from chargepoint_sim.station.words import IdToken, NoAnswer, Offline, Refused, StoppedReason, Trigger

HELP = (
    "plug [EVSE] [TOKEN] [SOC] | unplug [EVSE] | swipe EVSE TOKEN | stop [EVSE] | pause [EVSE] | "
    "wake [EVSE] | vanish [EVSE] | frequency HZ | load W | manager limit|setpoint W | "
    "alarm FAULT [over] | status | quit"
)
_STAY_S = 4 * 3600.0
_FULL, _MOST = 100.0, 1e9


class Driver:
    """What a person in front of the station does."""

    def __init__(self, station: Station, observe: Observe, model: VehicleModel, seed: str) -> None:
        self._station = station
        self._observe = observe
        self._model = model
        self._dice = dice(seed, "driver")
        self._guests = 0

    def plug(self, evse_id: int, token: str | None, soc: float | None) -> None:
        """Come with a vehicle; without a token nobody is authorised until the server starts it.

        Raises `ValueError` for a state of charge that there is not, or an EVSE that is not free.
        """
        if soc is not None and not 0.0 <= soc <= _FULL:
            raise ValueError(f"{soc:g} is no state of charge in percent")
        self._guests += 1
        model = self._model
        charged = self._dice.uniform(40.0, 80.0) if soc is None else soc
        vehicle = Vehicle(
            evccid=f"{self._dice.getrandbits(48):012X}",
            model=model,
            battery=Battery.at(model.battery, charged),
            needs=DriverNeeds(departure_s=self._station.clock.monotonic() + _STAY_S),
            id_token=token,
        )
        self._station.cabinet.plug(evse_id, vehicle)
        self._observe("vehicle", {"evse": evse_id, "model": model.name, "soc": round(charged, 1)})

    async def obey(self, line: str) -> bool:
        """Do what was typed; False when it is over."""
        words = line.split()
        command, rest = (words[0].lower(), words[1:]) if words else ("", [])
        if command == "quit":
            return False
        try:
            await self._do(command, rest)
        except ValueError as mistake:
            self._observe("mistake", {"line": line, "why": str(mistake)})
        return True

    async def _do(self, command: str, rest: list[str]) -> None:
        if command in ("frequency", "load", "manager", "alarm"):
            self._surround(command, rest)
            return
        evse_id = int(rest[0]) if rest else 1
        match command:
            case "plug":
                token = rest[1] if len(rest) > 1 else None
                self.plug(evse_id, token, float(rest[2]) if len(rest) > 2 else None)
            case "unplug":
                await self._visit(evse_id).leave()
            case "stop":
                await self._visit(evse_id).stop(Trigger.STOP_AUTHORIZED, StoppedReason.LOCAL)
            case "swipe" if len(rest) > 1:
                await self._swipe(evse_id, rest[1])
            case "pause":
                self._visit(evse_id).pause()
            case "wake":
                self._visit(evse_id).wake()
            case "vanish":
                self._visit(evse_id).vanish()
            case "status":
                self.tell_status()
            case _:
                raise ValueError(HELP)

    def _surround(self, command: str, rest: list[str]) -> None:
        """What grid, site and energy manager do."""
        equipment = self._station.cabinet.equipment
        match command, *rest:
            case "frequency", hertz:
                equipment.surround(Change(frequency_hz=_number(hertz)))
            case "load", watts:
                equipment.surround(Change(load_w=_number(watts)))
            case "manager", "limit", watts:
                equipment.surround(Change(limit_w=_number(watts)))
            case "manager", "setpoint", watts:
                equipment.surround(Change(setpoint_w=_number(watts)))
            case "alarm", fault, *over if fault in GRID_FAULTS and over in ([], ["over"]):
                now = self._station.clock.now()
                equipment.emit(DerAlarmNews(LIMIT_MAX_DISCHARGE, bool(over), now, fault))
            case "alarm", *_:
                raise ValueError(f"alarm FAULT [over]; a fault is one of {', '.join(GRID_FAULTS)}")
            case _:
                raise ValueError(HELP)

    def _visit(self, evse_id: int) -> Visit:
        visit = self._station.cabinet.visits.get(evse_id)
        if visit is None:
            raise ValueError(f"no vehicle is plugged in at EVSE {evse_id}")
        return visit

    async def _swipe(self, evse_id: int, token: str) -> None:
        if evse_id not in self._station.cabinet.evses:
            raise ValueError(f"there is no EVSE {evse_id}")
        try:
            info = await self._station.cabinet.drivers.swipe(evse_id, IdToken(token))
        except (Offline, NoAnswer, Refused):
            raise ValueError("nobody can say what this token may do") from None
        self._observe("swiped", {"evse": evse_id, "status": info.status})

    def tell_status(self) -> None:
        """Say how each EVSE is."""
        for evse in self._station.cabinet.evses.values():
            evse.settle()
            fields: dict[str, object] = {
                "evse": evse.evse_id,
                "power_w": round(evse.power_w),
                "limit_w": round(evse.limit_w),
                "soc": evse.soc,
                "import_wh": round(evse.meter.import_wh, 1),
                "export_wh": round(evse.meter.export_wh, 1),
            }
            self._observe("status", fields)


def _number(text: str) -> float:
    number = float(text)
    if not abs(number) < _MOST:
        raise ValueError(f"{text} is no number that could be measured")
    return number


def typed_lines() -> asyncio.Queue[str]:
    """Lines from stdin as they are typed; its end is not the end of the station."""
    lines: asyncio.Queue[str] = asyncio.Queue()
    loop = asyncio.get_running_loop()

    def read() -> None:
        for line in sys.stdin:
            if loop.is_closed():
                return
            loop.call_soon_threadsafe(lines.put_nowait, line.strip())

    threading.Thread(target=read, daemon=True).start()
    return lines
