"""Block I: tariff and cost."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.conformance.lab import EVSE, PATH, TOKEN, Json, Lab

TARIFF = {"tariffId": "day", "currency": "EUR", "startFee": "0.50", "energyPerKwh": "0.30"}


def register(wh: float) -> list[Json]:
    at = (datetime.now(UTC) + timedelta(seconds=wh / 1e6)).isoformat()
    return [{"timestamp": at, "sampledValue": [{"value": wh, "measurand": "Energy.Active.Import.Register"}]}]


@pytest.mark.octt("TC_I_01_CSMS")
async def test_tc_i_01_running_cost(octt: Lab) -> None:
    await octt.add_token()
    await octt.post("/tariffs", {**TARIFF, "updateEveryS": 60}, 201)
    await octt.post(f"{PATH}/tariff", {"tariffId": "day"}, method="PUT")
    await octt.event("Started", "Authorized", "Charging", evse=EVSE, idToken=TOKEN, meterValue=register(0.0))
    frame = await octt.station.answer({}, "CostUpdated")
    assert frame[3] == {"transactionId": "tx-1", "totalCost": 0.5}
    shown = await octt.get("/transactions/tx-1/cost")
    assert (shown["total"], shown["currency"], shown["final"]) == ("0.50", "EUR", False)


@pytest.mark.octt("TC_I_02_CSMS")
async def test_tc_i_02_final_cost(octt: Lab) -> None:
    await octt.add_token()
    await octt.post("/tariffs", TARIFF, 201)
    await octt.post(f"{PATH}/tariff", {"tariffId": "day"}, method="PUT")
    await octt.event(
        "Started", "Authorized", "Charging", evse=EVSE, idToken=TOKEN, meterValue=register(1000.0)
    )
    answer = await octt.event(
        "Ended",
        "StopAuthorized",
        "EVConnected",
        info={"stoppedReason": "Local"},
        meterValue=register(11_000.0),
    )
    assert answer["totalCost"] == 3.5
    shown = await octt.get("/transactions/tx-1/cost")
    assert (shown["total"], shown["final"], shown["tariffId"]) == ("3.50", True, "day")


async def test_i_tariffs_are_exact_or_refused(octt: Lab) -> None:
    for wrong, field in (
        ({"energyPerKwh": 0.3}, "energyPerKwh"),
        ({"energyPerKwh": "0.1234567"}, "energyPerKwh"),
        ({"energyPerKwh": "NaN"}, "energyPerKwh"),
        ({"currency": "euro"}, "currency"),
    ):
        refused = await octt.post("/tariffs", {**TARIFF, **wrong}, 422)
        assert [one["field"] for one in refused["errors"]] == [field]
