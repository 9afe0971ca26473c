"""A disk that takes no more: nothing is acknowledged, intake stops, and goes on when there is room."""

import asyncio
import ctypes
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest

from csms.domain.transaction import EventType, Transaction, TransactionEvent
from csms.errors import StoreUnavailable
from csms.store import transactions
from csms.store.database import Database
from csms.store.statements import Change
from csms.store.writer import Writer

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def event(number: int) -> Change:
    raw = os.urandom(16_000)
    told = TransactionEvent(EventType.UPDATED, "tx", number, NOW, "Trigger", raw=raw, digest=b"d")
    return transactions.event_kept(Transaction("a", "tx", 1), told, None, NOW)


async def fill_to_the_brim(writer: Writer) -> set[int]:
    """Commit until the store refuses, and again if a checkpoint has made room: what was acknowledged."""
    acknowledged: set[int] = set()
    number = 0
    for _ in range(20):
        with suppress(StoreUnavailable):
            while True:
                number += 1
                await writer.commit([event(number)])
                acknowledged.add(number)
        assert not writer.healthy
        assert writer.trouble
        await asyncio.sleep(1.5)  # at least one probe
        if not writer.healthy:
            return acknowledged
    raise AssertionError("the disk never was full")


async def kept(db: Database) -> set[int]:
    rows = await db.all(transactions.EVENT.select())
    return {row.seq_no for row in rows}


async def check_full_and_again(folder: Path, make_room: list[Path] | None) -> None:
    db = await Database.open(f"sqlite:///{folder / 'csms.db'}")
    await db.migrate()
    writer = Writer(db)
    told: list[str] = []
    writer.on_failure(lambda: told.append("stop"))
    running = asyncio.create_task(writer.run())
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    if make_room is None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, hard))
    try:
        acknowledged = await fill_to_the_brim(writer)
        assert len(acknowledged) > 10
        stops = len(told)
        assert stops >= 1
        with pytest.raises(StoreUnavailable):
            await writer.commit([event(90_000)])
        assert acknowledged <= await kept(db)  # it still can be read
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    for path in make_room or ():
        path.unlink()
    async with asyncio.timeout(20):
        await writer.recovered()
    await asyncio.gather(*(writer.commit([event(number)]) for number in range(30_000, 30_010)))
    assert acknowledged | set(range(30_000, 30_010)) <= await kept(db)
    assert len(told) == stops
    await writer.close()
    await running
    async with db.begin() as conn:
        assert (await conn.exec_driver_sql("PRAGMA integrity_check")).scalar_one() == "ok"
    await db.close()


async def test_an_io_error_stops_intake_until_writes_work(tmp_path: Path) -> None:
    """The kernel refuses to let any file grow: SQLite sees an I/O error in the middle of a commit."""
    await check_full_and_again(tmp_path, None)


async def test_a_full_disk_stops_intake_until_there_is_room(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk") as disk:
        ballast = disk / "ballast"
        ballast.write_bytes(bytes(2_000_000))
        await check_full_and_again(disk, [ballast])


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """A file system of 4 MB; only a superuser can have one."""
    folder.mkdir()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(b"tmpfs", os.fsencode(folder), b"tmpfs", 0, b"size=4m") != 0:
        pytest.skip(f"full disk: cannot mount a small one ({os.strerror(ctypes.get_errno())})")
    try:
        yield folder
    finally:
        assert libc.umount2(os.fsencode(folder), 2) == 0
