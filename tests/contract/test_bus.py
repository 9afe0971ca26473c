"""What every bus must do; today there is the one in memory."""

import asyncio
from datetime import UTC, datetime

import pytest

from csms.bus.bus import Bus
from csms.bus.memory import MemoryBus
from csms.domain.facts import Fact, GridEventAccepted, SettlementReady, StationConnected
from csms.errors import StationOffline, StationRefused, StationTimeout

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def bus() -> Bus:
    return MemoryBus()


async def echo(ask: object, left_s: float) -> object:
    return ("heard", ask)


async def test_facts_reach_those_who_asked_for_their_kind(bus: Bus) -> None:
    async with bus.subscribe(GridEventAccepted) as some, bus.subscribe() as every:
        bus.publish(StationConnected(NOW, "a", 1))
        bus.publish(GridEventAccepted(NOW, "e"))
        assert await anext(some) == GridEventAccepted(NOW, "e")
        assert await anext(every) == StationConnected(NOW, "a", 1)
        assert await anext(every) == GridEventAccepted(NOW, "e")


async def test_two_kinds_in_one_subscription(bus: Bus) -> None:
    async with bus.subscribe(GridEventAccepted, SettlementReady) as facts:
        bus.publish(SettlementReady(NOW, "e"))
        bus.publish(StationConnected(NOW, "a", 1))
        bus.publish(GridEventAccepted(NOW, "f"))
        assert [await anext(facts), await anext(facts)] == [
            SettlementReady(NOW, "e"),
            GridEventAccepted(NOW, "f"),
        ]


async def test_who_waits_is_woken(bus: Bus) -> None:
    async with bus.subscribe(GridEventAccepted) as facts, asyncio.timeout(5):
        waiting = asyncio.ensure_future(anext(facts))
        await asyncio.sleep(0)
        bus.publish(GridEventAccepted(NOW, "e"))
        assert await waiting == GridEventAccepted(NOW, "e")


async def test_a_slow_listener_loses_the_oldest_and_holds_nobody_up() -> None:
    bus = MemoryBus(backlog=3)
    async with bus.subscribe() as facts:
        for number in range(10):
            bus.publish(GridEventAccepted(NOW, str(number)))
        heard: list[Fact] = [await anext(facts) for _ in range(3)]
        assert heard == [GridEventAccepted(NOW, str(number)) for number in (7, 8, 9)]


async def test_an_ask_is_answered_by_its_station(bus: Bus) -> None:
    async with bus.answer("a", echo):
        assert await bus.ask("a", "question", timeout_s=5) == ("heard", "question")
        with pytest.raises(StationOffline):
            await bus.ask("b", "question", timeout_s=5)
    with pytest.raises(StationOffline):
        await bus.ask("a", "question", timeout_s=5)


async def test_the_handler_is_told_how_long_it_has(bus: Bus) -> None:
    async def left(ask: object, left_s: float) -> object:
        return left_s

    async with bus.answer("a", left):
        told = await bus.ask("a", None, timeout_s=5)
        assert isinstance(told, float | int)
        assert 0 < told <= 5


async def test_what_the_station_refuses_reaches_the_asker(bus: Bus) -> None:
    async def refuse(ask: object, left_s: float) -> object:
        raise StationRefused("a", "NotSupported")

    async with bus.answer("a", refuse):
        with pytest.raises(StationRefused) as caught:
            await bus.ask("a", None, timeout_s=5)
        assert caught.value.code == "NotSupported"


async def test_an_ask_past_its_deadline_is_dropped(bus: Bus) -> None:
    dropped = asyncio.Event()

    async def never(ask: object, left_s: float) -> object:
        try:
            await asyncio.Event().wait()
        finally:
            dropped.set()
        return None

    async with bus.answer("a", never):
        with pytest.raises(StationTimeout):
            await bus.ask("a", None, timeout_s=0.02)
        assert dropped.is_set()


async def test_an_ask_that_is_cancelled_is_dropped(bus: Bus) -> None:
    started, dropped = asyncio.Event(), asyncio.Event()

    async def never(ask: object, left_s: float) -> object:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            dropped.set()
        return None

    async with bus.answer("a", never):
        asking = asyncio.create_task(bus.ask("a", None, timeout_s=60))
        await started.wait()
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        assert dropped.is_set()


async def test_the_newest_server_answers_and_an_older_ones_end_removes_nothing(bus: Bus) -> None:
    async def newer(ask: object, left_s: float) -> object:
        return "newer"

    older = bus.answer("a", echo)
    await older.__aenter__()
    async with bus.answer("a", newer):
        assert await bus.ask("a", None, timeout_s=5) == "newer"
        await older.__aexit__(None, None, None)
        assert await bus.ask("a", None, timeout_s=5) == "newer"
    with pytest.raises(StationOffline):
        await bus.ask("a", None, timeout_s=5)


async def test_the_same_handler_twice_is_two_servers(bus: Bus) -> None:
    older = bus.answer("a", echo)
    await older.__aenter__()
    async with bus.answer("a", echo):
        await older.__aexit__(None, None, None)
        assert await bus.ask("a", 1, timeout_s=5) == ("heard", 1)


async def test_a_listener_that_has_left_hears_nothing(bus: Bus) -> None:
    async with bus.subscribe() as facts:
        pass
    bus.publish(GridEventAccepted(NOW, "e"))
    async with asyncio.timeout(5):
        with pytest.raises(StopAsyncIteration):
            await anext(facts)


async def test_who_listens_by_a_call_hears_at_once_until_it_ends(bus: Bus) -> None:
    heard: list[Fact] = []
    end = bus.listen(heard.append, GridEventAccepted)
    bus.publish(GridEventAccepted(NOW, "e"))
    bus.publish(StationConnected(NOW, "a", 1))
    assert heard == [GridEventAccepted(NOW, "e")]
    end()
    end()
    bus.publish(GridEventAccepted(NOW, "f"))
    assert len(heard) == 1


async def test_who_comes_later_hears_what_is_told_later(bus: Bus) -> None:
    first: list[Fact] = []
    second: list[Fact] = []
    end = bus.listen(first.append)
    bus.publish(GridEventAccepted(NOW, "e"))
    bus.listen(second.append, Fact)
    end()
    bus.publish(GridEventAccepted(NOW, "f"))
    assert (first, second) == ([GridEventAccepted(NOW, "e")], [GridEventAccepted(NOW, "f")])


async def test_a_server_without_a_task_serves_until_it_ends(bus: Bus) -> None:
    older = bus.serve("a", echo)
    newer = bus.serve("a", echo)
    older()
    assert await bus.ask("a", 1, timeout_s=5) == ("heard", 1)
    newer()
    with pytest.raises(StationOffline):
        await bus.ask("a", 1, timeout_s=5)


async def test_a_server_s_future_is_waited_for_and_cancelled_with_its_asker(bus: Bus) -> None:
    futures: list[asyncio.Future[object]] = []

    def later(ask: object, left_s: float) -> asyncio.Future[object]:
        futures.append(asyncio.get_running_loop().create_future())
        return futures[-1]

    bus.serve("a", later)
    async with asyncio.timeout(5):
        asked = [asyncio.create_task(bus.ask("a", None, timeout_s=5)) for _ in range(2)]
        await asyncio.sleep(0)
        futures[0].set_result("answer")
        assert await asked[0] == "answer"
        asked[1].cancel()
        await asyncio.wait(asked[1:])
        assert futures[1].cancelled()
