"""Writes down what became of our orders: all that has gathered goes to disk in one transaction."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from csms.errors import StoreUnavailable
from csms.store import dispatches, profiles
from csms.store.database import Database
from csms.store.dispatches import Participation
from csms.store.profiles import Outcome

Entry = Outcome | Participation


@dataclass(slots=True)
class _Batch:
    entries: list[Entry] = field(default_factory=list)
    done: bool = False
    error: StoreUnavailable | None = None


class Ledger:
    """Hundreds of stations answer at the same time; the first to come writes for all who wait."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._lock = asyncio.Lock()
        self._batch = _Batch()

    async def write(self, *entries: Entry) -> None:
        """Returns when the entries are on disk. Raises `StoreUnavailable`."""
        batch = self._batch
        batch.entries.extend(entries)
        async with self._lock:
            if not batch.done:
                self._batch = _Batch()
                await self._flush(batch)
        if batch.error is not None:
            raise batch.error

    async def _flush(self, batch: _Batch) -> None:
        batch.done, batch.error = True, StoreUnavailable("interrupted")
        try:
            await self._commit(batch.entries)
            batch.error = None
        except StoreUnavailable as error:
            batch.error = error

    async def _commit(self, entries: Sequence[Entry]) -> None:
        said = [entry for entry in entries if isinstance(entry, Outcome)]
        seats = {id(entry): entry for entry in entries if isinstance(entry, Participation)}
        async with self._db.begin() as conn:
            await profiles.outcome(conn, *said)
            await dispatches.participation_put(conn, *seats.values())
