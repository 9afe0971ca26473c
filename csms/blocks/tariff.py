"""Block I: the final cost in the answer to a transaction's last event, the running cost by CostUpdated."""

import asyncio
from datetime import datetime
from decimal import Decimal

import structlog

from csms.blocks import calls
from csms.blocks.calls import Desk, Order
from csms.domain.review import Doubt, doubts
from csms.domain.tariff import Tariff, cost
from csms.domain.transaction import Transaction
from csms.errors import CsmsError, StoreUnavailable
from csms.store import stations, tariffs, transactions
from csms.store.database import Database
from csms.store.tariffs import TariffRow, TransactionCostRow
from csms.wire import words

log = structlog.get_logger()

OURSELVES = "running cost"
AT_ONCE = 20


async def final(db: Database, transaction: Transaction, at: datetime) -> TransactionCostRow | None:
    """I03: what a transaction that has ended costs; None where nothing is charged for, or not yet.

    Where a register went back (row 43) the cost is held: a person looks at it first.
    """
    row = await tariffs.of_station(db, transaction.station_id)
    if row is None:
        return None
    if await _went_back(db, transaction):
        log.warning(
            "cost held for review",
            station_id=transaction.station_id,
            transaction_id=transaction.transaction_id,
        )
        return None
    return _row(row, transaction, at, final=True)


async def _went_back(db: Database, transaction: Transaction) -> bool:
    """By what is stored, and what its last event has just said."""
    stored = await transactions.readings_of(db, transaction.station_id, transaction.transaction_id)
    readings = [transactions.reading_of(each) for each in stored]
    newest = [] if transaction.last is None else [transaction.last]
    return Doubt.REGISTER_WENT_BACK in doubts(transaction, False, [*readings, *newest])


def tariff_of(row: TariffRow) -> Tariff:
    """A stored tariff as the domain has it."""
    return Tariff(
        row.tariff_id,
        row.currency,
        start_fee=Decimal(row.start_fee),
        energy_per_kwh=Decimal(row.energy_per_kwh),
        export_per_kwh=Decimal(row.export_per_kwh),
        time_per_hour=Decimal(row.time_per_hour),
        minimum=Decimal(row.minimum),
    )


def _row(row: TariffRow, transaction: Transaction, at: datetime, *, final: bool) -> TransactionCostRow:
    return TransactionCostRow(
        identity=transaction.station_id,
        transaction_id=transaction.transaction_id,
        tariff_id=row.tariff_id,
        currency=row.currency,
        total=str(cost(tariff_of(row), transaction)),
        final=final,
        at=at,
    )


class RunningCost:
    """Tells drivers what their transaction costs so far (I02), as often as the tariff says.

    Runs as a task of the house and looks by itself, so that no transaction event costs more for it. A station
    that cannot show it refuses, and is asked again an hour later.
    """

    REFUSED_S = 3600.0

    def __init__(self, desk: Desk, every_s: float = 10.0) -> None:
        self._desk = desk
        self._every_s = every_s
        self._next: dict[tuple[str, str], float] = {}
        self._room = asyncio.Semaphore(AT_ONCE)

    async def run(self) -> None:
        """Look until cancelled."""
        async with asyncio.TaskGroup() as group:
            while True:
                try:
                    due = await self._due()
                except StoreUnavailable as error:
                    log.warning("running cost not looked at", reason=str(error))
                    due = []
                for key, every_s in due:
                    self._next[key] = self._desk.clock.monotonic() + self.REFUSED_S
                    group.create_task(self._guarded(key, every_s))
                await self._desk.clock.sleep(self._every_s)

    async def _due(self) -> list[tuple[tuple[str, str], int]]:
        """The transactions (station, id) whose driver is to be told now, and how often that is."""
        now = self._desk.clock.monotonic()
        running = await tariffs.running(self._desk.db)
        self._next = {key: at for key, at in self._next.items() if key in running}
        return [(key, every_s) for key, every_s in running.items() if now >= self._next.get(key, 0.0)]

    async def _guarded(self, key: tuple[str, str], every_s: int) -> None:
        async with self._room:
            try:
                await self._tell(*key)
            except CsmsError as error:
                log.info("running cost not told", station_id=key[0], reason=type(error).__name__)
                return
            self._next[key] = self._desk.clock.monotonic() + every_s

    async def _tell(self, identity: str, transaction_id: str) -> None:
        desk = self._desk
        row = await tariffs.of_station(desk.db, identity)
        station = await stations.get(desk.db, identity)
        transaction = await transactions.load(desk.db, identity, transaction_id)
        if row is None or station is None or transaction is None or transaction.ended_at is not None:
            return
        told = _row(row, transaction, desk.clock.now(), final=False)
        async with desk.db.begin() as conn:
            await tariffs.put_cost(conn, told)
        ask = words.CostUpdatedRequest(total_cost=float(told.total), transaction_id=transaction_id)
        await calls.call(desk, Order(station, ask, OURSELVES))
