"""Long work in steps: between two of them everybody else has the loop, so that no message waits for a tick.

What is worked out here must bear that stations answer meanwhile: leases become acknowledged, refused or run
out, never deeper, because only the tick that is at work makes new ones.
"""

import asyncio
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")
U = TypeVar("U")

Steps = Generator[None, None, T]
"""Work that yields where it may be interrupted, and returns what has come of it."""

AT_ONCE = 100
"""EVSEs in one step: some milliseconds."""


async def walk(steps: Steps[T]) -> T:
    """Work to the end; whoever waits for the loop has it between two steps."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            result: T = end.value
            return result
        await asyncio.sleep(0)


def slices(items: Sequence[T]) -> Iterator[Sequence[T]]:
    """The items, so many in each step."""
    for start in range(0, len(items), AT_ONCE):
        yield items[start : start + AT_ONCE]


def mapped(function: Callable[[T], U], items: Sequence[T]) -> Steps[list[U]]:
    """What the function makes of each."""
    made: list[U] = []
    for part in slices(items):
        made += map(function, part)
        yield
    return made
