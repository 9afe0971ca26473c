"""The writer alone, in a process of its own: what the store could keep if nobody had to speak to stations.

An event is one event row with its reading, and a step of its transaction's row. As many callers as `batch`
says wait for each commit before they come with their next event, so batches are about that large.
"""

import asyncio
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from benchmarks.figures import Series
from benchmarks.peers.pipe import tell
from benchmarks.plan import Plan
from benchmarks.processes import on_fast_loop, python, running
from benchmarks.subjects import POSTGRESQL, SQLITE, Yard
from csms.domain.fold import begin, fold
from csms.domain.meter import Reading
from csms.domain.transaction import EventType, Transaction, TransactionEvent
from csms.errors import CsmsError
from csms.store import transactions
from csms.store.database import Database
from csms.store.statements import Change
from csms.store.writer import Writer

BATCHES = (1, 20, 100, 1000)
TIMEOUT_S = 120.0
_START = datetime(2026, 1, 1, tzinfo=UTC)
_RAW = b'{"eventType":"Updated","filler":"' + b"x" * 360 + b'"}'


async def writer_alone(yard: Yard, plan: Plan, step: Callable[[str], None]) -> list[Series]:
    """A round is a process with a database of its own."""
    names = [name for name in (SQLITE, POSTGRESQL) if name not in yard.missing]
    series = {(name, batch): Series("writer", name, f"batch {batch}") for name in names for batch in BATCHES}
    for number in range(plan.writer_rounds):
        for (name, batch), each in series.items():
            step(f"writer: {name}, batch {batch}, round {number + 1}")
            events = max(3, plan.writer_events // (10 if batch == 1 else 1))
            folder, url = await yard.store(name)
            command = python("benchmarks.writer", url, str(batch), str(events))
            async with running("writer", command, yard.cores.server, folder, yard.environment) as child:
                each.rounds.append(await child.line(TIMEOUT_S))
    return list(series.values())


def prepared(identity: str, number: int, each: int) -> list[list[Change]]:
    """One station's changes, made beforehand: only the writer is measured."""
    out: list[list[Change]] = []
    transaction: Transaction | None = None
    for seq_no in range(each):
        at = _START + timedelta(seconds=seq_no)
        reading = Reading(at, power_w=-7000.0, import_wh=1.0, export_wh=10.0 * seq_no, soc=70.0)
        event = TransactionEvent(
            EventType.STARTED if seq_no == 0 else EventType.UPDATED,
            "0123456789abcdef",
            seq_no,
            at,
            "MeterValuePeriodic",
            evse_id=1,
            readings=(reading,),
            raw=_RAW,
            digest=b"0123456789abcdef",
        )
        before = transaction
        transaction = begin(identity, event, number) if before is None else fold(before, event)
        out.append(
            [
                transactions.event_kept(transaction, event, None, at, 1),
                transactions.state_kept(transaction, before),
            ]
        )
    return out


async def measure(url: str, batch: int, events: int) -> None:
    """Commit so many events and tell the rate."""
    db = await Database.open(url)
    await db.migrate()
    writer = Writer(db)
    each = max(3, events // batch)
    work = [prepared(f"s{caller}", caller, each) for caller in range(batch)]
    async with asyncio.TaskGroup() as group:
        group.create_task(writer.run())
        begun, cpu = time.perf_counter(), time.process_time()
        await asyncio.gather(*(_sent(writer, events) for events in work))
        seconds = time.perf_counter() - begun
        count = batch * each
        used_us = (time.process_time() - cpu) / count * 1e6
        tell({"rate": count / seconds, "seconds": seconds, "count": count, "server_us": used_us})
        await writer.close()
    await db.close()


def _sent(writer: Writer, events: list[list[Change]]) -> asyncio.Future[None]:
    """Submit one event after another, as a connection does: each when the one before is on disk."""
    over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    left = iter(events)

    def go_on(error: CsmsError | None) -> None:
        changes = next(left, None)
        if error is not None:
            over.set_exception(error)
        elif changes is None:
            over.set_result(None)
        else:
            writer.submit(changes, go_on)

    go_on(None)
    return over


if __name__ == "__main__":
    on_fast_loop(measure(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
