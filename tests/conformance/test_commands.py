"""Every message of 2.0.1, both ways, and the journal of what we send."""

import asyncio

import pytest

from csms.store import journal
from csms.wire.v201 import DIALECT
from tests.conformance.lab import PATH, Json, Lab, lab
from tests.conformance.payloads import smallest
from tests.flows.gateway.front import STATION

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
