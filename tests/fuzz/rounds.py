"""One round: a gateway of its own, all lanes on it at once, and a watch over what nobody should say."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random
from typing import Any

import structlog

from tests.flows.gateway.front import Front, front
from tests.fuzz.lanes import Failure, Lane, Score

LANES = ("calls", "calls", "calls", "calls", "gate", "frames", "frames", "answers", "bytes")
SHARES = {"calls": 1.0, "gate": 0.3, "frames": 0.5, "answers": 0.3, "bytes": 0.02}


class Watch(logging.Handler):
    """Collects what is said of faults of our own: errors in any log, exceptions that nobody caught."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """From the standard library's logs."""
        self.said.append(f"{record.name}: {self.format(record)}"[:3000])

    def hear(self, _: object, method: str, event: Any) -> Any:
        """From structlog."""
        if method in ("error", "exception", "critical"):
            self.said.append(repr(event)[:3000])
        raise structlog.DropEvent

    def uncaught(self, _: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """From the event loop."""
        self.said.append(repr(context)[:3000])


@asynccontextmanager
async def watched() -> AsyncIterator[Watch]:
    """Everything that is logged in here is looked at."""
    watch = Watch()
    before = structlog.get_config()
    structlog.configure(processors=[watch.hear], cache_logger_on_first_use=False)
    logging.getLogger().addHandler(watch)
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(watch.uncaught)
    try:
        yield watch
    finally:
        loop.set_exception_handler(None)
        logging.getLogger().removeHandler(watch)
        structlog.configure(**before)


async def play(seed: int, count: int, url: str = "sqlite://") -> Score:
    """One round of about `count` inputs for each lane of calls; failures are in the score, none is raised."""
    score = Score()
    async with watched() as watch, front(url=url, failed_per_address=10**9) as door:
        over = asyncio.Event()
        await door.add_station("good")
        good = asyncio.create_task(Lane(door, "good", Random(seed), 0, score).good(over))
        lanes = [_lane(door, name, number, seed, count, score) for number, name in enumerate(LANES)]
        outcomes = await asyncio.gather(*lanes, return_exceptions=True)
        over.set()
        outcomes += await asyncio.gather(good, return_exceptions=True)
    for name, outcome in zip((*LANES, "good"), outcomes, strict=True):
        if isinstance(outcome, BaseException):
            score.failures.append(f"seed {seed}, lane {name}: {_words(outcome)}")
    score.failures += [f"seed {seed}, log: {line}" for line in watch.said]
    return score


async def _lane(door: Front, name: str, number: int, seed: int, count: int, score: Score) -> None:
    identity = f"{name}-{number}"
    await door.add_station(identity, registration="Pending" if name == "gate" else "Accepted")
    lane = Lane(door, identity, Random(f"{seed}/{number}"), max(1, int(count * SHARES[name])), score)
    await getattr(lane, name)()


def _words(error: BaseException) -> str:
    if isinstance(error, BaseExceptionGroup):
        return "; ".join(_words(inner) for inner in error.exceptions)
    return str(error) if isinstance(error, Failure) else repr(error)
