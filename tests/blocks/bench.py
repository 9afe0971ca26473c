"""A bench for blocks: one station's messages go to the handlers, and what they keep is committed."""

import asyncio
from collections.abc import Coroutine
from datetime import UTC, datetime, timedelta
from typing import TypeVar, cast

from csms.blocks import AFTER, ROUTER
from csms.blocks.calls import Desk
from csms.blocks.context import Context, Policy
from csms.blocks.live import LiveTransactions
from csms.bus.memory import MemoryBus
from csms.domain.facts import Fact
from csms.domain.station import Registration, StationRef
from csms.pki.passwords import DUMMY_HASH
from csms.store import stations, tokens
from csms.store.database import Database
from csms.store.stations import StationRow
from csms.store.tokens import IdTokenRow
from csms.store.writer import Change, Writer

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
STATION = "cs-1"

F = TypeVar("F", bound=Fact)


class HandClock:
    """House time that stands still until it is moved."""

    def __init__(self) -> None:
        self.at = START

    def now(self) -> datetime:
        """The time in UTC."""
        return self.at

    def monotonic(self) -> float:
        """Seconds since the start."""
        return (self.at - START).total_seconds()

    async def sleep(self, seconds: float) -> None:
        """Move the clock on."""
        self.at += timedelta(seconds=seconds)
        await asyncio.sleep(0)

    def real_seconds(self, seconds: float) -> float:
        """The same number."""
        return seconds


class Bench:
    """Handlers on a real store and bus; `facts` is all that they have told so far."""

    def __init__(self, db: Database, writer: Writer) -> None:
        self.db = db
        self.writer = writer
        self.bus = MemoryBus()
        self.clock = HandClock()
        self.policy = Policy()
        self.facts: list[Fact] = []
        self.kept: list[Change] = []
        self.desk = Desk(db, self.bus, self.clock, AFTER)
        self._live: dict[str, LiveTransactions] = {}

    async def tell(self, request: object, identity: str = STATION) -> object:
        """One message of a station, handled as the gateway does it."""
        kept: list[Change] = []
        live = self._live.setdefault(identity, LiveTransactions(self.db, identity))
        ctx = Context(
            station=StationRef(identity, Registration.ACCEPTED, "2.0.1"),
            db=self.db,
            live=live,
            now=self.clock.now(),
            policy=self.policy,
            keep=kept.append,
            emit=self.facts.append,
        )
        answer = ROUTER.handler(type(request))(request, ctx)
        if isinstance(answer, Coroutine):
            answer = await answer
        await self.writer.commit(kept)
        self.kept = kept
        return cast(object, answer)

    def reconnect(self, identity: str = STATION) -> None:
        """The station's connection is new: nothing is remembered but what is in the store."""
        self._live.pop(identity, None)

    def told(self, kind: type[F]) -> list[F]:
        """All facts of a kind so far."""
        return [fact for fact in self.facts if isinstance(fact, kind)]

    async def add_station(self, identity: str = STATION, **fields: object) -> None:
        """Register a station."""
        row = StationRow(identity=identity, password_hash=DUMMY_HASH, created_at=START)
        async with self.db.begin() as conn:
            await stations.add(conn, row, [])
        await self.change_station(identity, **fields)

    async def change_station(self, identity: str = STATION, **fields: object) -> None:
        """An operator changes a station."""
        async with self.db.begin() as conn:
            await stations.change(conn, identity, **fields)

    async def station(self, identity: str = STATION) -> StationRow:
        """The station as it is stored."""
        row = await stations.get(self.db, identity)
        assert row is not None
        return row

    async def add_token(self, row: IdTokenRow) -> None:
        """Know a token."""
        async with self.db.begin() as conn:
            await tokens.put(conn, row)
