"""The `Bus` port: four verbs. A fact is a bell, an ask is a call to one station with a deadline.

`subscribe` and `answer` are for tasks; `listen` and `serve` are the same for who has none, as plain calls
that return the function which ends them.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from csms.domain.facts import Fact

AskHandler = Callable[[object, float], Awaitable[object]]
"""Serves asks for one station: (ask, seconds left) -> answer, or raises a `StationError`.

One that returns a future keeps the deadline by itself: the future ends with `StationTimeout` in time, and one
that is cancelled is not sent any more.
"""

Ear = Callable[[Fact], None]
"""Hears a fact in the middle of its publishing: quick, and never raises."""


class Bus(Protocol):
    """What must not be lost is in the store; the bus only says 'look again'."""

    def publish(self, fact: Fact) -> None:
        """Ring the bell and return at once. Never raises: not for lack of listeners, nor for slow ones."""
        ...

    def subscribe(self, *kinds: type[Fact]) -> AbstractAsyncContextManager[AsyncIterator[Fact]]:
        """Facts of these kinds (all, if none is named) from now on. A slow listener loses the oldest."""
        ...

    def listen(self, hear: Ear, *kinds: type[Fact]) -> Callable[[], None]:
        """As `subscribe`: `hear` is called with each fact until the function that is returned is called."""
        ...

    async def ask(self, station_id: str, ask: object, *, timeout_s: float) -> object:
        """Ask one station and wait for its answer, at most `timeout_s` real seconds.

        An ask that is not yet sent when its time is over is dropped, never sent late.
        Raises `StationOffline`, `StationTimeout`, `StationRefused`, `BadAnswer`, `AskSuperseded`,
        `NotSupportedByDialect`.
        """
        ...

    def answer(self, station_id: str, handler: AskHandler) -> AbstractAsyncContextManager[None]:
        """Serve asks for this station while inside; a newer server of the same station replaces an older."""
        ...

    def serve(self, station_id: str, handler: AskHandler) -> Callable[[], None]:
        """As `answer`: until the function that is returned is called."""
        ...
