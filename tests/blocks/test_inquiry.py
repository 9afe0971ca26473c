"""E14: what a station is asked about a transaction that does not add up (rows 35 and 39)."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from csms.blocks import inquiry
from csms.blocks.inquiry import PAUSES_S, Inquiry
from csms.domain.facts import StationConnected, TransactionDoubted
from csms.domain.transaction import EventType, TransactionEvent
from csms.errors import StationOffline, StationRefused, StationTimeout
from csms.store import transactions
from csms.wire import words
from tests.blocks.bench import START, STATION, Bench

TX = "tx-1"


def event(seq_no: int, type: EventType = EventType.UPDATED, transaction_id: str = TX) -> TransactionEvent:
    raw = f"{transaction_id} {seq_no}".encode()
    at = START + timedelta(seconds=seq_no)
    return TransactionEvent(type, transaction_id, seq_no, at, "Trigger", evse_id=1, raw=raw, digest=raw)


class Station:
    """Answers GetTransactionStatus as it is told to; the last answer is given for ever."""

    def __init__(self, *answers: words.GetTransactionStatusResponse | Exception) -> None:
        self.answers = list(answers)
        self.asked: list[str | None] = []
        self.over: set[str] = set()

    async def __call__(self, ask: object, _: float) -> object:
        assert isinstance(ask, words.GetTransactionStatusRequest)
        self.asked.append(ask.transaction_id)
        if ask.transaction_id in self.over:
            return says(queue=False, ongoing=False)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


def says(queue: bool, ongoing: bool | None = None) -> words.GetTransactionStatusResponse:
    return words.GetTransactionStatusResponse(messages_in_queue=queue, ongoing_indicator=ongoing)


@asynccontextmanager
async def inquiring(bench: Bench, station: Station) -> AsyncIterator[Inquiry]:
    async with asyncio.TaskGroup() as group, bench.bus.answer(STATION, station):
        inquiry = Inquiry(bench.db, bench.bus, bench.clock)
        task = group.create_task(inquiry.run())
        await asyncio.sleep(0)
        yield inquiry
        task.cancel()


async def doubted(bench: Bench, inquiry: Inquiry) -> None:
    """Pass on what the handlers have told, and wait until all that follows from it is done."""
    facts = bench.told(TransactionDoubted)
    before = bench.clock.monotonic()
    assert facts
    for fact in facts:
        bench.bus.publish(fact)
    bench.facts.clear()
    await until(lambda: bench.clock.monotonic() > before)  # it waits before it asks
    await quiet(inquiry)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 - no event tells of this
            await asyncio.sleep(0.005)


async def quiet(inquiry: Inquiry) -> None:
    await asyncio.sleep(0.01)
    await until(lambda: inquiry.under_way == 0)


async def open_ones(bench: Bench) -> set[str]:
    return {row.transaction_id for row in await transactions.open_at(bench.db, STATION)}


async def test_row_35_a_gap_is_asked_after_until_the_station_has_nothing_more(bench: Bench) -> None:
    station = Station(says(queue=True), says(queue=True), says(queue=False, ongoing=True))
    async with inquiring(bench, station) as inquiry:
        for seq_no in (0, 1, 5):
            await bench.tell(event(seq_no))
        await doubted(bench, inquiry)
    assert station.asked == [TX] * 3
    assert bench.clock.monotonic() == sum(PAUSES_S[:3])
    assert await open_ones(bench) == {TX}  # it goes on


async def test_row_35_a_gap_that_closes_by_itself_is_not_asked_after(bench: Bench) -> None:
    station = Station(says(queue=False))
    async with inquiring(bench, station) as inquiry:
        for seq_no in (0, 2, 1):
            await bench.tell(event(seq_no))
        await doubted(bench, inquiry)
    assert station.asked == []
    assert bench.clock.monotonic() == PAUSES_S[0]


async def test_row_35_events_that_come_meanwhile_close_the_gap(bench: Bench) -> None:
    station = Station(says(queue=True))
    async with inquiring(bench, station) as inquiry:
        for seq_no in (0, 2):
            await bench.tell(event(seq_no))
        bench.bus.publish(bench.told(TransactionDoubted)[0])
        await until(lambda: bool(station.asked))
        await bench.tell(event(1))
        await quiet(inquiry)
    assert 1 <= len(station.asked) <= len(PAUSES_S)
    row = await transactions.get(bench.db, TX, STATION)
    assert row is not None
    assert row.seen == "0-2"


async def test_row_35_a_transaction_that_is_over_without_its_end_is_not_open_any_more(bench: Bench) -> None:
    station = Station(says(queue=False, ongoing=False))
    async with inquiring(bench, station) as inquiry:
        for seq_no in (0, 2):
            await bench.tell(event(seq_no))
        await doubted(bench, inquiry)
    row = await transactions.get(bench.db, TX, STATION)
    assert row is not None
    assert not row.open
    assert row.ended_at is None  # nothing is made up
    await bench.tell(event(3))
    assert await open_ones(bench) == {TX}  # it lives after all


@pytest.mark.parametrize("error", [StationTimeout(STATION), StationRefused(STATION, "NotSupported")])
async def test_row_35_a_station_that_cannot_say_is_asked_so_many_times(
    bench: Bench, error: Exception
) -> None:
    station = Station(error)
    async with inquiring(bench, station) as inquiry:
        for seq_no in (0, 2):
            await bench.tell(event(seq_no))
        await doubted(bench, inquiry)
    assert len(station.asked) == len(PAUSES_S)


async def test_row_35_a_station_that_is_away_is_asked_when_it_is_back(bench: Bench) -> None:
    station = Station(StationOffline(STATION), says(queue=False, ongoing=True))
    async with inquiring(bench, station) as inquiry:
        for seq_no in (0, 2):
            await bench.tell(event(seq_no))
        await doubted(bench, inquiry)
        assert len(station.asked) == 1
        bench.bus.publish(StationConnected(bench.clock.now(), STATION, 2))
        await until(lambda: len(station.asked) == 2)
        await quiet(inquiry)
    assert station.asked == [TX, TX]


async def test_row_35_an_end_without_a_start_is_asked_after(bench: Bench) -> None:
    station = Station(says(queue=False, ongoing=False))
    async with inquiring(bench, station) as inquiry:
        await bench.tell(event(4, EventType.ENDED))
        await doubted(bench, inquiry)
    assert station.asked == [TX]


async def test_row_35_what_adds_up_is_never_asked_after(bench: Bench) -> None:
    kinds = (EventType.STARTED, EventType.UPDATED, EventType.ENDED)
    for seq_no, kind in enumerate(kinds):
        await bench.tell(event(seq_no, kind))
    assert not bench.told(TransactionDoubted)


async def test_row_39_both_of_two_transactions_at_one_evse_are_taken_and_asked_after(bench: Bench) -> None:
    station = Station(says(queue=False, ongoing=True))
    station.over.add("old")
    async with inquiring(bench, station) as inquiry:
        await bench.tell(event(0, EventType.STARTED, "old"))
        await bench.tell(event(0, EventType.STARTED, "new"))
        assert await open_ones(bench) == {"old", "new"}
        assert {fact.transaction_id for fact in bench.told(TransactionDoubted)} == {"old", "new"}
        await doubted(bench, inquiry)
    assert set(station.asked) <= {"old", "new"}
    assert await open_ones(bench) == {"new"}


async def test_row_39_transactions_at_two_evses_are_no_crowd(bench: Bench) -> None:
    await bench.tell(event(0, EventType.STARTED, "one"))
    other = event(0, EventType.STARTED, "two")
    await bench.tell(TransactionEvent(other.type, "two", 0, other.at, "Trigger", evse_id=2, digest=b"2"))
    assert not bench.told(TransactionDoubted)


async def test_inquiries_are_bounded(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inquiry, "UNDER_WAY_MAX", 2)
    station = Station(says(queue=False, ongoing=True))
    async with inquiring(bench, station) as running:
        for number in range(5):
            for seq_no in (0, 2):
                await bench.tell(event(seq_no, transaction_id=f"t{number}"))
        facts = bench.told(TransactionDoubted)
        for fact in facts:
            bench.bus.publish(fact)
        await quiet(running)
    assert len(set(station.asked)) <= 3
