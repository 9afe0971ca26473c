"""Kill -9 of the real server process under load: nothing acknowledged may be missing, nothing doubled.

Every station keeps a ledger of the events whose answer it has read. After the kill the database file is read
without the server. Then the server starts again on it, and the stations repeat what may not have arrived.
"""

import asyncio
import base64
import json
import os
import random
import signal
import sqlite3
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

STATIONS = 12
ROUNDS = 3
Payload = dict[str, object]
START = datetime(2026, 11, 2, 8, tzinfo=UTC)


@dataclass
class Server:
    """A server process that listens."""

    process: asyncio.subprocess.Process
    ocpp: str
    api: str


@asynccontextmanager
async def serving(folder: Path) -> AsyncIterator[Server]:
    """`csms serve` as a process of its own, with its store in `folder`."""
    settings = {
        "CSMS_STORE__URL": f"sqlite:///{folder}/csms.db",
        "CSMS_ADMIN_KEY_FILE": f"{folder}/admin.key",
        "CSMS_OCPP__PORT": "0",
        "CSMS_API__PORT": "0",
        "CSMS_LOG__LEVEL": "warning",
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "csms", "serve", "--ready-json",
        env={**os.environ, **settings}, stdout=asyncio.subprocess.PIPE, cwd=folder,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        async with asyncio.timeout(30):
            while True:
                line = await process.stdout.readline()
                assert line, "the server ended before it was ready"
                if line.startswith(b'{"event":"ready"') or b'"ready"' in line:
                    ready = json.loads(line)
                    break
        yield Server(process, ready["ocpp"], ready["api"])
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


@dataclass
class Countdown:
    """So many acknowledgements are still to come."""

    left: int
    over: asyncio.Event = field(default_factory=asyncio.Event)

    def tick(self) -> None:
        """One has come."""
        self.left -= 1
        if self.left <= 0:
            self.over.set()


@dataclass
class Station:
    """A station that remembers what the server has acknowledged: energy in Wh by (transaction, seqNo)."""

    identity: str
    password: str
    acknowledged: dict[tuple[str, int], float] = field(default_factory=dict)
    unanswered: tuple[str, int] | None = None
    transaction: int = 0
    seq_no: int = 0
    message: int = 0

    def event(self, transaction_id: str, seq_no: int) -> Payload:
        """The event under this number; always the same content."""
        kind = "Started" if seq_no == 0 else "Updated"
        at = (START + timedelta(seconds=30 * seq_no)).isoformat().replace("+00:00", "Z")
        sample = {"value": 100.0 * seq_no, "measurand": "Energy.Active.Import.Register"}
        return {
            "eventType": kind,
            "timestamp": at,
            "triggerReason": "CablePluggedIn" if seq_no == 0 else "MeterValuePeriodic",
            "seqNo": seq_no,
            "transactionInfo": {"transactionId": transaction_id, "chargingState": "Charging"},
            "evse": {"id": 1, "connectorId": 1},
            "meterValue": [{"timestamp": at, "sampledValue": [sample]}],
        }

    async def call(
        self, socket: ClientConnection, action: str, payload: dict[str, object]
    ) -> dict[str, object]:
        """One call and its answer; calls of the server are answered NotSupported meanwhile."""
        self.message += 1
        own_id = f"{self.identity}-{self.message}"
        await socket.send(json.dumps([2, own_id, action, payload]))
        while True:
            frame = json.loads(await socket.recv())
            if frame[0] == 2:
                await socket.send(json.dumps([4, frame[1], "NotSupported", "", {}]))
            elif frame[1] == own_id:
                assert frame[0] == 3, frame
                answer: Payload = frame[2]
                return answer

    async def boot(self, socket: ClientConnection) -> None:
        """BootNotification until accepted."""
        station = {"vendorName": "Witness", "model": "W1"}
        answer = await self.call(
            socket, "BootNotification", {"reason": "PowerUp", "chargingStation": station}
        )
        assert answer["status"] == "Accepted"

    async def send(self, socket: ClientConnection, transaction_id: str, seq_no: int) -> None:
        """One event; in the ledger only once its answer is read."""
        self.unanswered = (transaction_id, seq_no)
        await self.call(socket, "TransactionEvent", self.event(transaction_id, seq_no))
        self.acknowledged[transaction_id, seq_no] = 100.0 * seq_no
        self.unanswered = None

    async def load(self, url: str, countdown: Countdown) -> None:
        """Events one after the other until the server is gone."""
        try:
            async with self.connected(url) as socket:
                await self.boot(socket)
                if self.unanswered is not None:
                    await self.send(socket, *self.unanswered)
                while True:
                    transaction_id = f"{self.identity}-t{self.transaction}"
                    await self.send(socket, transaction_id, self.seq_no)
                    countdown.tick()
                    self.seq_no += 1
                    if self.seq_no == 40:
                        self.transaction, self.seq_no = self.transaction + 1, 0
        except (ConnectionClosed, ConnectionError, EOFError):
            if self.unanswered is not None and self.unanswered[1] == self.seq_no:
                self.seq_no += 1  # its fate is unknown: it is repeated at the next connection

    def connected(self, url: str) -> connect:
        """A socket with Basic credentials."""
        token = base64.b64encode(f"{self.identity}:{self.password}".encode()).decode()
        return connect(
            f"{url}/{self.identity}",
            subprotocols=["ocpp2.0.1"],  # type: ignore[list-item]
            additional_headers={"Authorization": f"Basic {token}"},
            compression=None,
        )


async def register(server: Server, key: str) -> list[Station]:
    """Stations made known over REST."""
    stations = []
    async with httpx.AsyncClient(
        base_url=f"{server.api}/api/v1", headers={"Authorization": f"Bearer {key}"}
    ) as rest:
        for number in range(STATIONS):
            identity = f"witness-{number}"
            body = {"identity": identity, "onboarding": "none"}
            answer = await rest.post("/stations", json=body)
            assert answer.status_code == 201, answer.text
            stations.append(Station(identity, answer.json()["password"]))
    return stations


async def kill_under_load(server: Server, stations: list[Station], acknowledgements: int) -> None:
    """Load until so many more events are acknowledged, then SIGKILL."""
    countdown = Countdown(acknowledgements)
    async with asyncio.timeout(60), asyncio.TaskGroup() as tasks:
        for station in stations:
            tasks.create_task(station.load(server.ocpp, countdown))
        await countdown.over.wait()
        server.process.send_signal(signal.SIGKILL)
        await server.process.wait()


def audit(database: Path, stations: list[Station]) -> None:
    """The ledger against the file: nothing missing, nothing twice, energies equal."""
    with sqlite3.connect(database) as file:
        kept = {
            (i, t, n)
            for i, t, n in file.execute("select identity, transaction_id, seq_no from transaction_event")
        }
        energies: dict[tuple[str, str, int], list[float]] = {}
        for i, t, n, wh in file.execute("select identity, source, seq_no, import_wh from reading"):
            energies.setdefault((i, t, n), []).append(wh)
    for station in stations:
        for (transaction_id, seq_no), energy_wh in station.acknowledged.items():
            key = (station.identity, transaction_id, seq_no)
            assert key in kept, f"acknowledged, not kept: {key}"
            assert energies[key] == [energy_wh]


@pytest.mark.timeout(240)
async def test_kill_9_under_load_loses_nothing_acknowledged(tmp_path: Path) -> None:
    chance = random.Random(20261122)
    stations: list[Station] = []
    for _round in range(ROUNDS):
        async with serving(tmp_path) as server:
            stations = stations or await register(server, (tmp_path / "admin.key").read_text().strip())
            await kill_under_load(server, stations, chance.randint(200, 1200))
        audit(tmp_path / "csms.db", stations)
    # The last unknown fates are settled: what was written without our hearing of it is not written twice.
    async with serving(tmp_path) as server:
        for station in stations:
            async with station.connected(server.ocpp) as socket:
                await station.boot(socket)
                if station.unanswered is not None:
                    await station.send(socket, *station.unanswered)
                repeated = next(iter(station.acknowledged))
                await station.send(socket, *repeated)
    audit(tmp_path / "csms.db", stations)
