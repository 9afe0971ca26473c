"""The writer's promise: what `commit` returned for is kept, whatever happens to others in the same batch."""

import asyncio
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from threading import active_count

import pytest
from sqlalchemy import func, select, text

from csms.domain.meter import Reading
from csms.domain.station import ConnectorStatus, StatusReport
from csms.domain.transaction import Transaction
from csms.errors import ChangeRefused, CsmsError, StoreUnavailable
from csms.store import leader, stations, transactions
from csms.store.database import Database
from csms.store.statements import Change
from csms.store.transaction_rows import READING
from csms.store.writer import Writer

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def reading(identity: str, number: int, export_wh: float = 0.0) -> Change:
    at = NOW + timedelta(seconds=number)
    return transactions.readings_kept(identity, 1, [Reading(at, export_wh=export_wh)], "tx", number)


def bad(identity: str = "bad") -> Change:
    """A change that no database takes: a reading without a time."""
    change = reading(identity, 0)
    (row,) = change.rows
    assert isinstance(row, tuple)
    return Change(change.statement, ((*row[:2], None, *row[3:]),))


async def count(db: Database) -> int:
    row = await db.first(select(func.count()).select_from(READING))
    assert row is not None
    return int(row[0])


async def test_what_is_committed_is_there(db: Database, writer: Writer) -> None:
    await writer.commit([reading("a", 1, 5.0)])
    rows = await transactions.readings(db, "a", 1, NOW, NOW + timedelta(minutes=1), "tx")
    assert [(row.seq_no, row.export_wh, row.at) for row in rows] == [(1, 5.0, NOW + timedelta(seconds=1))]


async def test_a_thousand_callers_share_flushes(db: Database, writer: Writer) -> None:
    await asyncio.gather(
        *(writer.commit([reading(f"s{n}", n), reading(f"s{n}", n + 1)]) for n in range(1000))
    )
    assert await count(db) == 2000


async def test_a_commit_of_nothing_returns(writer: Writer) -> None:
    await writer.commit([])


async def test_who_submits_is_told_once_later_and_in_order(db: Database, writer: Writer) -> None:
    told: list[tuple[int, CsmsError | None]] = []
    all_told = asyncio.Event()

    def submit(number: int) -> None:
        change = bad() if number == 7 else reading("a", number)
        writer.submit([change], lambda error: hear(number, error))

    def hear(number: int, error: CsmsError | None) -> None:
        told.append((number, error))
        if number < 20:
            submit(number + 20)  # who is told may come with the next one at once
        if len(told) == 40:
            all_told.set()

    for number in range(20):
        submit(number)
        assert not told
    async with asyncio.timeout(20):
        await all_told.wait()
    assert [number for number, _ in told] == list(range(40))
    assert [number for number, error in told if error is not None] == [7]
    assert isinstance(told[7][1], ChangeRefused)
    assert await count(db) == 39


async def test_nothing_to_keep_is_told_like_everything_else(writer: Writer) -> None:
    told: asyncio.Future[CsmsError | None] = asyncio.get_running_loop().create_future()
    writer.submit([], told.set_result)
    assert not told.done()
    async with asyncio.timeout(10):
        assert await told is None


async def test_far_too_much_is_turned_away(db: Database) -> None:
    writer = Writer(db, waiting_max=3)
    told: list[CsmsError | None] = []
    for number in range(3):
        writer.submit([reading("a", number)], told.append)
    with pytest.raises(StoreUnavailable):
        writer.submit([reading("a", 3)], told.append)
    running = asyncio.create_task(writer.run())
    await writer.commit([reading("a", 4)])
    await writer.close()
    await running
    assert told == [None] * 3
    assert await count(db) == 4
    with pytest.raises(StoreUnavailable):
        writer.submit([reading("a", 5)], told.append)


@pytest.mark.parametrize("many", [1, 2, 3, 127, 129, 1000])
async def test_any_number_of_rows(db: Database, writer: Writer, many: int) -> None:
    rows = tuple(row for number in range(many) for row in reading("a", number, 5.0 * number).rows)
    await writer.commit([Change(reading("a", 0).statement, rows)])
    kept = await transactions.readings(db, "a", 1, NOW, NOW + timedelta(hours=1), "tx")
    assert [(row.seq_no, row.export_wh) for row in kept] == [(n, 5.0 * n) for n in range(many)]


async def test_readings_of_one_time_fill_one_row_within_a_flush(db: Database, writer: Writer) -> None:
    told = [Reading(NOW, export_wh=1.0), Reading(NOW, export_wh=2.0, soc=50.0), Reading(NOW, import_wh=3.0)]
    changes = [transactions.readings_kept("a", 1, [each], "", -1) for each in told]
    await asyncio.gather(*(writer.commit([change]) for change in changes))
    (row,) = await transactions.readings(db, "a", 1, NOW, NOW)
    assert (row.export_wh, row.soc, row.import_wh) == (1.0, 50.0, 3.0)


async def test_of_many_states_in_a_flush_the_last_one_stands(db: Database, writer: Writer) -> None:
    states = [Transaction(f"s{n % 3}", "tx", n % 3, seen=((0, n),), power_w=float(n)) for n in range(30)]
    await asyncio.gather(*(writer.commit([transactions.state_kept(state)]) for state in states))
    for station in range(3):
        assert await transactions.load(db, f"s{station}", "tx") == states[27 + station]


async def test_the_newest_status_stands_in_whatever_order_it_came(db: Database, writer: Writer) -> None:
    told = [(5, "Occupied"), (9, "Faulted"), (7, "Available"), (8, "Reserved")]
    changes = [
        stations.connector_status(
            "a", StatusReport(1, 1, ConnectorStatus(status), NOW + timedelta(seconds=second))
        )
        for second, status in told
    ]
    await asyncio.gather(*(writer.commit([change]) for change in changes))
    (row,) = await stations.connectors(db, "a")
    assert row.status == "Faulted"


async def test_the_same_change_again_changes_nothing(db: Database, writer: Writer) -> None:
    await asyncio.gather(*(writer.commit([reading("a", 1, 5.0)]) for _ in range(20)))
    assert await count(db) == 1


async def test_a_bad_change_fails_alone(db: Database, writer: Writer) -> None:
    work = [[reading("a", n)] for n in range(37)] + [[bad()]] + [[reading("b", n)] for n in range(37)]
    work.append([reading("c", 1), bad(), reading("c", 2)])
    results = await asyncio.gather(*(writer.commit(changes) for changes in work), return_exceptions=True)
    assert [n for n, result in enumerate(results) if result is not None] == [37, 75]
    assert isinstance(results[37], ChangeRefused)
    assert isinstance(results[75], ChangeRefused)
    assert await count(db) == 74  # all or none of one commit: nothing of c
    assert writer.healthy


@pytest.mark.parametrize(
    "value", ["no number", 2**70, b"bytes"], ids=["wrong type", "larger than any column", "bytes"]
)
async def test_a_value_of_the_wrong_type_fails_alone(
    db: Database, writer: Writer, value: str | int | bytes
) -> None:
    change = reading("a", 0)
    (row,) = change.rows
    assert isinstance(row, tuple)
    wrong = Change(change.statement, ((*row[:2], value, *row[3:]),))
    results = await asyncio.gather(
        writer.commit([reading("b", 1)]), writer.commit([wrong]), return_exceptions=True
    )
    assert results[0] is None
    if db.dialect == "postgresql" or isinstance(value, int):  # SQLite keeps any type in any column
        assert isinstance(results[1], ChangeRefused)
    assert writer.healthy


async def test_a_row_that_is_too_short_fails_alone(writer: Writer) -> None:
    change = reading("a", 0)
    with pytest.raises(ChangeRefused):
        await writer.commit([Change(change.statement, (("a", 1),))])
    assert writer.healthy


async def test_text_with_a_nul_is_kept(db: Database, writer: Writer) -> None:
    async with db.begin() as conn:
        await stations.add(conn, stations.StationRow(identity="a", password_hash="x", created_at=NOW))
    await writer.commit([stations.held("a", "bad\0news")])
    row = await stations.get(db, "a")
    assert row is not None
    assert row.hold == "bad\N{REPLACEMENT CHARACTER}news"


async def test_the_order_within_a_station_is_kept(db: Database, writer: Writer) -> None:
    async with db.begin() as conn:
        await stations.add(conn, stations.StationRow(identity="a", password_hash="x", created_at=NOW))
    tasks = []
    for epoch in range(1, 40):
        tasks.append(writer.commit([stations.connected("a", epoch, "ocpp2.0.1", NOW)]))
        tasks.append(writer.commit([stations.disconnected("a", epoch, NOW)]))
        # an old session's end behind a new one's beginning
        tasks.append(writer.commit([stations.connected("a", 100 + epoch, "ocpp2.0.1", NOW)]))
        tasks.append(writer.commit([stations.disconnected("a", epoch, NOW)]))
    await asyncio.gather(*tasks)
    row = await stations.get(db, "a")
    assert row is not None
    assert row.connected
    assert row.connection_epoch == 139


async def test_a_cancelled_caller_harms_nobody(db: Database, writer: Writer) -> None:
    tasks = [asyncio.create_task(writer.commit([reading(f"s{n}", n)])) for n in range(50)]
    await asyncio.sleep(0)
    for task in tasks[::2]:
        task.cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(result is None for result in results[1::2])
    assert await count(db) >= 25
    await writer.commit([reading("after", 1)])


async def test_administration_and_stations_write_at_the_same_time(db: Database, writer: Writer) -> None:
    async def administrate(number: int) -> None:
        async with db.begin() as conn:
            row = stations.StationRow(identity=f"s{number}", password_hash="x", created_at=NOW)
            await stations.add(conn, row)
            assert await leader.hold(conn, "grid", "me", NOW, 10.0)
            await stations.change(conn, f"s{number}", hold="checked")

    async def report(station: int) -> None:
        for number in range(10):
            await writer.commit([reading(f"s{station}", number), stations.seen(f"s{station}", NOW)])

    async with asyncio.timeout(30), asyncio.TaskGroup() as group:
        for number in range(30):
            group.create_task(administrate(number))
            group.create_task(report(number))
    assert await count(db) == 300
    assert len(await stations.listing(db, None, 100)) == 30


async def test_who_comes_when_all_is_full_waits(db: Database) -> None:
    writer = Writer(db, waiting_max=3)
    tasks = [asyncio.create_task(writer.commit([reading("a", n)])) for n in range(10)]
    async with asyncio.timeout(10):
        running = asyncio.create_task(writer.run())
        await asyncio.gather(*tasks)
        await writer.close()
        await running
    assert await count(db) == 10


async def test_close_flushes_what_has_gathered(db: Database) -> None:
    writer = Writer(db)
    tasks = [asyncio.create_task(writer.commit([reading("a", n)])) for n in range(100)]
    running = asyncio.create_task(writer.run())
    await asyncio.sleep(0)
    await writer.close()
    await asyncio.gather(running, *tasks)
    assert await count(db) == 100
    with pytest.raises(StoreUnavailable):
        await writer.commit([reading("a", 1000)])


async def test_a_writer_that_is_cancelled_fails_who_waits(db: Database) -> None:
    writer = Writer(db)
    running = asyncio.create_task(writer.run())
    await writer.commit([reading("a", 0)])
    tasks = [asyncio.create_task(writer.commit([reading("a", n)])) for n in range(5)]
    await asyncio.sleep(0)
    running.cancel()
    results = await asyncio.gather(running, *tasks, return_exceptions=True)
    assert isinstance(results[0], asyncio.CancelledError)
    assert all(isinstance(result, StoreUnavailable) for result in results[1:])
    with pytest.raises(StoreUnavailable):
        await writer.commit([reading("a", 9)])


KILL = text(
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
)


@pytest.mark.postgresql
async def test_a_connection_lost_under_way_fails_who_waits_and_heals(postgresql_url: str) -> None:
    db = await Database.open(postgresql_url)
    await db.migrate()
    writer = Writer(db)
    told: list[bool] = []
    writer.on_failure(lambda: told.append(writer.healthy))
    running = asyncio.create_task(writer.run())
    await writer.commit([reading("a", 1)])
    async with db.begin() as conn:
        await conn.execute(text("LOCK TABLE reading"))
        waiting = [asyncio.create_task(writer.commit([reading("a", n)])) for n in range(2, 20)]
        blocked = text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
        while not (await conn.execute(blocked)).scalar_one():
            await conn.execute(text("SELECT pg_stat_clear_snapshot()"))
        await conn.execute(KILL)
        results = await asyncio.gather(*waiting, return_exceptions=True)
        assert all(isinstance(result, StoreUnavailable) for result in results)
        assert told == [False]
        with pytest.raises(StoreUnavailable):
            await writer.commit([reading("a", 30)])
    async with asyncio.timeout(20):
        await writer.recovered()
    await writer.commit([reading("a", 40)])
    assert await count(db) == 2
    await writer.close()
    await running
    await db.close()


@pytest.mark.postgresql
async def test_a_connection_lost_while_nothing_was_under_way_is_replaced(postgresql_url: str) -> None:
    db = await Database.open(postgresql_url)
    await db.migrate()
    writer = Writer(db)
    told: list[bool] = []
    writer.on_failure(lambda: told.append(writer.healthy))
    running = asyncio.create_task(writer.run())
    await writer.commit([reading("a", 1)])
    async with db.begin() as conn:
        await conn.execute(KILL)
        others = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        while (await conn.execute(text(others))).scalar_one() > 1:
            await conn.execute(text("SELECT pg_stat_clear_snapshot()"))
    await asyncio.gather(*(writer.commit([reading("a", n)]) for n in range(2, 20)))
    assert await count(db) == 19
    assert told == []
    await writer.close()
    await running
    await db.close()


class Inline:
    """Whoever does jobs at once: a run with it is the same each time."""

    def submit(self, job: Callable[[], object], /) -> None:
        job()


async def test_jobs_may_be_done_by_whoever_is_given(tmp_path: Path) -> None:
    db = await Database.open(f"sqlite:///{tmp_path / 'csms.db'}", Inline())
    await db.migrate()
    writer = Writer(db, Inline())
    running = asyncio.create_task(writer.run())
    before = active_count()
    await asyncio.gather(*(writer.commit([reading("a", n)]) for n in range(100)))
    rows = await transactions.readings(db, "a", 1, NOW, NOW + timedelta(hours=1), "tx")
    assert [row.seq_no for row in rows] == list(range(100))
    assert active_count() == before
    await writer.close()
    await running
    await db.close()


async def test_readings_come_back_in_order(db: Database, writer: Writer) -> None:
    await asyncio.gather(*(writer.commit([reading("a", n)]) for n in (5, 3, 9, 1)))
    rows = await transactions.readings(db, "a", 1, NOW, NOW + timedelta(minutes=1), "tx")
    assert all(before.at < after.at for before, after in pairwise(rows))


async def test_a_database_file_that_is_taken_away_acknowledges_nothing(tmp_path: Path) -> None:
    """SQLite would go on writing into a file that has no name any more."""
    file, aside = tmp_path / "csms.db", tmp_path / "aside.db"
    db = await Database.open(f"sqlite:///{file}")
    await db.migrate()
    writer = Writer(db)
    running = asyncio.create_task(writer.run())
    await writer.commit([reading("a", 1)])
    assert await count(db) == 1
    with sqlite3.connect(file) as connection, sqlite3.connect(aside) as copy:
        connection.backup(copy)
    connection.close()
    copy.close()
    file.unlink()
    with pytest.raises(StoreUnavailable):
        await writer.commit([reading("a", 2)])
    assert not file.exists()
    aside.rename(file)
    async with asyncio.timeout(20):
        await writer.recovered()
    await writer.commit([reading("a", 3)])
    assert await count(db) == 2  # readers look into the new file too
    await writer.close()
    await running
    await db.close()
    db = await Database.open(f"sqlite:///{file}")
    assert await count(db) == 2
    await db.close()
