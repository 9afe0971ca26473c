"""Opening, migrating, transactions, and what is said when the database cannot be had."""

import asyncio
import gc
import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from msgspec.structs import replace
from sqlalchemy import Connection, select, text

from csms.domain.transaction import EventType, Transaction, TransactionEvent
from csms.errors import ConfigurationError, Conflict, StoreUnavailable
from csms.store import migrations, stations, transactions
from csms.store.database import Database
from csms.store.migrations.tables import METADATA
from csms.store.writer import Writer

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SCRIPTS = Path(migrations.__file__).parent
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
NODE = """
import asyncio, sys
from csms.store.database import Database

async def main():
    db = await Database.open(sys.argv[1])
    await db.migrate()
    await db.close()

asyncio.run(main())
"""


def station(identity: str) -> stations.StationRow:
    return stations.StationRow(identity=identity, password_hash="x", created_at=NOW)


def differences(connection: Connection) -> list[object]:
    context = MigrationContext.configure(connection, opts={"compare_type": True})
    return list(compare_metadata(context, METADATA))


async def test_the_migrated_schema_is_what_the_rows_say(db: Database) -> None:
    async with db.begin() as conn:
        assert await conn.run_sync(differences) == []


async def test_a_throw_away_database_has_the_same_schema() -> None:
    db = await Database.open("sqlite://")
    await db.migrate()
    async with db.begin() as conn:
        assert await conn.run_sync(differences) == []
    await db.close()


async def test_migrating_again_changes_nothing(db: Database) -> None:
    async with db.begin() as conn:
        await stations.add(conn, station("a"))
    await db.migrate()
    assert await stations.get(db, "a") is not None


async def test_transactions_outlive_the_new_order_of_their_table(db: Database) -> None:
    def move(connection: Connection, way: Callable[[Config, str], None], revision: str) -> None:
        config = Config()
        config.set_main_option("script_location", str(SCRIPTS))
        config.attributes["connection"] = connection
        way(config, revision)

    writer = Writer(db)
    running = asyncio.create_task(writer.run())
    states = [Transaction(f"s{n}", "tx", n, seen=((0, n),), power_w=n / 3, started_at=NOW) for n in range(20)]
    told = TransactionEvent(EventType.STARTED, "tx", 0, NOW, "Trigger", raw=b"{}", digest=b"d")
    for state in states:
        await writer.commit([transactions.state_kept(state), transactions.event_kept(state, told, None, NOW)])
    for way, revision in ((command.downgrade, "0002"), (command.upgrade, "head")):
        async with db.begin() as conn:
            await conn.run_sync(move, way, revision)
    found = [await transactions.load(db, state.station_id, "tx") for state in states]
    assert [one and replace(one, number=n) for n, one in enumerate(found)] == states
    for state in states:
        event = await transactions.event(db, state.station_id, "tx", 0)
        assert event is not None
        assert (event.identity, event.payload) == (state.station_id, b"{}")
    await writer.commit([transactions.state_kept(one) for one in found if one is not None])
    async with db.begin() as conn:
        assert await conn.run_sync(differences) == []
        if db.dialect == "sqlite":
            query = "SELECT sql FROM sqlite_master WHERE name = 'transaction'"
            assert "ROWID" not in (await conn.exec_driver_sql(query)).scalar_one()
    await writer.close()
    await running


async def test_nodes_that_start_together_migrate_one_after_another(database_url: str) -> None:
    nodes = [
        await asyncio.create_subprocess_exec(sys.executable, "-c", NODE, database_url, env=ENVIRONMENT)
        for _ in range(4)
    ]
    async with asyncio.timeout(60):
        assert [await node.wait() for node in nodes] == [0, 0, 0, 0]
    db = await Database.open(database_url)
    async with db.begin() as conn:
        assert await conn.run_sync(differences) == []
    await db.close()


async def test_a_transaction_that_fails_leaves_nothing(db: Database) -> None:
    async def twice() -> None:
        async with db.begin() as conn:
            await stations.add(conn, station("a"))
            await stations.add(conn, station("a"))

    async def fail() -> None:
        async with db.begin() as conn:
            await stations.add(conn, station("a"))
            raise RuntimeError

    with pytest.raises(Conflict):
        await twice()
    assert await stations.get(db, "a") is None
    with pytest.raises(RuntimeError):
        await fail()
    assert await stations.get(db, "a") is None


async def test_a_transaction_that_is_cancelled_leaves_nothing_and_frees_its_turn(db: Database) -> None:
    inside = asyncio.Event()

    async def hold() -> None:
        async with db.begin() as conn:
            await stations.add(conn, station("a"))
            inside.set()
            await asyncio.Event().wait()

    holding = asyncio.create_task(hold())
    await inside.wait()
    holding.cancel()
    with pytest.raises(asyncio.CancelledError):
        await holding
    async with asyncio.timeout(5), db.begin() as conn:
        await stations.add(conn, station("a"))
    assert await stations.get(db, "a") is not None


ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n"


async def test_who_is_cancelled_while_he_reads_leaves_no_lock_behind(db: Database) -> None:
    """Not even until the garbage collector comes by."""
    inside = asyncio.Event()

    async def hold() -> None:
        async with db.begin() as conn:
            await stations.add(conn, station("a"))
            async with conn.stream(text(ENDLESS)) as rows:
                async for _ in rows:
                    inside.set()

    gc.disable()
    try:
        for number in range(10):
            inside.clear()
            holding = asyncio.create_task(hold())
            await inside.wait()
            holding.cancel()
            with pytest.raises(asyncio.CancelledError):
                await holding
            async with asyncio.timeout(5), db.begin() as conn:
                await stations.add(conn, station(f"b{number}"))
    finally:
        gc.enable()
    assert await stations.get(db, "a") is None


async def test_a_reader_sees_what_is_committed_and_nothing_else(db: Database) -> None:
    async with db.begin() as conn:
        await stations.add(conn, station("a"))
        assert await stations.get(db, "a") is None
    assert await stations.get(db, "a") is not None


async def test_what_was_written_is_there_after_reopening(database_url: str, db: Database) -> None:
    async with db.begin() as conn:
        await stations.add(conn, station("a"))
    again = await Database.open(database_url)
    assert await stations.get(again, "a") is not None
    await again.close()


async def test_many_readers_at_once(db: Database) -> None:
    async with db.begin() as conn:
        await stations.add(conn, station("a"))
    rows = await asyncio.gather(*(stations.get(db, "a") for _ in range(100)))
    assert all(row is not None and row.created_at == NOW for row in rows)


async def test_a_throw_away_database_is_its_own_and_leaves_no_file() -> None:
    one, other = await Database.open("sqlite://"), await Database.open("sqlite://")
    await one.migrate()
    await other.migrate()
    async with one.begin() as conn:
        await stations.add(conn, station("a"))
    assert await stations.get(one, "a") is not None
    assert await stations.get(other, "a") is None
    folder = Path(str(one.url.database)).parent
    assert folder.exists()
    await one.close()
    await other.close()
    assert not folder.exists()


async def test_the_file_is_for_its_owner_only_and_its_folder_is_made(tmp_path: Path) -> None:
    path = tmp_path / "var" / "deep" / "csms.db"
    db = await Database.open(f"sqlite:///{path}")
    await db.migrate()
    assert path.stat().st_mode & 0o077 == 0
    await db.close()


async def test_nothing_is_acknowledged_before_it_is_on_disk(tmp_path: Path) -> None:
    db = await Database.open(f"sqlite:///{tmp_path / 'csms.db'}")
    async with db.begin() as conn:
        assert (await conn.exec_driver_sql("PRAGMA journal_mode")).scalar_one() == "wal"
        assert (await conn.exec_driver_sql("PRAGMA synchronous")).scalar_one() == 2
    await db.close()


@pytest.mark.parametrize("url", ["", "nonsense", "mysql://u:secret@h/d", "oracle://x", "://"])
async def test_a_url_that_cannot_be_used_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        await Database.open(url)
    assert caught.value.key == "store.url"
    assert "secret" not in str(caught.value)


async def test_nobody_at_home() -> None:
    with pytest.raises(StoreUnavailable) as caught:
        await Database.open("postgresql://user:secret@127.0.0.1:9/none")
    assert "secret" not in str(caught.value)


async def test_a_place_where_no_file_can_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreUnavailable):
        await Database.open(f"sqlite:///{tmp_path / 'file' / 'csms.db'}")


async def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "csms.db").write_bytes(b"this is not a database, whatever its name says" * 100)
    with pytest.raises(StoreUnavailable):
        await Database.open(f"sqlite:///{tmp_path / 'csms.db'}")


async def test_without_a_schema_the_store_is_unavailable(database_url: str) -> None:
    """Were it our own mistake, stations would be told that their events are at fault, and drop them."""
    db = await Database.open(database_url)
    with pytest.raises(StoreUnavailable, match="station"):
        await db.all(select(stations.STATION))
    await db.close()


@pytest.mark.postgresql
async def test_a_server_that_hangs_is_a_store_that_is_unavailable(
    postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("csms.store.database.WAIT_S", 0.1)
    db = await Database.open(postgresql_url)
    with pytest.raises(StoreUnavailable):
        await db.all(text("SELECT pg_sleep(5)"))
    with pytest.raises(StoreUnavailable):
        async with db.begin() as conn:
            await conn.execute(text("SELECT pg_sleep(5)"))
    await db.all(text("SELECT 1"))
    await db.close()
