"""How each station takes orders, kept in memory and brought up to date before each decision."""

from collections.abc import Mapping
from datetime import datetime, timedelta

import msgspec
import structlog

from csms.domain.dialect_record import (
    UNKNOWN,
    DialectRecord,
    Discharge,
    after_firmware_change,
    declared,
    record_from,
)
from csms.errors import Invalid
from csms.store import dialect_records
from csms.store.database import Database
from csms.store.dialect_records import DialectRecordRow

log = structlog.get_logger()

_OVERLAP = timedelta(minutes=2)
"""What was decided in one order may be on disk in another, and nodes' clocks differ."""


class Dialects:
    """The records of all stations of which something is known."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._records: dict[str, DialectRecord] = {}
        self._seen: datetime | None = None

    async def refresh(self) -> None:
        """Read what has changed."""
        since = None if self._seen is None else self._seen - _OVERLAP
        for row in await dialect_records.changed_since(self._db, since):
            self._records[row.identity] = _read(row)
            self._seen = row.changed_at if self._seen is None else max(self._seen, row.changed_at)

    def of(self, station_id: str, discharge: Discharge) -> DialectRecord:
        """The station's record; `discharge` is what its row says now, and the word that counts."""
        return known(self._records, station_id, discharge)


def _read(row: DialectRecordRow) -> DialectRecord:
    """One that makes no sense, as a newer server may have left it, is of a station that nobody has tried."""
    try:
        return record_from(msgspec.json.decode(row.record))
    except (Invalid, msgspec.MsgspecError) as error:
        log.warning("dialect record not understood", station_id=row.identity, reason=str(error.args[-1]))
        return UNKNOWN


def known(records: Mapping[str, DialectRecord], station_id: str, discharge: Discharge) -> DialectRecord:
    """A station of which only the way to discharge is known was declared so by a person."""
    record = records.get(station_id)
    if record is None:
        return declared(discharge)
    return record if record.discharge is discharge else after_firmware_change(record)
