"""Every message of 2.0.1, both ways, and the journal of what we send."""

import asyncio
from datetime import timedelta

import pytest

from csms.store import journal
from csms.wire.v201 import DIALECT
from tests.conformance.lab import PATH, Json, Lab, lab
from tests.conformance.payloads import smallest
from tests.flows.gateway.front import STATION, WAIT_S

ASKED = sorted(DIALECT.vocabulary.asked)
SERVED = sorted(DIALECT.vocabulary.served)
POWERFUL = {"SetChargingProfile"}


@pytest.mark.parametrize("action", ASKED)
async def test_every_call_can_be_sent_and_its_answer_seen(octt: Lab, action: str) -> None:
    payload, reply = smallest(f"{action}Request"), smallest(f"{action}Response")
    asked, found = await octt.asks(f"{PATH}/calls/{action}", payload, (action, reply))
    assert asked == [payload]
    assert found["answer"] == reply
    kept = await octt.get(f"/calls/{found['callId']}")
    assert (kept["state"], kept["action"], kept["answer"]) == ("answered", action, reply)
    assert kept["deadline"] > kept["createdAt"]


@pytest.mark.parametrize("action", SERVED)
async def test_every_call_of_a_station_is_answered(octt: Lab, action: str) -> None:
    await octt.says(action, smallest(f"{action}Request"))


@pytest.mark.parametrize(
    ("action", "payload", "field"),
    [
        ("Reset", {}, "type"),
        ("Reset", {"type": "Never"}, "type"),
        ("Reset", {"type": "OnIdle", "evse": 1}, "evse"),
        ("GetVariables", {"getVariableData": [{"component": {"name": "C"}}]}, "getVariableData[0].variable"),
        (
            "SetChargingProfile",
            {**smallest("SetChargingProfileRequest"), "evseId": "1"},
            "evseId",
        ),
        ("TriggerMessage", {"requestedMessage": "BootNotification", "evse": {}}, "evse.id"),
    ],
)
@pytest.mark.parametrize("wait", [0, 1])
async def test_a_payload_that_breaks_its_schema_is_not_sent(
    octt: Lab, action: str, payload: Json, field: str, wait: int
) -> None:
    refused = await octt.post(f"{PATH}/calls/{action}?wait={wait}", payload, 422)
    assert [one["field"] for one in refused["errors"]] == [field]
    assert (await octt.get(f"{PATH}/calls"))["items"] == []
    assert await octt.says("Heartbeat", {})  # and the station has heard nothing between


async def test_an_action_that_no_csms_sends_is_not_sent(octt: Lab) -> None:
    for action in ("Heartbeat", "NoSuchAction"):
        await octt.post(f"{PATH}/calls/{action}", {}, 422)


async def test_a_call_without_an_answer_expires_at_its_deadline(octt: Lab) -> None:
    found = await octt.post(f"{PATH}/calls/ClearCache?timeoutS=0.2", {}, 504)
    kept = await octt.get(f"/calls/{found['callId']}")
    assert (kept["state"], kept["errorCode"], kept["mayRepeat"]) == ("expired", "StationTimeout", True)


async def test_what_cannot_be_kept_of_an_answer_does_not_undo_it(octt: Lab) -> None:
    message = smallest("SetDisplayMessageRequest")
    message["message"]["endDateTime"] = "9999-12-31T23:59:59-12:00"  # no moment in UTC
    accepted = {"status": "Accepted"}
    _, found = await octt.asks(f"{PATH}/calls/SetDisplayMessage", message, ("SetDisplayMessage", accepted))
    assert found["answer"] == accepted
    assert (await octt.get(f"/calls/{found['callId']}"))["state"] == "answered"
    assert (await octt.get(f"{PATH}/display-messages"))["items"] == []


async def test_a_call_that_is_cut_off_failed(octt: Lab) -> None:
    doing = asyncio.create_task(octt.post(f"{PATH}/calls/ClearCache", {}, 409))
    await octt.station.receive()
    await octt.station.socket.close()
    kept = await octt.get(f"/calls/{(await doing)['callId']}")
    assert (kept["state"], kept["errorCode"]) == ("failed", "StationOffline")


async def test_a_call_that_nobody_waits_for_is_seen_in_the_journal(octt: Lab) -> None:
    doing = asyncio.create_task(octt.post(f"{PATH}/calls/ClearCache?wait=0", {}, 202))
    await octt.station.answer({"status": "Accepted"}, "ClearCache")
    found = await doing
    assert found["state"] == "accepted"
    kept = (await octt.get(f"{PATH}/calls", state="answered", action="ClearCache"))["items"]
    assert [one["callId"] for one in kept] == [found["callId"]]


async def test_who_was_sent_to_when_the_server_fell_is_told_so() -> None:
    async with lab() as octt:
        clock = octt.house.gateway.house.clock
        row = journal.CallRow(
            call_id="c1", identity=STATION, action="Reset", payload="{}", state="sent", deadline=clock.now(),
            created_at=clock.now(), changed_at=clock.now(),
        )  # fmt: skip
        async with octt.house.db.begin() as conn:
            await journal.call_added(conn, row)
            assert await journal.calls_lapsed(conn, clock.now()) == 1
        assert (await octt.get("/calls/c1"))["state"] == "expired"


async def test_an_offline_station_is_not_asked() -> None:
    async with lab() as octt:
        await octt.house.add_station("cs-2")
        for path in ("calls/ClearCache", "clear-cache", "local-list/sync"):
            problem = await octt.post(f"/stations/cs-2/{path}", {}, 409)
            assert problem["type"].endswith("station-offline")


# ---- calls that are sent again by themselves


async def _until(octt: Lab, call_id: str, state: str) -> Json:
    async with asyncio.timeout(WAIT_S):
        while (kept := await octt.get(f"/calls/{call_id}"))["state"] != state:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    return kept


async def test_a_call_waits_for_its_station() -> None:
    async with lab() as octt:
        await octt.house.add_station("cs-2")
        found = await octt.post("/stations/cs-2/calls/ClearCache?retryS=3600", {}, 202)
        assert found["state"] == "accepted"
        async with octt.house.connected("cs-2") as other:
            await other.answer({"status": "Accepted"}, "ClearCache")
            kept = await _until(octt, found["callId"], "answered")
        assert (kept["answer"], kept["retry"]) == ({"status": "Accepted"}, True)


async def test_a_call_that_is_cut_off_is_sent_again(octt: Lab) -> None:
    doing = asyncio.create_task(octt.post(f"{PATH}/calls/ClearCache?retryS=3600", {}, 202))
    await octt.station.receive()
    await octt.station.socket.close()
    found = await doing
    assert (found["state"], found["reason"]) == ("accepted", "StationOffline")
    async with octt.house.connected() as again:
        frame = await again.answer({"status": "Rejected"}, "ClearCache")
        assert frame[3] == {}
        kept = await _until(octt, found["callId"], "answered")
    assert kept["attempts"] >= 1


async def test_a_followed_request_keeps_its_number_over_attempts(octt: Lab) -> None:
    doing = asyncio.create_task(octt.post(f"{PATH}/reports?retryS=3600", {"base": "FullInventory"}, 202))
    first = await octt.station.receive()
    await octt.station.socket.close()
    found = await doing
    async with octt.house.connected() as again:
        second = await again.answer({"status": "Accepted"}, "GetBaseReport")
        assert second[3] == first[3]
        assert second[3]["requestId"] == found["requestId"]
        await _until(octt, found["callId"], "answered")
    assert (await octt.request(found["requestId"]))["state"] == "open"


async def test_what_cannot_be_brought_expires() -> None:
    async with lab() as octt:
        await octt.house.add_station("cs-2")
        found = await octt.post("/stations/cs-2/calls/ClearCache?retryS=0.05&timeoutS=0.05", {}, 202)
        await _until(octt, found["callId"], "expired")
        async with octt.house.connected("cs-2") as other:
            assert "currentTime" in await other.result("Heartbeat", {})  # and has heard nothing of it


@pytest.mark.parametrize(
    ("action", "payload"),
    [
        ("Reset", {"type": "OnIdle"}),
        ("SetChargingProfile", smallest("SetChargingProfileRequest")),
        ("RequestStartTransaction", smallest("RequestStartTransactionRequest")),
        (
            "SetVariables",
            {
                "setVariableData": [
                    {
                        "component": {"name": "SecurityCtrlr"},
                        "variable": {"name": "BasicAuthPassword"},
                        "attributeValue": "another-correct-horse-battery-9",
                    }
                ]
            },
        ),
    ],
)
async def test_what_is_for_now_or_never_is_not_kept_for_later(octt: Lab, action: str, payload: Json) -> None:
    refused = await octt.post(f"{PATH}/calls/{action}?retryS=60", payload, 422)
    assert [one["field"] for one in refused["errors"]] == ["retryS"]
    assert (await octt.get(f"{PATH}/calls"))["items"] == []


async def test_a_refusal_is_not_asked_again(octt: Lab) -> None:
    doing = asyncio.create_task(octt.post(f"{PATH}/calls/ClearCache?retryS=3600", {}, 502))
    frame = await octt.station.receive()
    await octt.station.send([4, frame[1], "NotSupported", "", {}])
    found = await doing
    assert (await octt.get(f"/calls/{found['callId']}"))["state"] == "refused"
    assert await octt.says("Heartbeat", {})


async def test_what_was_under_way_when_the_server_fell_waits_for_another_attempt() -> None:
    async with lab() as octt:
        await octt.house.add_station("cs-2")
        now = octt.house.gateway.house.clock.now()
        row = journal.CallRow(
            call_id="c1", identity="cs-2", action="ClearCache", payload="{}", state="sent", retry=True,
            deadline=now + timedelta(hours=1), created_at=now, changed_at=now,
        )  # fmt: skip
        async with octt.house.db.begin() as conn:
            await journal.call_added(conn, row)
            assert await journal.calls_lapsed(conn, now) == 0
        async with octt.house.connected("cs-2") as other:
            await other.answer({"status": "Accepted"}, "ClearCache")
            await _until(octt, "c1", "answered")
