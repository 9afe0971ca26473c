"""Calls that wait for their station, or were not answered, are sent again until their deadline.

    accepted ─ station connected ─> sent ─> answered, refused, failed
       ^  └─ deadline over ─> expired  │
       └─────── not there, no answer ──┘   the longer apart, but at once after a boot

What waits is in the store: it outlives a restart. The calls of one station go out one after the other.
"""

import asyncio
from itertools import groupby

import msgspec
import structlog

from csms.blocks import calls
from csms.blocks.calls import Desk, Placed
from csms.domain.facts import StationBooted
from csms.errors import CsmsError
from csms.store import journal, stations
from csms.store.journal import CallRow

log = structlog.get_logger()

AT_ONCE = 20
LOOK_AT = 500
PAUSE_S, PAUSE_MAX_S = 10.0, 600.0


class Retries:
    """Runs as a task of the house; wakes at each boot, and by itself."""

    def __init__(self, desk: Desk, every_s: float = 15.0) -> None:
        self._desk = desk
        self._every_s = every_s
        self._room = asyncio.Semaphore(AT_ONCE)
        self._under_way: set[str] = set()
        self._not_before: dict[str, float] = {}
        self._bell = asyncio.Event()

    async def run(self) -> None:
        """Look until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._listen())
            while True:
                self._bell.clear()
                await self._look(group)
                try:
                    async with asyncio.timeout(self._every_s):
                        await self._bell.wait()
                except TimeoutError:
                    continue

    async def _listen(self) -> None:
        async with self._desk.bus.subscribe(StationBooted) as facts:
            async for _ in facts:
                self._not_before.clear()
                self._bell.set()

    async def _look(self, group: asyncio.TaskGroup) -> None:
        try:
            if not await journal.any_waiting(self._desk.db):  # nearly always, and asked at each boot
                self._not_before.clear()
                return
            async with self._desk.db.begin() as conn:
                await journal.waiting_lapsed(conn, self._desk.clock.now())
            rows = await journal.waiting(self._desk.db, LOOK_AT)
        except CsmsError as error:
            log.warning("retries wait", reason=type(error).__name__)
            return
        now, here = self._desk.clock.monotonic(), {row.call_id for row in rows}
        self._not_before = {key: at for key, at in self._not_before.items() if key in here}
        due = [row for row in rows if self._not_before.get(row.call_id, 0.0) <= now]
        due.sort(key=lambda row: (row.identity, row.created_at))
        for identity, theirs in groupby(due, lambda row: row.identity):
            if identity not in self._under_way:
                self._under_way.add(identity)
                group.create_task(self._serve(identity, list(theirs)))

    async def _serve(self, identity: str, rows: list[CallRow]) -> None:
        try:
            for row in rows:
                async with self._room:
                    if not await self._sent(row):
                        return
        except Exception as error:  # one station's trouble is never that of all others
            log.error("retry failed", station_id=identity, reason=type(error).__name__)
        finally:
            self._under_way.discard(identity)

    async def _sent(self, row: CallRow) -> bool:
        """Once more; False if the station is not to be had now."""
        station = await stations.get(self._desk.db, row.identity)
        if station is None:
            return True
        placed = Placed(
            row.call_id,
            station,
            row.action,
            calls.as_asked(row.action, msgspec.json.decode(row.payload)),
            station.message_timeout_s,
            row.request_id,
            row.deadline,
            row.attempts,
        )
        pause_s = min(PAUSE_S * 2**row.attempts, PAUSE_MAX_S)
        self._not_before[row.call_id] = self._desk.clock.monotonic() + pause_s
        try:
            if await calls.sent(self._desk, placed):
                await calls.carry_out(self._desk, placed)
        except CsmsError as error:
            log.info("retry came to nothing", station_id=row.identity, action=row.action, call_id=row.call_id)
            return calls.state_after(error, placed, self._desk.clock.now()) != "accepted"
        self._not_before.pop(row.call_id, None)
        return True
