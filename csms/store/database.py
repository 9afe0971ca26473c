"""The database: engines from a URL, one turn at a time to write, reads without one.

SQLite runs in WAL mode with synchronous=FULL: a commit that has returned is on disk. Reads go through
connections of their own and see what is committed. Writes by `begin()` and by the message path's writer
take turns by a lock inside the process, in the order in which they came, so neither waits in SQLite's blind
busy loop; another process (`csms db ...`) is waited for by `busy_timeout`. PostgreSQL needs no such turns.

`sqlite://` is a database for tests and trials: a file in memory (or the temporary folder) that nobody
flushes and that is gone after `close`. A file, because SQLite's own shared memory database locks whole
tables at once.
"""

import asyncio
import shutil
import sqlite3
import tempfile
import weakref
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import URL, Row, event, make_url
from sqlalchemy.exc import (
    ArgumentError,
    DataError,
    DBAPIError,
    IntegrityError,
    SQLAlchemyError,
)
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.sql.base import Executable
from sqlmodel import SQLModel

from csms.errors import ConfigurationError, StoreUnavailable
from csms.store.queries import Answer, Question, row_of
from csms.store.readers import PostgresReader, SqliteReader
from csms.store.threads import Jobs

WAIT_S = 10.0
"""How long anybody waits for a connection, a turn or another process's lock."""

LOG_PAGES_MAX = 16_000
"""Pages (of 4 KiB) in SQLite's log at which a commit moves them into the database file itself.

`checkpoints` keeps it far below, unless somebody reads for minutes or large messages come in a flood.
"""

_CACHE_KIB = 65_536
"""What a connection that writes may keep of the file in memory: with thousands of stations each event touches
other pages, and each that is not there is a read."""

_SCRIPTS = Path(__file__).parent / "migrations"

R = TypeVar("R", bound=SQLModel)


class Database:
    """One open database. Make it with `Database.open`."""

    def __init__(
        self, url: URL, reader: SqliteReader | PostgresReader, engine: AsyncEngine, folder: Path | None
    ) -> None:
        self.url = url
        self.dialect = url.get_backend_name()
        self.lasting = folder is None
        self._reader = reader
        self._engine = engine
        # also runs when the process ends without `close`
        self._tidy = None if folder is None else weakref.finalize(self, shutil.rmtree, folder, True)
        self._lock = asyncio.Lock()

    @classmethod
    async def open(cls, url: str, reader: Jobs | None = None) -> "Database":
        """Open `sqlite:///path`, `sqlite://` (a throw-away one) or `postgresql://...`; creates no tables.

        `reader` does the reading instead of SQLite's own threads.
        Raises `ConfigurationError` for a URL that cannot be used and `StoreUnavailable` if nobody answers
        there.
        """
        parsed = _parse(url)
        folder: Path | None = None
        if parsed.get_backend_name() == "sqlite":
            if not parsed.database:
                folder = _throw_away_folder()
                parsed = parsed.set(database=str(folder / "csms.db"))
            _prepare_file(Path(str(parsed.database)))
            sqlite = SqliteReader(str(parsed.database), WAIT_S, reader)
            database = cls(parsed, sqlite, _sqlite_engine(parsed, lasting=folder is None), folder)
        else:
            engine = _postgresql_engine(parsed)
            postgres = PostgresReader(parsed.render_as_string(hide_password=False), WAIT_S)
            database = cls(parsed, postgres, engine, None)
        try:
            async with database.begin():
                pass
        except BaseException:
            await database.close()
            raise
        return database

    async def migrate(self) -> None:
        """Bring the schema to the newest revision; harmless if it is there already.

        Nodes may do so at the same time; two tasks of one process may not (Alembic keeps global state).
        """
        if not self.lasting:
            # Hundreds of tests want this database: copy a migrated one instead of migrating each.
            await asyncio.to_thread(_copy_schema, str(self.url.database))
            return
        async with self.begin() as connection:
            await connection.run_sync(_upgrade)

    async def close(self) -> None:
        """Give all connections back; a throw-away database is gone after this."""
        await self._reader.close()
        await self._engine.dispose()
        if self._tidy is not None:
            await asyncio.to_thread(self._tidy)

    async def renew(self) -> None:
        """Let go of all connections that rest: the next reader opens its own, on what is there then."""
        await self._reader.renew()
        await self._engine.dispose()

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """The right to write, first come first served. Only SQLite needs it. Raises `StoreUnavailable`."""
        if self.dialect != "sqlite":
            yield
            return
        try:
            async with asyncio.timeout(WAIT_S):
                await self._lock.acquire()
        except TimeoutError:
            raise StoreUnavailable("somebody holds the database for too long") from None
        try:
            yield
        finally:
            self._lock.release()

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[AsyncConnection]:
        """A write transaction for administration and grid: committed at its end, rolled back on exceptions.

        Wait for nothing but the connection inside: on SQLite the message path waits meanwhile, and a
        `Writer.commit` inside would wait for itself. Raises `StoreUnavailable` if it cannot be committed.
        """
        async with self.turn():
            with _availability():
                connection = await _connect(self._engine)
                try:
                    async with connection.begin():
                        yield connection
                finally:
                    await connection.close()

    async def answers(self, question: Question) -> list[Answer]:
        """All rows of a question that is asked often, as of now. Raises `StoreUnavailable`."""
        return await self._reader.answers(question)

    async def all(self, statement: Executable) -> Sequence[Row[Any]]:
        """All rows of one query, as of now. Raises `StoreUnavailable`."""
        with _availability():
            if isinstance(self._reader, SqliteReader):
                return await self._reader.rows(statement)
            connection = await _connect(self._engine)
            try:
                return (await connection.execute(statement)).all()
            finally:
                await connection.close()

    async def first(self, statement: Executable) -> Row[Any] | None:
        """The first row of one query, or None. Raises `StoreUnavailable`."""
        rows = await self.all(statement)
        return rows[0] if rows else None

    async def every(self, kind: type[R], asked: Executable | Question) -> list[R]:
        """All rows of a query on one table, as objects of its row class. Raises `StoreUnavailable`."""
        if isinstance(asked, Question):
            columns = self._reader.forms[asked.query].columns
            return [row_of(kind, columns, answer) for answer in await self.answers(asked)]
        return [row_of(kind, row._fields, row) for row in await self.all(asked)]

    async def one(self, kind: type[R], asked: Executable | Question) -> R | None:
        """The first row of a query on one table as an object of its row class. Raises `StoreUnavailable`."""
        rows = await self.every(kind, asked)
        return rows[0] if rows else None


class _Tidy(sqlite3.Connection):
    """Closes its cursors with itself.

    A statement that is not at its end keeps SQLite's connection alive, with all its locks, although it was
    closed; and who is cancelled while he reads leaves one behind until the garbage collector comes by.
    """

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self._cursors: weakref.WeakSet[sqlite3.Cursor] = weakref.WeakSet()

    def cursor(self, *arguments: Any) -> Any:
        """As ever, and remembered."""
        cursor = super().cursor(*arguments)
        self._cursors.add(cursor)
        return cursor

    def close(self) -> None:
        """Let go of everything."""
        for cursor in list(self._cursors):
            cursor.close()
        super().close()


def tune(connection: sqlite3.Connection, *, lasting: bool) -> None:
    """Set up a SQLite connection that writes: nothing is acknowledged before it is on disk."""
    connection.execute(f"PRAGMA busy_timeout={int(WAIT_S * 1000)}")
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute(f"PRAGMA synchronous={'FULL' if lasting else 'OFF'}")
    connection.execute("PRAGMA journal_size_limit=67108864")
    connection.execute(f"PRAGMA wal_autocheckpoint={LOG_PAGES_MAX}")
    connection.execute(f"PRAGMA cache_size=-{_CACHE_KIB}")
    connection.execute("PRAGMA temp_store=MEMORY")


def _parse(url: str) -> URL:
    try:
        parsed = make_url(url)
    except ArgumentError:
        # The URL itself may hold a password: never in an error.
        raise ConfigurationError("store.url", "This is not a database URL.") from None
    if parsed.get_backend_name() not in ("sqlite", "postgresql"):
        raise ConfigurationError("store.url", "Only sqlite and postgresql are supported.")
    return parsed.set(drivername=parsed.get_backend_name())


def _throw_away_folder() -> Path:
    shared = Path("/dev/shm")  # noqa: S108 - memory where there is such a thing
    return Path(tempfile.mkdtemp(prefix="csms-", dir=shared if shared.is_dir() else None))


def _prepare_file(path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600, exist_ok=True)  # it holds password hashes: nobody else's business
    except OSError as error:
        raise StoreUnavailable(f"cannot create the database file: {error.strerror}") from error


def _sqlite_engine(url: URL, *, lasting: bool) -> AsyncEngine:
    driver = url.set(drivername="sqlite+aiosqlite")
    writing = create_async_engine(
        driver, pool_size=1, max_overflow=0, pool_timeout=WAIT_S, connect_args={"factory": _Tidy}
    )

    @event.listens_for(writing.sync_engine, "connect")
    def _writer(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # the begin below is ours, not the driver's guess
        tune(connection, lasting=lasting)

    @event.listens_for(writing.sync_engine, "begin")
    def _begin(connection: Any) -> None:
        # Takes the write lock at once: a transaction that reads first can never fail with a stale snapshot.
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return writing


def _postgresql_engine(url: URL) -> AsyncEngine:
    try:
        return create_async_engine(
            url.set(drivername="postgresql+asyncpg"),
            pool_timeout=WAIT_S,
            pool_pre_ping=True,
            connect_args={"timeout": WAIT_S, "command_timeout": 3 * WAIT_S},
        )
    except ImportError:
        raise ConfigurationError("store.url", "PostgreSQL needs the extra: v2g-csms[postgresql].") from None


async def _connect(engine: AsyncEngine) -> AsyncConnection:
    try:
        return await engine.connect()
    except (OSError, TimeoutError) as error:  # nobody at home: asyncpg does not wrap these
        raise StoreUnavailable("cannot connect to the database") from error


@contextmanager
def _availability() -> Iterator[None]:
    """Values that cannot be taken pass as they are; what is wrong with the database is `StoreUnavailable`.

    So is a table or a right that is missing: a station must not be told that its event was at fault.
    """
    try:
        yield
    except (IntegrityError, DataError):
        raise
    except DBAPIError as error:
        raise StoreUnavailable(str(error.orig)) from error
    except OSError as error:
        # asyncpg's own time-out and a lost socket are not wrapped; what a caller does inside `begin` is not
        # meant to have any of its own
        raise StoreUnavailable(str(error) or type(error).__name__) from error
    except SQLAlchemyError as error:
        if isinstance(error, (ArgumentError,)):
            raise
        raise StoreUnavailable(type(error).__name__) from error


def _upgrade(connection: Any) -> None:
    from alembic import command  # half a second that only a migration shall cost
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


@cache
def _schema() -> bytes:
    """An empty migrated SQLite database, as bytes."""
    from sqlalchemy import create_engine

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "schema.db"
        engine = create_engine(URL.create("sqlite", database=str(path)))
        with engine.begin() as connection:
            _upgrade(connection)
        engine.dispose()
        return path.read_bytes()


def _copy_schema(path: str) -> None:
    """Put the newest schema into a throw-away database; one that has tables already stays as it is."""
    target = sqlite3.connect(path)
    source = sqlite3.connect(":memory:")
    try:
        if not target.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            source.deserialize(_schema())
            source.backup(target)
    finally:
        source.close()
        target.close()
