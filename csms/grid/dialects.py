"""How each station takes orders, kept in memory and brought up to date before each decision."""

from collections.abc import Mapping
from datetime import datetime, timedelta

import msgspec

from csms.domain.dialect_record import DialectRecord, Discharge, after_firmware_change, declared, record_from
from csms.store import dialect_records
from csms.store.database import Database

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
            self._records[row.identity] = record_from(msgspec.json.decode(row.record))
            self._seen = row.changed_at if self._seen is None else max(self._seen, row.changed_at)

    def of(self, station_id: str, discharge: Discharge) -> DialectRecord:
        """The station's record; `discharge` is what its row says now, and the word that counts."""
        return known(self._records, station_id, discharge)


def known(records: Mapping[str, DialectRecord], station_id: str, discharge: Discharge) -> DialectRecord:
    """A station of which only the way to discharge is known was declared so by a person."""
    record = records.get(station_id)
    if record is None:
        return declared(discharge)
    return record if record.discharge is discharge else after_firmware_change(record)
