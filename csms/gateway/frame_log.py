"""The frame log: what went over the wire, for people who look for a fault.

It is kept off the message path: frames gather in memory and are written in small batches. What is more than
2,000 a second is left out, and the last moment is lost at a crash. Secrets never get here (B-06).
"""

import asyncio
import json
import re
from collections import Counter
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
AT_ONCE = 32  # in one flush: messages that are in the same one wait for all of it
TEXT_MAX = 20_000
TRIMMED_AT_ONCE = 20
HIDDEN = "***"
HUSHED_MAX = 16  # more calls than can be under way at once, both ways

_LOGIN = re.compile(r"://[^/\"\s]*@")


class FrameLog:
    """The frames of all stations of this node; the newest `kept` of each station stay, 0 switches it off."""

    def __init__(self, db: Database, writer: Writer, clock: Clock, kept: int) -> None:
        self.kept = kept
        self.room = GATHERED_MAX if kept else 0
        self.clock = clock
        self.gathered: list[tuple[str, datetime, str, str]] = []
        self._db = db
        self._writer = writer
        self._since_trim: Counter[str] = Counter()
        self._writing = asyncio.Lock()

    async def run(self) -> None:
        """Write what has gathered, until cancelled."""
        while True:
            await asyncio.sleep(EVERY_S)
            try:
                await self.flush()
            except (StoreUnavailable, ChangeRefused) as error:
                log.debug("frames lost", reason=type(error).__name__)
            except Exception as error:  # no station shall be cut off because its frames cannot be kept
                log.error("frame log failed", reason=type(error).__name__)

    async def flush(self) -> None:
        """Write what has gathered now. Raises `StoreUnavailable`."""
        async with self._writing:
            await self._flush()

    async def _flush(self) -> None:
        frames, self.gathered = self.gathered, []
        for start in range(0, len(frames), AT_ONCE):
            await self._writer.commit([journal.frame(*frame) for frame in frames[start : start + AT_ONCE]])
        self._since_trim.update(identity for identity, *_ in frames)
        due = [identity for identity, count in self._since_trim.items() if count * 4 > self.kept]
        if due:
            async with self._db.begin() as conn:  # one for all: each costs the message path a turn
                for identity in due[:TRIMMED_AT_ONCE]:
                    del self._since_trim[identity]
                    await journal.trim_frames(conn, identity, self.kept)


class Recorder:
    """Notes the frames of one connection."""

    __slots__ = ("_hushed", "_identity", "_log")

    def __init__(self, frame_log: FrameLog, identity: str) -> None:
        self._log = frame_log
        self._identity = identity
        self._hushed: dict[str, None] = {}  # calls with a secret, the oldest first

    def note(self, way: str, text: str | bytes) -> None:
        """One frame, `in` or `out`."""
        if len(self._log.gathered) >= self._log.room and (way == "in" or text[1] != "2"):
            return  # of the calls that have no room ours are looked at all the same: their answers may have
        if isinstance(text, bytes):
            text = "(binary)"
        elif self._hushed or _suspect(text):
            text = self._without_secrets(text)
        if "@" in text:
            text = _LOGIN.sub(f"://{HIDDEN}@", text)
        if len(self._log.gathered) < self._log.room:
            self._log.gathered.append((self._identity, self._log.clock.now(), way, text[:TEXT_MAX]))

    def _without_secrets(self, text: str) -> str:
        """A call with a secret keeps its action only; its answer, which may quote it, nothing."""
        try:
            frame = json.loads(text)
            kind, id = frame[0], str(frame[1])
        except (ValueError, RecursionError, TypeError, LookupError):
            return HIDDEN if _suspect(text) else text
        if kind not in (2, 6) and id in self._hushed:
            del self._hushed[id]
            return json.dumps([kind, id, HIDDEN])
        if not _suspect(text):
            return text
        if kind == 2:
            self._hush(id)
        return json.dumps([kind, id, *frame[2:3], HIDDEN] if kind in (2, 6) else [kind, id, HIDDEN])

    def _hush(self, id: str) -> None:
        """Its answer may quote it. One that is never answered makes room."""
        self._hushed[id] = None
        if len(self._hushed) > HUSHED_MAX:
            del self._hushed[next(iter(self._hushed))]


def _suspect(text: str) -> bool:
    """Whether a secret may be in it; a regular expression takes ten times as long."""
    lower = text.lower()
    return "password" in lower or "secret" in lower or "authorizationkey" in lower
