"""What we ask of a station: section 3 rows 15, 22, 24, 26, and the order of asks."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from csms.blocks import smart_charging
from csms.domain.dialect_record import Discharge, declared
from csms.domain.facts import StationConnected
from csms.domain.profile import InstallProfile, Period, ProfileAnswer, fallback_profile, lease_profile
from csms.errors import (
    AskSuperseded,
    BadAnswer,
    Invalid,
    NotSupportedByDialect,
    StationError,
    StationOffline,
    StationRefused,
    StationTimeout,
)
from csms.wire import words
from csms.wire.dialect import RawCall
from tests.flows.gateway.front import STATION, Client, Front

VERSION = RawCall("GetLocalListVersion", {})
RECORD = declared(Discharge.NEGATIVE_LIMIT)
ACCEPTED = {"status": "Accepted"}


async def install(door: Front, power_w: float, evse_id: int = 1) -> ProfileAnswer:
    profile = lease_profile(1, "tx-1", power_w, datetime.now(UTC), 300)
    return await smart_charging.install(door.bus, STATION, InstallProfile(evse_id, profile, RECORD))


async def occupied(door: Front, client: Client, group: asyncio.TaskGroup) -> list[object]:
    """One CALL in flight; the others have to wait."""
    group.create_task(door.ask(VERSION))
    return await client.receive()


async def settled() -> None:
    """Let tasks that were just made come to their first wait."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_k01_a_discharge_order_goes_out_with_a_negative_limit(door: Front) -> None:
    async with door.connected() as client, asyncio.TaskGroup() as group:
        asked = group.create_task(install(door, -7000.0))
        frame = await client.answer(ACCEPTED, "SetChargingProfile")
        assert (await asked).accepted
    period = frame[3]["chargingProfile"]["chargingSchedule"][0]["chargingSchedulePeriod"][0]
    assert period["limit"] == -7000.0


async def test_v_04_no_discharge_is_ordered_before_a_word_of_the_connection_is_answered(door: Front) -> None:
    """It may be a boot, after which the station holds no fallback."""
    await door.add_station("cs-2", booted=True)
    profile = lease_profile(1, "tx-1", -7000.0, datetime.now(UTC), 300)

    async def order(power_w: float) -> ProfileAnswer:
        ask = InstallProfile(1, replace(profile, periods=(Period(0, power_w),)), RECORD)
        return await smart_charging.install(door.bus, "cs-2", ask)

    async with door.connected("cs-2", boot=False) as client, asyncio.TaskGroup() as group:
        await door.fact(StationConnected)
        with pytest.raises(StationOffline, match="has said nothing yet"):
            await order(-7000.0)
        for power_w in (0.0, -7000.0):
            asked = group.create_task(order(power_w))
            await client.answer(ACCEPTED, "SetChargingProfile")
            assert (await asked).accepted
            await client.result("Heartbeat", {})


async def test_row_22_one_call_at_a_time(door: Front) -> None:
    async with door.connected() as client, asyncio.TaskGroup() as group:
        asked = [group.create_task(door.ask(VERSION)) for _ in range(3)]
        for number in range(3):
            frame = await client.receive()
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(client.socket.recv(), 0.05)
            await client.send([3, frame[1], {"versionNumber": number}])
        answers = [await task for task in asked]
    assert answers == [{"versionNumber": 0}, {"versionNumber": 1}, {"versionNumber": 2}]


async def test_row_22_a_time_out_frees_the_slot_and_the_late_answer_is_dropped(door: Front) -> None:
    await door.add_station("cs-2", message_timeout_s=0.2)
    async with door.connected("cs-2") as client:
        first = asyncio.create_task(door.ask(VERSION, "cs-2"))
        late = await client.receive()
        with pytest.raises(StationTimeout):
            await first
        async with asyncio.TaskGroup() as group:
            second = group.create_task(door.ask(VERSION, "cs-2"))
            frame = await client.receive()
            assert frame[1] != late[1]
            await client.send([3, late[1], {"versionNumber": 1}])
            await client.send([3, frame[1], {"versionNumber": 2}])
            assert await second == {"versionNumber": 2}


async def test_row_22_an_impatient_asker_does_not_free_the_slot(door: Front) -> None:
    async with door.connected() as client:
        with pytest.raises(StationTimeout):
            await door.ask(VERSION, timeout_s=0.05)
        frame = await client.receive()
        async with asyncio.TaskGroup() as group:
            second = group.create_task(door.ask(VERSION))
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(client.socket.recv(), 0.05)
            await client.send([3, frame[1], {"versionNumber": 1}])
            await client.answer({"versionNumber": 2})
            assert await second == {"versionNumber": 2}


async def test_an_ask_past_its_deadline_is_never_sent(door: Front) -> None:
    async with door.connected() as client, asyncio.TaskGroup() as group:
        frame = await occupied(door, client, group)
        with pytest.raises(StationTimeout):
            await door.ask(RawCall("ClearCache", {}), timeout_s=0.05)
        await client.send([3, frame[1], {"versionNumber": 1}])
        group.create_task(door.ask(VERSION))
        await client.answer({"versionNumber": 2}, "GetLocalListVersion")


async def test_a_newer_profile_for_the_same_evse_and_purpose_replaces_an_unsent_one(door: Front) -> None:
    async with door.connected() as client, asyncio.TaskGroup() as group:
        frame = await occupied(door, client, group)
        old = asyncio.create_task(install(door, -1000.0))
        other_evse = group.create_task(install(door, -2000.0, evse_id=2))
        fallback = fallback_profile(2, 0.0, datetime.now(UTC))
        other_purpose = group.create_task(
            smart_charging.install(door.bus, STATION, InstallProfile(1, fallback))
        )
        await settled()
        new = group.create_task(install(door, -3000.0))
        with pytest.raises(AskSuperseded):
            await old
        await client.send([3, frame[1], {"versionNumber": 1}])
        sent = [await client.answer(ACCEPTED, "SetChargingProfile") for _ in range(3)]
        await asyncio.gather(other_evse, other_purpose, new)
    limits = [
        frame[3]["chargingProfile"]["chargingSchedule"][0]["chargingSchedulePeriod"][0]["limit"]
        for frame in sent
    ]
    assert limits == [-3000.0, -2000.0, 0.0]


async def test_a_profile_in_flight_is_not_replaced(door: Front) -> None:
    async with door.connected() as client, asyncio.TaskGroup() as group:
        old = group.create_task(install(door, -1000.0))
        frame = await client.receive()
        new = group.create_task(install(door, -2000.0))
        await settled()
        await client.send([3, frame[1], ACCEPTED])
        await client.answer(ACCEPTED, "SetChargingProfile")
        assert (await old).accepted
        assert (await new).accepted


async def test_row_26_a_refusal_reaches_the_asker(door: Front) -> None:
    async with door.connected() as client:
        asked = asyncio.create_task(door.ask(VERSION))
        frame = await client.receive()
        await client.send([4, frame[1], "MadeUpCode", "no", {}])
        with pytest.raises(StationRefused) as caught:
            await asked
        assert (caught.value.code, caught.value.description) == ("GenericError", "no")


async def test_row_24_an_answer_that_breaks_the_schema_is_the_askers_error_and_nothing_is_sent(
    door: Front,
) -> None:
    async with door.connected() as client:
        asked = asyncio.create_task(door.ask(VERSION))
        frame = await client.receive()
        await client.send([3, frame[1], {"versionNumber": "seven"}])
        with pytest.raises(BadAnswer):
            await asked
        await client.result("Heartbeat", {})


async def test_row_15_section_2_2_row_15_stray_answers_change_nothing(door: Front) -> None:
    async with door.connected() as client:
        for number in range(3000):
            await client.send([3, f"stray-{number}", {}])
        await client.send([4, "stray", "InternalError", "", {}])
        async with asyncio.TaskGroup() as group:
            asked = group.create_task(door.ask(VERSION))
            await client.answer({"versionNumber": 5})
            assert await asked == {"versionNumber": 5}


async def test_all_who_wait_fail_when_the_connection_ends(door: Front) -> None:
    async with door.connected() as client:
        asked = [asyncio.create_task(door.ask(VERSION)) for _ in range(3)]
        await client.receive()
        await client.socket.close()
        for outcome in await asyncio.gather(*asked, return_exceptions=True):
            assert isinstance(outcome, StationOffline)
    await door.connections(0)
    with pytest.raises(StationOffline):
        await door.ask(VERSION)


async def test_what_the_version_cannot_say_is_not_sent(door: Front) -> None:
    async with door.connected() as client:
        with pytest.raises(NotSupportedByDialect) as caught:
            await door.ask(
                words.NotifyAllowedEnergyTransferRequest(
                    transaction_id="t", allowed_energy_transfer=("AC_BPT",)
                )
            )
        assert caught.value.station_id == STATION
        with pytest.raises(Invalid):
            await door.ask(RawCall("Reset", {"type": "Now"}))
        await client.result("Heartbeat", {})


async def test_the_queue_of_asks_is_bounded(door: Front) -> None:
    async with door.connected() as client:
        asked = [asyncio.create_task(door.ask(VERSION)) for _ in range(80)]
        await client.receive()
        await client.socket.close()
        outcomes = await asyncio.gather(*asked, return_exceptions=True)
    assert all(isinstance(outcome, StationError) for outcome in outcomes)
    assert sum(isinstance(outcome, StationTimeout) for outcome in outcomes) == 80 - 1 - 64


async def test_an_asker_that_is_cancelled_passes_its_turn_on(door: Front) -> None:
    async with door.connected() as client, asyncio.TaskGroup() as group:
        frame = await occupied(door, client, group)
        impatient = asyncio.create_task(door.ask(VERSION))
        patient = group.create_task(door.ask(VERSION))
        await settled()
        impatient.cancel()
        await client.send([3, frame[1], {"versionNumber": 1}])
        await client.answer({"versionNumber": 2})
        assert await patient == {"versionNumber": 2}
