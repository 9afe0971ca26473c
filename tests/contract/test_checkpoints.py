"""SQLite's log stays small under a load that never rests, and no commit moves it while it need not."""

import asyncio
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from csms.domain.transaction import EventType, Transaction, TransactionEvent
from csms.store import transactions
from csms.store.database import Database
from csms.store.statements import Change
from csms.store.writer import Writer

NOW = datetime(2026, 1, 1, tzinfo=UTC)
CALLERS = 20
RAW = os.urandom(4_000)


def event(caller: int, number: int) -> Change:
    told = TransactionEvent(EventType.UPDATED, "tx", number, NOW, "Trigger", raw=RAW, digest=b"d")
    return transactions.event_kept(Transaction(f"s{caller}", "tx", caller), told, None, NOW)


async def test_the_log_stays_small_while_commits_and_reads_never_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("csms.store.checkpoints.ROWS", 300)
    path = tmp_path / "csms.db"
    db = await Database.open(f"sqlite:///{path}")
    await db.migrate()
    writer = Writer(db)
    log = tmp_path / "csms.db-wal"
    largest = 0

    async def tell(caller: int) -> None:
        nonlocal largest
        for number in range(300):
            await writer.commit([event(caller, number)])
            largest = max(largest, log.stat().st_size)

    async def read(telling: "asyncio.Future[list[None]]") -> None:
        while not telling.done():
            assert await transactions.event(db, "s0", "tx", 0) is not None

    async with asyncio.TaskGroup() as group:
        group.create_task(writer.run())
        await writer.commit([transactions.state_kept(Transaction("s0", "tx", 0)), event(0, 0)])
        telling = asyncio.gather(*(tell(caller) for caller in range(CALLERS)))
        group.create_task(read(telling))
        await telling
        await writer.close()
    assert path.stat().st_size > 20_000_000  # so much went through the log
    assert largest < 8_000_000
    await db.close()


async def test_a_log_that_nobody_moves_is_moved_by_a_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("csms.store.checkpoints.ROWS", 1_000_000)
    monkeypatch.setattr("csms.store.database.LOG_PAGES_MAX", 500)
    db = await Database.open(f"sqlite:///{tmp_path / 'csms.db'}")
    await db.migrate()
    writer = Writer(db)
    running = asyncio.create_task(writer.run())
    for number in range(600):
        await writer.commit([event(0, number)])
    assert (tmp_path / "csms.db-wal").stat().st_size < 4_000_000
    await writer.close()
    await running
    await db.close()
