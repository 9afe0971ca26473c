"""What has to be counted as it happens, for the metrics."""

from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager

from csms.bus.bus import AskHandler, Bus, Ear
from csms.domain.facts import DispatchMade, Fact, GridEventChanged
from csms.domain.profile import ProfileAnswer, discharges
from csms.errors import StationError


class Numbers:
    """`facts` told by kind; `orders` to discharge by what became of them; each event's newest dispatch."""

    def __init__(self) -> None:
        self.facts: Counter[str] = Counter()
        self.orders: Counter[str] = Counter()
        self.events: dict[str, DispatchMade] = {}

    def follow(self, fact: Fact) -> None:
        """Keep each event's newest dispatch."""
        match fact:
            case DispatchMade():
                self.events[fact.event_id] = fact
            case GridEventChanged() if fact.state != "active":
                self.events.pop(fact.event_id, None)


class CountedBus:
    """A bus that counts facts as they are told, and orders to discharge: accepted, rejected, or the error."""

    def __init__(self, bus: Bus, numbers: Numbers) -> None:
        self._bus = bus
        self._numbers = numbers

    def publish(self, fact: Fact) -> None:
        """As the bus beneath, and counted."""
        kind = type(fact)
        self._numbers.facts[kind.__name__] += 1
        if kind is DispatchMade or kind is GridEventChanged:
            self._numbers.follow(fact)
        self._bus.publish(fact)

    def listen(self, hear: Ear, *kinds: type[Fact]) -> Callable[[], None]:
        """As the bus beneath."""
        return self._bus.listen(hear, *kinds)

    def subscribe(self, *kinds: type[Fact]) -> AbstractAsyncContextManager[AsyncIterator[Fact]]:
        """As the bus beneath."""
        return self._bus.subscribe(*kinds)

    async def ask(self, station_id: str, ask: object, *, timeout_s: float) -> object:
        """As the bus beneath, and counted."""
        if not discharges(ask):
            return await self._bus.ask(station_id, ask, timeout_s=timeout_s)
        try:
            answer = await self._bus.ask(station_id, ask, timeout_s=timeout_s)
        except StationError as error:
            self._numbers.orders[type(error).__name__] += 1
            raise
        accepted = isinstance(answer, ProfileAnswer) and answer.accepted
        self._numbers.orders["accepted" if accepted else "rejected"] += 1
        return answer

    def answer(self, station_id: str, handler: AskHandler) -> AbstractAsyncContextManager[None]:
        """As the bus beneath."""
        return self._bus.answer(station_id, handler)

    def serve(self, station_id: str, handler: AskHandler) -> Callable[[], None]:
        """As the bus beneath."""
        return self._bus.serve(station_id, handler)
