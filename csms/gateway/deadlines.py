"""One timer for the deadlines of thousands of sockets: it costs next to nothing, and is up to a tick late."""

import asyncio
from math import ceil
from typing import Protocol
from zlib import crc32

import structlog

log = structlog.get_logger()

TICK_S = 0.1


class Dated(Protocol):
    """What has one deadline at a time; `due` is kept by `Deadlines` alone and is 0 at first."""

    due: int

    def come_due(self) -> None:
        """The deadline is here, and forgotten."""


class Deadlines:
    """A wheel of ticks: whoever comes due in the same tick is called in one go, in the order of coming in."""

    def __init__(self) -> None:
        self._slots: dict[int, dict[Dated, None]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._passed = 0

    def put(self, dated: Dated, in_s: float) -> None:
        """Set a deadline in so many real seconds, instead of the one there was."""
        self.drop(dated)
        loop = asyncio.get_running_loop()
        if self._timer is None:
            self._passed = int(loop.time() / TICK_S)
            self._timer = loop.call_later(TICK_S, self._turn, loop)
        dated.due = max(ceil((loop.time() + in_s) / TICK_S), self._passed + 1)
        self._slots.setdefault(dated.due, {})[dated] = None

    def drop(self, dated: Dated) -> None:
        """Forget this one's deadline."""
        if dated.due and (slot := self._slots.get(dated.due)) is not None:
            slot.pop(dated, None)
            if not slot:
                del self._slots[dated.due]
        dated.due = 0

    def _turn(self, loop: asyncio.AbstractEventLoop) -> None:
        now = int(loop.time() / TICK_S)
        while self._passed < now and self._slots:
            self._passed += 1
            for dated in self._slots.pop(self._passed, ()):
                if dated.due == self._passed:  # or another of this tick has dropped it
                    dated.due = 0
                    try:
                        dated.come_due()
                    except Exception:  # of one: the others' deadlines are still to come
                        log.exception("deadline failed")
        self._passed = max(self._passed, now)
        self._timer = loop.call_later(TICK_S, self._turn, loop) if self._slots else None


def spread(name: str) -> float:
    """Between 0 and 1: the same for one name, and even over many, so that a herd does not stay one."""
    return crc32(name.encode()) / (1 << 32)
