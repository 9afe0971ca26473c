"""A gateway that kills itself at a start: before it is on disk, or when it is and nobody has been told.

    python start_child.py URL never|unwritten|written

Writes its port to its standard output.
"""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Sequence
from functools import partial

from csms.errors import Conflict, CsmsError
from csms.store.writer import Change, Done, Writer
from tests.flows.gateway import front as fronts
from tests.flows.gateway.front import Front, front


def die() -> None:
    """As if the power had failed."""
    os.kill(os.getpid(), signal.SIGKILL)


def _told(done: Done, error: CsmsError | None) -> None:
    if error is None:
        die()
    done(error)


class DyingWriter(Writer):
    """Dies at the first start that it is given."""

    when = "never"

    def submit(self, changes: Sequence[Change], done: Done) -> None:
        """Die instead, or when the start is on disk."""
        starts = any(change.statement.table == "transaction_start" for change in changes)
        if starts and self.when == "unwritten":
            die()
        super().submit(changes, partial(_told, done) if starts and self.when == "written" else done)


class LastingFront(Front):
    """The station may be there from the time before."""

    async def add_station(self, identity: str = fronts.STATION, **options: object) -> None:
        """Register it once."""
        with contextlib.suppress(Conflict):
            await super().add_station(identity)


async def main(url: str, when: str) -> None:
    """Serve until killed."""
    DyingWriter.when = when
    vars(fronts).update(Writer=DyingWriter, Front=LastingFront)
    async with front(url=url) as house:
        os.write(1, f"{house.gateway.port}\n".encode())
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:3]))
