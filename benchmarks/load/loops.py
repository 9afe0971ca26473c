"""Closed and open loop over stations that are connected."""

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from benchmarks.load.station import Station

DRAIN_S = 30.0
BACKLOG_MAX = 50_000


class Overloaded(Exception):
    """The server cannot take this rate: the backlog of the open loop has no end."""


@dataclass
class Tally:
    """What a loop has seen; latencies in seconds."""

    latencies: list[float] = field(default_factory=list)
    seconds: float = 0.0

    def summary(self) -> dict[str, float]:
        """Rate in 1/s and percentiles in ms."""
        ordered = sorted(self.latencies)
        return {
            "count": len(ordered),
            "seconds": self.seconds,
            "rate": len(ordered) / self.seconds,
            "p50": percentile(ordered, 0.50) * 1e3,
            "p99": percentile(ordered, 0.99) * 1e3,
            "p999": percentile(ordered, 0.999) * 1e3,
        }


def percentile(ordered: Sequence[float], share: float) -> float:
    """The value that `share` of the (sorted) values do not exceed."""
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0


class Loop:
    """What both loops share: who is out, what has gone wrong."""

    def __init__(self, stations: Sequence[Station], kind: str) -> None:
        self._stations = stations
        self._kind = kind
        self._over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._out = 0
        self.tally = Tally()
        for station in stations:
            station.failed = self._fail

    def _fail(self, error: Exception) -> None:
        if not self._over.done():
            self._over.set_exception(error)

    def _end(self) -> None:
        if not self._over.done():
            self._over.set_result(None)


class ClosedLoop(Loop):
    """Every station says its next call as soon as the last one is answered."""

    def __init__(self, stations: Sequence[Station], kind: str) -> None:
        super().__init__(stations, kind)
        self._until = 0.0

    async def run(self, seconds: float) -> Tally:
        """So many seconds; answers that come after the end do not count, but must come."""
        begun = time.perf_counter()
        self._until = begun + seconds
        self._out = len(self._stations)
        for station in self._stations:
            station.say(self._kind, self._replied)
        async with asyncio.timeout(seconds + DRAIN_S):
            await self._over
        self.tally.seconds = seconds
        return self.tally

    def _replied(self, station: Station) -> None:
        now = time.perf_counter()
        if now < self._until:
            self.tally.latencies.append(now - station.begun)
            station.say(self._kind, self._replied)
            return
        self._out -= 1
        if self._out == 0:
            self._end()


class OpenLoop(Loop):
    """Calls at a fixed rate whatever the server does; a latency counts from the moment it was due."""

    def __init__(self, stations: Sequence[Station], kind: str, rate: float) -> None:
        super().__init__(stations, kind)
        self._rate = rate
        self._due: dict[Station, deque[float]] = {station: deque() for station in stations}
        self._scheduled = 0
        self._total = 0
        self._begun = 0.0

    async def run(self, seconds: float) -> Tally:
        """So many seconds, and then until the last call is answered."""
        self._begun = time.perf_counter()
        self._total = int(seconds * self._rate)
        self._tick()
        async with asyncio.timeout(seconds + DRAIN_S):
            await self._over
        self.tally.seconds = seconds
        return self.tally

    def _tick(self) -> None:
        now = time.perf_counter()
        due = min(self._total, int((now - self._begun) * self._rate) + 1)
        while self._scheduled < due:
            station = self._stations[self._scheduled % len(self._stations)]
            waiting = self._due[station]
            waiting.append(self._begun + self._scheduled / self._rate)
            self._scheduled += 1
            self._out += 1
            if len(waiting) == 1:
                station.say(self._kind, self._replied)
        if self._out > BACKLOG_MAX:
            self._fail(Overloaded(f"{self._out} calls wait"))
        elif self._scheduled < self._total:
            asyncio.get_running_loop().call_later(0.001, self._tick)

    def _replied(self, station: Station) -> None:
        waiting = self._due[station]
        self.tally.latencies.append(time.perf_counter() - waiting.popleft())
        self._out -= 1
        if waiting:
            station.say(self._kind, self._replied)
        elif self._out == 0 and self._scheduled == self._total:
            self._end()
