"""Durable events a second through the writer.

Run as `python tests/contract/bench_writer.py sqlite:////var/tmp/b.db 100`.

An event is one event row, one reading and one upsert of its transaction. `batch` callers wait for each commit
before they send their next event, so batches are about that large. Prints the best of three runs.
"""

import asyncio
import sys
import time
from datetime import UTC, datetime, timedelta

from csms.domain.meter import Reading
from csms.domain.transaction import EventType, Transaction, TransactionEvent, begin, fold
from csms.store import transactions
from csms.store.database import Database
from csms.store.statements import Change
from csms.store.writer import Writer

START = datetime(2026, 1, 1, tzinfo=UTC)
RAW = b'{"eventType":"Updated","filler":"' + b"x" * 360 + b'"}'


def prepared(run: str, callers: int, each: int) -> list[list[list[Change]]]:
    """All changes, made beforehand: only the writer is measured."""
    return [[_changes(f"{run}-{caller}", each)][0] for caller in range(callers)]


def _changes(identity: str, each: int) -> list[list[Change]]:
    out: list[list[Change]] = []
    transaction: Transaction | None = None
    for seq_no in range(each):
        at = START + timedelta(seconds=seq_no)
        reading = Reading(at, power_w=-7000.0, import_wh=1.0, export_wh=10.0 * seq_no, soc=70.0)
        event = TransactionEvent(
            EventType.STARTED if seq_no == 0 else EventType.UPDATED,
            "0123456789abcdef",
            seq_no,
            at,
            "MeterValuePeriodic",
            evse_id=1,
            readings=(reading,),
            raw=RAW,
            digest=b"0123456789abcdef",
        )
        transaction = begin(identity, event) if transaction is None else fold(transaction, event)
        out.append(
            [
                transactions.event_kept(identity, event, None, at),
                transactions.state_kept(transaction),
                transactions.readings_kept(identity, 1, event.readings, event.transaction_id, seq_no),
            ]
        )
    return out


async def measure(url: str, callers: int) -> None:
    """Three runs."""
    db = await Database.open(url)
    await db.migrate()
    writer = Writer(db)
    task = asyncio.create_task(writer.run())
    each = max(3, 30_000 // callers)
    best = 0.0
    for _ in range(3):
        work = prepared(f"s{time.time_ns()}", callers, each)
        started = time.perf_counter()
        await asyncio.gather(*(_send(writer, events) for events in work))
        rate = callers * each / (time.perf_counter() - started)
        best = max(best, rate)
    print(f"{db.dialect} batch {callers}: {best:,.0f} events/s")  # noqa: T201
    await writer.close()
    await task
    await db.close()


async def _send(writer: Writer, events: list[list[Change]]) -> None:
    for changes in events:
        await writer.commit(changes)


if __name__ == "__main__":
    import uvloop

    uvloop.run(measure(sys.argv[1], int(sys.argv[2])))
