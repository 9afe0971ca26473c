"""Blocking work beside the loop: threads of our own, one hop there and one callback back.

`sqlite3` gives the interpreter's lock away and takes it again at each step, and a busy loop makes a thread
wait for it each time. So a job does as little Python as it can, and what it has found reaches the loop in a
single callback. Futures of `concurrent.futures` with their locks cost more than a small query does.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from queue import SimpleQueue
from threading import Thread
from typing import Protocol, TypeVar

T = TypeVar("T")


class Jobs(Protocol):
    """Whoever carries out jobs, in their order: `Threads`, or any `concurrent.futures.Executor`."""

    def submit(self, job: Callable[[], object], /) -> object:
        """Have a job done; it does not raise."""
        ...


class Threads:
    """Daemon threads that share one queue. One thread: jobs are done one after another."""

    def __init__(self, name: str, count: int = 1) -> None:
        self._queue: SimpleQueue[Callable[[], object] | None] = SimpleQueue()
        self._name = name
        self._count = count
        self._started = 0

    def submit(self, job: Callable[[], object], /) -> None:
        """Have a job done; it must not raise. Called on the loop only."""
        if self._started < self._count and (not self._started or not self._queue.empty()):
            Thread(target=self._run, name=f"{self._name}-{self._started}", daemon=True).start()
            self._started += 1
        self._queue.put(job)

    def end(self) -> None:
        """Finish what is in the queue, then end. Does not wait for it."""
        for _ in range(self._started):
            self._queue.put(None)
        self._started = 0  # whoever comes all the same is served

    def _run(self) -> None:
        while (job := self._queue.get()) is not None:
            job()
            del job  # else it lives, with all it holds, until the next one comes


async def done_by(jobs: Jobs, job: Callable[[], T], at_once: Callable[[], None] | None = None) -> T:
    """The job's result, or its exception. `at_once` is called on the loop when it has succeeded, before
    anything else gets a turn and unless the caller was cancelled meanwhile.

    Who is cancelled does not stop the job.
    """
    loop = asyncio.get_running_loop()
    outcome: asyncio.Future[T] = loop.create_future()

    def work() -> None:
        try:
            landing = partial(_succeeded, outcome, job(), at_once)
        except BaseException as error:  # whatever it is, it belongs to who waits
            landing = partial(_failed, outcome, error)
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(landing)

    jobs.submit(work)
    return await outcome


def _succeeded(outcome: "asyncio.Future[T]", result: T, at_once: Callable[[], None] | None) -> None:
    if outcome.done():  # cancelled
        return
    if at_once is not None:
        at_once()
    outcome.set_result(result)


def _failed(outcome: "asyncio.Future[T]", error: BaseException) -> None:
    if not outcome.done():
        outcome.set_exception(error)
