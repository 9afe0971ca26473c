"""Our vehicle against the station of the `iso15118` package, its vehicle against our station. `make interop`.

The package runs in a Python of its own, named by ISO15118_PYTHON, because of what it pins and of its Java.
"""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from chargepoint_sim.clock import RealClock
from chargepoint_sim.ev.battery import Battery, BatteryModel
from chargepoint_sim.ev.vehicle import Current, DriverNeeds, PowerLimits, Vehicle, VehicleModel
from chargepoint_sim.iso15118.appprotocol.messages import SAP
from chargepoint_sim.iso15118.evcc import Evcc, Plan
from chargepoint_sim.iso15118.exi.vocabulary import Element
from chargepoint_sim.iso15118.outlet import ChargingNeeds, Ending, Permission
from chargepoint_sim.iso15118.protocols import to_frame
from chargepoint_sim.iso15118.secc import Hardware, Secc
from chargepoint_sim.iso15118.services import SERVICES, Control
from chargepoint_sim.iso15118.v2 import station as station_2
from chargepoint_sim.iso15118.v2 import vehicle as vehicle_2
from chargepoint_sim.iso15118.v2.messages import V2
from chargepoint_sim.iso15118.v2gtp import Frames
from chargepoint_sim.iso15118.v20 import station as station_20
from chargepoint_sim.iso15118.v20 import vehicle as vehicle_20
from chargepoint_sim.iso15118.v20.messages import AC, COMMON, DC
from chargepoint_sim.iso15118.wire import WireChannel, connect, listen
from chargepoint_sim.station.evse import Evse
from tests.unit.chargepoint_sim.iso15118.table import Setting, session

PYTHON = os.environ.get("ISO15118_PYTHON")
PEER = Path(__file__).with_name("peer.py")
SERVICE_IDS = {"AC": 1, "DC": 2, "AC_BPT": 5, "DC_BPT": 6}
WAIT_S = 90.0
BUSY_S = 20.0  # the package's Java takes its time for a message

pytestmark = [
    pytest.mark.skipif(PYTHON is None, reason="ISO15118_PYTHON names no Python with the package"),
    pytest.mark.timeout(200),
]


class Peer:
    """The package's end, and what it says."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.said: list[dict[str, object]] = []

    async def says(self, event: str) -> dict[str, object]:
        """Its next line of a kind."""
        assert self._process.stdout is not None
        async with asyncio.timeout(WAIT_S):
            while line := await self._process.stdout.readline():
                self.said.append(json.loads(line))
                if self.said[-1]["event"] == event:
                    return self.said[-1]
        raise AssertionError(f"it ended without {event!r}: {self.said}")


@asynccontextmanager
async def peer(*words: str) -> AsyncIterator[Peer]:
    assert PYTHON is not None
    process = await asyncio.create_subprocess_exec(PYTHON, str(PEER), *words, stdout=asyncio.subprocess.PIPE)
    try:
        yield Peer(process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


def a_vehicle(service: str) -> Vehicle:
    current = Current(service[:2])
    battery = BatteryModel(60_000, 11_000, 10_000)
    model = VehicleModel("ours", battery, service.endswith("BPT"), current, 400.0)
    needs = DriverNeeds(target_soc=80, min_soc=20, v2x_min_soc=30, departure_s=RealClock().monotonic() + 3600)
    return Vehicle("WMIV1234567890ABCDEX", model, Battery.at(battery, 50.0), needs)


@pytest.mark.parametrize("control", list(Control))
@pytest.mark.parametrize("service", list(SERVICE_IDS))
async def test_our_vehicle_at_its_station(service: str, control: Control) -> None:
    order_w = -7_000.0 if service.endswith("BPT") else 7_000.0
    clock, powers = RealClock(), []

    def flowing(power_w: float) -> None:
        powers.append(power_w)
        if powers.count(order_w) >= 3:
            evcc.stop()

    plan = Plan(vehicle_20.DIALECTS, 0.1, control, BUSY_S, on_power=flowing)
    async with peer("station", "0", service, str(order_w)) as its:
        port = (await its.says("listening"))["port"]
        assert isinstance(port, int)
        channel = await connect("127.0.0.1", port, (clock, clock))
        evcc = Evcc(channel, a_vehicle(service), clock, plan)
        async with asyncio.timeout(WAIT_S):
            ending = await evcc.run()
        assert (ending, evcc.failure) == (Ending.BY_VEHICLE, "")
        assert evcc.service.id == SERVICE_IDS[service]
        assert evcc.control is control
        needs = await its.says("needs")
    assert powers.count(order_w) == 3
    assert needs["target_wh"] == 18_000
    assert needs["min_wh"] == -18_000
    assert needs["departure_s"] == pytest.approx(3600, abs=60)
    if control is Control.DYNAMIC and service.endswith("BPT"):
        assert needs["v2x_min_wh"] == -12_000
    if service.startswith("DC"):
        assert needs["soc"] == 50


@asynccontextmanager
async def our_station(evse: Evse, hardware: Hardware, service: str) -> AsyncIterator[tuple[Secc, Peer]]:
    """Our station with the package's vehicle at it, until that is done."""
    arrived: asyncio.Future[WireChannel] = asyncio.get_running_loop().create_future()
    clocks = evse.clock, evse.clock
    server = await listen("127.0.0.1", 0, clocks, arrived.set_result)
    port = server.sockets[0].getsockname()[1]
    async with peer("vehicle", str(port), service, "0") as its, asyncio.TaskGroup() as tasks:
        channel = await asyncio.wait_for(arrived, WAIT_S)
        dialects = station_20.DIALECTS + station_2.DIALECTS
        secc = Secc(channel, evse, evse.clock, hardware, dialects)
        running = tasks.create_task(secc.run())
        await its.says("stopped")
        yield secc, its
    server.close()
    await server.wait_closed()
    assert (running.result(), secc.failure) == (Ending.BY_VEHICLE, "")
    assert not evse.closed


def an_evse(service: str, limit_w: float, told: list[ChargingNeeds]) -> Evse:
    evse = Evse(1, PowerLimits(11_000, 11_000), RealClock())
    evse.plug(a_vehicle(service))
    evse.granted, evse.on_needs = Permission.GRANTED, told.append
    evse.set_limit(limit_w)
    return evse


@pytest.mark.parametrize("control", list(Control))
@pytest.mark.parametrize("service", list(SERVICE_IDS))
async def test_its_vehicle_at_our_station(service: str, control: Control) -> None:
    told: list[ChargingNeeds] = []
    evse = an_evse(service, -7_000 if service.endswith("BPT") else 7_000, told)
    hardware = Hardware("ZZOUR1", frozenset({SERVICE_IDS[service]}), controls=frozenset({control}))
    async with our_station(evse, hardware, service) as (secc, _):
        assert secc.service == SERVICES[SERVICE_IDS[service]]
        assert secc.control is control
    assert evse.vehicle is not None
    needs, *later = told
    # Its AC vehicle says another departure in the charge loop than before it, which is told as a new need.
    assert bool(later) is (control is Control.DYNAMIC and service.startswith("AC"))
    if control is Control.DYNAMIC:
        assert needs.departure_in_s == 7200
        assert needs.requests.target_wh == 40_000
        assert needs.requests.minimum_wh == -20_000
        if service.endswith("BPT"):
            assert needs.requests.v2x_maximum_wh == 5_000


@pytest.mark.parametrize("current", ["AC", "DC"])
async def test_our_vehicle_of_iso_15118_2_at_its_station(current: str) -> None:
    clock, powers = RealClock(), []

    def flowing(power_w: float) -> None:
        powers.append(power_w)
        if len(powers) > 3:
            evcc.stop()

    plan = Plan(vehicle_2.DIALECTS, 0.1, least_timeout_s=BUSY_S, on_power=flowing)
    async with peer("station", "0", f"{current}_2", "4000") as its:
        port = (await its.says("listening"))["port"]
        assert isinstance(port, int)
        channel = await connect("127.0.0.1", port, (clock, clock))
        evcc = Evcc(channel, a_vehicle(current), clock, plan)
        async with asyncio.timeout(WAIT_S):
            ending = await evcc.run()
    assert (ending, evcc.failure) == (Ending.BY_VEHICLE, "")


@pytest.mark.parametrize("current", ["AC", "DC"])
async def test_its_vehicle_of_iso_15118_2_at_our_station(current: str) -> None:
    told: list[ChargingNeeds] = []
    evse = an_evse(current, -7_000, told)
    hardware = Hardware("ZZOUR1*E1", frozenset({SERVICE_IDS[f"{current}_BPT"]}))
    async with our_station(evse, hardware, f"{current}_2") as (secc, _):
        assert secc.service == SERVICES[SERVICE_IDS[current]]
    assert evse.meter.export_wh == 0  # -2 knows no discharge
    assert told[0].current.value == current
    assert told[0].requests.target_wh > 0


async def a_trace(service: str, plan: Plan) -> list[Element]:
    """All messages of a session of ours, with a discharge where there is one."""
    async with session(Setting(a_vehicle(service), plan=plan)) as table:
        await table.advance(3)
        for limit_w in (-7_000.0, 3_456.0):
            table.evse.set_limit(limit_w)
            await table.advance(10)
        table.secc.terminate()
    return table.traffic.sent


async def test_java_writes_every_message_of_ours_byte_for_byte_as_we_do() -> None:
    plans = [("2", Plan(vehicle_2.DIALECTS))]
    plans += [(str(control), Plan(vehicle_20.DIALECTS, control=control)) for control in Control]
    lines = []
    for _, plan in plans:
        for service in SERVICE_IDS:
            for number, message in enumerate(await a_trace(service, plan)):
                ((_, payload),) = Frames().feed(to_frame(message))
                lines.append((schema_of(message, agreed=number > 1), payload.hex()))
    unique = list(dict.fromkeys(lines))
    assert PYTHON is not None
    process = await asyncio.create_subprocess_exec(
        PYTHON, str(PEER), "codec", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    text = "".join(f"{namespace} {exi}\n" for namespace, exi in unique)
    async with asyncio.timeout(WAIT_S):
        out, _ = await process.communicate(text.encode())
    written = [json.loads(line)["exi"] for line in out.splitlines()]
    assert len(written) == len(unique) > 100
    assert written == [exi for _, exi in unique]


def schema_of(message: Element, agreed: bool) -> str:
    schemas = (V2, COMMON, DC, AC) if agreed else (SAP,)
    return next(schema.namespace for schema in schemas if type(message) in schema.codes)
