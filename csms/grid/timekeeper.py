"""Watches our own clock (row 42): a jump of the time of day changes how far every station's clock is off.

All that waits here waits by a clock that never jumps; only what goes over the wire has the time of day in it.
There a jump would give a lease another beginning than was meant. So with our clock the stations' skews move
at once, and nothing discharges whose clock and ours do not agree (V-14), until their messages say otherwise.
"""

from dataclasses import dataclass
from datetime import datetime

import structlog

from csms.clock import Clock
from csms.errors import StoreUnavailable
from csms.store import stations
from csms.store.database import Database

log = structlog.get_logger()

EVERY_S = 1.0
NOTICEABLE_S = 1.0


@dataclass(frozen=True, slots=True)
class _Look:
    """The two clocks at one moment."""

    wall: datetime
    steady_s: float


class Timekeeper:
    """Runs as a task of the house."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock
        self._last = self._look()

    async def run(self) -> None:
        """Look every second, until cancelled."""
        while True:
            await self._clock.sleep(EVERY_S)
            try:
                await self.check()
            except StoreUnavailable:
                log.warning("clock jump not kept")

    async def check(self) -> float:
        """By how many seconds the time of day has jumped since the last look (0.0: not noticeably)."""
        now = self._look()
        passed_s = (now.wall - self._last.wall).total_seconds()
        jump_s = passed_s - (now.steady_s - self._last.steady_s)
        if abs(jump_s) < NOTICEABLE_S:
            self._last = now
            return 0.0
        log.error("our clock has jumped", by_s=round(jump_s, 3))
        async with self._db.begin() as conn:
            await stations.skews_moved(conn, -jump_s)
        self._last = now  # not before: what could not be kept is found again
        return jump_s

    def _look(self) -> _Look:
        return _Look(self._clock.now(), self._clock.monotonic())
