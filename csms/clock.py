"""The house clock. Rules take `now` as an argument; shells that wait are given a `Clock`.

Production runs `RealClock`. `ScaledClock` lets a whole house (server and simulated fleet) live through a
recorded quarter of an hour in a minute; `app` refuses it on anything but loopback.
Network time-outs never use this clock: a socket is as slow as it is, whatever the hour.
"""

import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """House time: what the grid, the leases and the meters run on."""

    def now(self) -> datetime:
        """The time in UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds that never run backwards, whatever happens to the time of day."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait for so many seconds of house time."""
        ...

    def real_seconds(self, seconds: float) -> float:
        """How long so many seconds of house time really take, for time-outs."""
        ...


class RealClock:
    """House time is real time."""

    def now(self) -> datetime:
        """The time in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds that never run backwards."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait for so many seconds."""
        await asyncio.sleep(seconds)

    def real_seconds(self, seconds: float) -> float:
        """The same number."""
        return seconds


class ScaledClock:
    """House time runs `rate` times as fast as real time, from the moment of creation on."""

    def __init__(self, rate: float, start: datetime | None = None) -> None:
        self._rate = rate
        self._start = start or datetime.now(UTC)
        self._origin = time.monotonic()

    def now(self) -> datetime:
        """The time in UTC."""
        return self._start + timedelta(seconds=self.monotonic())

    def monotonic(self) -> float:
        """House seconds since the clock was made."""
        return (time.monotonic() - self._origin) * self._rate

    async def sleep(self, seconds: float) -> None:
        """Wait for so many house seconds."""
        await asyncio.sleep(seconds / self._rate)

    def real_seconds(self, seconds: float) -> float:
        """House seconds as real ones."""
        return seconds / self._rate
