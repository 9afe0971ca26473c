"""The real house on the made-up disk and network: it is started, stopped, killed and started again."""

import asyncio
import contextvars
import os
import shutil
import sqlite3
import traceback
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

from csms.blocks import ROUTER
from csms.blocks.context import Policy
from csms.bus.memory import MemoryBus
from csms.errors import StoreUnavailable
from csms.gateway.house import GatewaySettings
from csms.gateway.house import House as Rooms
from csms.gateway.server import Gateway
from csms.pki import passwords
from csms.store import stations, tokens
from csms.store.database import Database
from csms.store.stations import StationRow
from csms.store.tokens import IdTokenRow
from csms.store.writer import Writer
from csms.wire.v201 import DIALECT
from tests.simulation.disk import Disk

START = datetime(2026, 11, 22, 17, 0, tzinfo=UTC)
LIFE: contextvars.ContextVar[int] = contextvars.ContextVar("life", default=-1)
_MEMORY = Path("/dev/shm")
RESTART_S = 1.0


class WallClock:
    """The time of day follows the loop's."""

    def now(self) -> datetime:
        """The time in UTC."""
        return START + timedelta(seconds=self.monotonic())

    def monotonic(self) -> float:
        """Seconds of the loop."""
        return asyncio.get_running_loop().time()

    async def sleep(self, seconds: float) -> None:
        """Wait, in the loop's time."""
        await asyncio.sleep(seconds)

    def real_seconds(self, seconds: float) -> float:
        """The same number."""
        return seconds


@cache
def hashed(password: str) -> str:
    """As the store keeps it; the same in all runs of a process."""
    return passwords.hash_password(password)


class House:
    """One server after the other on one database file."""

    def __init__(self, disk: Disk, settings: GatewaySettings, folder: Path) -> None:
        self.disk = disk
        self.clock = WallClock()
        self.gateway: Gateway | None = None
        self.bus: MemoryBus | None = None
        self.db: Database | None = None
        self.writer: Writer | None = None
        self.alive = False
        self.blame: Callable[[str], None] = lambda text: None
        self.path = folder / "csms.db"
        self._settings = settings
        self._task: asyncio.Task[None] | None = None
        self._stop = asyncio.Event()
        self._wanted = True

    @property
    def up(self) -> bool:
        """Whether its door is open."""
        return self.gateway is not None and self.gateway.started.is_set()

    def start(self) -> None:
        """A new server process."""
        self._stop = asyncio.Event()
        context = contextvars.copy_context()
        context.run(LIFE.set, self.disk.life)
        self.alive = True
        self._task = context.run(asyncio.get_running_loop().create_task, self._run(self._stop))
        self._task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        if self._task is task and self.alive and not task.cancelled() and (error := task.exception()):
            self.blame(f"the server ends: {error!r} {''.join(traceback.format_exception(error))}")

    async def stop(self) -> None:
        """SIGTERM; returns when it has ended."""
        assert self._task is not None
        self._stop.set()
        await self._task

    async def die(self) -> None:
        """SIGKILL: the disk and the network are gone for it already; tidy up what Python still holds."""
        assert self._task is not None
        self.alive = False
        self.gateway = self.bus = self.db = self.writer = None
        self._task.cancel()
        await asyncio.wait([self._task])
        if not self._task.cancelled():
            self._task.exception()

    @asynccontextmanager
    async def borrowed(self) -> AsyncIterator[Database]:
        """The database while no server runs."""
        db = await self._open()
        try:
            yield db
        finally:
            await db.close()

    async def _open(self) -> Database:
        return await Database.open(f"sqlite:///{self.path}")

    async def _run(self, stop: asyncio.Event) -> None:
        """As `csms.app` does, and started again when the store is not there, as systemd does."""
        while not stop.is_set():
            try:
                await self._serve(stop)
                return
            except StoreUnavailable:
                pass
            except BaseExceptionGroup as group:
                if group.split(StoreUnavailable)[1] is not None:
                    raise
            await asyncio.sleep(RESTART_S)

    async def _serve(self, stop: asyncio.Event) -> None:
        db = await self._open()
        try:
            writer = Writer(db)
            bus = MemoryBus()
            policy = Policy(heartbeat_interval_s=300, pending_interval_s=20)
            rooms = Rooms(db, writer, bus, self.clock, ROUTER, [DIALECT], policy, self._settings)
            gateway = Gateway(rooms)
            async with asyncio.TaskGroup() as group:
                flushing = group.create_task(writer.run())
                doors = group.create_task(gateway.run())
                self.gateway, self.bus, self.db, self.writer = gateway, bus, db, writer
                await stop.wait()
                doors.cancel()
                await asyncio.wait([doors])
                await writer.close()
                await flushing
        finally:
            if self.db is db:
                self.gateway = self.bus = self.db = self.writer = None
            await db.close()


def station_row(
    identity: str, password: str, registration: str, onboarding: str, at: datetime = START
) -> StationRow:
    """A station as it is registered."""
    return StationRow(
        identity=identity,
        password_hash=hashed(password),
        registration=registration,
        onboarding=onboarding,
        created_at=at,
    )


async def furnish(db: Database, rows: list[tuple[str, str, str, str]]) -> None:
    """Register stations: identity, password, registration, onboarding; and two tokens."""
    async with db.begin() as conn:
        for row in rows:
            await stations.add(conn, station_row(*row))
        for token, status in (("TAG1", "Accepted"), ("TAG2", "Blocked")):
            await tokens.put(conn, IdTokenRow(token=token, type="ISO14443", status=status))


@cache
def _empty() -> bytes:
    """A migrated database without rows; made once a process, in real time."""

    async def make(path: Path) -> None:
        db = await Database.open(f"sqlite:///{path}")
        try:
            await db.migrate()
        finally:
            await db.close()

    with folder() as place:
        path = place / "empty.db"
        asyncio.run(make(path))
        connection = sqlite3.connect(path)
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.close()
        return path.read_bytes()


def lay_out(path: Path) -> None:
    """An empty migrated database at this place."""
    path.write_bytes(_empty())


@contextmanager
def folder() -> Iterator[Path]:
    """Somewhere in memory, for a while."""
    made = Path(mkdtemp(prefix="csms-sim-", dir=_MEMORY if os.access(_MEMORY, os.W_OK) else None))
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)
