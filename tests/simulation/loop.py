"""An event loop whose time is made up: when nothing is ready it jumps to the next timer.

One thread, no sockets, no waiting. What runs in it runs the same way each time, given the same seed: tasks
have serial numbers for hashes, so that sets of them are walked in the same order in every process.
"""

import asyncio
import contextvars
from collections.abc import Callable, Coroutine, Generator
from concurrent.futures import Executor, Future
from itertools import count
from typing import Any, Protocol, TypeVar

T = TypeVar("T")

TURNS_MAX = 3_000_000


class Doors(Protocol):
    """Who opens listeners, instead of the kernel."""

    def listen(
        self, factory: Callable[[], asyncio.BaseProtocol], host: str, port: int
    ) -> "asyncio.AbstractServer":
        """A listener at this address."""
        ...


class Stuck(Exception):
    """Nothing is ready and no timer is set, or there is no end of what happens."""


class SerialTask(asyncio.Task[Any]):
    """A task that hashes to its serial number."""

    serial: int

    def __hash__(self) -> int:
        return self.serial

    def __eq__(self, other: object) -> bool:
        return self is other


class Inline(Executor):
    """Runs each job at once."""

    def submit(self, job: Callable[..., T], /, *args: Any, **options: Any) -> Future[T]:
        """The job's outcome, already there."""
        future: Future[T] = Future()
        try:
            future.set_result(job(*args, **options))
        except Exception as error:
            future.set_exception(error)
        return future


class _Nothing:
    """In the place of a selector: no file is ever ready, and waiting costs no time."""

    def __init__(self, loop: "VirtualLoop") -> None:
        self._loop = loop
        self.turns = 0

    def select(self, timeout: float | None) -> list[object]:
        self.turns += 1
        if timeout is None or self.turns > TURNS_MAX:
            self.turns = 0
            raise Stuck(f"{timeout=}")
        if timeout > 0:
            self._loop.jump()
        return []


class VirtualLoop(asyncio.BaseEventLoop):
    """Time in seconds since the loop was made."""

    def __init__(self) -> None:
        super().__init__()
        self.doors: Doors | None = None
        self.faults: list[str] = []
        self._now = 0.0
        self._serials = count()
        self._clock_resolution = 1e-9
        self._selector = _Nothing(self)
        self._default_executor = Inline()
        self.set_task_factory(self._task)
        self.set_exception_handler(self._fault)

    def time(self) -> float:
        """Seconds since the beginning."""
        return self._now

    def jump(self) -> None:
        """To the next timer."""
        self._now = max(self._now, self._scheduled[0].when())  # type: ignore[attr-defined]

    @property
    def timers(self) -> list[asyncio.TimerHandle]:
        """Those that are set and not cancelled."""
        scheduled: list[asyncio.TimerHandle] = self._scheduled  # type: ignore[attr-defined]
        return [timer for timer in scheduled if not timer.cancelled()]

    async def create_server(  # type: ignore[override]
        self,
        protocol_factory: Callable[[], asyncio.BaseProtocol],
        host: Any = None,
        port: Any = None,
        **_: Any,
    ) -> asyncio.AbstractServer:
        """A listener of the made-up network."""
        assert self.doors is not None
        return self.doors.listen(protocol_factory, host, port)

    def _task(
        self,
        loop: asyncio.AbstractEventLoop,
        coro: Coroutine[Any, Any, T] | Generator[Any, None, T],
        *,
        context: contextvars.Context | None = None,
    ) -> asyncio.Task[T]:
        task = SerialTask.__new__(SerialTask)
        task.serial = next(self._serials)  # before its first hash
        task.__init__(coro, loop=loop, context=context)  # type: ignore[misc]
        task.set_name(f"task-{task.serial}")
        return task

    def _fault(self, _: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        self.faults.append(f"{context.get('message')}: {error!r}")

    def _process_events(self, _: object) -> None:
        pass

    def _write_to_self(self) -> None:
        pass
