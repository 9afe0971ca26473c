"""Block P, and what is the same for all blocks: vendor messages, custom data."""

import pytest

from tests.conformance.lab import EVSE, TOKEN, Json, Lab
from tests.flows.gateway.front import BOOT


@pytest.mark.octt("TC_P_02_CSMS")
async def test_tc_p_02_unknown_vendor(octt: Lab) -> None:
    told = {"vendorId": "com.octt.test", "messageId": "nothing", "data": {"a": [1, None]}}
    answer = await octt.says("DataTransfer", told)
    assert answer["status"] in ("Rejected", "UnknownVendorId", "UnknownMessageId")


@pytest.mark.octt("TC_P_03_CSMS")
async def test_tc_p_03_custom_data(octt: Lab) -> None:
    custom = {"vendorId": "com.octt.test", "anything": {"deep": [1, "two", None]}}
    boot: Json = {**BOOT, "customData": custom}
    boot["chargingStation"] = {**boot["chargingStation"], "customData": custom}
    assert (await octt.says("BootNotification", boot))["status"] == "Accepted"
    assert "currentTime" in await octt.says("Heartbeat", {"customData": custom})
    await octt.add_token()
    answer = await octt.event(
        "Started",
        "Authorized",
        "Charging",
        info={"customData": custom},
        idToken={**TOKEN, "customData": custom},
        evse={**EVSE, "customData": custom},
        customData=custom,
    )
    assert answer["idTokenInfo"]["status"] == "Accepted"
