"""Block A: who may come in, and passwords."""

import pytest
from websockets.exceptions import InvalidStatus

from tests.conformance.lab import PATH, Json, Lab, lab
from tests.flows.gateway.front import PASSWORD, STATION

PLACE = {"component": {"name": "SecurityCtrlr"}, "variable": {"name": "BasicAuthPassword"}}
NEW = "another-correct-horse-battery-9"


@pytest.mark.octt("TC_A_01_CSMS")
async def test_tc_a_01_right_password() -> None:
    async with lab(boot=False) as octt:
        assert await octt.station.boot() == "Accepted"
        await octt.status("Available")


async def _turned_away(octt: Lab, password: str, name: str = "cs-2") -> None:
    await octt.house.add_station("cs-2")
    with pytest.raises(InvalidStatus) as refused:
        async with octt.house.knock("cs-2", name=name, password=password):
            pass
    assert refused.value.response.status_code == 401


@pytest.mark.octt("TC_A_02_CSMS")
async def test_tc_a_02_another_name(octt: Lab) -> None:
    await _turned_away(octt, PASSWORD, "somebody-else")


@pytest.mark.octt("TC_A_03_CSMS")
async def test_tc_a_03_wrong_password(octt: Lab) -> None:
    await _turned_away(octt, "not-the-right-password-at-all")


async def _set_password(octt: Lab, status: str) -> Json:
    reply = {"setVariableResult": [{**PLACE, "attributeStatus": status}]}
    asked, found = await octt.asks(f"{PATH}/password", {"password": NEW}, ("SetVariables", reply))
    assert asked == [{"setVariableData": [{**PLACE, "attributeValue": NEW}]}]
    assert found["status"] == status
    return found


async def _logs_in(octt: Lab, password: str) -> bool:
    try:
        async with octt.house.knock(STATION, password=password):
            return True
    except InvalidStatus as refused:
        return refused.response.status_code != 401


@pytest.mark.octt("TC_A_09_CSMS")
async def test_tc_a_09_new_password(octt: Lab) -> None:
    assert (await _set_password(octt, "Accepted"))["password"] == NEW
    await octt.station.closed()
    assert not await _logs_in(octt, PASSWORD)
    async with octt.house.connected(password=NEW) as again:
        assert "currentTime" in await again.result("Heartbeat", {})
    calls = (await octt.get(f"{PATH}/calls"))["items"]
    assert NEW not in str(calls)


@pytest.mark.octt("TC_A_10_CSMS")
async def test_tc_a_10_new_password_rejected(octt: Lab) -> None:
    assert (await _set_password(octt, "Rejected"))["password"] is None
    await octt.station.socket.close()
    await octt.house.connections(0)
    assert not await _logs_in(octt, NEW)
    assert await _logs_in(octt, PASSWORD)
