"""Acknowledged means on disk: the process is killed in the middle of its work, and the ledger is compared."""

import asyncio
import os
import random
import sys
from pathlib import Path

from sqlalchemy import select

from csms.store.database import Database
from csms.store.transaction_rows import READING

CHILD = Path(__file__).with_name("crash_child.py")
ROUNDS = 10


async def killed(url: str, first: int, after: int) -> set[int]:
    """Run the child, kill it after so many acknowledgements: all that it wrote before it died."""
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        str(CHILD),
        url,
        str(first),
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    assert child.stdout is not None
    ledger: set[int] = set()
    async with asyncio.timeout(30):
        while line := await child.stdout.readline():
            ledger.add(int(line))
            if len(ledger) == after:
                child.kill()
        await child.wait()
    return ledger


async def test_a_killed_server_has_lost_nothing_acknowledged(database_url: str, db: Database) -> None:
    chance = random.Random(20261122)
    ledger: set[int] = set()
    for turn in range(ROUNDS):
        acknowledged = await killed(database_url, turn * 1_000_000, chance.randrange(20, 1500))
        assert len(acknowledged) >= 20
        ledger |= acknowledged
        kept = {row.seq_no for row in await db.all(select(READING.c.seq_no))}
        assert not ledger - kept
    if db.dialect == "sqlite":
        async with db.begin() as conn:
            assert (await conn.exec_driver_sql("PRAGMA integrity_check")).scalar_one() == "ok"
