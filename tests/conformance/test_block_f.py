"""Block F: start, unlock and trigger from here."""

import asyncio
from typing import Any

import pytest

from tests.conformance.lab import EVSE, PATH, TOKEN, Json, Lab
from tests.flows.gateway.front import now_text

VALUES = {
    "evseId": 1,
    "meterValue": [{"timestamp": now_text(), "sampledValue": [{"value": 1.0, "context": "Trigger"}]}],
}


async def _start(octt: Lab, **body: Any) -> tuple[Json, Json]:
    await octt.add_token()
    (asked,), found = await octt.asks(
        f"{PATH}/transactions",
        {"idToken": TOKEN["idToken"], **body},
        ("RequestStartTransaction", {"status": "Accepted"}),
    )
    assert asked["idToken"] == TOKEN
    assert asked["remoteStartId"] == found["requestId"]
    return asked, found


async def _begun(octt: Lab, found: Json) -> None:
    request = await octt.request(found["requestId"])
    assert (request["state"], request["detail"]) == ("complete", f"tx-{octt.tx}")


@pytest.mark.octt("TC_F_01_CSMS")
async def test_tc_f_01_plugged_in_first(octt: Lab) -> None:
    await octt.status("Occupied")
    await octt.event("Started", "CablePluggedIn", "EVConnected", evse=EVSE)
    asked, found = await _start(octt, evseId=1)
    assert asked["evseId"] == 1
    info = {"remoteStartId": asked["remoteStartId"]}
    answer = await octt.event("Updated", "RemoteStart", "EVConnected", info=info, idToken=TOKEN)
    assert answer["idTokenInfo"]["status"] == "Accepted"
    await octt.event("Updated", "ChargingStateChanged", "Charging")
    await _begun(octt, found)


@pytest.mark.octt("TC_F_02_CSMS")
async def test_tc_f_02_remote_start_first_and_asked_again(octt: Lab) -> None:
    asked, found = await _start(octt, evseId=1)
    assert (await octt.authorize())["status"] == "Accepted"
    info = {"remoteStartId": asked["remoteStartId"]}
    answer = await octt.event("Started", "RemoteStart", info=info, idToken=TOKEN, evse=EVSE)
    assert answer["idTokenInfo"]["status"] == "Accepted"
    await octt.status("Occupied")
    await octt.event("Updated", "CablePluggedIn", "EVConnected")
    await octt.event("Updated", "ChargingStateChanged", "Charging")
    await _begun(octt, found)


@pytest.mark.octt("TC_F_03_CSMS")
async def test_tc_f_03_remote_start_first_and_not_asked(octt: Lab) -> None:
    asked, found = await _start(octt, evseId=1)
    info = {"remoteStartId": asked["remoteStartId"]}
    answer = await octt.event("Started", "RemoteStart", info=info, idToken=TOKEN, evse=EVSE)
    assert answer["idTokenInfo"]["status"] == "Accepted"
    await octt.status("Occupied")
    await octt.event("Updated", "CablePluggedIn", "EVConnected")
    await octt.event("Updated", "ChargingStateChanged", "Charging")
    await _begun(octt, found)


@pytest.mark.octt("TC_F_04_CSMS")
async def test_tc_f_04_nobody_plugs_in(octt: Lab) -> None:
    asked, _ = await _start(octt, evseId=1)
    info = {"remoteStartId": asked["remoteStartId"]}
    await octt.event("Started", "RemoteStart", info=info, idToken=TOKEN, evse=EVSE)
    await octt.event("Ended", "EVConnectTimeout", info={"stoppedReason": "Timeout"})
    shown = await octt.transaction()
    assert (shown["open"], shown["stoppedReason"]) == (False, "Timeout")


async def test_f01_with_a_group_and_a_profile(octt: Lab) -> None:
    schedule = {
        "id": 1,
        "chargingRateUnit": "W",
        "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 6000.0}],
    }
    profile = {
        "id": 5,
        "stackLevel": 0,
        "chargingProfilePurpose": "TxProfile",
        "chargingProfileKind": "Relative",
        "chargingSchedule": [schedule],
    }
    asked, _ = await _start(octt, evseId=1, groupIdToken="G", chargingProfile=profile)
    assert asked["chargingProfile"] == profile
    assert asked["groupIdToken"] == {"idToken": "G", "type": "Central"}
    for wrong, field in (
        ({**profile, "chargingProfilePurpose": "TxDefaultProfile"}, "chargingProfile.chargingProfilePurpose"),
        ({**profile, "transactionId": "x"}, "chargingProfile.transactionId"),
        ({**profile, "stackLevel": "high"}, "chargingProfile.stackLevel"),
    ):
        body = {"idToken": TOKEN["idToken"], "chargingProfile": wrong}
        refused = await octt.post(f"{PATH}/transactions", body, 422)
        assert [one["field"] for one in refused["errors"]] == [field]
    schedule["chargingSchedulePeriod"] = [{"startPeriod": 0, "limit": -6000.0}]
    body = {"idToken": TOKEN["idToken"], "chargingProfile": profile}
    assert (await octt.post(f"{PATH}/transactions", body, 403))["rule"] == "V-02"


@pytest.mark.octt("TC_F_06_CSMS")
async def test_tc_f_06_unlock(octt: Lab) -> None:
    asked, found = await octt.asks(
        f"{PATH}/unlock", {"evseId": 1, "connectorId": 1}, ("UnlockConnector", {"status": "Unlocked"})
    )
    assert asked == [{"evseId": 1, "connectorId": 1}]
    assert found["answer"] == {"status": "Unlocked"}


async def _trigger(octt: Lab, message: str, status: str = "Accepted", **place: int) -> Json:
    (asked,), found = await octt.asks(
        f"{PATH}/trigger", {"message": message, **place}, ("TriggerMessage", {"status": status})
    )
    assert asked["requestedMessage"] == message
    assert found["answer"] == {"status": status}
    return asked


@pytest.mark.octt("TC_F_11_CSMS")
async def test_tc_f_11_meter_values_of_an_evse(octt: Lab) -> None:
    assert (await _trigger(octt, "MeterValues", evseId=1))["evse"] == {"id": 1}
    assert await octt.says("MeterValues", VALUES) == {}


@pytest.mark.octt("TC_F_12_CSMS")
async def test_tc_f_12_meter_values_of_all(octt: Lab) -> None:
    assert "evse" not in await _trigger(octt, "MeterValues")
    for evse in (1, 2):
        assert await octt.says("MeterValues", {**VALUES, "evseId": evse}) == {}


@pytest.mark.octt("TC_F_13_CSMS")
async def test_tc_f_13_transaction_event_of_an_evse(octt: Lab) -> None:
    await octt.add_token()
    await octt.charging()
    assert (await _trigger(octt, "TransactionEvent", evseId=1))["evse"] == {"id": 1}
    await octt.event("Updated", "Trigger", "Charging", meterValue=VALUES["meterValue"])
    assert (await octt.transaction())["open"]


@pytest.mark.octt("TC_F_14_CSMS")
async def test_tc_f_14_transaction_events_of_all(octt: Lab) -> None:
    await octt.add_token()
    await octt.charging()
    assert "evse" not in await _trigger(octt, "TransactionEvent")
    await octt.event("Updated", "Trigger", "Charging", meterValue=VALUES["meterValue"])


@pytest.mark.octt("TC_F_15_CSMS")
async def test_tc_f_15_log_status(octt: Lab) -> None:
    await _trigger(octt, "LogStatusNotification")
    assert await octt.says("LogStatusNotification", {"status": "Idle"}) == {}


@pytest.mark.octt("TC_F_18_CSMS")
async def test_tc_f_18_firmware_status(octt: Lab) -> None:
    await _trigger(octt, "FirmwareStatusNotification")
    assert await octt.says("FirmwareStatusNotification", {"status": "Idle"}) == {}


@pytest.mark.octt("TC_F_20_CSMS")
async def test_tc_f_20_heartbeat(octt: Lab) -> None:
    await _trigger(octt, "Heartbeat")
    assert (await octt.says("Heartbeat", {}))["currentTime"].endswith("Z")


@pytest.mark.parametrize(
    "status",
    [
        pytest.param("Available", marks=pytest.mark.octt("TC_F_23_CSMS")),
        pytest.param("Occupied", marks=pytest.mark.octt("TC_F_24_CSMS")),
    ],
)
async def test_tc_f_23_24_status_of_a_connector(octt: Lab, status: str) -> None:
    asked = await _trigger(octt, "StatusNotification", evseId=1, connectorId=1)
    assert asked["evse"] == {"id": 1, "connectorId": 1}
    await octt.status(status)
    assert (await octt.get(PATH))["connectors"][0]["status"] == status


@pytest.mark.octt("TC_F_27_CSMS")
async def test_tc_f_27_not_implemented(octt: Lab) -> None:
    await _trigger(octt, "SignV2GCertificate", "NotImplemented")


async def test_a_command_that_is_refused_says_so_and_is_kept(octt: Lab) -> None:
    doing = asyncio.create_task(octt.post(f"{PATH}/reset", {}, 502))
    frame = await octt.station.receive()
    await octt.station.send([4, frame[1], "InternalError", "no", {}])
    found = await doing
    assert (found["state"], found["code"], found["detail"]) == ("refused", "InternalError", "no")
    call = await octt.get(f"/calls/{found['callId']}")
    assert (call["state"], call["errorCode"], call["mayRepeat"]) == ("refused", "InternalError", False)
