"""A gateway on loopback, and hand-written stations that knock at it."""

import asyncio
import base64
import json
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from types import TracebackType
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from csms.blocks import ROUTER
from csms.blocks.context import Policy
from csms.bus.memory import MemoryBus
from csms.clock import Clock, RealClock
from csms.domain.facts import Fact
from csms.gateway.house import GatewaySettings, House
from csms.gateway.server import Gateway
from csms.pki.passwords import hash_password
from csms.store import stations
from csms.store.database import Database
from csms.store.stations import StationRow
from csms.store.writer import Writer
from csms.wire.router import Router
from csms.wire.v16 import DIALECT as V16
from csms.wire.v21 import DIALECT as V21
from csms.wire.v201 import DIALECT as V201

DIALECTS = (V21, V201, V16)
PASSWORD = "correct:horse:battery:staple"  # with colons: only the first one of the header splits
STATION = "cs-1"
WAIT_S = 10.0

QUICK = GatewaySettings(port=0, probe_timeout_s=0.3, close_timeout_s=0.3, ping_interval_s=20.0)

BOOT = {"reason": "PowerUp", "chargingStation": {"model": "M", "vendorName": "V", "serialNumber": "S"}}


def now_text() -> str:
    """This moment as a station would write it."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def event(seq_no: int, kind: str = "Updated", transaction_id: str = "tx-1", **fields: Any) -> dict[str, Any]:
    """The payload of a TransactionEvent."""
    return {
        "eventType": kind,
        "timestamp": now_text(),
        "triggerReason": "MeterValuePeriodic",
        "seqNo": seq_no,
        "transactionInfo": {"transactionId": transaction_id},
        "evse": {"id": 1, "connectorId": 1},
        **fields,
    }


def basic(name: str, password: str) -> str:
    """The value of an Authorization header."""
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


class Client:
    """A station's end of one connection."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self._count = 0

    async def send(self, frame: object) -> None:
        """Send one frame; text goes as it is."""
        await self.socket.send(frame if isinstance(frame, str | bytes) else json.dumps(frame))

    async def receive(self) -> list[Any]:
        """The next frame."""
        async with asyncio.timeout(WAIT_S):
            frame: list[Any] = json.loads(await self.socket.recv())
        return frame

    async def call(self, action: str, payload: object, id: str | None = None) -> list[Any]:
        """Call and wait for the answer; nothing else may come between."""
        self._count += 1
        id = id or f"m{self._count}"
        await self.send([2, id, action, payload])
        frame = await self.receive()
        assert frame[1] == id, frame
        return frame

    async def result(self, action: str, payload: object) -> dict[str, Any]:
        """Call and expect a CALLRESULT."""
        frame = await self.call(action, payload)
        assert frame[0] == 3, frame
        answer: dict[str, Any] = frame[2]
        return answer

    async def boot(self) -> str:
        """Boot; the registration status."""
        return str((await self.result("BootNotification", BOOT))["status"])

    async def answer(self, payload: object, action: str | None = None) -> list[Any]:
        """Receive one CALL and answer it."""
        frame = await self.receive()
        assert frame[0] == 2, frame
        assert action in (None, frame[2]), frame
        await self.send([3, frame[1], payload])
        return frame

    async def closed(self) -> int:
        """Wait for the end; the close code."""
        async with asyncio.timeout(WAIT_S):
            try:
                while True:
                    await self.socket.recv()
            except ConnectionClosed:
                return self.socket.close_code or 0


@dataclass
class RawClient:
    """A peer without a WebSocket library: it does what it is told and nothing else."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    head: bytes = b""

    @property
    def status(self) -> int:
        """The HTTP status."""
        return int(self.head.split(b" ", 2)[1])

    def send_text(self, data: bytes, *, opcode: int = 0x81, key: bytes = b"\0\0\0\0") -> None:
        """One masked frame."""
        size = len(data)
        if size < 126:
            length = bytes([0x80 | size])
        elif size < 65536:
            length = bytes([0x80 | 126]) + size.to_bytes(2, "big")
        else:
            length = bytes([0x80 | 127]) + size.to_bytes(8, "big")
        self.writer.write(bytes([opcode]) + length + key + data)

    def abort(self) -> None:
        """Cut the connection."""
        self.writer.transport.abort()


@dataclass
class Front:
    """The gateway and what stands behind it."""

    db: Database
    writer: Writer
    bus: MemoryBus
    gateway: Gateway
    facts: list[Fact] = field(default_factory=list)
    heard: asyncio.Event = field(default_factory=asyncio.Event)

    async def add_station(self, identity: str = STATION, *, booted: bool = False, **fields: object) -> None:
        """Register a station; `booted`: it has been accepted before."""
        row = StationRow(
            identity=identity,
            password_hash=hash_password(PASSWORD),
            onboarding="none",
            boot_answer="Accepted" if booted else None,
            created_at=datetime.now(UTC),
        )
        async with self.db.begin() as conn:
            await stations.add(conn, row, [])
            if fields:
                await stations.change(conn, identity, **fields)

    async def station(self, identity: str = STATION) -> StationRow:
        """The station as it is stored."""
        row = await stations.get(self.db, identity)
        assert row is not None
        return row

    def url(self, identity: str = STATION, path: str = "/ocpp/") -> str:
        """Where a station connects."""
        return f"ws://127.0.0.1:{self.gateway.port}{path}{identity}"

    def secure_url(self, identity: str = STATION, path: str = "/ocpp/") -> str:
        """Where it connects by TLS."""
        return f"wss://127.0.0.1:{self.gateway.ports.tls}{path}{identity}"

    def knock(
        self,
        identity: str = STATION,
        *,
        password: str = PASSWORD,
        name: str | None = None,
        headers: dict[str, str] | None = None,
        subprotocols: tuple[str, ...] | None = ("ocpp2.0.1",),
        path: str = "/ocpp/",
        **options: Any,
    ) -> connect:
        """A connection attempt with the websockets library."""
        given = headers if headers is not None else {"Authorization": basic(name or identity, password)}
        options = {"compression": None, "ping_interval": None, "close_timeout": 1, **options}
        return connect(
            self.secure_url(identity, path) if options.get("ssl") else self.url(identity, path),
            subprotocols=None if subprotocols is None else [Subprotocol(name) for name in subprotocols],
            additional_headers=given,
            proxy=None,
            **options,
        )

    @asynccontextmanager
    async def connected(
        self, identity: str = STATION, *, boot: bool = True, **options: Any
    ) -> AsyncIterator[Client]:
        """A connected station, booted if wanted."""
        async with self.knock(identity, **options) as socket:
            client = Client(socket)
            if boot:
                assert await client.boot() == "Accepted"
            yield client

    async def raw(
        self,
        identity: str = STATION,
        *,
        authorization: str | None = None,
        extra: tuple[str, ...] = (),
        path: str = "/ocpp/",
    ) -> RawClient:
        """A peer that shakes hands and then sits still: no pong, no close."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.gateway.port)
        lines = [
            f"GET {path}{identity} HTTP/1.1",
            "Host: localhost",
            "Upgrade: websocket",
            "Connection: Upgrade",
            "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
            "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Protocol: ocpp2.0.1",
            *extra,
        ]
        if authorization != "":
            lines.append(f"Authorization: {authorization or basic(identity, PASSWORD)}")
        writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
        client = RawClient(reader, writer)
        async with asyncio.timeout(WAIT_S):
            client.head = await reader.readuntil(b"\r\n\r\n")
        return client

    async def fact(self, kind: type[Fact], count: int = 1) -> Fact:
        """Wait for the `count`-th fact of a kind."""
        async with asyncio.timeout(WAIT_S):
            while len(found := [fact for fact in self.facts if isinstance(fact, kind)]) < count:
                self.heard.clear()
                await self.heard.wait()
        return found[count - 1]

    async def connections(self, count: int) -> None:
        """Wait until so many stations are connected."""
        async with asyncio.timeout(WAIT_S):
            while self.gateway.connections != count:  # noqa: ASYNC110 - no event tells of this
                await asyncio.sleep(0.01)

    async def ask(self, ask: object, identity: str = STATION, timeout_s: float = 5.0) -> object:
        """Ask a station."""
        return await self.bus.ask(identity, ask, timeout_s=timeout_s)

    def break_store(self, *tables: str) -> "BrokenStore":
        """Take tables away: a real failure of a real database."""
        return BrokenStore(str(self.db.url.database), tables or ("probe", "transaction_event", "station"))


class BrokenStore:
    """While inside, the tables are gone."""

    def __init__(self, path: str, tables: tuple[str, ...]) -> None:
        self._path = path
        self._tables = tables

    def _rename(self, before: str, after: str) -> None:
        connection = sqlite3.connect(self._path, timeout=10)
        try:
            connection.execute("PRAGMA legacy_alter_table=ON")
            for table in self._tables:
                connection.execute(f'ALTER TABLE "{before}{table}" RENAME TO "{after}{table}"')
            connection.commit()
        finally:
            connection.close()

    def __enter__(self) -> None:
        self._rename("", "gone_")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._rename("gone_", "")


@asynccontextmanager
async def front(
    router: Router = ROUTER,
    bus: MemoryBus | None = None,
    url: str = "sqlite://",
    clock: Clock | None = None,
    policy: Policy | None = None,
    **settings: Any,
) -> AsyncIterator[Front]:
    """A running gateway with the station `cs-1` registered and never booted."""
    db = await Database.open(url)
    await db.migrate()
    writer = Writer(db)
    bus = bus or MemoryBus()
    rooms = House(
        db=db,
        writer=writer,
        bus=bus,
        clock=clock or RealClock(),
        router=router,
        dialects=DIALECTS,
        policy=policy or Policy(),
        settings=replace(QUICK, **settings),
    )
    gateway = Gateway(rooms)
    house = Front(db, writer, bus, gateway)
    await house.add_station()
    async with asyncio.TaskGroup() as group:
        writing = group.create_task(writer.run())
        serving = group.create_task(gateway.run())
        listening = group.create_task(_listen(house))
        async with asyncio.timeout(WAIT_S):
            await gateway.started.wait()
        try:
            yield house
        finally:
            serving.cancel()
            async with asyncio.timeout(WAIT_S):
                await asyncio.wait([serving])
            listening.cancel()
            await writer.close()
            await asyncio.wait([writing])
    await db.close()


async def _listen(house: Front) -> None:
    async with house.bus.subscribe() as facts:
        async for fact in facts:
            house.facts.append(fact)
            house.heard.set()
