"""The transactions that one connection has in hand, so that not every event costs a query."""

from csms.domain.transaction import Transaction
from csms.store import transactions
from csms.store.database import Database

KEPT = 16


class LiveTransactions:
    """Folded transactions of one station, newest used last.

    Belongs to one connection and is dropped with it: what a failed commit left here is never trusted again.
    """

    __slots__ = ("_db", "_station_id", "_transactions")

    def __init__(self, db: Database, station_id: str) -> None:
        self._db = db
        self._station_id = station_id
        self._transactions: dict[str, Transaction] = {}  # the longest unused one first

    def known(self, transaction_id: str) -> Transaction | None:
        """The transaction as it stands, if it is in memory."""
        return self._transactions.get(transaction_id)

    async def get(self, transaction_id: str) -> Transaction | None:
        """The transaction as it stands: from memory, else from the store. None if it is new."""
        known = self._transactions.get(transaction_id)
        if known is None:
            return await transactions.load(self._db, self._station_id, transaction_id)
        return known

    def put(self, transaction: Transaction) -> None:
        """Remember the new state; the longest unused one makes room."""
        known = self._transactions
        if known.pop(transaction.transaction_id, None) is None and len(known) >= KEPT:
            del known[next(iter(known))]
        known[transaction.transaction_id] = transaction

    def forget(self) -> None:
        """Drop all: a change could not be kept, so what stands here may never have happened."""
        self._transactions.clear()
