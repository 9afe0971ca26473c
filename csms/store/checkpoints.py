"""SQLite's log moves into the database file beside the writer, so that no commit waits for it.

SQLite begins its log anew only when all of it has been moved, and a writer that never rests is always a few
pages ahead of whoever moves them. So a thread of its own moves nearly everything while commits go on, and the
writer moves the small rest between two flushes. That is the usual way; `database.LOG_PAGES_MAX` is the limit
at which a commit does it itself, whoever has failed to.
"""

import sqlite3
from collections.abc import Callable
from contextlib import suppress

from csms.store.threads import Jobs, Threads

ROWS = 5_000
"""Rows written until the log is moved: some 6,000 pages. The more, the less often a busy page is moved."""

_PASSES = 2
"""The second one takes what came during the first: little is left then."""

_MOVE = "PRAGMA wal_checkpoint(PASSIVE)"  # waits for nobody, and nobody waits for it


class Checkpoints:
    """`connect` makes a connection that syncs, `writer` carries out jobs between two flushes."""

    def __init__(
        self, connect: Callable[[], sqlite3.Connection], writer: Jobs, beside: Jobs | None = None
    ) -> None:
        self._connect = connect
        self._writer = writer
        self._thread = Threads("csms-checkpoint") if beside is None else None
        self._beside: Jobs = beside if beside is not None else self._thread  # type: ignore[assignment]
        self._connection: sqlite3.Connection | None = None  # of the thread beside
        self._rows = ROWS  # who knows what the last process has left
        self._moving = False
        self._rest = False

    def grown(self, rows: int, finish: Callable[[str], None]) -> None:
        """So many rows were written; called on the loop.

        `finish` is to execute a statement on the writer's own connection.
        """
        self._rows += rows
        if self._moving:
            return
        if self._rest:
            self._rest = False
            self._writer.submit(lambda: finish(_MOVE))
        elif self._rows >= ROWS:
            self._rows = 0
            self._moving = True
            self._beside.submit(self._move)

    def let_go(self) -> None:
        """Forget the connection: the file may be another one now."""
        self._beside.submit(self._disconnect)

    def end(self) -> None:
        """Disconnect and end the thread; does not wait for it."""
        self.let_go()
        if self._thread is not None:
            self._thread.end()

    def _move(self) -> None:
        try:
            if self._connection is None:
                self._connection = self._connect()
            for _ in range(_PASSES):
                self._connection.execute(_MOVE).fetchone()
            self._rest = True
        except sqlite3.Error:
            # The log stays as it is and the next turn tries again. Should the disk be the reason, the
            # writer's own commits find out.
            self._disconnect()
        finally:
            self._moving = False

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(sqlite3.Error):
                connection.close()
