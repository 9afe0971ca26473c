"""Block J: meter values."""

import json
from typing import Any

import pytest

from tests.conformance.lab import EVSE, PATH, TOKEN, Json, Lab
from tests.flows.gateway.front import now_text

REGISTER = "Energy.Active.Import.Register"
SIGNED = {
    "signedMeterData": "c2lnbmVk",
    "signingMethod": "ECDSA-secp256r1-SHA256",
    "encodingMethod": "OCMF",
    "publicKey": "a2V5",
}


def value(number: float, context: str, **more: Any) -> list[Json]:
    """One meter value: the register, a power and a voltage."""
    one = {"measurand": REGISTER, "context": context, **more}
    return [
        {
            "timestamp": now_text(),
            "sampledValue": [
                {**one, "value": number},
                {"measurand": "Power.Active.Import", "context": context, "value": 7.2,
                 "unitOfMeasure": {"unit": "kW"}},
                {"measurand": "Voltage", "context": context, "value": 230.1, "phase": "L1-N"},
            ],
        }
    ]  # fmt: skip


async def _readings(octt: Lab) -> list[tuple[float, str]]:
    found = await octt.get(f"/transactions/tx-{octt.tx}/readings")
    return [(one["importWh"], one["context"]) for one in found["items"]]


@pytest.mark.octt("TC_J_01_CSMS")
async def test_tc_j_01_aligned_and_idle(octt: Lab) -> None:
    for evse in (1, 2):
        told = {"evseId": evse, "meterValue": value(100.0, "Sample.Clock")}
        assert await octt.says("MeterValues", told) == {}


async def _charging(octt: Lab, **more: Any) -> None:
    await octt.add_token()
    await octt.status("Occupied")
    await octt.authorize()
    await octt.event("Started", "Authorized", "Charging", idToken=TOKEN, **{"evse": EVSE, **more})


@pytest.mark.octt("TC_J_02_CSMS")
async def test_tc_j_02_aligned_in_a_transaction(octt: Lab) -> None:
    await _charging(octt)
    meter = value(200.0, "Sample.Clock")
    assert await octt.event("Updated", "MeterValueClock", meterValue=meter) == {}
    assert await _readings(octt) == [(200.0, "Sample.Clock")]
    shown = await octt.transaction()
    assert (shown["powerW"], shown["lastImportWh"]) == (7200.0, 200.0)


@pytest.mark.octt("TC_J_03_CSMS")
async def test_tc_j_03_aligned_at_the_end(octt: Lab) -> None:
    await _charging(octt)
    meter = [*value(200.0, "Sample.Clock"), *value(300.0, "Transaction.End")]
    await octt.event(
        "Ended", "StopAuthorized", "EVConnected", info={"stoppedReason": "Local"}, meterValue=meter
    )
    assert sorted(await _readings(octt)) == [(200.0, "Sample.Clock"), (300.0, "Transaction.End")]


@pytest.mark.octt("TC_J_04_CSMS")
async def test_tc_j_04_aligned_and_signed(octt: Lab) -> None:
    signed = value(100.0, "Sample.Clock", signedMeterValue=SIGNED)
    assert await octt.says("MeterValues", {"evseId": 1, "meterValue": signed}) == {}
    await _charging(octt)
    assert await octt.event("Updated", "MeterValueClock", meterValue=signed) == {}
    assert await _readings(octt) == [(100.0, "Sample.Clock")]


@pytest.mark.octt("TC_J_07_CSMS")
async def test_tc_j_07_sampled_at_the_start(octt: Lab) -> None:
    await _charging(octt, meterValue=value(50.0, "Transaction.Begin"))
    assert await _readings(octt) == [(50.0, "Transaction.Begin")]
    assert (await octt.transaction())["firstImportWh"] == 50.0


@pytest.mark.octt("TC_J_08_CSMS")
async def test_tc_j_08_sampled_before_the_evse_is_known(octt: Lab) -> None:
    await octt.add_token()
    await octt.authorize()
    await octt.event("Started", "Authorized", idToken=TOKEN)
    assert (await octt.transaction())["evseId"] is None
    meter = value(60.0, "Transaction.Begin")
    await octt.event("Updated", "CablePluggedIn", "EVConnected", evse=EVSE, meterValue=meter)
    assert await _readings(octt) == [(60.0, "Transaction.Begin")]
    assert (await octt.transaction())["evseId"] == 1


@pytest.mark.octt("TC_J_09_CSMS")
async def test_tc_j_09_sampled_on_the_way(octt: Lab) -> None:
    await _charging(octt)
    for number in (100.0, 200.0):
        meter = value(number, "Sample.Periodic")
        assert await octt.event("Updated", "MeterValuePeriodic", meterValue=meter) == {}
    assert await _readings(octt) == [(100.0, "Sample.Periodic"), (200.0, "Sample.Periodic")]


@pytest.mark.octt("TC_J_10_CSMS")
async def test_tc_j_10_sampled_at_the_end(octt: Lab) -> None:
    await _charging(octt)
    await octt.event(
        "Ended",
        "StopAuthorized",
        "EVConnected",
        info={"stoppedReason": "Local"},
        meterValue=value(900.0, "Transaction.End"),
    )
    assert await _readings(octt) == [(900.0, "Transaction.End")]
    assert (await octt.transaction())["lastImportWh"] == 900.0


@pytest.mark.octt("TC_J_11_CSMS")
async def test_tc_j_11_sampled_and_signed(octt: Lab) -> None:
    await _charging(octt, meterValue=value(1.0, "Transaction.Begin", signedMeterValue=SIGNED))
    meter = value(2.0, "Sample.Periodic", signedMeterValue=SIGNED)
    await octt.event("Updated", "MeterValuePeriodic", meterValue=meter)
    await octt.event(
        "Ended",
        "StopAuthorized",
        "EVConnected",
        info={"stoppedReason": "Local"},
        meterValue=value(3.0, "Transaction.End", signedMeterValue=SIGNED),
    )
    assert [number for number, _ in await _readings(octt)] == [1.0, 2.0, 3.0]


async def test_j01_signed_values_outside_transactions_are_kept_to_the_byte(octt: Lab) -> None:
    data = "T0NNRnx7IkZWIjoiMS4wIn18eyJTRCI6IjMwNDUifQ=="
    signed = {"signedMeterData": data, "signingMethod": "", "encodingMethod": "OCMF", "publicKey": "AA"}
    value = {"value": 1234.5, "signedMeterValue": signed}
    told = {"evseId": 1, "meterValue": [{"timestamp": now_text(), "sampledValue": [value]}]}
    text = json.dumps(told, indent=1)
    for number in ("a", "b"):  # told twice it is kept once
        await octt.station.send(f'[2,"{number}","MeterValues",{text}]')
        assert (await octt.station.receive())[:2] == [3, number]
    plain = {"evseId": 1, "meterValue": [{"timestamp": now_text(), "sampledValue": [{"value": 1.0}]}]}
    assert await octt.says("MeterValues", plain) == {}
    (kept,) = (await octt.get(f"{PATH}/signed-meter-values"))["items"]
    assert kept["message"] == text
