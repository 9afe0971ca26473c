"""What 2.1 adds to the conversation: SEND, CALLRESULTERROR, and which version is spoken."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from csms.blocks.context import Context
from csms.domain.station import Heartbeat, HeartbeatAnswer
from csms.errors import BadAnswer
from csms.wire import words
from csms.wire.router import Router
from tests.flows.gateway.front import BOOT, Client, Front, front

STREAM = {"id": 7, "pending": 0, "basetime": "2026-11-22T10:00:00Z", "data": [{"t": 0.5, "v": "230.1"}]}
NEWEST = ("ocpp2.1",)


class Ear:
    """Handlers that note what they hear; `slow` holds the boot up."""

    def __init__(self) -> None:
        self.heard: list[int] = []
        self.slow = asyncio.Event()
        self.router = Router()
        self.router.on(words.NotifyPeriodicEventStream)(self.stream)
        self.router.on(words.BootNotificationRequest)(self.boot)
        self.router.on(Heartbeat)(lambda _, ctx: HeartbeatAnswer(ctx.now))
        self.router.on(words.NotifyEventRequest)(self.event)

    def stream(self, told: words.NotifyPeriodicEventStream, ctx: Context) -> None:
        self.heard.append(told.id)
        if told.id == 666:
            raise RuntimeError("a fault of ours")

    async def event(self, _: object, __: Context) -> None:
        await self.slow.wait()

    def boot(self, _: object, ctx: Context) -> words.BootNotificationResponse:
        return words.BootNotificationResponse(
            current_time="2026-11-22T10:00:00Z", interval=300, status="Accepted"
        )


@pytest.fixture
async def ear() -> Ear:
    return Ear()


@pytest.fixture
async def house(ear: Ear) -> AsyncIterator[Front]:
    async with front(router=ear.router) as running:
        yield running


async def alive(station: Client) -> None:
    assert "currentTime" in await station.result("Heartbeat", {})


async def test_row_25_a_send_is_heard_in_its_turn_and_never_answered(house: Front, ear: Ear) -> None:
    async with house.connected(subprotocols=NEWEST) as station:
        await station.send([6, "s", "NotifyPeriodicEventStream", STREAM])
        await alive(station)
        assert ear.heard == [7]


@pytest.mark.parametrize(
    "frame",
    [
        [6, "s", "NotifyPeriodicEventStream", {**STREAM, "id": "x"}],
        [6, "s", "NotifyPeriodicEventStream", {**STREAM, "id": 666}],
        [6, "s", "BootNotification", BOOT],
        [6, "s", "NoSuchThing", {}],
        [6, "s"],
        [5, "m1", "FormatViolation", "could not read it", {}],
    ],
)
async def test_row_25_nobody_is_told_what_is_wrong_with_it(house: Front, frame: list[object]) -> None:
    async with house.connected(subprotocols=NEWEST) as station:
        await station.send(frame)
        await alive(station)


async def test_b02_a_send_before_the_boot_is_not_heard(house: Front, ear: Ear) -> None:
    async with house.connected(subprotocols=NEWEST, boot=False) as station:
        await station.send([6, "s", "NotifyPeriodicEventStream", STREAM])
        trigger = await station.receive()  # the station is asked to boot
        assert trigger[2] == "TriggerMessage"
        assert ear.heard == []


async def test_row_25_a_flood_of_sends_keeps_no_call_waiting_for_ever(house: Front, ear: Ear) -> None:
    event = {"generatedAt": "2026-11-22T10:00:00Z", "seqNo": 0, "eventData": []}
    event["eventData"] = [
        {
            "eventId": 1,
            "timestamp": "2026-11-22T10:00:00Z",
            "trigger": "Alerting",
            "actualValue": "1",
            "eventNotificationType": "HardWiredNotification",
            "component": {"name": "C"},
            "variable": {"name": "V"},
        }
    ]
    async with house.connected(subprotocols=NEWEST) as station:
        await station.send([2, "slow", "NotifyEvent", event])
        for _ in range(200):
            await station.send([6, "s", "NotifyPeriodicEventStream", STREAM])
        await station.send([2, "after", "Heartbeat", {}])
        ear.slow.set()
        assert [(await station.receive())[1] for _ in range(2)] == ["slow", "after"]
        assert 0 < len(ear.heard) <= 200


async def test_row_24_a_bad_answer_is_told_the_station(house: Front) -> None:
    async with house.connected(subprotocols=NEWEST) as station:
        asking = asyncio.create_task(house.ask(words.ClearCacheRequest()))
        frame = await station.answer({"status": "Perhaps"})
        told = await station.receive()
        assert told[:3] == [5, frame[1], "PropertyConstraintViolation"]
        with pytest.raises(BadAnswer):
            await asking


async def test_row_25_an_older_station_has_no_later_types(house: Front, ear: Ear) -> None:
    async with house.connected() as station:
        await station.send([6, "s", "NotifyPeriodicEventStream", STREAM])
        assert (await station.receive())[:3] == [4, "s", "MessageTypeNotSupported"]
        assert ear.heard == []


async def test_the_newest_version_that_both_know_is_spoken(house: Front) -> None:
    offered = {("ocpp2.0.1", "ocpp2.1"): "ocpp2.1", ("ocpp2.0.1", "ocpp1.9"): "ocpp2.0.1"}
    for names, spoken in offered.items():
        async with house.knock(subprotocols=names) as socket:
            assert socket.subprotocol == spoken
