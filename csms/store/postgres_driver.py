"""A batch into PostgreSQL: one asyncpg connection, and for most flushes one command and one round trip."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from csms.errors import ChangeRefused, StoreUnavailable
from csms.store.batches import Book, Run, apart, runs, waves
from csms.store.database import WAIT_S, Database
from csms.store.drivers import PROBE_CHANGE, reason
from csms.store.statements import Change, Statement, Values

if TYPE_CHECKING:
    import asyncpg

_DEADLOCK_TRIES = 3
_SETTINGS = {
    "plan_cache_mode": "force_generic_plan",
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
}
"""There is only one way to insert, and one to update by key: planning it anew each time costs as much as a
small flush, and a plan from when a table was small and not yet looked at may read all of it."""
_BACKEND = "SELECT pid, backend_start FROM pg_stat_activity WHERE pid = pg_backend_pid()"
_END = """
    SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
    WHERE pid = $1 AND backend_start = $2 AND pid <> pg_backend_pid()
"""
_PLACE = re.compile(r"\$(\d+)")


class _Insert(NamedTuple):
    """Rows with different keys, to insert or to update."""

    statement: Statement
    rows: list[Values]


class PostgresDriver:
    """One asyncpg connection."""

    def __init__(self, db: Database) -> None:
        self._dsn = db.url.render_as_string(hide_password=False)
        self._book = Book("postgresql")
        self._texts: dict[tuple[Statement, ...], str] = {}
        self._connection: asyncpg.Connection | None = None
        self._backend: tuple[int, datetime] | None = None

    async def open(self) -> None:
        """Connect; a server that is set to acknowledge before the disk has it is overruled."""
        import asyncpg  # an extra

        try:
            connection = await asyncpg.connect(
                self._dsn, timeout=WAIT_S, command_timeout=3 * WAIT_S, server_settings=_SETTINGS
            )
            self._connection = connection
            if await connection.fetchval("SHOW synchronous_commit") == "off":
                await connection.execute("SET synchronous_commit TO on")
            await self._fence(connection)
        except (
            asyncpg.PostgresError,
            asyncpg.InterfaceError,
            asyncpg.InternalClientError,
            OSError,
        ) as error:
            raise StoreUnavailable(f"{type(error).__name__}: {error}") from error

    async def _fence(self, connection: "asyncpg.Connection") -> None:
        """The connection before this one must not write any more.

        What it was given last may still be on its way, through a network that was silent or to a server that
        stood still, and an old state of a transaction must never come down upon a newer one.
        """
        if self._backend is not None and await connection.fetchval(_END, *self._backend) is False:
            await connection.close()
            raise StoreUnavailable("the connection before is still at work")
        row = await connection.fetchrow(_BACKEND)
        self._backend = None if row is None else (row["pid"], row["backend_start"])

    async def flush(self, changes: Sequence[Change], kept: Callable[[], None]) -> None:
        """One transaction; tried again if it lost a deadlock against administration.

        A connection that was lost while nothing was under way is replaced first: of this batch nothing was
        sent yet. One that is lost later is another matter, for then nobody knows what was kept.
        """
        import asyncpg  # an extra

        if self._connection is not None and self._connection.is_closed():
            await self.open()
        for left in reversed(range(_DEADLOCK_TRIES)):
            try:
                await self._flush(changes)
                break
            except asyncio.CancelledError:
                if self._connection is not None:
                    self._connection.terminate()
                raise
            except (asyncpg.DeadlockDetectedError, asyncpg.SerializationError) as error:
                if not left:
                    raise StoreUnavailable(str(error)) from error
            except Exception as error:
                if _refuses(error):
                    raise ChangeRefused(reason(error)) from error
                raise StoreUnavailable(f"{type(error).__name__}: {error}") from error
        kept()

    async def _flush(self, changes: Sequence[Change]) -> None:
        connection = self._connection
        if connection is None or connection.is_closed():
            raise StoreUnavailable("not connected")
        batch = runs(changes, self._book)
        inserts = [_Insert(run.statement, rows) for run in batch for rows in _parts(run)]
        if len(inserts) == len(batch) and apart(batch):
            inserts.sort(key=lambda insert: insert.statement.revises)  # the last one tells how many it found
            await self._insert(connection, inserts)  # by itself a transaction
            return
        async with _transaction(connection):
            for run in batch:
                for rows in _parts(run):
                    await self._insert(connection, [_Insert(run.statement, rows)])
                if not run.statement.insert:
                    await connection.executemany(self._book[run.statement].text, run.rows)

    async def _insert(self, connection: "asyncpg.Connection", inserts: list[_Insert]) -> None:
        """Inserts and updates of different rows as one command."""
        if not inserts:
            return
        columns = [column for insert in inserts for column in zip(*insert.rows, strict=True)]
        done = await connection.execute(self._text(tuple(insert.statement for insert in inserts)), *columns)
        last = inserts[-1]
        if last.statement.revises and done != f"UPDATE {len(last.rows)}":
            raise StoreUnavailable("a row is gone")  # kept, but nobody is told so: it is told and read again

    def _text(self, statements: tuple[Statement, ...]) -> str:
        text = self._texts.get(statements)
        if text is None:
            text = self._texts[statements] = self._combined(statements)
        return text

    def _combined(self, statements: tuple[Statement, ...]) -> str:
        """The first inserts as WITH clauses of the last one: PostgreSQL carries out all of them."""
        parts, before = [], 0
        for statement in statements:
            text = self._book[statement].of_columns()
            shift = before
            parts.append(_PLACE.sub(lambda place: f"${int(place[1]) + shift}", text))  # noqa: B023
            before += len(statement.names)
        *others, last = parts
        clauses = ", ".join(f"part{number} AS ({text})" for number, text in enumerate(others))
        return f"WITH {clauses} {last}" if others else last

    async def probe(self) -> None:
        """Connect anew and commit a row."""
        await self._disconnect()
        await self.open()
        try:
            await self.flush((PROBE_CHANGE,), lambda: None)
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


@asynccontextmanager
async def _transaction(connection: "asyncpg.Connection") -> AsyncIterator[None]:
    """As asyncpg's own, but whoever is cancelled does not wait for a ROLLBACK that nobody may answer."""
    transaction = connection.transaction()
    await transaction.start()
    try:
        yield
    except Exception:
        if not connection.is_closed():
            await transaction.rollback()
        raise
    await transaction.commit()


def _parts(run: Run) -> list[list[Values]]:
    """An insert's rows as PostgreSQL takes them; nothing for other statements."""
    return waves(run) if run.statement.insert else []


def _refuses(error: Exception) -> bool:
    """Whether the fault is in the values: SQLSTATE classes 22 and 23, or what asyncpg cannot encode."""
    import asyncpg  # an extra

    if isinstance(error, asyncpg.PostgresError):
        return str(error.sqlstate or "")[:2] in ("22", "23")
    ours = (StoreUnavailable, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError, MemoryError)
    return not isinstance(error, ours)
