"""The frame log: what went over the wire, for people who look for a fault.

It is kept off the message path: frames gather in memory and are written in small batches. What is more than
2,000 a second is lost, the oldest first, and so is the last moment at a crash. Secrets never get here (B-06).
"""

import asyncio
import json
import re
from collections import Counter, deque
from datetime import datetime

import structlog

from csms.clock import Clock
from csms.errors import ChangeRefused, StoreUnavailable
from csms.store import journal
from csms.store.database import Database
from csms.store.writer import Writer

log = structlog.get_logger()

EVERY_S = 0.25
GATHERED_MAX = 500
TEXT_MAX = 20_000
HIDDEN = "***"

_SUSPECT = re.compile(r"password|secret|authorizationkey", re.IGNORECASE)
_LOGIN = re.compile(r"://[^/\"\s]*@")


class FrameLog:
    """The frames of all stations of this node; the newest `kept` of each station stay, 0 switches it off."""

    def __init__(self, db: Database, writer: Writer, clock: Clock, kept: int) -> None:
        self.kept = kept
        self.clock = clock
        self.gathered: deque[tuple[str, datetime, str, str]] = deque(maxlen=GATHERED_MAX)
        self._db = db
        self._writer = writer
        self._since_trim: Counter[str] = Counter()

    async def run(self) -> None:
        """Write what has gathered, until cancelled."""
        while True:
            await asyncio.sleep(EVERY_S)
            try:
                await self.flush()
            except (StoreUnavailable, ChangeRefused) as error:
                log.debug("frames lost", reason=type(error).__name__)

    async def flush(self) -> None:
        """Write what has gathered now. Raises `StoreUnavailable`."""
        frames = list(self.gathered)
        self.gathered.clear()
        await self._writer.commit([journal.frame(*frame) for frame in frames])
        self._since_trim.update(identity for identity, *_ in frames)
        due = [identity for identity, count in self._since_trim.items() if count * 4 > self.kept]
        for identity in due:
            del self._since_trim[identity]
            async with self._db.begin() as conn:
                await journal.trim_frames(conn, identity, self.kept)


class Recorder:
    """Notes the frames of one connection."""

    __slots__ = ("_hushed", "_identity", "_log")

    def __init__(self, frame_log: FrameLog, identity: str) -> None:
        self._log = frame_log
        self._identity = identity
        self._hushed: set[str] = set()

    def note(self, way: str, text: str | bytes) -> None:
        """One frame, `in` or `out`."""
        if not self._log.kept:
            return
        if isinstance(text, bytes):
            text = "(binary)"
        elif self._hushed or _SUSPECT.search(text):
            text = self._without_secrets(text)
        if "@" in text:
            text = _LOGIN.sub(f"://{HIDDEN}@", text)
        self._log.gathered.append((self._identity, self._log.clock.now(), way, text[:TEXT_MAX]))

    def _without_secrets(self, text: str) -> str:
        """A call with a secret keeps its action only; its answer, which may quote it, nothing."""
        try:
            frame = json.loads(text)
            kind, id = frame[0], str(frame[1])
        except (ValueError, RecursionError, TypeError, LookupError):
            return HIDDEN if _SUSPECT.search(text) else text
        if kind not in (2, 6) and id in self._hushed:
            self._hushed.discard(id)
            return json.dumps([kind, id, HIDDEN])
        if not _SUSPECT.search(text):
            return text
        if kind == 2:
            self._hushed.add(id)
        return json.dumps([kind, id, *frame[2:3], HIDDEN] if kind in (2, 6) else [kind, id, HIDDEN])
