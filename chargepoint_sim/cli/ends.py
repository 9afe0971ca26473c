"""The commands `ev` and `secc`: one end of ISO 15118 alone, on the wire."""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from ipaddress import IPv6Address
from pathlib import Path
from socket import if_nameindex
from ssl import SSLContext
from typing import Annotated

import typer

from chargepoint_sim.cli import options
from chargepoint_sim.cli.console import typed_lines
from chargepoint_sim.cli.output import Output
from chargepoint_sim.cli.process import WrongUse, model_named, run, stop_on_signals
from chargepoint_sim.clock import RealClock
from chargepoint_sim.ev.battery import Battery
from chargepoint_sim.ev.vehicle import DriverNeeds, PowerLimits, Vehicle
from chargepoint_sim.iso15118.evcc import Evcc, Plan
from chargepoint_sim.iso15118.outlet import ChargingNeeds, Ending, Permission
from chargepoint_sim.iso15118.pki import TestPki, pki_in
from chargepoint_sim.iso15118.sdp import Beacon, NoStation, Security, StationAddress, discover, link_local
from chargepoint_sim.iso15118.secc import Hardware, Memory, Secc
from chargepoint_sim.iso15118.services import SERVICES, Control, Wish
from chargepoint_sim.iso15118.tls import station_context, vehicle_context
from chargepoint_sim.iso15118.v2 import station as station_2
from chargepoint_sim.iso15118.v2 import vehicle as vehicle_2
from chargepoint_sim.iso15118.v20 import station as station_20
from chargepoint_sim.iso15118.v20 import vehicle as vehicle_20
from chargepoint_sim.iso15118.wire import WireChannel, connect, listen
from chargepoint_sim.station.evse import Evse
from chargepoint_sim.station.stranger import Stranger

_LOOPBACK = "127.0.0.1"
_BROKEN = 1
_CONTROLS = {"dynamic": Control.DYNAMIC, "scheduled": Control.SCHEDULED}
_VEHICLE_DIALECTS = {"20": vehicle_20.DIALECTS, "2": vehicle_2.DIALECTS}
_STATION_DIALECTS = station_20.DIALECTS + station_2.DIALECTS
_ORDERS = "limit W | stop | pause | schedule | service | quit"
_WISHES = {"pause": Wish.PAUSE, "schedule": Wish.NEW_SCHEDULE, "service": Wish.NEW_SERVICE}

Pki = Annotated[
    Path | None,
    typer.Option(file_okay=False, help="TLS 1.3 with the test certificates in this folder, made if need be."),
]
Interface = Annotated[str | None, typer.Option(help="Discovery (SDP) on this network interface.")]
AsJson = Annotated[bool, typer.Option("--json", help="Say what happens as JSON lines.")]
Percent = Annotated[float, typer.Option(min=0.0, max=100.0, help="Percent.")]


def ev(  # noqa: PLR0913 - a command's options are its arguments
    secc: Annotated[str | None, typer.Option(help="The station as HOST:PORT, without discovery.")] = None,
    interface: Interface = None,
    pki: Pki = None,
    vehicle: Annotated[str, typer.Option(help="Part of a vehicle's name in the catalogue.")] = "Leaf e+",
    soc: Percent = 50.0,
    target_soc: Percent = 80.0,
    v2x_min_soc: Percent = 30.0,
    stay_s: Annotated[float, typer.Option(min=0.0, max=1e8, help="Departure in so many seconds.")] = 14_400.0,
    protocol: Annotated[str, typer.Option(help="20, or 2 for ISO 15118-2")] = "20",
    control: Annotated[str, typer.Option(help="dynamic or scheduled")] = "dynamic",
    loop_period_s: Annotated[
        float, typer.Option(min=0.05, max=86_400.0, help="Seconds between charge loops.")
    ] = 1.0,
    loops: Annotated[int, typer.Option(min=0, help="End after so many charge loops; 0: at a signal.")] = 0,
    as_json: AsJson = False,
) -> None:
    """A vehicle alone: finds a station, charges and discharges as it says, ends at SIGINT."""
    if (interface is None) is (secc is None):
        raise WrongUse("either --secc or --interface")
    if control not in _CONTROLS:
        raise WrongUse("--control is dynamic or scheduled")
    if protocol not in _VEHICLE_DIALECTS:
        raise WrongUse("--protocol is 20 or 2")
    clock, model = RealClock(), model_named(vehicle)
    needs = DriverNeeds(
        target_soc=target_soc, v2x_min_soc=v2x_min_soc, departure_s=clock.monotonic() + stay_s
    )
    car = Vehicle("SIMEV1", model, Battery.at(model.battery, soc), needs)
    plan = Plan(_VEHICLE_DIALECTS[protocol], loop_period_s, _CONTROLS[control])
    alone = _Car(car, clock, Output(as_json), loops)
    where = (_LOOPBACK, 0) if secc is None else _host_and_port(secc)
    run(alone.drive(plan, (*where, _known(interface)), _tls(pki, lambda made: vehicle_context(made.vehicle))))


def _host_and_port(text: str) -> tuple[str, int]:
    """HOST:PORT, [HOST]:PORT for IPv6; `WrongUse` for anything else."""
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) <= 65535:
        raise WrongUse(f"--secc: {text!r} is not HOST:PORT")
    return host.removeprefix("[").removesuffix("]"), int(port)


def _known(interface: str | None) -> str | None:
    """An interface of this machine, or `WrongUse`."""
    names = [name for _, name in if_nameindex()]
    if interface is not None and interface not in names:
        raise WrongUse(f"--interface: no {interface!r} among: {', '.join(names)}")
    return interface


def _tls(pki: Path | None, context: Callable[[TestPki], SSLContext]) -> SSLContext | None:
    """TLS with the certificates of a folder; `WrongUse` where they cannot be used or made."""
    try:
        return None if pki is None else context(pki_in(pki))
    except OSError as why:
        raise WrongUse(f"--pki: {pki}: {why}") from None


class _Car:
    """A vehicle whose battery moves by what the station says that flows."""

    def __init__(self, car: Vehicle, clock: RealClock, output: Output, loops: int) -> None:
        self._car = car
        self._clock = clock
        self._output = output
        self._left = loops or None
        self._power_w = 0.0
        self._since = clock.monotonic()
        self._evcc: Evcc | None = None

    async def drive(self, plan: Plan, where: tuple[str, int, str | None], tls: SSLContext | None) -> None:
        """One session."""
        stop, (host, port, interface) = stop_on_signals(), where
        if interface is not None:
            wanted = Security.NONE if tls is None else Security.TLS
            found = await discover(self._clock, wanted, interface)
            if found.security is not wanted:
                raise WrongUse(f"the station offers {found.security.name}, not {wanted.name}")
            host, port = f"{found.host}%{interface}", found.port
        try:
            channel = await connect(host, port, (self._clock, self._clock), tls)
        except OSError as why:
            raise NoStation(f"{host}:{port}: {why}") from why
        self._output.event("connected", {"host": host, "port": port, "tls": tls is not None})
        plan = Plan(plan.dialects, plan.loop_period_s, plan.control, on_power=self._flows)
        self._evcc = evcc = Evcc(channel, self._car, self._clock, plan)
        async with asyncio.TaskGroup() as tasks:
            leaving = tasks.create_task(_leave(stop, evcc))
            ending = await evcc.run()
            leaving.cancel()
        fields: dict[str, object] = {"how": ending.value, "why": evcc.failure}
        self._output.event("ended", fields | {"soc": round(self._car.battery.soc, 2)})
        _exit_if_broken(ending)

    def _flows(self, power_w: float) -> None:
        """A charge loop is over: move the battery, tell a new power, count."""
        now = self._clock.monotonic()
        self._car.transfer(self._power_w, now - self._since)
        if power_w != self._power_w:
            soc = round(self._car.battery.soc, 2)
            self._output.event("power", {"power_w": round(power_w, 1), "soc": soc})
        self._power_w, self._since = power_w, now
        if self._left is not None and self._evcc is not None:
            self._left -= 1
            if self._left <= 0:
                self._evcc.stop()


async def _leave(stop: asyncio.Event, evcc: Evcc) -> None:
    await stop.wait()
    evcc.stop()


def _exit_if_broken(ending: Ending) -> None:
    if ending in (Ending.BROKEN, Ending.LOST):
        raise typer.Exit(_BROKEN)


def secc(  # noqa: PLR0913
    host: Annotated[str, typer.Option(help="Where to listen, without discovery.")] = _LOOPBACK,
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port; 0: any.")] = 0,
    interface: Interface = None,
    pki: Pki = None,
    service: Annotated[list[int] | None, typer.Option(help="1 AC, 2 DC, 5 AC_BPT, 6 DC_BPT; all.")] = None,
    max_charge_w: options.Rating = 11_000.0,
    max_discharge_w: options.Rating = 11_000.0,
    limit_w: Annotated[
        float | None,
        typer.Option(
            min=-options.MOST_W, max=options.MOST_W, help="W, negative to discharge; also by typing."
        ),
    ] = None,
    sessions: Annotated[int, typer.Option(min=0, help="End after so many sessions; 0: at a signal.")] = 0,
    as_json: AsJson = False,
) -> None:
    """A station's end alone, without OCPP. Typed: limit W, stop, pause, schedule, service, quit."""
    services = frozenset(service or SERVICES)
    if not services <= set(SERVICES):
        raise WrongUse(f"--service is one of {', '.join(map(str, SERVICES))}")
    evse = Evse(1, PowerLimits(max_charge_w, max_discharge_w), RealClock())
    if limit_w is not None:
        evse.set_limit(limit_w)
    outlet = _Outlet(evse, Hardware("ZZSIME0001", services), Output(as_json), sessions)
    run(outlet.serve((host, port, _known(interface)), _tls(pki, lambda made: station_context(made.station))))


class _Outlet:
    """One EVSE on the wire, one vehicle after the other."""

    def __init__(self, evse: Evse, hardware: Hardware, output: Output, sessions: int) -> None:
        self._evse = evse
        self._hardware = hardware
        self._output = output
        self._left = sessions or None
        self._memory = Memory()
        self._arrived: asyncio.Queue[WireChannel] = asyncio.Queue()
        self._secc: Secc | None = None

    async def serve(self, where: tuple[str, int, str | None], tls: SSLContext | None) -> None:
        """Until a signal, `quit` or the last session."""
        stop = stop_on_signals()
        async with AsyncExitStack() as open_, asyncio.TaskGroup() as tasks:
            await self._listen(open_, where, tls)
            running = [tasks.create_task(self._sessions(stop)), tasks.create_task(self._console(stop))]
            await stop.wait()
            for task in running:
                task.cancel()

    async def _listen(
        self, open_: AsyncExitStack, where: tuple[str, int, str | None], tls: SSLContext | None
    ) -> None:
        host, port, interface = where
        if interface is not None:
            host = f"{link_local(interface)}%{interface}"
        clocks = self._evse.clock, self._evse.clock
        try:
            server = await listen(host, port, clocks, self._arrived.put_nowait, tls)
        except OSError as why:
            raise OSError(f"--host, --port: nobody can listen at {host}:{port}: {why}") from why
        open_.callback(server.close)
        port = server.sockets[0].getsockname()[1]
        if interface is not None:
            security = Security.NONE if tls is None else Security.TLS
            address = StationAddress(IPv6Address(host.partition("%")[0]), port, security)
            await open_.enter_async_context(Beacon(address, interface=interface))
        self._output.event("listening", {"host": host, "port": port, "tls": tls is not None})

    async def _sessions(self, stop: asyncio.Event) -> None:
        """One vehicle at a time; who comes meanwhile waits for its answer."""
        evse = self._evse
        while not stop.is_set():
            channel = await self._arrived.get()
            evse.plug(Stranger(evse))
            evse.granted, evse.on_needs, evse.on_change = Permission.GRANTED, self._needs, self._power
            self._secc = session = Secc(
                channel, evse, evse.clock, self._hardware, _STATION_DIALECTS, self._memory
            )
            self._output.event("vehicle", {})
            ending = await session.run()
            self._secc = None
            evse.unplug()
            self._output.event("ended", {"how": ending.value, "why": session.failure})
            if self._left is not None:
                self._left -= 1
                if self._left <= 0:
                    stop.set()

    def _needs(self, needs: ChargingNeeds) -> None:
        fields: dict[str, object] = {
            "evccid": needs.evccid,
            "current": needs.current.value,
            "bidirectional": needs.bidirectional,
            "target_wh": needs.requests.target_wh,
            "v2x_minimum_wh": needs.requests.v2x_minimum_wh,
            "departure_in_s": needs.departure_in_s,
        }
        self._output.event("needs", fields)

    def _power(self) -> None:
        meter = self._evse.meter
        fields: dict[str, object] = {
            "power_w": round(self._evse.power_w, 1),
            "closed": self._evse.closed,
            "import_wh": round(meter.import_wh, 1),
            "export_wh": round(meter.export_wh, 1),
        }
        self._output.event("power", fields)

    async def _console(self, stop: asyncio.Event) -> None:
        lines = typed_lines()
        while not stop.is_set():
            line = await lines.get()
            if line == "quit":
                stop.set()
            elif not self._obeyed(line.split()):
                self._output.event("mistake", {"line": line, "why": _ORDERS})

    def _obeyed(self, words: list[str]) -> bool:
        match words:
            case ["limit", watts] if _is_number(watts):
                self._evse.set_limit(float(watts))
            case ["stop"] if self._secc is not None:
                self._secc.terminate()
            case [word] if word in _WISHES and self._secc is not None:
                self._secc.want(_WISHES[word])
            case _:
                return False
        return True


def _is_number(text: str) -> bool:
    try:
        return abs(float(text)) < float("inf")
    except ValueError:
        return False
