"""Blocks are tested on a throw-away SQLite and the memory bus."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from csms.store.database import Database
from csms.store.writer import Writer
from tests.blocks.bench import Bench


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    """A bench with the station `cs-1` on it."""
    db = await Database.open("sqlite://")
    await db.migrate()
    writer = Writer(db)
    async with asyncio.TaskGroup() as group:
        group.create_task(writer.run())
        bench = Bench(db, writer)
        await bench.add_station()
        yield bench
        await writer.close()
    await db.close()
