"""One end of a session, played by the `iso15118` package. Runs in a Python of its own, with Java.

peer.py station|vehicle PORT SERVICE POWER_W; prints JSON lines. A station listens on the port, a vehicle
connects to it. Discovery is left out: the package's wants a real interface.
peer.py codec: reads lines of namespace and EXI, and writes each as its Java codec has read and written it.
"""

# mypy: ignore-errors
import asyncio
import json
import logging
import os
import sys

from iso15118.evcc.comm_session_handler import EVCCCommunicationSession
from iso15118.evcc.controller.simulator import SimEVController
from iso15118.evcc.evcc_config import EVCCConfig
from iso15118.secc.comm_session_handler import SECCCommunicationSession
from iso15118.secc.controller.simulator import SimEVSEController
from iso15118.secc.secc_settings import Config
from iso15118.shared.exi_codec import EXI
from iso15118.shared.exificient_exi_codec import ExificientEXICodec
from iso15118.shared.messages.enums import AuthEnum, Protocol
from iso15118.shared.settings import load_shared_settings

LOOPS = 6
WAIT_S = 60.0


def say(**fields):
    """A line for the test."""
    sys.stdout.write(json.dumps(fields) + "\n")
    sys.stdout.flush()


class Quick:
    """Ends without the package's five seconds of sleep."""

    async def stop(self, reason):
        say(event="stopped", reason=reason, state=str(self.current_state))
        self.writer.close()


class Station(Quick, SECCCommunicationSession):
    """The package's SECC."""


class Vehicle(Quick, EVCCCommunicationSession):
    """The package's EVCC."""


class Charger(SimEVSEController):
    """Wants a power from the start: W, negative for discharge."""

    def __init__(self, power_w):
        super().__init__()
        self.power_w = power_w
        self.closed = False

    async def send_charging_command(self, *args, **kwargs):
        self.drive()

    async def set_hlc_charging(self, is_ongoing):
        self.closed = is_ongoing
        self.drive()

    def drive(self):
        """Publish limits and, in DC, the current."""
        charge, discharge = max(0.0, self.power_w), max(0.0, -self.power_w)
        limits = self.evse_data_context.session_limits
        for one in (limits.ac_limits, limits.dc_limits):
            one.max_charge_power, one.max_discharge_power = charge, discharge
        limits.dc_limits.max_charge_current, limits.dc_limits.max_discharge_current = 100, 100
        limits.dc_limits.max_voltage, limits.dc_limits.min_voltage = 500, 100
        limits.dc_limits.min_charge_power = limits.dc_limits.min_discharge_power = 0
        for name in ("max_charge_power_l2", "max_charge_power_l3"):
            setattr(limits.ac_limits, name, None)
        for name in ("max_discharge_power_l2", "max_discharge_power_l3"):
            setattr(limits.ac_limits, name, None)
        self.evse_data_context.present_voltage = 400
        self.evse_data_context.present_current = self.power_w / 400 if self.closed else 0

    async def session_ended(self, current_state, reason):
        say(event="ended", reason=reason)


async def station(port, service, power_w):
    """Serve one vehicle."""
    done = asyncio.Event()
    config = Config(
        supported_protocols=[Protocol.ISO_15118_2, Protocol.ISO_15118_20_AC, Protocol.ISO_15118_20_DC],
        supported_auth_options=[AuthEnum.EIM],
        free_charging_service=True,
    )

    async def serve(reader, writer):
        controller = Charger(power_w)
        queue = asyncio.Queue()
        session = Station((reader, writer), queue, config, controller, "ZZ1")
        await session.start(WAIT_S)
        vehicle = controller.ev_data_context
        say(
            event="needs",
            departure_s=vehicle.departure_time,
            target_wh=vehicle.target_energy_request,
            min_wh=vehicle.min_energy_request,
            v2x_min_wh=vehicle.min_v2x_energy_request,
            soc=vehicle.present_soc,
        )
        done.set()

    server = await asyncio.start_server(serve, "127.0.0.1", port)
    say(event="listening", port=server.sockets[0].getsockname()[1])
    await asyncio.wait_for(done.wait(), 4 * WAIT_S)
    server.close()


async def vehicle(port, service, power_w):
    """Charge at one station."""
    protocol = "ISO_15118_2" if service in ("AC_2", "DC_2") else f"ISO_15118_20_{service[:2]}"
    config = EVCCConfig(
        supportedProtocols=[protocol],
        supportedEnergyServices=[service.removesuffix("_2")],
        energyTransferMode="DC_extended" if service.startswith("DC") else "AC_three_phase_core",
        useTls=False,
        chargeLoopCycle=LOOPS,
        chargeLoopDelay=0,
    )
    config.load_raw_values()
    controller = SimEVController(config)
    transport = await asyncio.open_connection("127.0.0.1", port)
    session = Vehicle(transport, asyncio.Queue(), config, "lo", controller)
    await session.send_sap()
    await session.start(WAIT_S)


def codec():
    """Every message there and back."""
    java = ExificientEXICodec()
    for line in sys.stdin:
        namespace, exi = line.split()
        text = java.decode(bytes.fromhex(exi), namespace)
        say(event="written", exi=java.encode(text, namespace).hex(), text=text)


def main():
    """Play."""
    logging.root.handlers = [logging.StreamHandler()]  # the package's own write to stdout
    logging.root.setLevel(os.environ.get("PEER_LOG", "ERROR"))
    load_shared_settings()
    if sys.argv[1:] == ["codec"]:
        codec()
        return
    EXI().set_exi_codec(ExificientEXICodec())
    role, port, service, power_w = sys.argv[1:]
    asyncio.run({"station": station, "vehicle": vehicle}[role](int(port), service, float(power_w)))


main()
