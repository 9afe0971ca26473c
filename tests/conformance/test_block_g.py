"""Block G: availability."""

import pytest

from tests.conformance.lab import EVSE, PATH, Json, Lab
from tests.flows.gateway.front import now_text

PLACES: dict[str, tuple[Json, Json | None]] = {
    "evse": ({"evseId": 1}, {"id": 1}),
    "station": ({}, None),
    "connector": ({"evseId": 1, "connectorId": 1}, {"id": 1, "connectorId": 1}),
}


@pytest.mark.parametrize(
    ("place", "status"),
    [
        pytest.param("evse", "Inoperative", marks=pytest.mark.octt("TC_G_03_CSMS")),
        pytest.param("evse", "Operative", marks=pytest.mark.octt("TC_G_04_CSMS")),
        pytest.param("station", "Inoperative", marks=pytest.mark.octt("TC_G_05_CSMS")),
        pytest.param("station", "Operative", marks=pytest.mark.octt("TC_G_06_CSMS")),
        pytest.param("connector", "Inoperative", marks=pytest.mark.octt("TC_G_07_CSMS")),
        pytest.param("connector", "Operative", marks=pytest.mark.octt("TC_G_08_CSMS")),
    ],
)
async def test_tc_g_03_to_08_change_availability(octt: Lab, place: str, status: str) -> None:
    where, evse = PLACES[place]
    asked, found = await octt.asks(
        f"{PATH}/availability", {"status": status, **where}, ("ChangeAvailability", {"status": "Accepted"})
    )
    expected: Json = {"operationalStatus": status}
    assert asked == [expected if evse is None else {**expected, "evse": evse}]
    assert found["answer"] == {"status": "Accepted"}
    told = "Unavailable" if status == "Inoperative" else "Available"
    await octt.status(told)
    assert (await octt.get(PATH))["connectors"][0]["status"] == told


@pytest.mark.parametrize(
    "place",
    [
        pytest.param("evse", marks=pytest.mark.octt("TC_G_11_CSMS")),
        pytest.param("station", marks=pytest.mark.octt("TC_G_14_CSMS")),
        pytest.param("connector", marks=pytest.mark.octt("TC_G_17_CSMS")),
    ],
)
async def test_tc_g_11_14_17_with_a_transaction(octt: Lab, place: str) -> None:
    await octt.add_token()
    await octt.charging()
    where, evse = PLACES[place]
    asked, found = await octt.asks(
        f"{PATH}/availability",
        {"status": "Inoperative", **where},
        ("ChangeAvailability", {"status": "Scheduled"}),
    )
    assert asked[0].get("evse") == evse
    assert found["answer"] == {"status": "Scheduled"}
    await octt.event("Ended", "StopAuthorized", "EVConnected", info={"stoppedReason": "Local"})
    await octt.status("Unavailable")
    assert (await octt.get(PATH))["connectors"][0]["status"] == "Unavailable"


@pytest.mark.octt("TC_G_20_CSMS")
async def test_tc_g_20_lock_failure(octt: Lab) -> None:
    event = {
        "eventId": 1,
        "timestamp": now_text(),
        "trigger": "Alerting",
        "actualValue": "true",
        "eventNotificationType": "HardWiredNotification",
        "component": {"name": "ConnectorPlugRetentionLock", "evse": EVSE},
        "variable": {"name": "Problem"},
    }
    told = {"generatedAt": now_text(), "seqNo": 0, "tbc": False, "eventData": [event]}
    assert await octt.says("NotifyEvent", told) == {}
    (shown,) = (await octt.get(f"{PATH}/events"))["items"]
    assert (shown["component"], shown["variable"], shown["value"]) == (
        "ConnectorPlugRetentionLock", "Problem", "true",
    )  # fmt: skip


async def test_a_connector_of_no_evse_is_refused(octt: Lab) -> None:
    body = {"status": "Operative", "connectorId": 1}
    refused = await octt.post(f"{PATH}/availability", body, 422)
    assert [one["field"] for one in refused["errors"]] == ["evseId"]
