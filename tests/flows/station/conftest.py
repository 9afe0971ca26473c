"""A very small server for OCPP 2.0.1 to test stations against.

It answers everything, remembers everything and asks what a test wants asked. It shares no code with the
product's server: a station is tested against the standard.
"""

import asyncio
import itertools
import json
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from chargepoint_sim.clock import ScaledClock
from chargepoint_sim.ev.battery import Battery, BatteryModel
from chargepoint_sim.ev.vehicle import DriverNeeds, Vehicle, VehicleModel
from chargepoint_sim.station.link import BackOff
from chargepoint_sim.station.station import Behaviour, Station
from chargepoint_sim.station.variables import Fixed
from chargepoint_sim.station.visit import Visit
from chargepoint_sim.station.words import Version
from tests.flows.station.steps_16 import Central

Payload = dict[str, Any]
SPEED = 100.0


class Peer:
    """One connected station. `heard` is all it said, in order."""

    def __init__(self, socket: ServerConnection, csms: "TinyCsms") -> None:
        self.socket = socket
        self.csms = csms
        self.heard: list[tuple[str, Payload]] = []
        self.news = asyncio.Condition()
        self.broken = asyncio.Event()
        self._ids = itertools.count()
        self._answers: dict[str, asyncio.Future[Any]] = {}

    async def serve(self) -> None:
        """Hold the conversation."""
        async for text in self.socket:
            try:
                message = json.loads(text)
            except ValueError:
                self.broken.set()
                continue
            if message[0] == 2:
                await self._hear(message)
            else:
                self._answers.pop(message[1]).set_result(message)

    async def _hear(self, message: list[Any]) -> None:
        _, message_id, action, payload = message
        async with self.news:
            self.heard.append((action, payload))
            self.csms.heard.append((action, payload))
            self.news.notify_all()
        async with self.csms.news:
            self.csms.news.notify_all()
        if self.csms.mute(action, payload):
            return
        answer = self.csms.answer(action, payload)
        kind = [4, message_id, answer, "", {}] if isinstance(answer, str) else [3, message_id, answer]
        await self.socket.send(json.dumps(kind))

    async def call(self, action: str, payload: Payload) -> Payload:
        """Ask the station; the answer's payload. An error comes back as {"error": code}."""
        message_id = f"csms-{next(self._ids)}"
        future = self._answers[message_id] = asyncio.get_running_loop().create_future()
        await self.socket.send(json.dumps([2, message_id, action, payload]))
        message = await asyncio.wait_for(future, 10)
        return {"error": message[2]} if message[0] == 4 else dict(message[2])


class TinyCsms:
    """A server. `boot` says how it takes a station; `mute` and `answer` may be replaced by a test."""

    def __init__(self) -> None:
        self.clock = ScaledClock(SPEED)
        self.heard: list[tuple[str, Payload]] = []
        self.news = asyncio.Condition()
        self.peers: list[Peer] = []
        self.passwords: list[str] = []
        self.boot_statuses: Iterator[str] = itertools.repeat("Accepted")
        self.boot_interval = 300
        self.mute: Callable[[str, Payload], bool] = lambda action, payload: False
        self.refuse_http: int | None = None
        self.token_status = "Accepted"
        self.token_group: str | None = None
        self.url = ""

    def answer(self, action: str, payload: Payload) -> Payload | str:
        """What is answered to a station."""
        now = self.clock.now().isoformat().replace("+00:00", "Z")
        match action:
            case "BootNotification":
                status = next(self.boot_statuses)
                return {"currentTime": now, "interval": self.boot_interval, "status": status}
            case "Heartbeat":
                return {"currentTime": now}
            case "Authorize":
                return {"idTokenInfo": self._token_info()}
            case "TransactionEvent" if "idToken" in payload:
                return {"idTokenInfo": self._token_info()}
            case "NotifyEVChargingNeeds":
                return {"status": "Accepted"}
            case _:
                return {}

    def _token_info(self) -> Payload:
        info: Payload = {"status": self.token_status}
        if self.token_group is not None:
            info["groupIdToken"] = {"idToken": self.token_group, "type": "Central"}
        return info

    async def _connection(self, socket: ServerConnection) -> None:
        peer = Peer(socket, self)
        self.peers.append(peer)
        async with self.news:
            self.news.notify_all()
        with suppress(ConnectionClosed):
            await peer.serve()

    def _gate(self, connection: ServerConnection, request: Request) -> Response | None:
        self.passwords.append(request.headers.get("Authorization", ""))
        if self.refuse_http is not None:
            return Response(self.refuse_http, "no", Headers(), b"")
        return None

    @asynccontextmanager
    async def listening(self, tls: ssl.SSLContext | None = None) -> AsyncIterator["TinyCsms"]:
        """Listen on a free port."""
        server: Server
        async with serve(
            self._connection,
            "127.0.0.1",
            0,
            subprotocols=[Subprotocol(f"ocpp{version}") for version in Version],
            process_request=self._gate,
            ssl=tls,
        ) as server:
            port = next(iter(server.sockets)).getsockname()[1]
            self.url = f"{'ws' if tls is None else 'wss'}://127.0.0.1:{port}/ocpp"
            yield self

    async def wait_for(
        self, action: str, fits: Callable[[Payload], bool] = lambda payload: True, count: int = 1
    ) -> list[Payload]:
        """Wait until so many fitting messages were heard; all of them."""

        def found() -> list[Payload]:
            return [payload for name, payload in self.heard if name == action and fits(payload)]

        async with self.news:
            await asyncio.wait_for(self.news.wait_for(lambda: len(found()) >= count), 20)
        return found()

    async def peer(self, number: int = 1) -> Peer:
        """The so-manieth connection."""
        async with self.news:
            await asyncio.wait_for(self.news.wait_for(lambda: len(self.peers) >= number), 20)
        return self.peers[number - 1]


@pytest.fixture
async def csms() -> AsyncIterator[TinyCsms]:
    """A server that listens."""
    async with TinyCsms().listening() as server:
        yield server


@pytest.fixture
def central(csms: TinyCsms) -> Central:
    """The small server speaks 1.6."""
    return Central(csms)


class Bench:
    """A station that runs against the small server, a hundred times as fast as life."""

    def __init__(self, csms: TinyCsms, made: dict[str, Any], **options: Any) -> None:
        self.csms = csms
        self.events: list[tuple[str, dict[str, object]]] = []
        behaviour = Behaviour(back_off=BackOff(0.01, 0.02, 1), reboot_s=1.0, **options)
        fixed = Fixed("CS001", "first-password-123", evses=2, meter_interval_s=30, **made)
        self.station = Station(fixed, csms.url, ScaledClock(SPEED), self._observe, behaviour)
        self._task = asyncio.create_task(self.station.run())

    def _observe(self, event: str, fields: dict[str, object]) -> None:
        self.events.append((event, fields))

    def plug(self, evse_id: int = 1, token: str | None = "TAG-1", soc: float = 50.0) -> Visit:
        """Come with a bidirectional vehicle."""
        battery = BatteryModel(60_000, 11_000, 10_000)
        model = VehicleModel("test", battery, bidirectional=True)
        departure_s = self.station.clock.monotonic() + 7_200
        vehicle = Vehicle(
            "EVCC01", model, Battery.at(battery, soc), DriverNeeds(departure_s=departure_s), token
        )
        return self.station.cabinet.plug(evse_id, vehicle)

    async def stop(self) -> None:
        """Switch the station off; whatever went wrong in it comes out here."""
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task


@pytest.fixture
async def bench(csms: TinyCsms) -> AsyncIterator[Callable[..., Bench]]:
    """Makes stations and switches them off afterwards."""
    made: list[Bench] = []

    def make(fixed: dict[str, Any] | None = None, server: TinyCsms | None = None, **options: Any) -> Bench:
        made.append(Bench(server or csms, fixed or {}, **options))
        return made[-1]

    yield make
    for one in made:
        await one.stop()
