"""A batch into SQLite: `sqlite3` in a thread of its own, which alone touches the connection.

Each call of `sqlite3` gives the interpreter's lock away, and with a busy loop beside it may wait a while for
it to come back. So a flush is few calls: each writes as many rows as it can (`_PIECES`).
"""

import asyncio
import os
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import chain

from csms.errors import ChangeRefused, StoreUnavailable
from csms.store.batches import Book, Run, runs
from csms.store.checkpoints import Checkpoints
from csms.store.database import WAIT_S, Database, tune
from csms.store.drivers import PROBE_CHANGE, reason
from csms.store.statements import Change, Statement
from csms.store.threads import Jobs, Threads, done_by

_PIECES = (128, 64, 32, 16, 8, 4, 2, 1)
"""Rows in one command: fixed numbers, so that the prepared commands are few and are used again."""


class SqliteDriver:
    """sqlite3 in its own thread, which alone touches the connection; or by `jobs`, one after another."""

    def __init__(self, db: Database, jobs: Jobs | None = None) -> None:
        self._db = db
        self._path = str(db.url.database)
        self._file: tuple[int, int] | None = None
        self._book = Book("sqlite")
        self._texts: dict[tuple[Statement, int], str] = {}
        self._connection: sqlite3.Connection | None = None
        self._thread = Threads("csms-store") if jobs is None else None
        self._jobs: Jobs = jobs if jobs is not None else self._thread  # type: ignore[assignment]
        self._checkpoints = Checkpoints(self._connected, self._jobs, jobs)

    async def open(self) -> None:
        """Connect, in the thread."""
        await done_by(self._jobs, self._open)

    async def flush(self, changes: Sequence[Change], kept: Callable[[], None]) -> None:
        """BEGIN IMMEDIATE, all rows, COMMIT."""
        rows = await done_by(self._jobs, lambda: self._flush(changes), kept)
        self._checkpoints.grown(rows, self._execute)

    async def probe(self) -> None:
        """See `_probe`. If the file is another one, readers shall see it, too."""
        if _file_at(self._path) != self._file:
            await self._db.renew()
        self._checkpoints.let_go()
        await done_by(self._jobs, self._probe)

    async def close(self) -> None:
        """Close in the thread, behind whatever it is still doing."""
        self._checkpoints.end()
        with suppress(StoreUnavailable, TimeoutError):
            async with asyncio.timeout(WAIT_S):
                await done_by(self._jobs, self._shut)
        if self._thread is not None:
            self._thread.end()

    def _open(self) -> None:
        self._file = _file_at(self._path)
        try:
            self._connection = self._connected()
        except sqlite3.Error as error:
            raise StoreUnavailable(str(error)) from error

    def _connected(self) -> sqlite3.Connection:
        # No statement may begin a transaction by itself; cached texts stay prepared.
        connection = sqlite3.connect(
            self._path, isolation_level=None, cached_statements=512, check_same_thread=False
        )
        tune(connection, lasting=self._db.lasting)
        return connection

    def _execute(self, statement: str) -> None:
        """Between two flushes; what fails here concerns nobody who waits."""
        if self._connection is not None:
            with suppress(sqlite3.Error):
                self._connection.execute(statement).fetchone()

    def _flush(self, changes: Sequence[Change]) -> int:
        """Says how many rows it has written."""
        connection = self._connection
        if connection is None:
            raise StoreUnavailable("not connected")
        if _file_at(self._path) != self._file:  # else a commit would go into a file without a name
            raise StoreUnavailable("the database file was replaced")
        try:
            batch = runs(changes, self._book)
            connection.execute("BEGIN IMMEDIATE")
            for run in batch:
                self._write(connection, run)
            connection.execute("COMMIT")
        except Exception as error:
            self._roll_back(connection)
            if _refuses(error):
                raise ChangeRefused(reason(error)) from error
            raise StoreUnavailable(str(error)) from error
        return sum(len(run.rows) for run in batch)

    def _write(self, connection: sqlite3.Connection, run: Run) -> None:
        rows, statement = run.rows, run.statement
        if statement.revises or not statement.insert:
            found = connection.executemany(self._book[statement].text, rows).rowcount
            if statement.revises and found != len(rows):
                raise LookupError("a row is gone")
            return
        most = connection.getlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER) // len(statement.names)
        done = 0
        for piece in _PIECES:
            while done + piece <= len(rows) and (piece <= most or piece == 1):
                values = list(chain.from_iterable(rows[done : done + piece]))
                connection.execute(self._text(statement, piece), values)
                done += piece

    def _text(self, statement: Statement, count: int) -> str:
        text = self._texts.get((statement, count))
        if text is None:
            text = self._texts[statement, count] = self._book[statement].of_rows(count)
        return text

    def _roll_back(self, connection: sqlite3.Connection) -> None:
        if connection.in_transaction:
            with suppress(sqlite3.Error):
                connection.execute("ROLLBACK")

    def _probe(self) -> None:
        """Reopen, move all of the log into the database file, write.

        After a failed fsync the kernel may hold pages of the log as clean that never reached the disk.
        Whatever was appended behind them would be lost with them after a power cut. So the old log is not
        trusted: a full checkpoint writes and syncs its content once more, and the next commit begins a new
        log.
        """
        self._shut()
        self._open()
        assert self._connection is not None
        try:
            busy = self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
        except sqlite3.Error as error:
            raise StoreUnavailable(str(error)) from error
        if busy:
            raise StoreUnavailable("the log is still in use")
        try:
            self._flush((PROBE_CHANGE,))
        except ChangeRefused as error:
            raise StoreUnavailable(error.reason) from error

    def _shut(self) -> None:
        if self._connection is not None:
            with suppress(sqlite3.Error):
                self._connection.close()
            self._connection = None


def _file_at(path: str) -> tuple[int, int]:
    """Which file this is. Raises `StoreUnavailable` if there is none."""
    try:
        found = os.stat(path)  # noqa: PTH116 - at each flush, and a Path would cost thrice as much
    except OSError as error:
        raise StoreUnavailable("the database file is gone") from error
    return found.st_dev, found.st_ino


def _refuses(error: Exception) -> bool:
    """Whether the fault is in the values: not in the file, the disk or the schema."""
    refusals = (sqlite3.IntegrityError, sqlite3.DataError, sqlite3.InterfaceError, sqlite3.ProgrammingError)
    return isinstance(error, refusals) or not isinstance(error, sqlite3.Error | OSError | MemoryError)
