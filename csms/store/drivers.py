"""How a batch of changes reaches the disk: sqlite3 in a thread of its own, or asyncpg. Never the ORM."""

import asyncio
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

from sqlmodel import Field, SQLModel

from csms.errors import ChangeRefused, StoreUnavailable
from csms.store.database import WAIT_S, Database, tune
from csms.store.rows import wide
from csms.store.statements import Change, Compiled, Statement, Values, compiled, put

if TYPE_CHECKING:
    import asyncpg

T = TypeVar("T")

_DEADLOCK_TRIES = 3


class ProbeRow(SQLModel, table=True):
    """One row that is written to learn whether the store works again."""

    __tablename__ = "probe"

    probe_id: int = Field(sa_column=wide(primary_key=True))
    ballast: bytes


PROBE = put(ProbeRow)
_PROBE_CHANGE = Change(PROBE, ((1, bytes(256 * 1024)),))
"""Large, so that a disk with room for a single page does not count as working."""


class Driver(Protocol):
    """One connection that commits batches."""

    async def open(self) -> None:
        """Connect. Raises `StoreUnavailable`."""
        ...

    async def flush(self, changes: Sequence[Change]) -> None:
        """Commit all of them or none. Raises `ChangeRefused` (one of them is bad) or `StoreUnavailable`."""
        ...

    async def probe(self) -> None:
        """After a failure: connect anew and prove that a write reaches the disk.

        Raises `StoreUnavailable`.
        """
        ...

    async def close(self) -> None:
        """Finish what is under way and disconnect."""
        ...


def driver_for(db: Database) -> Driver:
    """The driver for a database's kind."""
    return SqliteDriver(db) if db.dialect == "sqlite" else PostgresDriver(db)


def runs(
    changes: Iterable[Change], book: dict[Statement, Compiled], dialect: str
) -> list[tuple[str, list[Values]]]:
    """Group changes into as few (text, rows) as possible without changing the order within any table."""
    ordered: list[tuple[Statement, list[Values]]] = []
    newest: dict[str, tuple[Statement, list[Values]]] = {}
    for change in changes:
        statement = change.statement
        run = newest.get(statement.table)
        if run is None or run[0] is not statement:
            run = (statement, [])
            newest[statement.table] = run
            ordered.append(run)
        _take(run[1], change, book, dialect)
    return [(book[statement].text, rows) for statement, rows in ordered if rows]


def _take(rows: list[Values], change: Change, book: dict[Statement, Compiled], dialect: str) -> None:
    statement = change.statement
    form = book.get(statement)
    if form is None:
        form = book[statement] = compiled(statement, dialect)
    for row in change.rows:
        values = tuple(row[name] for name in statement.names) if isinstance(row, dict) else row
        if len(values) != len(statement.names):
            raise ValueError(f"a row for {statement.table} has {len(values)} values")
        rows.append(values if form.pick is None else form.pick(values))


class SqliteDriver:
    """sqlite3 in its own thread, which alone touches the connection."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._path = Path(str(db.url.database))
        self._file: tuple[int, int] | None = None
        self._lasting = db.lasting
        self._book: dict[Statement, Compiled] = {}
        self._connection: sqlite3.Connection | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="csms-store")

    async def open(self) -> None:
        """Connect, in the thread."""
        await self._do(self._open)

    async def flush(self, changes: Sequence[Change]) -> None:
        """BEGIN IMMEDIATE, all rows, COMMIT."""
        await self._do(lambda: self._flush(changes))

    async def probe(self) -> None:
        """See `_probe`. If the file is another one, readers shall see it, too."""
        if _file_at(self._path) != self._file:
            await self._db.renew()
        await self._do(self._probe)

    async def close(self) -> None:
        """Close in the thread, behind whatever it is still doing."""
        with suppress(StoreUnavailable, TimeoutError):
            async with asyncio.timeout(WAIT_S):
                await self._do(self._shut)
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _do(self, job: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, job)

    def _open(self) -> None:
        self._file = _file_at(self._path)
        try:
            # No statement may begin a transaction by itself; cached texts stay prepared.
            connection = sqlite3.connect(self._path, isolation_level=None, cached_statements=256)
            tune(connection, lasting=self._lasting)
        except sqlite3.Error as error:
            raise StoreUnavailable(str(error)) from error
        self._connection = connection

    def _flush(self, changes: Sequence[Change]) -> None:
        connection = self._connection
        if connection is None:
            raise StoreUnavailable("not connected")
        if _file_at(self._path) != self._file:  # else a commit would go into a file without a name
            raise StoreUnavailable("the database file was replaced")
        try:
            batch = runs(changes, self._book, "sqlite")
            connection.execute("BEGIN IMMEDIATE")
            for text, rows in batch:
                connection.executemany(text, rows)
            connection.execute("COMMIT")
        except Exception as error:
            self._roll_back(connection)
            if _sqlite_refuses(error):
                raise ChangeRefused(_reason(error)) from error
            raise StoreUnavailable(str(error)) from error

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
            self._flush((_PROBE_CHANGE,))
        except ChangeRefused as error:
            raise StoreUnavailable(error.reason) from error

    def _shut(self) -> None:
        if self._connection is not None:
            with suppress(sqlite3.Error):
                self._connection.close()
            self._connection = None


def _file_at(path: Path) -> tuple[int, int]:
    """Which file this is. Raises `StoreUnavailable` if there is none."""
    try:
        found = path.stat()
    except OSError as error:
        raise StoreUnavailable("the database file is gone") from error
    return found.st_dev, found.st_ino


def _reason(error: Exception) -> str:
    """What was wrong with a change, without its values: those may be anybody's secret."""
    told = str(error).partition("\n")[0] if "constraint" in str(error) else ""
    return f"{type(error).__name__}: {told}" if told else type(error).__name__


def _sqlite_refuses(error: Exception) -> bool:
    """Whether the fault is in the values: not in the file, the disk or the schema."""
    refusals = (sqlite3.IntegrityError, sqlite3.DataError, sqlite3.InterfaceError, sqlite3.ProgrammingError)
    return isinstance(error, refusals) or not isinstance(error, sqlite3.Error | OSError | MemoryError)


class PostgresDriver:
    """One asyncpg connection."""

    def __init__(self, db: Database) -> None:
        self._dsn = db.url.render_as_string(hide_password=False)
        self._book: dict[Statement, Compiled] = {}
        self._connection: asyncpg.Connection | None = None

    async def open(self) -> None:
        """Connect; a server that is set to acknowledge before the disk has it is overruled."""
        import asyncpg  # an extra

        try:
            connection = await asyncpg.connect(self._dsn, timeout=WAIT_S, command_timeout=3 * WAIT_S)
            self._connection = connection
            if await connection.fetchval("SHOW synchronous_commit") == "off":
                await connection.execute("SET synchronous_commit TO on")
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError) as error:
            raise StoreUnavailable(f"{type(error).__name__}: {error}") from error

    async def flush(self, changes: Sequence[Change]) -> None:
        """One transaction; tried again if it lost a deadlock against administration."""
        import asyncpg  # an extra

        for left in reversed(range(_DEADLOCK_TRIES)):
            try:
                await self._flush(changes)
                return
            except (asyncpg.DeadlockDetectedError, asyncpg.SerializationError) as error:
                if not left:
                    raise StoreUnavailable(str(error)) from error
            except Exception as error:
                if _postgres_refuses(error):
                    raise ChangeRefused(_reason(error)) from error
                raise StoreUnavailable(f"{type(error).__name__}: {error}") from error

    async def _flush(self, changes: Sequence[Change]) -> None:
        connection = self._connection
        if connection is None or connection.is_closed():
            raise StoreUnavailable("not connected")
        batch = runs(changes, self._book, "postgresql")
        async with connection.transaction():
            for text, rows in batch:
                await connection.executemany(text, rows)

    async def probe(self) -> None:
        """Connect anew and commit a row."""
        await self._disconnect()
        await self.open()
        try:
            await self.flush((_PROBE_CHANGE,))
        except ChangeRefused as error:
            raise StoreUnavailable(error.reason) from error

    async def close(self) -> None:
        """Disconnect politely, or at once if the server is gone."""
        await self._disconnect()

    async def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is None:
            return
        try:
            await connection.close(timeout=WAIT_S / 2)
        except Exception:
            connection.terminate()  # whatever was wrong with it, it must not stay


def _postgres_refuses(error: Exception) -> bool:
    """Whether the fault is in the values: SQLSTATE classes 22 and 23, or what asyncpg cannot encode."""
    import asyncpg  # an extra

    if isinstance(error, asyncpg.PostgresError):
        return str(error.sqlstate or "")[:2] in ("22", "23")
    ours = (StoreUnavailable, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError, MemoryError)
    return not isinstance(error, ours)
