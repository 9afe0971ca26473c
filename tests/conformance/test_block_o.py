"""Block O: messages on displays."""

from typing import Any

import pytest

from tests.conformance.lab import PATH, Json, Lab

TEXT = {"priority": "AlwaysFront", "content": "Hello", "language": "en"}


async def _set(octt: Lab, status: str = "Accepted", **more: Any) -> Json:
    asked, found = await octt.asks(
        f"{PATH}/display-messages", {**TEXT, **more}, ("SetDisplayMessage", {"status": status})
    )
    assert found["answer"] == {"status": status}
    message: Json = asked[0]["message"]
    assert message["message"] == {
        "format": more.get("format", "UTF8"),
        "language": "en",
        "content": more.get("content", "Hello"),
    }
    return message


async def _shown(octt: Lab) -> list[Json]:
    found: list[Json] = (await octt.get(f"{PATH}/display-messages"))["items"]
    return found


@pytest.mark.octt("TC_O_01_CSMS")
async def test_tc_o_01_set(octt: Lab) -> None:
    message = await _set(octt)
    assert (message["id"], message["priority"], "state" in message) == (1, "AlwaysFront", False)
    (kept,) = await _shown(octt)
    assert (kept["status"], kept["content"]["content"]) == ("Accepted", "Hello")


async def _ask(octt: Lab, body: Json, status: str = "Accepted") -> tuple[Json, int]:
    asked, found = await octt.asks(
        f"{PATH}/display-messages/report", body, ("GetDisplayMessages", {"status": status})
    )
    number = found["requestId"]
    assert asked[0].pop("requestId") == number
    return asked[0], number


async def _told(octt: Lab, number: int, *messages: Json) -> None:
    for place, message in enumerate(messages):
        told = {"requestId": number, "tbc": place + 1 < len(messages), "messageInfo": [message]}
        assert await octt.says("NotifyDisplayMessages", told) == {}
    done = await octt.request(number)
    assert (done["state"], done["result"]) == ("complete", [[message] for message in messages])


@pytest.mark.octt("TC_O_02_CSMS")
async def test_tc_o_02_get_all(octt: Lab) -> None:
    first, second = await _set(octt), await _set(octt, content="More")
    asked, number = await _ask(octt, {})
    assert asked == {}
    await _told(octt, number, first, second)
    assert [one["status"] for one in await _shown(octt)] == ["Reported", "Reported"]


@pytest.mark.octt("TC_O_03_CSMS")
async def test_tc_o_03_there_are_none(octt: Lab) -> None:
    _, number = await _ask(octt, {}, "Unknown")
    done = await octt.request(number)
    assert (done["state"], done["status"]) == ("complete", "Unknown")


@pytest.mark.parametrize(
    "status",
    [
        pytest.param("Accepted", marks=pytest.mark.octt("TC_O_04_CSMS")),
        pytest.param("Unknown", marks=pytest.mark.octt("TC_O_05_CSMS")),
    ],
)
async def test_tc_o_04_05_clear(octt: Lab, status: str) -> None:
    message = await _set(octt)
    asked, found = await octt.asks(
        f"{PATH}/display-messages/{message['id']}",
        None,
        ("ClearDisplayMessage", {"status": status}),
        method="DELETE",
    )
    assert asked == [{"id": message["id"]}]
    assert found["answer"] == {"status": status}
    assert await _shown(octt) == []


@pytest.mark.octt("TC_O_06_CSMS")
async def test_tc_o_06_for_a_transaction(octt: Lab) -> None:
    await octt.add_token()
    await octt.charging()
    message = await _set(octt, transactionId="tx-1")
    assert message["transactionId"] == "tx-1"
    await octt.event("Ended", "StopAuthorized", "EVConnected", info={"stoppedReason": "Local"})


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param({"ids": [1]}, {"id": [1]}, marks=pytest.mark.octt("TC_O_07_CSMS")),
        pytest.param(
            {"priority": "AlwaysFront"}, {"priority": "AlwaysFront"}, marks=pytest.mark.octt("TC_O_08_CSMS")
        ),
        pytest.param({"state": "Charging"}, {"state": "Charging"}, marks=pytest.mark.octt("TC_O_09_CSMS")),
    ],
)
async def test_tc_o_07_08_09_get_some(octt: Lab, body: Json, expected: Json) -> None:
    message = await _set(octt, state="Charging")
    asked, number = await _ask(octt, body)
    assert asked == expected
    await _told(octt, number, message)


@pytest.mark.octt("TC_O_11_CSMS")
async def test_tc_o_11_get_what_is_not_there(octt: Lab) -> None:
    asked, number = await _ask(octt, {"ids": [99], "priority": "InFront"}, "Unknown")
    assert asked == {"id": [99], "priority": "InFront"}
    assert (await octt.request(number))["state"] == "complete"


@pytest.mark.parametrize(
    ("status", "more"),
    [
        pytest.param("UnknownTransaction", {"transactionId": "none"}, marks=pytest.mark.octt("TC_O_10_CSMS")),
        pytest.param("NotSupportedPriority", {}, marks=pytest.mark.octt("TC_O_17_CSMS")),
        pytest.param("NotSupportedState", {"state": "Faulted"}, marks=pytest.mark.octt("TC_O_18_CSMS")),
        pytest.param("NotSupportedMessageFormat", {"format": "HTML"}, marks=pytest.mark.octt("TC_O_19_CSMS")),
        pytest.param("Rejected", {}, marks=pytest.mark.octt("TC_O_26_CSMS")),
    ],
)
async def test_tc_o_10_17_18_19_26_not_taken(octt: Lab, status: str, more: Json) -> None:
    message = await _set(octt, status, **more)
    assert more.items() <= {**message, **message["message"]}.items()
    assert [one["status"] for one in await _shown(octt)] == [status]


@pytest.mark.octt("TC_O_12_CSMS")
async def test_tc_o_12_replace(octt: Lab) -> None:
    await _set(octt)
    message = await _set(octt, id=1, content="Other")
    assert message["id"] == 1
    (kept,) = await _shown(octt)
    assert kept["content"]["content"] == "Other"


@pytest.mark.parametrize(
    ("more", "transaction"),
    [
        pytest.param({"start": "2999-01-01T00:00:00Z"}, False, marks=pytest.mark.octt("TC_O_13_CSMS")),
        pytest.param({"end": "2999-01-01T00:00:00Z"}, False, marks=pytest.mark.octt("TC_O_14_CSMS")),
        pytest.param({"start": "2999-01-01T00:00:00Z"}, True, marks=pytest.mark.octt("TC_O_27_CSMS")),
        pytest.param({"end": "2999-01-01T00:00:00Z"}, True, marks=pytest.mark.octt("TC_O_28_CSMS")),
    ],
)
async def test_tc_o_13_14_27_28_from_and_until(octt: Lab, more: Json, transaction: bool) -> None:
    if transaction:
        await octt.add_token()
        await octt.charging()
        more = {**more, "transactionId": "tx-1"}
    message = await _set(octt, **more)
    name = "startDateTime" if "start" in more else "endDateTime"
    assert message[name] == "2999-01-01T00:00:00.000Z"
    assert message.get("transactionId") == ("tx-1" if transaction else None)


@pytest.mark.octt("TC_O_25_CSMS")
async def test_tc_o_25_in_a_state(octt: Lab) -> None:
    for state in ("Charging", "Faulted", "Idle", "Unavailable"):
        assert (await _set(octt, state=state))["state"] == state
