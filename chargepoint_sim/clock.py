"""Time for everything simulated: real, accelerated, or moved by hand.

Seconds in this file are simulated seconds. Network time-outs are no business of these clocks.
"""

import asyncio
import heapq
import itertools
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Protocol

_TURNS = 60  # event loop turns that a hand-set clock gives the tasks it has woken


class Timer(Protocol):
    """A call that waits for its time."""

    def cancel(self) -> None:
        """Never make the call."""


class Clock(Protocol):
    """Simulated time."""

    def now(self) -> datetime:
        """The time of day, UTC."""

    def monotonic(self) -> float:
        """Seconds that only ever grow; `set` does not touch them."""

    def set(self, moment: datetime) -> None:
        """Take over the server's time of day."""

    def skew(self, seconds: float) -> None:
        """Be wrong by so much, whatever is set."""

    async def sleep(self, seconds: float) -> None:
        """Wait."""

    def call_later(self, seconds: float, callback: Callable[[], object]) -> Timer:
        """Make a call after `seconds`."""


class ScaledClock:
    """The machine's clock, `speed` times as fast."""

    def __init__(self, speed: float = 1.0, start: datetime | None = None) -> None:
        self.speed = speed
        self._epoch = (start or datetime.now(UTC)) - timedelta(seconds=self.monotonic())
        self._skew = timedelta()
        # What one message's journey may be off; a smaller difference is no reason to jump.
        self._tolerance = timedelta(seconds=max(0.5, 0.1 * speed))

    def now(self) -> datetime:
        """The time of day, UTC."""
        return self._epoch + timedelta(seconds=self.monotonic())

    def monotonic(self) -> float:
        """Seconds that only ever grow, the same for every clock of this speed."""
        return time.monotonic() * self.speed

    def set(self, moment: datetime) -> None:
        """Take over the server's time of day."""
        moment += self._skew
        if abs(moment - self.now()) > self._tolerance:
            self._epoch = moment - timedelta(seconds=self.monotonic())

    def skew(self, seconds: float) -> None:
        """Be wrong by so much, whatever is set."""
        self._epoch += timedelta(seconds=seconds) - self._skew
        self._skew = timedelta(seconds=seconds)

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(max(0.0, seconds) / self.speed)

    def call_later(self, seconds: float, callback: Callable[[], object]) -> Timer:
        """Make a call after `seconds`."""
        return asyncio.get_running_loop().call_later(max(0.0, seconds) / self.speed, callback)


class RealClock(ScaledClock):
    """The machine's clock."""

    def __init__(self) -> None:
        super().__init__(speed=1.0)


class _HandTimer:
    """A waiting call of a `HandClock`."""

    def __init__(self, callback: Callable[[], object]) -> None:
        self.callback: Callable[[], object] | None = callback

    def cancel(self) -> None:
        """Never make the call."""
        self.callback = None


class HandClock:
    """A clock that stands still until `advance` moves it: exact and free of waiting."""

    def __init__(self, start: datetime) -> None:
        self._start = start
        self._skew = timedelta()
        self._elapsed = 0.0
        self._order = itertools.count()
        self._waiting: list[tuple[float, int, _HandTimer]] = []

    def now(self) -> datetime:
        """The time of day, UTC."""
        return self._start + timedelta(seconds=self._elapsed)

    def monotonic(self) -> float:
        """Seconds since the clock was made."""
        return self._elapsed

    def set(self, moment: datetime) -> None:
        """Take over the server's time of day."""
        self._start = moment + self._skew - timedelta(seconds=self._elapsed)

    def skew(self, seconds: float) -> None:
        """Be wrong by so much, whatever is set."""
        self._start += timedelta(seconds=seconds) - self._skew
        self._skew = timedelta(seconds=seconds)

    async def sleep(self, seconds: float) -> None:
        """Wait until the clock has been moved on by `seconds`."""
        woken = asyncio.Event()
        timer = self.call_later(seconds, woken.set)
        try:
            await woken.wait()
        finally:
            timer.cancel()

    def call_later(self, seconds: float, callback: Callable[[], object]) -> Timer:
        """Make a call when the clock has been moved on by `seconds`."""
        timer = _HandTimer(callback)
        heapq.heappush(self._waiting, (self._elapsed + max(0.0, seconds), next(self._order), timer))
        return timer

    async def advance(self, seconds: float) -> None:
        """Move on; whatever falls due on the way happens at its own time."""
        await _let_others_run()
        target = self._elapsed + seconds
        while self._waiting and self._waiting[0][0] <= target:
            due, _, timer = heapq.heappop(self._waiting)
            if timer.callback is None:
                continue
            self._elapsed = due
            timer.callback()
            await _let_others_run()
        self._elapsed = target
        await _let_others_run()


class Bell:
    """Wakes everybody who waits at the moment."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def ring(self) -> None:
        """Wake those who wait now, nobody who comes later."""
        rung, self._event = self._event, asyncio.Event()
        rung.set()

    async def wait(self, clock: Clock, seconds: float) -> bool:
        """Wait for the bell, at most `seconds`; whether it rang."""
        try:
            async with deadline(clock, seconds):
                await self._event.wait()
        except TimeoutError:
            return False
        return True


async def _let_others_run() -> None:
    """Give tasks that can go on the chance to do so."""
    for _ in range(_TURNS):
        await asyncio.sleep(0)


@asynccontextmanager
async def deadline(clock: Clock, seconds: float) -> AsyncIterator[None]:
    """Raise `TimeoutError` in the block when `seconds` have passed on this clock."""
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(None) as scope:
        timer = clock.call_later(seconds, lambda: scope.reschedule(loop.time()))
        try:
            yield
        finally:
            timer.cancel()
