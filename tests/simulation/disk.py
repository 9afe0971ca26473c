"""The disk under the store: real SQLite files, whose work takes made-up time and sometimes fails.

The store's own threads are replaced by `SlowHand`, which does each job in the loop when its time has come.
`sqlite3.connect` gives connections that ask the disk before each statement, so that errors come up from
where they really do and go the whole way through the store.
"""

import asyncio
import sqlite3
import sys
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from random import Random
from typing import Any
from unittest.mock import patch
from weakref import WeakSet

POISON = 13
"""A status notification of this connector cannot be kept, whoever sends it."""


_CONNECTOR_ID, _CONNECTOR_COLUMNS = 2, 5


class Disk:
    """How the disk does at the moment. `life` counts the servers that have used it."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.life = 0
        self.failing = False
        self.reads_fail = False
        self.slow_until = 0.0
        self.slowness_s = 0.0
        self.commits = 0
        self.failures = 0
        self.troubled_at = -1e9
        self.connections: WeakSet[sqlite3.Connection] = WeakSet()

    def power_off(self) -> None:
        """What was not committed is gone, and whoever still holds a connection gets nowhere with it."""
        self.life += 1
        for connection in list(self.connections):
            connection.close()
        self.connections.clear()

    def delay_s(self, *, writes: bool) -> float:
        """How long one job takes."""
        now = asyncio.get_running_loop().time()
        quick = self.random.expovariate(1 / (0.003 if writes else 0.0003))
        if now < self.slow_until:
            slow = quick + self.slowness_s * self.random.random()
            self.troubled_at = max(self.troubled_at, now + slow)
            return slow
        return quick

    def before(self, life: int, sql: str) -> None:
        """A statement is about to be executed. Raises `sqlite3.OperationalError`."""
        if life != self.life:
            raise sqlite3.OperationalError("the machine is off")
        if not self.failing or sql == "ROLLBACK":  # SQLite rolls back by itself
            return
        if self.reads_fail or not sql.lstrip().upper().startswith(("SELECT", "PRAGMA")):
            self.failures += 1
            self.troubled_at = max(self.troubled_at, asyncio.get_running_loop().time())
            raise sqlite3.OperationalError(self.random.choice(("disk I/O error", "database or disk is full")))

    def after_commit(self) -> None:
        """A transaction is on disk. Raises `sqlite3.OperationalError`: it is there, and nobody is told so."""
        self.commits += 1
        if self.failing and self.random.random() < 0.5:
            raise sqlite3.OperationalError("disk I/O error")

    def at_commit(self) -> bool:
        """Whether a failing disk takes this commit and then says it did not."""
        return self.failing and self.random.random() < 0.3


def _connection_of(disk: Disk) -> type[sqlite3.Connection]:
    class Connection(sqlite3.Connection):
        """Asks the disk first. A cursor of it does, too."""

        def __init__(self, *args: Any, **options: Any) -> None:
            self.life = disk.life
            super().__init__(*args, **options)

        def cursor(self, factory: Any = None) -> Any:
            return super().cursor(factory or Cursor)

        def execute(self, sql: str, *args: Any) -> sqlite3.Cursor:
            if sql != "COMMIT":
                disk.before(self.life, sql)
                _refuse_poison(sql, *args)
                return super().execute(_impatient(sql), *args)
            if disk.life != self.life or not disk.at_commit():
                disk.before(self.life, sql)
            done = super().execute(sql, *args)
            disk.after_commit()
            return done

        def executemany(self, sql: str, rows: Any, /) -> sqlite3.Cursor:
            disk.before(self.life, sql)
            _refuse_poison(sql, [value for row in rows for value in row])
            return super().executemany(sql, rows)

        def commit(self) -> None:
            disk.before(self.life, "COMMIT")
            super().commit()
            disk.after_commit()

    class Cursor(sqlite3.Cursor):
        """The way SQLAlchemy goes."""

        def execute(self, sql: str, *args: Any) -> Any:
            disk.before(self.connection.life, sql)  # type: ignore[attr-defined]
            return super().execute(_impatient(sql), *args)

    return Connection


def _impatient(sql: str) -> str:
    """Waiting for a lock would be real waiting, and in one thread for ever."""
    return "PRAGMA busy_timeout=0" if sql.startswith("PRAGMA busy_timeout") else sql


def _refuse_poison(sql: str, values: Any = ()) -> None:
    if "INTO connector" in sql and POISON in values[_CONNECTOR_ID::_CONNECTOR_COLUMNS]:
        raise sqlite3.IntegrityError("CHECK constraint failed")


class SlowHand:
    """In the place of the store's threads: does jobs in the loop, in order, each when its time is over."""

    def __init__(self, disk: Disk, name: str, count: int = 1) -> None:
        self._disk = disk
        self._free = count
        self._writes = "read" not in name
        self._jobs: deque[Callable[[], object]] = deque()

    def submit(self, job: Callable[[], object], /) -> None:
        """Take a job."""
        self._jobs.append(job)
        self._next()

    def end(self) -> None:
        """Nothing to tidy: what was taken is done."""

    def _next(self) -> None:
        if self._free and self._jobs:
            self._free -= 1
            delay = self._disk.delay_s(writes=self._writes)
            asyncio.get_running_loop().call_later(delay, self._do, self._jobs.popleft())

    def _do(self, job: Callable[[], object]) -> None:
        self._free += 1
        job()
        self._next()


class _Queue:
    """In the place of aiosqlite's: jobs are done in the loop, each when its time is over."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        self._jobs: deque[tuple[asyncio.Future[Any] | None, Callable[[], Any]]] = deque()
        self._busy = False

    def put_nowait(self, job: tuple[asyncio.Future[Any] | None, Callable[[], Any]]) -> None:
        self._jobs.append(job)
        self._next()

    def _next(self) -> None:
        if self._jobs and not self._busy:
            self._busy = True
            loop = asyncio.get_running_loop()
            loop.call_later(self._disk.delay_s(writes=False), self._do, *self._jobs.popleft())

    def _do(self, future: asyncio.Future[Any] | None, job: Callable[[], Any]) -> None:
        self._busy = False
        try:
            result = job()
        except BaseException as error:
            if future is not None and not future.done():
                future.set_exception(error)
        else:
            if future is not None and not future.done():
                future.set_result(result)
        self._next()


class _NoThread:
    """In the place of aiosqlite's thread."""

    daemon = True

    def __init__(self, **_: Any) -> None:
        pass

    def start(self) -> None:
        pass


@contextmanager
def in_place(disk: Disk) -> Iterator[None]:
    """Let everything that uses SQLite use this disk."""
    kind = _connection_of(disk)
    connect = sqlite3.connect

    def opened(path: Any, *args: Any, **options: Any) -> sqlite3.Connection:
        disk.before(disk.life, "open")
        made = {**options, "factory": kind, "check_same_thread": False, "timeout": 0}
        connection: sqlite3.Connection = connect(path, *args, **made)
        disk.connections.add(connection)
        return connection

    with (
        patch("sqlite3.connect", opened),
        ExitStack() as store,
        patch("aiosqlite.core.SimpleQueue", lambda: _Queue(disk)),
        patch("aiosqlite.core.Thread", _NoThread),
    ):
        for name, module in list(sys.modules.items()):
            if name.startswith("csms.store") and hasattr(module, "Threads"):
                store.enter_context(patch.object(module, "Threads", partial(SlowHand, disk)))
        yield
