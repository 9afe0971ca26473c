"""After a gap in a transaction's events, or a second one at its EVSE: ask what is still to come (E14).

    TransactionDoubted ─> wait ─> sound by now ──────────────────────> nothing to ask
                           ^ └──> GetTransactionStatus ─ offline ────> asked when it connects
                           └─────── messages in queue ─┤
                                                       └ none ───────> stays incomplete; and is not
                                                                       open if it does not go on either
    StationConnected ───> the same for what this station has left open and incomplete

Bounded in every way: so many at once, so many times, the longer apart. What is never cleared up is held for
review (`domain.review`); nothing is made up.
"""

import asyncio
from datetime import timedelta
from typing import cast

import structlog

from csms.bus.bus import Bus
from csms.clock import Clock
from csms.domain.facts import StationConnected, TransactionDoubted
from csms.domain.review import is_missing
from csms.domain.transaction import gaps
from csms.errors import CsmsError, NotSupportedByDialect, StationError, StationOffline
from csms.store import doubts, transactions
from csms.store.database import Database
from csms.store.transactions import TransactionRow
from csms.wire import words

log = structlog.get_logger()

PAUSES_S = (30.0, 60.0, 120.0, 240.0, 480.0, 960.0, 1800.0, 1800.0)
"""House seconds before each asking: most gaps close by themselves, and a queue takes its time."""
AT_ONCE = 20
UNDER_WAY_MAX = 10_000
NOT_OLDER = timedelta(days=7)

_Key = tuple[str, str]


class Inquiry:
    """Runs as a task of the house; wakes at each doubt and when a station comes back."""

    def __init__(self, db: Database, bus: Bus, clock: Clock) -> None:
        self._db = db
        self._bus = bus
        self._clock = clock
        self._room = asyncio.Semaphore(AT_ONCE)
        self._under_way: set[_Key] = set()
        self._back: set[str] = set()
        self._bell = asyncio.Event()

    @property
    def under_way(self) -> int:
        """How many transactions are being asked after."""
        return len(self._under_way)

    async def run(self) -> None:
        """Listen until cancelled."""
        async with (
            self._bus.subscribe(TransactionDoubted, StationConnected) as facts,
            asyncio.TaskGroup() as group,
        ):
            group.create_task(self._sweep(group))
            async for fact in facts:
                if isinstance(fact, TransactionDoubted):
                    self._begin(group, (fact.station_id, fact.transaction_id))
                elif isinstance(fact, StationConnected):
                    self._back.add(fact.station_id)
                    self._bell.set()

    async def _sweep(self, group: asyncio.TaskGroup) -> None:
        """Look after those who are back, some time later: a herd has other worries when it comes."""
        while True:
            await self._bell.wait()
            await self._clock.sleep(PAUSES_S[0])
            self._bell.clear()
            back, self._back = self._back, set()
            for identity in back:
                for key in await self._left(identity):
                    self._begin(group, key)

    def _begin(self, group: asyncio.TaskGroup, key: _Key) -> None:
        """One inquiry for a transaction at a time; what is too many waits for a new connection."""
        if key not in self._under_way and len(self._under_way) < UNDER_WAY_MAX:
            self._under_way.add(key)
            group.create_task(self._guarded(key))

    async def _left(self, identity: str) -> list[_Key]:
        try:
            rows = await doubts.doubtful(self._db, identity, self._clock.now() - NOT_OLDER)
        except CsmsError as error:
            log.warning("inquiry failed", station_id=identity, reason=type(error).__name__)
            return []
        except Exception as error:
            log.error("inquiry failed", station_id=identity, reason=type(error).__name__)
            return []
        return [(identity, row.transaction_id) for row in rows]

    async def _guarded(self, key: _Key) -> None:
        try:
            await self._pursue(*key)
        except CsmsError as error:
            log.warning("inquiry failed", station_id=key[0], reason=type(error).__name__)
        except Exception as error:  # one station's trouble is never that of all others
            log.error("inquiry failed", station_id=key[0], reason=type(error).__name__)
        finally:
            self._under_way.discard(key)

    async def _pursue(self, identity: str, transaction_id: str) -> None:
        for pause_s in PAUSES_S:
            await self._clock.sleep(pause_s)
            if await self._doubted(identity, transaction_id) is None:
                return
            try:
                async with self._room:
                    status = await status_of(self._bus, identity, transaction_id)
            except (StationOffline, NotSupportedByDialect):  # OCPP 1.6 cannot be asked
                return
            except StationError as error:
                log.debug("status not told", station_id=identity, reason=type(error).__name__)
                continue
            if not status.messages_in_queue:
                await self._conclude(identity, transaction_id, status)
                return
        log.warning("transaction stays incomplete", station_id=identity, transaction_id=transaction_id)

    async def _doubted(self, identity: str, transaction_id: str) -> TransactionRow | None:
        """The transaction, if there is still something to ask."""
        row = await transactions.get(self._db, transaction_id, identity)
        if row is None:
            return None
        if is_missing(transactions.folded(row)):
            return row
        return row if await doubts.shares_its_evse(self._db, row) else None

    async def _conclude(
        self, identity: str, transaction_id: str, status: words.GetTransactionStatusResponse
    ) -> None:
        """The station has nothing more to tell of it (E14.FR.02 to 05)."""
        row = await self._doubted(identity, transaction_id)
        if row is None:
            return
        missing = gaps(transactions.folded(row))
        if status.ongoing_indicator is False and row.open:
            async with self._db.begin() as conn:
                await doubts.given_up(conn, row)
        log.warning(
            "transaction is incomplete",
            station_id=identity,
            transaction_id=transaction_id,
            missing=transactions.seen_text(missing),
            ongoing=status.ongoing_indicator,
        )


async def status_of(
    bus: Bus, station_id: str, transaction_id: str, timeout_s: float = 30.0
) -> words.GetTransactionStatusResponse:
    """E14: whether a transaction goes on, and whether messages of it wait. Raises `StationError`."""
    request = words.GetTransactionStatusRequest(transaction_id=transaction_id)
    answer = await bus.ask(station_id, request, timeout_s=timeout_s)
    return cast(words.GetTransactionStatusResponse, answer)
