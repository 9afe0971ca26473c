"""What the socket answers to what a station sends: section 3 rows 6 to 15, 20, 21, 23, 27 to 29."""

import asyncio
import json
from datetime import timedelta
from typing import Any

import pytest

from csms.blocks import provisioning
from csms.blocks.context import Context
from csms.bus.memory import MemoryBus
from csms.domain.facts import StationConnected
from csms.store import stations
from csms.wire import words
from csms.wire.dialect import RawCall
from csms.wire.router import Router
from tests.flows.gateway.front import BOOT, STATION, Front, event, front, now_text


def boots_and(handler: Any) -> Router:
    """A router that boots stations and hands data transfers to `handler`."""
    router = Router()
    router.include(provisioning.router)
    router.on(words.DataTransferRequest)(handler)
    return router


@pytest.mark.parametrize(
    ("text", "id", "code"),
    [
        ("not json", "-1", "RpcFrameworkError"),
        ("{}", "-1", "RpcFrameworkError"),
        ('[2,7,"Heartbeat",{}]', "-1", "RpcFrameworkError"),
        (json.dumps([2, "x" * 37, "Heartbeat", {}]), "-1", "RpcFrameworkError"),
        ('[9,"a","Heartbeat",{}]', "a", "MessageTypeNotSupported"),
        ('[2,"a","Heartbeat"]', "a", "RpcFrameworkError"),
        ('[2,"a",["Heartbeat"],{}]', "a", "RpcFrameworkError"),
        ('[2,"a","NoSuchAction",{}]', "a", "NotImplemented"),
        ('[2,"a","Reset",{"type":"Immediate"}]', "a", "NotSupported"),
        ('[2,"a","BootNotification",{}]', "a", "OccurrenceConstraintViolation"),
        (b"\x00\x01", "-1", "RpcFrameworkError"),
    ],
)
async def test_rows_06_to_15_a_bad_frame_is_answered_and_the_session_lives(
    door: Front, text: str | bytes, id: str, code: str
) -> None:
    async with door.connected() as client:
        await client.send(text)
        frame = await client.receive()
        assert frame[:3] == [4, id, code]
        assert frame[4] == {}
        await client.result("Heartbeat", {})


async def test_section_2_3_the_hostile_list_never_ends_a_session(door: Front) -> None:
    async with door.connected() as client:
        for text in (
            "[" * 100_000,
            '[2,"a","Heartbeat",' + '{"a":' * 20_000 + "1" + "}" * 20_001,
            "[2" + "0" * 5000 + "]",
        ):
            await client.send(text)
            assert (await client.receive())[0] == 4
        await client.result("Heartbeat", {})


async def test_row_12_a_repeat_is_answered_the_same(door: Front) -> None:
    async with door.connected() as client:
        first = await client.call("Heartbeat", {}, "same")
        await asyncio.sleep(0.01)
        assert await client.call("Heartbeat", {}, "same") == first


async def test_row_20_a_handlers_fault_is_an_internal_error_without_details() -> None:
    async def broken(_: words.DataTransferRequest, __: Context) -> None:
        raise ValueError("the secret")

    async with front(boots_and(broken)) as door, door.connected() as client:
        frame = await client.call("DataTransfer", {"vendorId": "v"})
        assert frame == [4, frame[1], "InternalError", "", {}]
        assert await client.boot() == "Accepted"


async def test_row_21_calls_are_answered_in_their_order(door: Front) -> None:
    async with door.connected() as client:
        for number in range(8):
            await client.send([2, f"n{number}", "Heartbeat", {}])
        assert [(await client.receive())[1] for _ in range(8)] == [f"n{number}" for number in range(8)]


async def test_row_21_more_than_eight_calls_at_once_end_the_session() -> None:
    hold = asyncio.Event()

    async def slow(_: words.DataTransferRequest, __: Context) -> words.DataTransferResponse:
        await hold.wait()
        return words.DataTransferResponse(status="Accepted")

    async with front(boots_and(slow)) as door, door.connected() as client:
        for number in range(9):
            await client.send([2, f"n{number}", "DataTransfer", {"vendorId": "v"}])
        assert await client.closed() == 1008


async def test_row_23_a_handler_may_ask_its_own_station() -> None:
    bus = MemoryBus()

    async def asks(_: words.DataTransferRequest, ctx: Context) -> words.DataTransferResponse:
        answer = await bus.ask(ctx.station.id, RawCall("GetLocalListVersion", {}), timeout_s=5)
        return words.DataTransferResponse(status="Accepted", data=answer)

    async with front(boots_and(asks), bus) as door, door.connected() as client:
        await client.send([2, "mine", "DataTransfer", {"vendorId": "v"}])
        await client.answer({"versionNumber": 7}, "GetLocalListVersion")
        assert await client.receive() == [3, "mine", {"status": "Accepted", "data": {"versionNumber": 7}}]


async def test_row_23_calls_of_both_sides_cross(door: Front) -> None:
    async with door.connected() as client, asyncio.TaskGroup() as group:
        asked = group.create_task(door.ask(RawCall("GetLocalListVersion", {})))
        await client.send([2, "mine", "Heartbeat", {}])
        frames = [await client.receive(), await client.receive()]
        ours = next(frame for frame in frames if frame[0] == 2)
        assert next(frame for frame in frames if frame[0] == 3)[1] == "mine"
        await client.send([3, ours[1], {"versionNumber": 1}])
        assert await asked == {"versionNumber": 1}


async def test_row_27_a_message_over_the_limit_is_1009(door: Front) -> None:
    async with door.connected() as client:
        await client.send([2, "a", "DataTransfer", {"vendorId": "v", "data": "x" * 200_000}])
        assert (await client.receive())[0] == 3
        await client.send([2, "b", "DataTransfer", {"vendorId": "v", "data": "x" * 300_000}])
        assert await client.closed() == 1009


async def test_row_27_before_accepted_the_limit_is_lower(door: Front) -> None:
    async with door.connected(boot=False) as client:
        await client.send([2, "b", "BootNotification", {**BOOT, "customData": {"vendorId": "x" * 70_000}}])
        assert await client.closed() == 1009


async def test_row_28_a_ping_is_answered_and_a_dead_peer_is_dropped() -> None:
    async with front(ping_interval_s=0.1, ping_timeout_s=0.1) as door:
        async with door.connected() as client:
            await (await client.socket.ping())
            await asyncio.sleep(0.4)  # several of the server's own pings
            await client.result("Heartbeat", {})
        dead = await door.raw()
        assert dead.status == 101
        await door.connections(1)
        await door.connections(0)
        dead.abort()


async def test_row_28_a_station_may_have_an_interval_of_its_own() -> None:
    async with front(ping_interval_s=3600.0, ping_timeout_s=0.1) as door:
        async with door.db.begin() as conn:
            await stations.change(conn, STATION, ping_interval_s=0.1)
        dead = await door.raw()
        await door.connections(1)
        await door.connections(0)
        dead.abort()


async def test_row_29_any_message_is_a_sign_of_life(door: Front) -> None:
    async with door.db.begin() as conn:
        await stations.change(conn, STATION, boot_answer="Accepted")
    async with door.connected(boot=False) as client:
        await door.fact(StationConnected)
        before = (await door.station()).last_seen_at
        await asyncio.sleep(0.002)
        status = {"timestamp": now_text(), "connectorStatus": "Available", "evseId": 1, "connectorId": 1}
        await client.result("StatusNotification", status)
        after = (await door.station()).last_seen_at
        assert before is not None
        assert after is not None
        assert after > before


@pytest.mark.parametrize(("offset_s", "expected"), [(0.0, 0.0), (120.0, 120.0)])
async def test_row_41_the_clocks_skew_is_estimated(door: Front, offset_s: float, expected: float) -> None:
    async with door.connected() as client:
        at = (door.gateway.house.clock.now() + timedelta(seconds=offset_s)).isoformat()
        await client.result("TransactionEvent", event(0, "Started", timestamp=at))
    assert (await door.station()).clock_skew_s == pytest.approx(expected, abs=1.0)


async def test_row_41_a_message_that_waited_is_no_wrong_clock(door: Front) -> None:
    async with door.connected() as client:
        at = (door.gateway.house.clock.now() - timedelta(minutes=10)).isoformat()
        await client.result("TransactionEvent", event(0, "Started", timestamp=at))
    assert (await door.station()).clock_skew_s is None
