"""What the station has to tell and has not told yet: in order, through outages, with the retries of E13."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import replace

from chargepoint_sim.station.device_model import DeviceModel
from chargepoint_sim.station.equipment import Observe
from chargepoint_sim.station.knobs import Knob, Knobs
from chargepoint_sim.station.notices import EventNews
from chargepoint_sim.station.words import (
    Dialect,
    EventType,
    MeterNews,
    News,
    NoAnswer,
    Offline,
    Refused,
    StatusNews,
    Told,
    TransactionNews,
)

_MOST_WAITING = 10_000  # what fits into a station's memory
_NOTICE_S = 0.02  # real: until everybody has noticed that the connection is gone


class Outbox:
    """News on their way. `ready` waits for a conversation with a server that has accepted this station."""

    def __init__(self, model: DeviceModel, knobs: Knobs, observe: Observe) -> None:
        self.online = False
        self._model = model
        self._knobs = knobs
        self._observe = observe
        self._waiting: deque[News] = deque()
        self._held_back: TransactionNews | None = None
        self._filled = asyncio.Event()
        self._empty = asyncio.Event()
        self._empty.set()

    def __len__(self) -> int:
        return len(self._waiting)

    async def emptied(self) -> None:
        """Wait until everything is told."""
        await self._empty.wait()

    def waiting_for(self, transaction_id: str | None) -> bool:
        """Whether events of a transaction (None: of any) are still to be told."""
        events = (one for one in self._waiting if isinstance(one, TransactionNews))
        return any(transaction_id in (None, one.transaction_id) for one in events)

    def put(self, news: News) -> None:
        """Have something told. While offline, transaction events are marked so and meter values lost."""
        if isinstance(news, TransactionNews) and not self.online:
            news = replace(news, offline=True)
        if isinstance(news, MeterNews) and not self.online:
            return
        if isinstance(news, TransactionNews) and self._knobs and self._mishandled(news):
            return
        self._put(news)

    def _mishandled(self, news: TransactionNews) -> bool:
        """Whether an event is lost or held back: one that is held back comes after its successor."""
        if self._knobs.happens(Knob.LOSE_EVENTS):
            return True
        if not self._knobs.on(Knob.REORDER_EVENTS):
            return False
        if self._held_back is None and news.event is not EventType.ENDED:
            self._held_back = news
            return True
        held_back, self._held_back = self._held_back, None
        for one in (news, held_back):
            if one is not None:
                self._put(one)
        return True

    def _put(self, news: News) -> None:
        if isinstance(news, StatusNews):  # only the last status of a connector is of interest
            self._waiting = deque(one for one in self._waiting if not _outdated(one, news))
        self._waiting.append(news)
        if len(self._waiting) > _MOST_WAITING:
            self._thin_out()
        self._empty.clear()
        self._filled.set()

    def _thin_out(self) -> None:
        """The memory is full: every second message from the middle is dropped (E04.FR.07, E04.FR.08)."""
        spare = [number for number, one in enumerate(self._waiting) if number and _from_the_middle(one)]
        dropped = set(spare[::2])
        self._waiting = deque(one for number, one in enumerate(self._waiting) if number not in dropped)
        self._observe("messages_dropped", {"count": len(dropped)})

    async def run(self, ready: Callable[[], Awaitable[Dialect]], heard: Callable[[News, Told], None]) -> None:
        """Tell everything, one after the other; `heard` is given what the server said."""
        attempts = 0
        while True:
            while not self._waiting:
                self._filled.clear()
                await self._filled.wait()
            dialect, news = await ready(), self._waiting[0]
            try:
                told = await dialect.tell(news)
                if self._knobs.on(Knob.REPEAT_MESSAGES) and isinstance(news, TransactionNews):
                    await dialect.tell(news)
            except Offline:
                await asyncio.sleep(_NOTICE_S)
                continue
            except (NoAnswer, Refused) as failure:
                attempts += 1
                if await self._may_try_again(news, attempts, failure):
                    continue
                told = Told()
            attempts = 0
            self._forget(news)
            heard(news, told)

    async def _may_try_again(self, news: News, attempts: int, failure: Exception) -> bool:
        """E13.FR.02 to E13.FR.04: some attempts, each waiting longer; then the message is given up."""
        self._observe("message_failed", {"attempt": attempts, "failure": repr(failure)})
        link = "OCPPCommCtrlr"
        most = self._model.integer(link, "MessageAttempts", "TransactionEvent")
        if not isinstance(news, TransactionNews) or attempts >= most:
            return False
        await asyncio.sleep(
            attempts * self._model.integer(link, "MessageAttemptInterval", "TransactionEvent")
        )
        return True

    def _forget(self, news: News) -> None:
        """Told; it may have been replaced by a newer one of its kind meanwhile."""
        if self._waiting and self._waiting[0] is news:
            self._waiting.popleft()
        if not self._waiting:
            self._empty.set()


def _from_the_middle(one: News) -> bool:
    """Whether the server can do without: no begin, no end, nobody's token."""
    if isinstance(one, TransactionNews):
        return one.event is EventType.UPDATED and one.id_token is None
    return isinstance(one, EventNews)


def _outdated(one: News, by: StatusNews) -> bool:
    """Whether a waiting status is overtaken by a newer one."""
    return isinstance(one, StatusNews) and (one.evse_id, one.connector_id) == (by.evse_id, by.connector_id)
