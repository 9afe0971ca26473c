"""Every message of 2.1, both ways, with a station of plain JSON."""

import pytest

from csms.wire.v21 import DIALECT
from tests.conformance.lab import PATH, Json, Lab
from tests.conformance.payloads import smallest

SENT = DIALECT.vocabulary.sent
ASKED = sorted(DIALECT.vocabulary.asked)
SERVED = sorted(DIALECT.vocabulary.served - SENT)


def least(name: str) -> Json:
    return smallest(name, "v21")


@pytest.mark.parametrize("action", ASKED)
async def test_every_call_can_be_sent_and_its_answer_seen(newest: Lab, action: str) -> None:
    payload, reply = least(f"{action}Request"), least(f"{action}Response")
    asked, found = await newest.asks(f"{PATH}/calls/{action}", payload, (action, reply))
    assert asked == [payload]
    assert found["answer"] == reply
    kept = await newest.get(f"/calls/{found['callId']}")
    assert (kept["state"], kept["action"], kept["answer"]) == ("answered", action, reply)


@pytest.mark.parametrize("action", SERVED)
async def test_every_call_of_a_station_is_answered(newest: Lab, action: str) -> None:
    await newest.says(action, least(f"{action}Request"))


async def test_what_is_only_sent_is_heard_and_not_answered(newest: Lab) -> None:
    assert {"NotifyPeriodicEventStream"} == SENT
    await newest.station.send([6, "s-1", "NotifyPeriodicEventStream", least("NotifyPeriodicEventStream")])
    assert "currentTime" in await newest.says("Heartbeat", {})  # nothing came between
