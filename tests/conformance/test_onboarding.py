"""Onboarding from end to end: who has enrolled is approved, gets its own password, is read and set up."""

from csms.store import stations
from tests.conformance.lab import PATH, lab
from tests.flows.gateway.front import BOOT, PASSWORD, STATION, now_text

OWN = "another-correct-horse-battery-9"
SECRET = {"component": {"name": "SecurityCtrlr"}, "variable": {"name": "BasicAuthPassword"}}
INTERVAL = {"component": {"name": "SampledDataCtrlr"}, "variable": {"name": "TxUpdatedInterval"}}


async def test_a_station_that_has_enrolled_becomes_one_of_ours() -> None:
    async with lab(boot=False, registration="Pending", enrolled=True, onboarding="full") as octt:
        assert (await octt.says("BootNotification", BOOT))["status"] == "Pending"
        asked, found = await octt.asks(
            f"{PATH}/approve",
            {"password": OWN},
            ("SetVariables", {"setVariableResult": [{**SECRET, "attributeStatus": "Accepted"}]}),
        )
        assert asked[0]["setVariableData"] == [{**SECRET, "attributeValue": OWN}]
        assert (found["registration"], found["password"]) == ("Accepted", OWN)
        await octt.station.closed()
        await octt.house.connections(0)
        async with octt.house.connected(password=OWN) as station:
            frame = await station.answer({"status": "Accepted"}, "GetBaseReport")
            assert frame[3]["reportBase"] == "FullInventory"
            value = {"value": "900", "mutability": "ReadWrite"}
            report = {
                "requestId": frame[3]["requestId"],
                "generatedAt": now_text(),
                "seqNo": 0,
                "reportData": [{**INTERVAL, "variableAttribute": [value]}],
            }
            assert await station.result("NotifyReport", report) == {}
            result = {"setVariableResult": [{**INTERVAL, "attributeStatus": "Accepted"}]}
            frame = await station.answer(result, "SetVariables")
            assert frame[3] == {"setVariableData": [{**INTERVAL, "attributeValue": "30"}]}
            await station.result("Heartbeat", {})
        calls = (await octt.get(f"{PATH}/calls"))["items"]
        assert [one["action"] for one in calls] == ["SetVariables", "GetBaseReport", "SetVariables"]
        assert OWN not in str(calls)


async def test_a_station_that_takes_no_password_stays_pending() -> None:
    async with lab(boot=False, registration="Pending", enrolled=True) as octt:
        await octt.says("BootNotification", BOOT)
        reply = {"setVariableResult": [{**SECRET, "attributeStatus": "Rejected"}]}
        await octt.asks(f"{PATH}/approve", {}, ("SetVariables", reply), status=409)
        row = await stations.get(octt.house.db, STATION)
        assert row is not None
        assert (row.registration, row.enrolled) == ("Pending", True)
        await octt.station.socket.close()
        await octt.house.connections(0)
        async with octt.house.knock(password=PASSWORD):
            pass


async def test_who_was_registered_by_a_person_is_just_accepted() -> None:
    async with lab(boot=False, registration="Pending") as octt:
        await octt.says("BootNotification", BOOT)
        _, found = await octt.asks(f"{PATH}/approve", {}, ("TriggerMessage", {"status": "Accepted"}))
        assert (found["registration"], found["password"]) == ("Accepted", None)
        assert (await octt.says("BootNotification", BOOT))["status"] == "Accepted"
