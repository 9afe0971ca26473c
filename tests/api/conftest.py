"""The API over ASGI: a real in-memory SQLite, the memory bus, keys of each role."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

import httpx
import pytest
from fastapi import FastAPI

from csms.api import app as api
from csms.api.wiring import Wiring
from csms.bus.memory import MemoryBus
from csms.domain.facts import Fact
from csms.domain.program import Program, Terms
from csms.pki import passwords
from csms.store import programs, stations, users
from csms.store.database import Database
from csms.store.writer import Writer

ROLES = ("viewer", "operator", "administrator")


class HandClock:
    """Time stands still until somebody moves it."""

    def __init__(self) -> None:
        self.at = datetime(2026, 6, 1, 12, tzinfo=UTC)

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return self.at.timestamp()

    async def sleep(self, seconds: float) -> None:
        raise AssertionError("the API does not sleep")

    def real_seconds(self, seconds: float) -> float:
        return seconds


@dataclass
class Api:
    """The application and what lies beneath."""

    app: FastAPI
    wiring: Wiring
    bus: MemoryBus
    clock: HandClock
    keys: dict[str, str]
    health: dict[str, bool] = field(default_factory=dict)

    def client(self, role: str | None = "administrator") -> httpx.AsyncClient:
        headers = {} if role is None else {"Authorization": f"Bearer {self.keys[role]}"}
        # what the application raises is answered by it, and that is what is looked at
        transport = httpx.ASGITransport(app=self.app, raise_app_exceptions=False)
        return httpx.AsyncClient(transport=transport, base_url="http://test", headers=headers)

    async def connect(self, identity: str) -> None:
        """Have a station count as connected, as the gateway does it."""
        writer = Writer(self.wiring.db)
        import asyncio

        async with asyncio.TaskGroup() as group:
            group.create_task(writer.run())
            await writer.commit([stations.connected(identity, 1, "2.0.1", self.clock.now())])
            await writer.close()

    @asynccontextmanager
    async def facts(self) -> AsyncIterator[AsyncIterator[Fact]]:
        async with self.bus.subscribe() as heard:
            yield heard


@pytest.fixture
async def house() -> AsyncIterator[Api]:
    db = await Database.open("sqlite://")
    await db.migrate()
    clock, bus = HandClock(), MemoryBus()
    keys = {role: passwords.generate_key() for role in ROLES}
    async with db.begin() as conn:
        for role, key in keys.items():
            await users.add(conn, f"a-{role}", role, passwords.hash_key(key), clock.now())
        await programs.put(conn, Program("default", "Default program", Terms()))
    health = {"store": True, "gateway": True}
    wiring = Wiring(db, bus, clock, lambda: health, lambda: 7)
    yield Api(api.build(wiring), wiring, bus, clock, keys, health)
    await db.close()


@pytest.fixture
async def http(house: Api) -> AsyncIterator[httpx.AsyncClient]:
    async with house.client() as client:
        yield client


@pytest.fixture
def no_output(capsys: pytest.CaptureFixture[str]) -> Iterator[None]:
    yield
    assert capsys.readouterr().out == ""
