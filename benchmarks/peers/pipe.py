"""How a measured server speaks with the benchmark: a ready line, then an answer to each line it gets."""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, TypeVar

LINE_MAX = 1024 * 1024
T = TypeVar("T")


def tell(answer: dict[str, Any]) -> None:
    """One line on standard output."""
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


async def obey(handler: Callable[[dict[str, Any]], Awaitable[dict[str, Any]]] | None = None) -> None:
    """Serve commands until standard input ends; without a handler just wait for that end."""
    reader = asyncio.StreamReader(limit=LINE_MAX)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        if handler is not None:
            try:
                tell(await handler(json.loads(line)))
            except Exception as error:
                tell({"error": f"{type(error).__name__}: {error}"})


async def told_all(items: Iterable[T], in_flight: int, tell_one: Callable[[T], Awaitable[bool]]) -> int:
    """Tell each, so many at a time; how many have accepted."""
    left = iter(items)

    async def work() -> int:
        return sum([await tell_one(item) for item in left])

    return sum(await asyncio.gather(*(work() for _ in range(in_flight))))
