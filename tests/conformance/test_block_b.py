"""Block B: boot, variables, reports, reset, network profiles."""

import asyncio
from typing import Any

import pytest
from websockets.exceptions import InvalidHandshake

from csms.domain.facts import SecurityAlarmRaised
from csms.store import stations
from tests.conformance.lab import PATH, Json, Lab, lab
from tests.flows.gateway.front import BOOT, STATION, Client, now_text

COMPONENT = {"name": "OCPPCommCtrlr"}


def variable(name: str, instance: str | None = None) -> Json:
    return {"name": name} if instance is None else {"name": name, "instance": instance}


def report_part(
    request_id: int, seq_no: int, *values: tuple[str, str, str], tbc: bool = False, **more: Any
) -> Json:
    """A NotifyReport with (component, variable, value) each."""
    return {
        "requestId": request_id,
        "generatedAt": now_text(),
        "seqNo": seq_no,
        "tbc": tbc,
        "reportData": [
            {
                "component": {"name": component},
                "variable": variable(name, more.get("instance")),
                "variableAttribute": [{"type": "Actual", "value": value, "mutability": "ReadWrite"}],
                "variableCharacteristics": {"dataType": "integer", "supportsMonitoring": False},
            }
            for component, name, value in values
        ],
    }


async def boot(station: Client) -> Json:
    return await station.result("BootNotification", BOOT)


@pytest.mark.octt("TC_B_01_CSMS")
async def test_tc_b_01_cold_boot_accepted() -> None:
    async with lab(boot=False) as octt:
        answer = await boot(octt.station)
        assert answer["status"] == "Accepted"
        assert answer["interval"] > 0
        assert answer["currentTime"].endswith("Z")
        for evse in (1, 2):
            await octt.status("Available", evse)
        assert set(await octt.says("Heartbeat", {})) == {"currentTime"}
        shown = await octt.get(PATH)
        assert [one["status"] for one in shown["connectors"]] == ["Available", "Available"]


async def _approve(octt: Lab) -> None:
    await octt.post(PATH, {"registration": "Accepted"}, method="PATCH")


@pytest.mark.octt("TC_B_02_CSMS")
async def test_tc_b_02_cold_boot_pending() -> None:
    async with lab(boot=False, registration="Pending") as octt:
        assert (await boot(octt.station))["status"] == "Pending"
        data = [{"component": COMPONENT, "variable": variable("OfflineThreshold")}]
        reply = {"getVariableResult": [{**data[0], "attributeStatus": "Accepted", "attributeValue": "60"}]}
        asked, _ = await octt.asks(
            f"{PATH}/variables/read",
            [{"component": "OCPPCommCtrlr", "variable": "OfflineThreshold"}],
            ("GetVariables", reply),
        )
        assert asked == [{"getVariableData": data}]
        result = {**data[0], "attributeStatus": "Accepted"}
        await octt.asks(
            f"{PATH}/variables",
            [{"component": "OCPPCommCtrlr", "variable": "OfflineThreshold", "value": "300"}],
            ("SetVariables", {"setVariableResult": [result]}),
        )
        _, taken = await octt.asks(f"{PATH}/reports", {}, ("GetBaseReport", {"status": "Accepted"}))
        part = report_part(taken["requestId"], 0, ("OCPPCommCtrlr", "OfflineThreshold", "300"))
        assert await octt.says("NotifyReport", part) == {}
        assert (await octt.request(taken["requestId"]))["state"] == "complete"
        approving = asyncio.create_task(_approve(octt))
        frame = await octt.station.answer({"status": "Accepted"}, "TriggerMessage")
        assert frame[3] == {"requestedMessage": "BootNotification"}
        await approving
        again = {**BOOT, "reason": "Triggered"}
        assert (await octt.says("BootNotification", again))["status"] == "Accepted"
        await octt.status("Available")


@pytest.mark.octt("TC_B_30_CSMS")
@pytest.mark.parametrize("registration", ["Pending", "Rejected"])
async def test_tc_b_30_before_it_is_accepted_a_station_may_not_speak(registration: str) -> None:
    async with lab(boot=False, registration=registration) as octt:
        assert (await boot(octt.station))["status"] == registration
        told = {"timestamp": now_text(), "connectorStatus": "Available", "evseId": 1, "connectorId": 1}
        frame = await octt.station.call("StatusNotification", told)
        assert (frame[0], frame[2]) == (4, "SecurityError")


@pytest.mark.octt("TC_B_31_CSMS")
async def test_tc_b_31_pending_and_triggered() -> None:
    async with lab(boot=False, registration="Pending") as octt:
        assert (await boot(octt.station))["status"] == "Pending"
        asked, _ = await octt.asks(
            f"{PATH}/trigger", {"message": "BootNotification"}, ("TriggerMessage", {"status": "Accepted"})
        )
        assert asked == [{"requestedMessage": "BootNotification"}]
        async with octt.house.db.begin() as conn:
            await stations.change(conn, STATION, registration="Accepted")
        assert (await octt.says("BootNotification", {**BOOT, "reason": "Triggered"}))["status"] == "Accepted"


@pytest.mark.octt("TC_B_06_CSMS")
async def test_tc_b_06_get_one_variable(octt: Lab) -> None:
    one = {"component": COMPONENT, "variable": variable("OfflineThreshold")}
    reply = {"getVariableResult": [{**one, "attributeStatus": "Accepted", "attributeValue": "123"}]}
    asked, found = await octt.asks(
        f"{PATH}/variables/read",
        [{"component": "OCPPCommCtrlr", "variable": "OfflineThreshold"}],
        ("GetVariables", reply),
    )
    assert asked == [{"getVariableData": [one]}]
    assert [(item["status"], item["value"]) for item in found["items"]] == [("Accepted", "123")]
    (shown,) = (await octt.get(f"{PATH}/variables", component="ocppcommctrlr"))["items"]
    assert (shown["variable"], shown["value"]) == ("OfflineThreshold", "123")


@pytest.mark.octt("TC_B_07_CSMS")
async def test_tc_b_07_get_several_variables(octt: Lab) -> None:
    names = [("OCPPCommCtrlr", "OfflineThreshold"), ("AuthCtrlr", "AuthorizeRemoteStart")]
    asked_for = [{"component": {"name": c}, "variable": {"name": v}} for c, v in names]
    reply = {
        "getVariableResult": [
            {**one, "attributeStatus": "Accepted", "attributeValue": "1"} for one in asked_for
        ]
    }
    asked, found = await octt.asks(
        f"{PATH}/variables/read",
        [{"component": c, "variable": v} for c, v in names],
        ("GetVariables", reply),
    )
    assert asked == [{"getVariableData": asked_for}]
    assert len(found["items"]) == 2


@pytest.mark.octt("TC_B_08_CSMS")
async def test_tc_b_08_no_more_variables_in_a_message_than_the_station_takes(octt: Lab) -> None:
    limit = {
        "component": {"name": "DeviceDataCtrlr"},
        "variable": variable("ItemsPerMessage", "GetVariables"),
    }
    reply = {"getVariableResult": [{**limit, "attributeStatus": "Accepted", "attributeValue": "4"}]}
    asking = [
        {"component": "DeviceDataCtrlr", "variable": "ItemsPerMessage", "variableInstance": "GetVariables"}
    ]
    await octt.asks(f"{PATH}/variables/read", asking, ("GetVariables", reply))
    wanted = [{"component": "EVSE", "variable": "Power", "evseId": number} for number in range(1, 6)]

    def result(number: int) -> Json:
        place = {"component": {"name": "EVSE", "evse": {"id": number}}, "variable": {"name": "Power"}}
        return {**place, "attributeStatus": "Accepted", "attributeValue": "1"}

    asked, found = await octt.asks(
        f"{PATH}/variables/read",
        wanted,
        ("GetVariables", {"getVariableResult": [result(number) for number in range(1, 5)]}),
        ("GetVariables", {"getVariableResult": [result(5)]}),
    )
    assert [len(one["getVariableData"]) for one in asked] == [4, 1]
    assert len(found["items"]) == 5


@pytest.mark.octt("TC_B_09_CSMS")
async def test_tc_b_09_set_one_variable(octt: Lab) -> None:
    one = {"component": COMPONENT, "variable": variable("OfflineThreshold")}
    asked, found = await octt.asks(
        f"{PATH}/variables",
        [{"component": "OCPPCommCtrlr", "variable": "OfflineThreshold", "value": "123"}],
        ("SetVariables", {"setVariableResult": [{**one, "attributeStatus": "Accepted"}]}),
    )
    assert asked == [{"setVariableData": [{**one, "attributeValue": "123"}]}]
    assert found["items"][0]["status"] == "Accepted"
    assert (await octt.get(f"{PATH}/variables/drift"))["items"] == []


@pytest.mark.octt("TC_B_10_CSMS")
async def test_tc_b_10_set_several_variables(octt: Lab) -> None:
    names = [("OCPPCommCtrlr", "OfflineThreshold", "123"), ("AuthCtrlr", "AuthorizeRemoteStart", "false")]
    results = [
        {"component": {"name": c}, "variable": {"name": v}, "attributeStatus": "Accepted"}
        for c, v, _ in names
    ]
    results[1]["attributeStatus"] = "Rejected"
    asked, found = await octt.asks(
        f"{PATH}/variables",
        [{"component": c, "variable": v, "value": value} for c, v, value in names],
        ("SetVariables", {"setVariableResult": results}),
    )
    assert [one["attributeValue"] for one in asked[0]["setVariableData"]] == ["123", "false"]
    assert [one["status"] for one in found["items"]] == ["Accepted", "Rejected"]
    (drift,) = (await octt.get(f"{PATH}/variables/drift"))["items"]
    assert (drift["variable"], drift["wanted"], drift["status"]) == (
        "AuthorizeRemoteStart", "false", "Rejected",
    )  # fmt: skip


async def test_b05_what_is_wanted_no_more_is_no_drift(octt: Lab) -> None:
    one = {"component": COMPONENT, "variable": variable("OfflineThreshold")}
    place = {"component": "OCPPCommCtrlr", "variable": "OfflineThreshold"}
    result = {**one, "attributeStatus": "Rejected"}
    script = ("SetVariables", {"setVariableResult": [result]})
    await octt.asks(f"{PATH}/variables", [{**place, "value": "1"}], script)
    assert len((await octt.get(f"{PATH}/variables/drift"))["items"]) == 1
    await octt.post(f"{PATH}/variables/forget", [place], 204)
    assert (await octt.get(f"{PATH}/variables/drift"))["items"] == []


async def test_b06_a_secret_that_a_station_tells_is_not_kept(octt: Lab) -> None:
    one = {"component": {"name": "SecurityCtrlr"}, "variable": variable("BasicAuthPassword")}
    told = {**one, "attributeStatus": "Accepted", "attributeValue": "canary-4b1d"}
    place = {"component": "SecurityCtrlr", "variable": "BasicAuthPassword"}
    await octt.asks(f"{PATH}/variables/read", [place], ("GetVariables", {"getVariableResult": [told]}))
    _, taken = await octt.asks(f"{PATH}/reports", {}, ("GetBaseReport", {"status": "Accepted"}))
    part = report_part(taken["requestId"], 0, ("SecurityCtrlr", "BasicAuthPassword", "canary-4b1d"))
    await octt.says("NotifyReport", part)
    for path in ("variables", "calls"):
        assert "canary-4b1d" not in str(await octt.get(f"{PATH}/{path}"))


@pytest.mark.parametrize(
    "base",
    [
        pytest.param("ConfigurationInventory", marks=pytest.mark.octt("TC_B_12_CSMS")),
        pytest.param("FullInventory", marks=pytest.mark.octt("TC_B_13_CSMS")),
        pytest.param("SummaryInventory", marks=pytest.mark.octt("TC_B_14_CSMS")),
    ],
)
async def test_tc_b_12_13_14_base_report(octt: Lab, base: str) -> None:
    asked, taken = await octt.asks(
        f"{PATH}/reports", {"base": base}, ("GetBaseReport", {"status": "Accepted"})
    )
    number = taken["requestId"]
    assert asked == [{"requestId": number, "reportBase": base}]
    await octt.says(
        "NotifyReport", report_part(number, 0, ("TxCtrlr", "EVConnectionTimeOut", "30"), tbc=True)
    )
    assert (await octt.request(number))["state"] == "open"
    await octt.says("NotifyReport", report_part(number, 1, ("AuthCtrlr", "Enabled", "1")))
    done = await octt.request(number)
    assert (done["state"], done["parts"]) == ("complete", 2)
    shown = (await octt.get(f"{PATH}/variables"))["items"]
    assert {(one["component"], one["dataType"]) for one in shown} == {
        ("AuthCtrlr", "integer"),
        ("TxCtrlr", "integer"),
    }


@pytest.mark.octt("TC_B_18_CSMS")
async def test_tc_b_18_custom_report_by_criteria_and_variables(octt: Lab) -> None:
    body = {
        "criteria": ["Available"],
        "places": [{"component": "EVSE", "evseId": 1, "variable": "AvailabilityState"}],
    }
    asked, taken = await octt.asks(f"{PATH}/reports", body, ("GetReport", {"status": "Accepted"}))
    number = taken["requestId"]
    assert asked == [
        {
            "requestId": number,
            "componentCriteria": ["Available"],
            "componentVariable": [
                {"component": {"name": "EVSE", "evse": {"id": 1}}, "variable": {"name": "AvailabilityState"}}
            ],
        }
    ]
    await octt.says("NotifyReport", report_part(number, 0, ("EVSE", "AvailabilityState", "Available")))
    assert (await octt.request(number))["state"] == "complete"


async def _reset(octt: Lab, body: Json, status: str) -> Json:
    asked, found = await octt.asks(f"{PATH}/reset", body, ("Reset", {"status": status}))
    assert found["answer"] == {"status": status}
    return asked[0]


async def _rebooted(octt: Lab) -> None:
    answer = await octt.says("BootNotification", {**BOOT, "reason": "RemoteReset"})
    assert answer["status"] == "Accepted"
    await octt.status("Available")


@pytest.mark.octt("TC_B_20_CSMS")
async def test_tc_b_20_reset_of_an_idle_station(octt: Lab) -> None:
    assert await _reset(octt, {"type": "OnIdle"}, "Accepted") == {"type": "OnIdle"}
    await _rebooted(octt)


@pytest.mark.octt("TC_B_21_CSMS")
async def test_tc_b_21_reset_when_idle_with_a_transaction(octt: Lab) -> None:
    await octt.add_token()
    await octt.charging()
    assert await _reset(octt, {"type": "OnIdle"}, "Scheduled") == {"type": "OnIdle"}
    await octt.event("Ended", "EVCommunicationLost", "Idle", info={"stoppedReason": "EVDisconnected"})
    await _rebooted(octt)
    assert (await octt.transaction())["stoppedReason"] == "EVDisconnected"


@pytest.mark.octt("TC_B_22_CSMS")
async def test_tc_b_22_immediate_reset_with_a_transaction(octt: Lab) -> None:
    await octt.add_token()
    await octt.charging()
    assert await _reset(octt, {"type": "Immediate"}, "Accepted") == {"type": "Immediate"}
    await octt.event("Ended", "ResetCommand", info={"stoppedReason": "ImmediateReset"})
    await _rebooted(octt)
    assert not (await octt.transaction())["open"]


@pytest.mark.octt("TC_B_25_CSMS")
async def test_tc_b_25_reset_of_an_evse(octt: Lab) -> None:
    assert await _reset(octt, {"type": "OnIdle", "evseId": 1}, "Accepted") == {"type": "OnIdle", "evseId": 1}
    await octt.status("Unavailable")
    await octt.status("Available")


@pytest.mark.octt("TC_B_26_CSMS")
async def test_tc_b_26_reset_of_an_evse_when_idle_with_a_transaction(octt: Lab) -> None:
    await octt.add_token()
    await octt.charging()
    await _reset(octt, {"type": "OnIdle", "evseId": 1}, "Scheduled")
    await octt.event("Ended", "EVCommunicationLost", "Idle", info={"stoppedReason": "EVDisconnected"})
    await octt.status("Available")


@pytest.mark.octt("TC_B_27_CSMS")
async def test_tc_b_27_immediate_reset_of_an_evse_with_a_transaction(octt: Lab) -> None:
    await octt.add_token()
    await octt.charging()
    await _reset(octt, {"type": "Immediate", "evseId": 1}, "Accepted")
    await octt.event("Ended", "ResetCommand", info={"stoppedReason": "ImmediateReset"})
    await octt.status("Available")
    assert not (await octt.transaction())["open"]


NETWORK = {
    "ocppVersion": "OCPP20",
    "ocppTransport": "JSON",
    "ocppCsmsUrl": "wss://csms.example/ocpp",
    "messageTimeout": 30,
    "securityProfile": 2,
    "ocppInterface": "Wired0",
}


@pytest.mark.parametrize(
    "status",
    [
        pytest.param("Accepted", marks=pytest.mark.octt("TC_B_42_CSMS")),
        pytest.param("Failed", marks=pytest.mark.octt("TC_B_44_CSMS")),
    ],
)
async def test_tc_b_42_44_set_a_network_profile(octt: Lab, status: str) -> None:
    asked, found = await octt.asks(
        f"{PATH}/network-profiles/1", NETWORK, ("SetNetworkProfile", {"status": status}), method="PUT"
    )
    assert asked == [{"configurationSlot": 1, "connectionData": NETWORK}]
    assert found["answer"] == {"status": status}
    kept = (await octt.get(f"{PATH}/network-profiles"))["items"]
    assert [one["slot"] for one in kept] == ([1] if status == "Accepted" else [])


@pytest.mark.octt("TC_B_58_CSMS")
async def test_tc_b_58_subprotocol() -> None:
    async with lab(boot=False) as octt:
        house = octt.house
        await house.add_station("cs-2")
        async with house.knock("cs-2", subprotocols=("ocpp9.9", "ocpp2.0.1")) as socket:
            assert socket.subprotocol == "ocpp2.0.1"
        for offered in (("ocpp9.9",), None):
            with pytest.raises(InvalidHandshake):
                async with house.knock("cs-2", subprotocols=offered):
                    pass


async def test_b01_two_identities_with_one_serial_number_are_noticed(octt: Lab) -> None:
    await octt.house.add_station("cs-2")
    async with octt.house.connected("cs-2"):  # it boots as S, as the other one did
        fact = await octt.house.fact(SecurityAlarmRaised)
    assert isinstance(fact, SecurityAlarmRaised)
    assert (fact.station_id, fact.kind) == ("cs-2", "serial number in use")
