"""What a station keeps while the server is away, and how it tells it afterwards."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from chargepoint_sim.station.device_model import DeviceModel, Place
from chargepoint_sim.station.knobs import Knob, Knobs
from chargepoint_sim.station.outbox import Outbox
from chargepoint_sim.station.variables import Fixed, standard_variables
from chargepoint_sim.station.words import (
    ConnectorStatus,
    Dialect,
    EventType,
    IdToken,
    MeterNews,
    News,
    NoAnswer,
    Offline,
    Refused,
    Registered,
    StatusNews,
    TokenInfo,
    Told,
    TransactionNews,
    Trigger,
)

NOW = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)


def event(seq_no: int) -> TransactionNews:
    return TransactionNews(
        EventType.UPDATED, Trigger.METER_VALUE_PERIODIC, seq_no, NOW, "tx", 1, 1, "Charging", 0
    )


def status(of: ConnectorStatus, evse_id: int = 1) -> StatusNews:
    return StatusNews(evse_id, 1, of, NOW)


class Server:
    """The other end: it takes news until it is told to fail."""

    def __init__(self) -> None:
        self.heard: list[News] = []
        self.failures: list[type[Exception]] = []
        self.there = asyncio.Event()

    async def ready(self) -> Dialect:
        await self.there.wait()
        return self

    async def tell(self, news: News) -> Told:
        await asyncio.sleep(0)
        if self.failures:
            failure = self.failures.pop(0)
            if failure is Offline:
                self.there.clear()
            raise failure
        self.heard.append(news)
        return Told()

    async def serve(self) -> None:
        raise NotImplementedError

    async def boot(self, reason: str) -> Registered:
        raise NotImplementedError

    async def heartbeat(self) -> datetime:
        raise NotImplementedError

    async def authorize(self, token: IdToken) -> TokenInfo:
        raise NotImplementedError


class Desk:
    """An outbox with a server."""

    def __init__(self) -> None:
        self.server = Server()
        self.model = DeviceModel(standard_variables(Fixed("CS", "x" * 20)))
        self.model.set(Place("OCPPCommCtrlr"), "MessageAttemptInterval", "TransactionEvent", "0", "Actual")
        self.knobs = Knobs()
        self.observed: list[str] = []
        self.outbox = Outbox(self.model, self.knobs, lambda name, fields: self.observed.append(name))

    async def until(self, true: Callable[[], bool]) -> None:
        """Run until something is true."""
        task = asyncio.create_task(self.outbox.run(self.server.ready, lambda news, told: None))
        try:
            async with asyncio.timeout(5):
                while not true():  # noqa: ASYNC110 - turns of the loop are what is waited for
                    await asyncio.sleep(0)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def numbers(self) -> list[int]:
        return [news.seq_no for news in self.server.heard if isinstance(news, TransactionNews)]


async def test_what_happened_offline_comes_in_order_and_says_so() -> None:
    desk = Desk()
    for number in range(5):
        desk.outbox.put(event(number))
    desk.outbox.online = True
    desk.server.there.set()
    desk.outbox.put(event(5))
    await desk.until(lambda: len(desk.outbox) == 0)
    assert desk.numbers() == [0, 1, 2, 3, 4, 5]
    offline = [news.offline for news in desk.server.heard if isinstance(news, TransactionNews)]
    assert offline == [True] * 5 + [False]


async def test_a_message_cut_off_is_sent_again_with_the_same_number_and_no_attempt_is_counted() -> None:
    desk = Desk()
    desk.outbox.online = True
    desk.server.failures = [Offline] * 10
    desk.outbox.put(event(7))
    desk.outbox.put(event(8))
    desk.server.there.set()
    await desk.until(lambda: not desk.server.there.is_set())
    for _ in range(9):
        desk.server.there.set()
        await desk.until(lambda: not desk.server.there.is_set())
    desk.server.there.set()
    await desk.until(lambda: len(desk.outbox) == 0)
    assert desk.numbers() == [7, 8]
    assert not any(news.offline for news in desk.server.heard if isinstance(news, TransactionNews))


@pytest.mark.parametrize("failure", [NoAnswer, Refused])
async def test_e13_so_many_attempts_and_then_the_next(failure: type[Exception]) -> None:
    desk = Desk()
    desk.outbox.online = True
    desk.server.there.set()
    desk.server.failures = [failure] * 3
    desk.outbox.put(event(1))
    desk.outbox.put(event(2))
    await desk.until(lambda: len(desk.outbox) == 0)
    assert desk.numbers() == [2]
    assert desk.observed == ["message_failed"] * 3


async def test_only_the_last_status_of_a_connector_is_told_and_idle_meter_values_are_lost() -> None:
    desk = Desk()
    desk.outbox.put(status(ConnectorStatus.OCCUPIED))
    desk.outbox.put(status(ConnectorStatus.OCCUPIED, evse_id=2))
    desk.outbox.put(MeterNews(1, NOW, ()))
    desk.outbox.put(status(ConnectorStatus.AVAILABLE))
    desk.server.there.set()
    await desk.until(lambda: len(desk.outbox) == 0)
    assert desk.server.heard == [status(ConnectorStatus.OCCUPIED, 2), status(ConnectorStatus.AVAILABLE)]


async def test_a_repeating_station_says_everything_twice() -> None:
    desk = Desk()
    desk.knobs.turn(Knob.REPEAT_MESSAGES)
    desk.server.there.set()
    desk.outbox.put(event(1))
    desk.outbox.put(event(2))
    await desk.until(lambda: len(desk.outbox) == 0)
    assert desk.numbers() == [1, 1, 2, 2]


async def test_a_full_memory_loses_every_second_message_from_the_middle(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """E04.FR.08: neither the beginning nor the end is lost, and no token."""
    monkeypatch.setattr("chargepoint_sim.station.outbox._MOST_WAITING", 10)
    desk = Desk()
    desk.outbox.put(replace(event(0), event=EventType.STARTED))
    desk.outbox.put(replace(event(1), id_token=IdToken("TAG")))
    for number in range(2, 60):
        desk.outbox.put(event(number))
    desk.outbox.put(replace(event(60), event=EventType.ENDED))
    assert len(desk.outbox) <= 10
    assert "messages_dropped" in desk.observed
    desk.server.there.set()
    await desk.until(lambda: len(desk.outbox) == 0)
    told = desk.numbers()
    assert (told[:2], told[-1], told) == ([0, 1], 60, sorted(told))
    assert any(2 <= number < 58 for number in told)


async def test_it_knows_what_waits() -> None:
    desk = Desk()
    desk.outbox.put(event(1))
    assert desk.outbox.waiting_for("tx")
    assert desk.outbox.waiting_for(None)
    assert not desk.outbox.waiting_for("another")
