"""Every test here runs on both databases: a SQLite file and a real PostgreSQL."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from csms.store.database import Database
from csms.store.writer import Writer


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'csms.db'}"
    url: str = request.getfixturevalue("postgresql_url")
    return url


@pytest_asyncio.fixture
async def db(database_url: str) -> AsyncIterator[Database]:
    """An open, migrated database."""
    database = await Database.open(database_url)
    await database.migrate()
    yield database
    await database.close()


@pytest_asyncio.fixture
async def writer(db: Database) -> AsyncIterator[Writer]:
    """A running writer."""
    running = Writer(db)
    task = asyncio.create_task(running.run())
    yield running
    await running.close()
    await task
