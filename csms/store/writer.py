"""The message path's only commit: all that has gathered goes to disk in one flush, then all are told.

There is no timed window: while one batch is being written the next one gathers, so the batch sizes itself.
Back-pressure is the connections' own: each takes its next message when the last one is on disk, so no more
than one submission of each waits here; `WAITING_MAX` only guards against somebody who does not.
A change that cannot be kept fails alone. A flush that fails (disk full, I/O error, connection lost) fails
everybody who waits: nothing of it is acknowledged, intake stops, and the writer probes until a write is on
disk again.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import partial

from csms.errors import ChangeRefused, CsmsError, StoreUnavailable
from csms.store.database import Database
from csms.store.drivers import Driver
from csms.store.postgres_driver import PostgresDriver
from csms.store.sqlite_driver import SqliteDriver
from csms.store.statements import Change, Statement
from csms.store.threads import Jobs

__all__ = ["Change", "Done", "Statement", "Writer"]

WAITING_MAX = 50_000
"""Submissions that may wait. Beyond them `submit` raises, and as many callers of `commit` wait for room."""

FLUSH_MAX = 2_000
"""Submissions in one flush: bounds how long the first of them waits for the last."""

FLUSH_S = 20.0
"""Less than the 30 s after which a station takes its message for failed and counts an attempt (E13)."""
PROBE_EVERY_S = 1.0


Done = Callable[[CsmsError | None], None]
"""What is told of a submission: None when it is on disk, else why it is not."""

_Waiter = tuple[Sequence[Change], Done]


class Writer:
    """Group commit for one process. `run` is a task of the house; `submit` and `commit` are for everybody."""

    def __init__(self, db: Database, executor: Jobs | None = None, *, waiting_max: int = WAITING_MAX) -> None:
        """`executor` does the writing instead of SQLite's own thread, one job after another."""
        self.healthy = True
        self.trouble = ""  # what is wrong while it is not healthy, for whoever logs it
        self._db = db
        self._driver: Driver = SqliteDriver(db, executor) if db.dialect == "sqlite" else PostgresDriver(db)
        self._well = asyncio.Event()
        self._well.set()
        self._waiting: deque[_Waiter] = deque()
        self._waiting_max = waiting_max
        self._room = asyncio.Semaphore(waiting_max)
        self._wake = asyncio.Event()
        self._closing = False
        self._running = False
        self._finished = asyncio.Event()
        self._callbacks: list[Callable[[], None]] = []

    def submit(self, changes: Sequence[Change], done: Done) -> None:
        """Have these changes, all or none, in the next flush; those of one caller are kept in its order.

        `done` is called once, on the loop and never in here: with None when they are on disk, with
        `StoreUnavailable` if the store could not commit, with `ChangeRefused` if these changes cannot be
        kept. It must not raise. Raises `StoreUnavailable` at once, and never calls `done`, if the store does
        not work, is closed, or far too much waits.
        """
        self._check_open()
        if len(self._waiting) >= self._waiting_max:
            raise StoreUnavailable("too much waits for the store")
        self._add(changes, done)

    async def commit(self, changes: Sequence[Change]) -> None:
        """`submit` for whoever can wait: returns when these changes are on disk, raises what `done` is told.

        A caller that is cancelled leaves its changes in the batch: they may be kept or not, others are not
        harmed.
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
        answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._add(changes, partial(self._settle, answer))
        await answer

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
            self._turn_away(StoreUnavailable("the store is closed"))
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

    def _add(self, changes: Sequence[Change], done: Done) -> None:
        self._waiting.append((changes, done))
        self._wake.set()

    def _settle(self, answer: asyncio.Future[None], error: CsmsError | None) -> None:
        """Tell a caller of `commit`."""
        self._room.release()
        if answer.done():  # its caller was cancelled
            return
        if error is None:
            answer.set_result(None)
        else:
            answer.set_exception(error)

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

        def kept() -> None:
            _tell(parts.pop(), None)

        try:
            while parts:
                try:
                    await self._write(parts[-1], kept)
                except ChangeRefused as error:
                    part = parts.pop()
                    middle = len(part) // 2
                    if middle:
                        parts += [part[middle:], part[:middle]]
                    else:
                        _tell(part, error)
        except StoreUnavailable as error:
            self._sicken(error)
        finally:
            for part in parts:
                _tell(part, StoreUnavailable("the flush failed"))

    async def _write(self, batch: list[_Waiter], kept: Callable[[], None]) -> None:
        changes = [change for waiter in batch for change in waiter[0]]
        if not changes:
            kept()
            return
        async with self._db.turn():
            try:
                async with asyncio.timeout(FLUSH_S):
                    await self._driver.flush(changes, kept)
            except TimeoutError:
                raise StoreUnavailable("a flush took too long") from None

    def _sicken(self, error: BaseException) -> None:
        """Fail all who wait and stop intake; tells once."""
        if not self.healthy:
            return
        self.healthy = False
        self._well.clear()
        self.trouble = str(error)
        self._turn_away(StoreUnavailable(str(error)))
        for callback in self._callbacks:
            callback()

    def _turn_away(self, error: StoreUnavailable) -> None:
        waiting, self._waiting = self._waiting, deque()
        _tell(waiting, error)

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


def _tell(waiters: Iterable[_Waiter], error: ChangeRefused | StoreUnavailable | None) -> None:
    """Tell all of them, now, in their order: one callback of the loop for a whole batch."""
    for _, done in waiters:
        try:
            # Each its own: an exception object collects the traces of all who raise it.
            done(None if error is None else type(error)(*error.args))
        except Exception as fault:  # a mistake of ours with one station must not leave the others waiting
            told = {"message": "who waited for the store cannot be told", "exception": fault}
            asyncio.get_running_loop().call_exception_handler(told)
