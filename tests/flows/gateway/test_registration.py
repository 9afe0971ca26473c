"""What may be said before a station is accepted (R-01), and what a person's change does to a connection."""

import asyncio
from datetime import UTC, datetime

import pytest

from csms.domain.facts import StationBooted, StationRegistered
from csms.errors import StationOffline
from csms.store import requests, stations
from csms.store.stations import StationRow
from csms.wire import words
from tests.flows.gateway.front import BOOT, STATION, Front, now_text

REPORT = {"requestId": 1, "generatedAt": "2026-03-01T12:00:00Z", "seqNo": 0}


async def change(door: Front, **fields: object) -> None:
    async with door.db.begin() as conn:
        await stations.change(conn, STATION, **fields)
    door.bus.publish(StationRegistered(door.gateway.house.clock.now(), STATION))


async def test_r_01_before_the_boot_everything_else_is_a_security_error(door: Front) -> None:
    async with door.connected(boot=False) as client:
        frame = await client.call("Heartbeat", {})
        assert frame[0] == 4
        assert frame[2] == "SecurityError"
        # The station believes itself accepted, so it is asked to boot.
        trigger = await client.answer({"status": "Accepted"}, "TriggerMessage")
        assert trigger[3] == {"requestedMessage": "BootNotification"}
        assert await client.boot() == "Accepted"
        await client.result("Heartbeat", {})


async def test_r_01_a_station_that_was_accepted_before_need_not_boot_again(door: Front) -> None:
    await door.add_station("cs-2", booted=True)
    async with door.connected("cs-2", boot=False) as client:
        await client.result("Heartbeat", {})


async def test_b02_fr_06_pending_may_send_what_it_was_asked_for_and_nothing_else(door: Front) -> None:
    await change(door, registration="Pending")
    async with door.connected(boot=False) as client:
        assert await client.boot() == "Pending"
        assert (await client.call("Heartbeat", {}))[2] == "SecurityError"
        assert (await client.call("NotifyReport", REPORT))[2] == "SecurityError"
        async with door.db.begin() as conn:
            request_id = await requests.open(conn, STATION, "inventory", door.gateway.house.clock.now())
        async with asyncio.TaskGroup() as group:
            group.create_task(
                door.ask(words.GetBaseReportRequest(request_id=request_id, report_base="FullInventory"))
            )
            await client.answer({"status": "Accepted"}, "GetBaseReport")
        assert await client.result("NotifyReport", REPORT) == {}
        async with asyncio.TaskGroup() as group:
            group.create_task(door.ask(words.TriggerMessageRequest(requested_message="StatusNotification")))
            await client.answer({"status": "Accepted"}, "TriggerMessage")
        status = {"timestamp": now_text(), "connectorStatus": "Available", "evseId": 1, "connectorId": 1}
        assert await client.result("StatusNotification", status) == {}
        assert (await client.call("Heartbeat", {}))[2] == "SecurityError"


async def test_b03_fr_03_a_rejected_station_is_asked_nothing(door: Front) -> None:
    await change(door, registration="Rejected")
    async with door.connected(boot=False) as client:
        assert await client.boot() == "Rejected"
        assert (await client.call("Heartbeat", {}))[2] == "SecurityError"
        with pytest.raises(StationOffline):
            await door.ask(words.TriggerMessageRequest(requested_message="Heartbeat"))


async def test_b02_fr_08_an_approved_station_is_asked_to_boot_and_accepted(door: Front) -> None:
    await change(door, registration="Pending")
    async with door.connected(boot=False) as client:
        assert await client.boot() == "Pending"
        await change(door, registration="Accepted")
        trigger = await client.answer({"status": "Accepted"}, "TriggerMessage")
        assert trigger[3] == {"requestedMessage": "BootNotification"}
        assert await client.boot() == "Accepted"
        await client.result("Heartbeat", {})
    booted = [fact.registration for fact in door.facts if isinstance(fact, StationBooted)]
    assert booted == ["Pending", "Accepted"]


@pytest.mark.parametrize(
    "fields", [{"registration": "Rejected"}, {"password_hash": "x"}, {"security_profile": 3}]
)
async def test_a_station_whose_terms_were_changed_is_disconnected(
    door: Front, fields: dict[str, object]
) -> None:
    async with door.connected() as client:
        await change(door, **fields)
        assert await client.closed() == 1008


async def test_a_removed_station_is_disconnected(door: Front) -> None:
    async with door.connected() as client:
        async with door.db.begin() as conn:
            await stations.remove(conn, STATION)
        door.bus.publish(StationRegistered(door.gateway.house.clock.now(), STATION))
        assert await client.closed() == 1008


async def test_a_station_that_is_removed_and_registered_anew_comes_anew(door: Front) -> None:
    """Also if nobody has looked between the two: the new row knows of no connection."""
    async with door.connected() as client:
        row = await door.station()
        async with door.db.begin() as conn:
            await stations.remove(conn, STATION)
            anew = StationRow(
                identity=STATION,
                password_hash=row.password_hash,
                onboarding="none",
                created_at=datetime.now(UTC),
            )
            await stations.add(conn, anew, [])
        door.bus.publish(StationRegistered(door.gateway.house.clock.now(), STATION))
        assert await client.closed() == 1008


async def test_other_changes_do_not_disturb(door: Front) -> None:
    async with door.connected() as client:
        await change(door, discharge="negative_limit", hold="x")
        assert (await client.result("BootNotification", BOOT))["status"] == "Accepted"
