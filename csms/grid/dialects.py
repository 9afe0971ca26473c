"""How each station takes orders, kept in memory and brought up to date before each decision."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import lru_cache

import msgspec
import structlog

from csms.clock import Clock
from csms.domain.dialect_record import (
    UNKNOWN,
    DialectRecord,
    Discharge,
    after_firmware_change,
    declared,
    record_from,
)
from csms.errors import Invalid
from csms.grid.pace import mapped, walk
from csms.store import dialect_records
from csms.store.database import Database

log = structlog.get_logger()

_OVERLAP = timedelta(minutes=2)
"""What was decided in one order may be on disk in another, and nodes' clocks differ."""
_JUMP_S = 30.0
_EVERYTHING_S = 3600.0
"""Jumps may cancel each other, and another node's clock be far off: what that hides is found by then."""


class Dialects:
    """The records of all stations of which something is known."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock
        self._records: dict[str, DialectRecord] = {}
        self._looked: tuple[datetime, float] | None = None
        self._whole_at = clock.monotonic()

    async def refresh(self) -> None:
        """Read what has changed since the last look; all of it if our clock has jumped since, and each hour.

        What is read again costs little: stations of one model have one record.
        """
        look = self._clock.now(), self._clock.monotonic()
        since = self._since(*look)
        rows = await dialect_records.changed_since(self._db, since)
        self._records |= dict(await walk(mapped(lambda row: (row[0], _read(*row)), rows)))
        self._looked = look
        if since is None:
            self._whole_at = look[1]

    def _since(self, now: datetime, steady_s: float) -> datetime | None:
        """From when on changes may be unread; None: none of the times can be trusted."""
        if self._looked is None or steady_s - self._whole_at >= _EVERYTHING_S:
            return None
        before, before_s = self._looked
        jump_s = (now - before).total_seconds() - (steady_s - before_s)
        return None if abs(jump_s) > _JUMP_S else before - _OVERLAP

    def of(self, station_id: str, discharge: Discharge) -> DialectRecord:
        """The station's record; `discharge` is what its row says now, and the word that counts."""
        return known(self._records, station_id, discharge)


def _read(station_id: str, text: str) -> DialectRecord:
    """One that makes no sense, as a newer server may have left it, is of a station that nobody has tried."""
    try:
        return _record(text)
    except (Invalid, msgspec.MsgspecError) as error:
        log.warning("dialect record not understood", station_id=station_id, reason=str(error.args[-1]))
        return UNKNOWN


@lru_cache(maxsize=1000)
def _record(text: str) -> DialectRecord:
    return record_from(msgspec.json.decode(text))


def known(records: Mapping[str, DialectRecord], station_id: str, discharge: Discharge) -> DialectRecord:
    """A station of which only the way to discharge is known was declared so by a person."""
    record = records.get(station_id)
    if record is None:
        return declared(discharge)
    return record if record.discharge is discharge else after_firmware_change(record)
