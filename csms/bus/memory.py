"""The in-process bus: the default of a single node, and what tests run on."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from csms.bus.bus import AskHandler
from csms.domain.facts import Fact
from csms.errors import StationOffline, StationTimeout

BACKLOG = 4096
"""Facts that wait for a slow listener; beyond that the oldest is lost, as with every bell."""


class MemoryBus:
    """`bus.bus.Bus` within one process and one event loop."""

    def __init__(self, backlog: int = BACKLOG) -> None:
        self._backlog = backlog
        self._listeners: set[_Listener] = set()
        self._servers: dict[str, _Server] = {}

    def publish(self, fact: Fact) -> None:
        """Ring the bell for everybody who listens to this kind."""
        for listener in self._listeners:
            listener.hear(fact)

    @asynccontextmanager
    async def subscribe(self, *kinds: type[Fact]) -> AsyncIterator[AsyncIterator[Fact]]:
        """Facts of these kinds (all, if none is named) from now on; a slow listener loses the oldest."""
        listener = _Listener(kinds or (Fact,), self._backlog)
        self._listeners.add(listener)
        try:
            yield listener
        finally:
            self._listeners.discard(listener)
            listener.end()

    async def ask(self, station_id: str, ask: object, *, timeout_s: float) -> object:
        """Ask the station's server. Raises `StationOffline`, `StationTimeout`, or what the server raises."""
        server = self._servers.get(station_id)
        if server is None:
            raise StationOffline(station_id)
        deadline = asyncio.timeout(timeout_s)
        try:
            async with deadline:
                return await server.handler(ask, timeout_s)
        except TimeoutError:
            if not deadline.expired():
                raise  # the handler's own error, not our deadline
            raise StationTimeout(station_id) from None

    @asynccontextmanager
    async def answer(self, station_id: str, handler: AskHandler) -> AsyncIterator[None]:
        """Serve asks for this station while inside.

        The newest server counts; an older one's end changes nothing.
        """
        server = _Server(handler)
        self._servers[station_id] = server
        try:
            yield
        finally:
            if self._servers.get(station_id) is server:
                del self._servers[station_id]


class _Server:
    """One `answer` in force; compared by identity, so that the same handler twice is two servers."""

    def __init__(self, handler: AskHandler) -> None:
        self.handler = handler


class _Listener:
    """One subscription: a bounded backlog and a bell."""

    def __init__(self, kinds: tuple[type[Fact], ...], backlog: int) -> None:
        self._kinds = kinds
        self._facts: deque[Fact] = deque(maxlen=backlog)
        self._bell = asyncio.Event()
        self._ended = False

    def hear(self, fact: Fact) -> None:
        if isinstance(fact, self._kinds):
            self._facts.append(fact)
            self._bell.set()

    def end(self) -> None:
        self._ended = True
        self._bell.set()

    def __aiter__(self) -> AsyncIterator[Fact]:
        return self

    async def __anext__(self) -> Fact:
        while not self._facts:
            if self._ended:
                raise StopAsyncIteration
            self._bell.clear()
            await self._bell.wait()
        return self._facts.popleft()
