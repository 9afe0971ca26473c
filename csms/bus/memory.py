"""The in-process bus: the default of a single node, and what tests run on."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from csms.bus.bus import AskHandler, Ear
from csms.domain.facts import Fact
from csms.errors import StationOffline, StationTimeout

BACKLOG = 4096
"""Facts that wait for a slow listener; beyond that the oldest is lost, as with every bell."""


class MemoryBus:
    """`bus.bus.Bus` within one process and one event loop."""

    def __init__(self, backlog: int = BACKLOG) -> None:
        self._backlog = backlog
        self._listeners: list[_Listener] = []
        self._ears: dict[type[Fact], tuple[Ear, ...]] = {}  # by kind, as far as it was published
        self._servers: dict[str, _Server] = {}

    def publish(self, fact: Fact) -> None:
        """Ring the bell for everybody who listens to this kind."""
        ears = self._ears.get(type(fact))
        if ears is None:
            ears = self._ears_for(type(fact))
        for hear in ears:
            hear(fact)

    def _ears_for(self, kind: type[Fact]) -> tuple[Ear, ...]:
        ears = tuple(each.hear for each in self._listeners if issubclass(kind, each.kinds))
        self._ears[kind] = ears
        return ears

    def listen(self, hear: Ear, *kinds: type[Fact]) -> Callable[[], None]:
        """Call `hear` with each fact of these kinds until the function that is returned is called."""
        listener = _Listener(hear, kinds or (Fact,))
        self._listeners.append(listener)
        self._ears.clear()

        def end() -> None:
            if listener in self._listeners:
                self._listeners.remove(listener)
                self._ears.clear()

        return end

    @asynccontextmanager
    async def subscribe(self, *kinds: type[Fact]) -> AsyncIterator[AsyncIterator[Fact]]:
        """Facts of these kinds (all, if none is named) from now on; a slow listener loses the oldest."""
        backlog = _Backlog(self._backlog)
        end = self.listen(backlog.hear, *kinds)
        try:
            yield backlog
        finally:
            end()
            backlog.end()

    async def ask(self, station_id: str, ask: object, *, timeout_s: float) -> object:
        """Ask the station's server. Raises `StationOffline`, `StationTimeout`, or what the server raises."""
        server = self._servers.get(station_id)
        if server is None:
            raise StationOffline(station_id)
        answer = server.handler(ask, timeout_s)
        if asyncio.isfuture(answer):
            return await answer
        deadline = asyncio.timeout(timeout_s)
        try:
            async with deadline:
                return await answer
        except TimeoutError:
            if not deadline.expired():
                raise  # the handler's own error, not our deadline
            raise StationTimeout(station_id) from None

    def serve(self, station_id: str, handler: AskHandler) -> Callable[[], None]:
        """Serve asks for this station until the function that is returned is called.

        The newest server counts; an older one's end changes nothing.
        """
        server = self._servers[station_id] = _Server(handler)

        def end() -> None:
            if self._servers.get(station_id) is server:
                del self._servers[station_id]

        return end

    @asynccontextmanager
    async def answer(self, station_id: str, handler: AskHandler) -> AsyncIterator[None]:
        """Serve asks for this station while inside."""
        end = self.serve(station_id, handler)
        try:
            yield
        finally:
            end()


class _Server:
    """One `serve` in force; compared by identity, so that the same handler twice is two servers."""

    __slots__ = ("handler",)

    def __init__(self, handler: AskHandler) -> None:
        self.handler = handler


class _Listener:
    """One `listen` in force; compared by identity, as a server is."""

    __slots__ = ("hear", "kinds")

    def __init__(self, hear: Ear, kinds: tuple[type[Fact], ...]) -> None:
        self.hear = hear
        self.kinds = kinds


class _Backlog:
    """One subscription: facts that wait, and a bell for a task that does."""

    def __init__(self, size: int) -> None:
        self._facts: deque[Fact] = deque(maxlen=size)
        self._bell = asyncio.Event()
        self._ended = False

    def hear(self, fact: Fact) -> None:
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
