"""Commits without end and writes each acknowledged number to its standard output; is killed by its test."""

import asyncio
import itertools
import os
import sys
from datetime import UTC, datetime, timedelta

from csms.domain.meter import Reading
from csms.store import transactions
from csms.store.database import Database
from csms.store.writer import Writer

CALLERS = 20


async def main(url: str, first: int) -> None:
    """Twenty callers, each with its own numbers from `first` on."""
    db = await Database.open(url)
    writer = Writer(db)
    numbers = itertools.count(first)
    async with asyncio.TaskGroup() as group:
        group.create_task(writer.run())
        for caller in range(CALLERS):
            group.create_task(_call(writer, caller, numbers))


async def _call(writer: Writer, caller: int, numbers: "itertools.count[int]") -> None:
    for number in numbers:
        at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=number)
        readings = (Reading(at, export_wh=1.0),)
        await writer.commit([transactions.readings_kept(f"s{caller}", 1, readings, "tx", number)])
        os.write(1, f"{number}\n".encode())  # one write, not torn: it is far shorter than a pipe's buffer


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
