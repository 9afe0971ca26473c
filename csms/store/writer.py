"""The message path's only commit: all that has gathered goes to disk in one flush, then the waiters wake.

There is no timed window: while one batch is being written the next one gathers, so the batch sizes itself.
A change that cannot be kept fails alone. A flush that fails (disk full, I/O error, connection lost) fails
everybody who waits: nothing of it is acknowledged, intake stops, and the writer probes until a write is on
disk again.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from csms.errors import ChangeRefused, StoreUnavailable
from csms.store.database import Database
from csms.store.drivers import Driver, driver_for
from csms.store.statements import Change, Statement

__all__ = ["Change", "Statement", "Writer"]

WAITING_MAX = 10_000
"""Commits that may wait; whoever comes then waits for room first (back-pressure)."""

FLUSH_MAX = 2_000
"""Commits in one flush: bounds how long the first of them waits for the last."""

FLUSH_S = 30.0
PROBE_EVERY_S = 1.0


@dataclass(frozen=True, slots=True)
class _Waiter:
    """One commit that waits for its flush."""

    changes: Sequence[Change]
    done: asyncio.Future[None]


class Writer:
    """Group commit for one process. `run` is a task of the house; `commit` is called by everybody."""

    def __init__(self, db: Database, *, waiting_max: int = WAITING_MAX) -> None:
        self.healthy = True
        self.trouble = ""  # what is wrong while it is not healthy, for whoever logs it
        self._db = db
        self._driver: Driver = driver_for(db)
        self._well = asyncio.Event()
        self._well.set()
        self._waiting: deque[_Waiter] = deque()
        self._room = asyncio.Semaphore(waiting_max)
        self._wake = asyncio.Event()
        self._closing = False
        self._running = False
        self._finished = asyncio.Event()
        self._callbacks: list[Callable[[], None]] = []

    async def commit(self, changes: Sequence[Change]) -> None:
        """Return when these changes, all or none, are on disk; those of one caller are kept in its order.

        Raises `StoreUnavailable` if the store could not commit, `ChangeRefused` if these changes cannot be
        kept. A caller that is cancelled leaves its changes in the batch: they may be kept or not, others
        are not harmed.
        """
        if not changes:
            return
        self._check_open()
        await self._room.acquire()
        try:
            self._check_open()
        except StoreUnavailable:
            self._room.release()
            raise
        waiter = _Waiter(changes, asyncio.get_running_loop().create_future())
        self._waiting.append(waiter)
        self._wake.set()
        await waiter.done

    def on_failure(self, callback: Callable[[], None]) -> None:
        """Have this called once at each change to unhealthy."""
        self._callbacks.append(callback)

    async def recovered(self) -> None:
        """Return when the store commits (again)."""
        await self._well.wait()

    async def run(self) -> None:
        """Flush what gathers until `close`."""
        self._running = True
        try:
            await self._start()
            while not (self._closing and not self._waiting):
                if not self.healthy:
                    await self._recover()
                    continue
                if not self._waiting:
                    self._wake.clear()
                    await self._wake.wait()
                    continue
                count = min(len(self._waiting), FLUSH_MAX)
                await self._flush([self._waiting.popleft() for _ in range(count)])
        finally:
            self._closing = True
            self._fail(list(self._waiting), StoreUnavailable("the store is closed"))
            self._waiting.clear()
            try:
                await self._driver.close()
            finally:
                self._finished.set()

    async def close(self) -> None:
        """Flush what has gathered and stop; later commits raise `StoreUnavailable`."""
        self._closing = True
        self._wake.set()
        if self._running:
            await self._finished.wait()

    def _check_open(self) -> None:
        if self._closing:
            raise StoreUnavailable("the store is closed")
        if not self.healthy:
            raise StoreUnavailable("the store does not commit at the moment")

    async def _start(self) -> None:
        try:
            async with asyncio.timeout(FLUSH_S):
                await self._driver.open()
        except (StoreUnavailable, TimeoutError) as error:
            self._sicken(error)

    async def _flush(self, batch: list[_Waiter]) -> None:
        """Write a batch in one transaction; if one change spoils it, halve it until that one is alone."""
        parts = [batch]  # the next one is the last: order within a station is kept
        try:
            while parts:
                try:
                    await self._write(parts[-1])
                except ChangeRefused as error:
                    part = parts.pop()
                    middle = len(part) // 2
                    if middle:
                        parts += [part[middle:], part[:middle]]
                    else:
                        self._fail(part, error)
                else:
                    self._succeed(parts.pop())
        except StoreUnavailable as error:
            self._sicken(error)
        finally:
            for part in parts:
                self._fail(part, StoreUnavailable("the flush failed"))

    async def _write(self, batch: list[_Waiter]) -> None:
        changes = [change for waiter in batch for change in waiter.changes]
        async with self._db.turn():
            try:
                async with asyncio.timeout(FLUSH_S):
                    await self._driver.flush(changes)
            except TimeoutError:
                raise StoreUnavailable("a flush took too long") from None

    def _succeed(self, waiters: list[_Waiter]) -> None:
        for waiter in waiters:
            self._room.release()
            if not waiter.done.done():  # else its caller was cancelled
                waiter.done.set_result(None)

    def _fail(self, waiters: list[_Waiter], error: ChangeRefused | StoreUnavailable) -> None:
        for waiter in waiters:
            self._room.release()
            if not waiter.done.done():
                # Each waiter its own: an exception object collects the traces of all who raise it.
                waiter.done.set_exception(type(error)(*error.args))

    def _sicken(self, error: BaseException) -> None:
        """Fail all who wait and stop intake; tells once."""
        if not self.healthy:
            return
        self.healthy = False
        self._well.clear()
        self.trouble = str(error)
        self._fail(list(self._waiting), StoreUnavailable(str(error)))
        self._waiting.clear()
        for callback in self._callbacks:
            callback()

    async def _recover(self) -> None:
        """Wait a moment, then prove on a fresh connection that a write reaches the disk."""
        self._wake.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(PROBE_EVERY_S):
                await self._wake.wait()  # only `close` rings now
        if self._closing:
            return
        try:
            async with self._db.turn(), asyncio.timeout(FLUSH_S):
                await self._driver.probe()
        except (StoreUnavailable, TimeoutError) as error:
            self.trouble = str(error)
            return
        self.healthy = True
        self.trouble = ""
        self._well.set()
