"""OCPP 1.6: configuration keys as the device model, and what comes before a station is accepted."""

import asyncio
import base64
from collections.abc import AsyncIterator

import pytest

from csms.domain.facts import ReportCompleted
from tests.conformance.lab import PATH
from tests.conformance.lab16 import BOOT, Lab16, lab16
from tests.flows.gateway.front import STATION, now_text


@pytest.fixture
async def lab() -> AsyncIterator[Lab16]:
    async with lab16() as running:
        yield running


# ---- configuration keys


KEYS = [
    {"key": "HeartbeatInterval", "readonly": False, "value": "300"},
    {"key": "meterValueSampleInterval", "readonly": False, "value": "900"},
    {"key": "ChargingScheduleAllowedChargingRateUnit", "readonly": True, "value": "Current,Power"},
    {"key": "AuthorizationKey", "readonly": False, "value": "000102030405060708090a0b0c0d0e0f"},
    {"key": "NumberOfConnectors", "readonly": True, "value": "2"},
    {"key": "VendorThing", "readonly": False, "value": "7"},
]


async def test_all_keys_are_the_inventory(lab: Lab16) -> None:
    asked, found = await lab.asks(
        f"{PATH}/reports", {}, ("GetConfiguration", {"configurationKey": KEYS, "unknownKey": []})
    )
    assert asked == [{}]
    await lab.house.fact(ReportCompleted)
    assert (await lab.request(found["requestId"]))["state"] == "complete"
    shown = (await lab.get(f"{PATH}/variables"))["items"]
    values = {(one["component"], one["variable"]): one["value"] for one in shown}
    assert values["OCPPCommCtrlr", "HeartbeatInterval"] == "300"
    assert values["SampledDataCtrlr", "TxUpdatedInterval"] == "900"
    assert values["SmartChargingCtrlr", "RateUnit"] == "A,W"
    assert values["SecurityCtrlr", "BasicAuthPassword"] is None
    assert values["Configuration", "NumberOfConnectors"] == "2"
    assert "000102030405" not in str(await lab.get(f"{PATH}/calls"))


async def test_variables_are_read_and_set_by_their_keys(lab: Lab16) -> None:
    places = [
        {"component": "OCPPCommCtrlr", "variable": "HeartbeatInterval"},
        {"component": "Configuration", "variable": "VendorThing"},
        {"component": "Configuration", "variable": "NoSuchThing"},
    ]
    asked, found = await lab.asks(
        f"{PATH}/variables/read",
        places,
        ("GetConfiguration", {"configurationKey": [KEYS[0], KEYS[5]], "unknownKey": ["NoSuchThing"]}),
    )
    assert asked == [{"key": ["HeartbeatInterval", "VendorThing", "NoSuchThing"]}]
    assert [(one["value"], one["status"]) for one in found["items"]] == [
        ("300", "Accepted"),
        ("7", "Accepted"),
        (None, "UnknownVariable"),
    ]
    orders = [{**place, "value": "60"} for place in places]
    asked, found = await lab.asks(
        f"{PATH}/variables",
        orders,
        ("ChangeConfiguration", {"status": "Accepted"}),
        ("ChangeConfiguration", {"status": "RebootRequired"}),
        ("ChangeConfiguration", {"status": "NotSupported"}),
    )
    assert asked == [
        {"key": key, "value": "60"} for key in ("HeartbeatInterval", "VendorThing", "NoSuchThing")
    ]
    assert [one["status"] for one in found["items"]] == ["Accepted", "RebootRequired", "UnknownVariable"]
    drift = (await lab.get(f"{PATH}/variables/drift"))["items"]
    assert {one["variable"] for one in drift} == {"VendorThing", "NoSuchThing"}


@pytest.mark.parametrize("place", [("ClockCtrlr", "DateTime"), ("Configuration", "AuthorizationKey")])
async def test_a_variable_without_a_key_is_not_asked_for(lab: Lab16, place: tuple[str, str]) -> None:
    order = [{"component": place[0], "variable": place[1], "value": "x"}]
    await lab.post(f"{PATH}/variables", order, 422)


async def test_a_1_6_station_is_read_in_and_set_up_after_its_boot() -> None:
    async with lab16(onboarding="full") as lab:
        frame = await lab.station.answer({"configurationKey": KEYS}, "GetConfiguration")
        assert frame[3] == {}
        frame = await lab.station.answer({"status": "Accepted"}, "ChangeConfiguration")
        assert frame[3] == {"key": "MeterValueSampleInterval", "value": "30"}
        async with asyncio.timeout(10):
            while True:
                drift = await lab.get(f"{PATH}/variables/drift")
                calls = (await lab.get(f"{PATH}/calls"))["items"]
                if all(one["state"] == "answered" for one in calls) and len(calls) == 2:
                    break
                await lab.says("Heartbeat", {})
        assert drift["items"] == []


# ---- before it is accepted


async def test_a_station_that_has_enrolled_gets_a_key_that_1_6_takes() -> None:
    async with lab16(boot=False, registration="Pending", enrolled=True) as lab:
        assert (await lab.says("BootNotification", BOOT))["status"] == "Pending"
        asked, found = await lab.asks(f"{PATH}/approve", {}, ("ChangeConfiguration", {"status": "Accepted"}))
        key = found["password"]
        assert asked == [{"key": "AuthorizationKey", "value": key}]
        assert len(bytes.fromhex(key)) == 20
        assert key not in str(await lab.get(f"{PATH}/calls"))
        await lab.station.closed()
        await lab.house.connections(0)
        login = base64.b64encode(STATION.encode() + b":" + bytes.fromhex(key)).decode()
        headers = {"Authorization": f"Basic {login}"}
        async with lab.house.connected(boot=False, headers=headers, subprotocols=("ocpp1.6",)) as station:
            assert (await station.result("BootNotification", BOOT))["status"] == "Accepted"


async def test_a_triggered_message_may_come_while_pending() -> None:
    async with lab16(boot=False, registration="Pending") as lab:
        assert (await lab.says("BootNotification", {"chargePointVendor": "V", "chargePointModel": "M"}))[
            "status"
        ] == "Pending"
        await lab.asks(
            f"{PATH}/calls/ExtendedTriggerMessage",
            {"requestedMessage": "SignChargePointCertificate"},
            ("ExtendedTriggerMessage", {"status": "Accepted"}),
        )
        await lab.says("SignCertificate", {"csr": "x"})
        frame = await lab.station.call(
            "StatusNotification",
            {"connectorId": 1, "errorCode": "NoError", "status": "Available", "timestamp": now_text()},
        )
        assert frame[2] == "SecurityError"
