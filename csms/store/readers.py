"""Connections that only read: `sqlite3` in threads of our own, or asyncpg."""

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from sqlalchemy import QueuePool, Row, create_engine
from sqlalchemy.sql.base import Executable

from csms.errors import StoreUnavailable
from csms.store.queries import Answer, Forms, Question
from csms.store.threads import Jobs, Threads, done_by

if TYPE_CHECKING:
    import asyncpg

T = TypeVar("T")

READERS = 4


class Reader(Protocol):
    """Answers questions; `renew` lets go of connections that rest."""

    forms: Forms

    async def answers(self, question: Question) -> list[Answer]:
        """All rows, as of now. Raises `StoreUnavailable`."""
        ...

    async def renew(self) -> None:
        """The next question opens its own connection, on what is there then."""
        ...

    async def close(self) -> None:
        """Give all connections back."""
        ...


class SqliteReader:
    """One hop to a thread and back for each question, whatever its answer's size."""

    def __init__(self, path: str, wait_s: float, jobs: Jobs | None = None) -> None:
        self.forms = Forms("sqlite")
        self._path = path
        self._wait_s = wait_s
        self._threads = Threads("csms-read", READERS) if jobs is None else None
        self._jobs: Jobs = jobs if jobs is not None else self._threads  # type: ignore[assignment]
        self._free: list[sqlite3.Connection] = []
        self._age = 0
        # Readers never hold a transaction open, so they never stand in the way of a checkpoint.
        self._engine = create_engine(
            "sqlite://",
            creator=self._connected,
            isolation_level="AUTOCOMMIT",
            poolclass=QueuePool,
            pool_size=READERS,
            max_overflow=0,
            pool_timeout=wait_s,
            pool_reset_on_return=None,
        )

    async def answers(self, question: Question) -> list[Answer]:
        """See `Reader`."""
        form = self.forms[question.query]
        values = form.values(question)

        def ask(connection: sqlite3.Connection) -> list[Answer]:
            return form.answers(connection.execute(form.text, values).fetchall())

        return await done_by(self._jobs, lambda: self._with_one(ask))

    async def rows(self, statement: Executable) -> Sequence[Row[Any]]:
        """All rows of any select, by way of SQLAlchemy. Raises its errors."""

        def ask() -> Sequence[Row[Any]]:
            with self._engine.connect() as connection:
                return connection.execute(statement).all()

        return await done_by(self._jobs, ask)

    async def renew(self) -> None:
        """See `Reader`."""
        self._age += 1
        self._engine.dispose()
        while self._free:
            self._free.pop().close()

    async def close(self) -> None:
        """See `Reader`."""
        await self.renew()
        if self._threads is not None:
            self._threads.end()

    def _with_one(self, ask: Callable[[sqlite3.Connection], T]) -> T:
        age = self._age
        connection: sqlite3.Connection | None = None
        try:
            connection = self._free.pop() if self._free else self._connected()
            answer = ask(connection)
        except sqlite3.Error as error:
            if connection is not None:
                connection.close()
            raise StoreUnavailable(str(error)) from error
        if age == self._age:
            self._free.append(connection)
        else:
            connection.close()
        return answer

    def _connected(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self._path, isolation_level=None, cached_statements=256, check_same_thread=False
        )
        connection.execute(f"PRAGMA busy_timeout={int(self._wait_s * 1000)}")
        connection.execute("PRAGMA query_only=ON")
        return connection


class PostgresReader:
    """asyncpg by itself: SQLAlchemy in between costs several times as much."""

    def __init__(self, dsn: str, wait_s: float) -> None:
        self.forms = Forms("postgresql")
        self._dsn = dsn
        self._wait_s = wait_s
        self._free: list[asyncpg.Connection] = []
        self._room = asyncio.Semaphore(READERS)
        self._age = 0

    async def answers(self, question: Question) -> list[Answer]:
        """See `Reader`."""
        import asyncpg  # an extra

        form = self.forms[question.query]
        age = self._age
        async with self._room:
            try:
                connection = await self._taken()
                try:
                    rows = await connection.fetch(form.text, *form.values(question), timeout=3 * self._wait_s)
                except BaseException:
                    connection.terminate()
                    raise
            except asyncpg.DataError:
                raise
            except (
                asyncpg.PostgresError,
                asyncpg.InterfaceError,
                asyncpg.InternalClientError,  # a connection that is lost while a statement is being prepared
                OSError,
            ) as error:
                raise StoreUnavailable(str(error) or type(error).__name__) from error
            if age == self._age:
                self._free.append(connection)
            else:
                connection.terminate()
        return form.answers(rows)

    async def renew(self) -> None:
        """See `Reader`."""
        self._age += 1
        while self._free:
            connection = self._free.pop()
            with suppress(Exception):  # whatever was wrong with it, it must not stay
                await connection.close(timeout=1.0)

    async def close(self) -> None:
        """See `Reader`."""
        await self.renew()

    async def _taken(self) -> "asyncpg.Connection":
        import asyncpg  # an extra

        while self._free:
            connection = self._free.pop()
            if not connection.is_closed():  # else it died while it rested
                return connection
        return await asyncpg.connect(self._dsn, timeout=self._wait_s)
