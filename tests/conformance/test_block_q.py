"""Block Q and K21 to K29 (2.1): permission to discharge, setpoints, signals, priority, dynamic profiles."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from csms.domain.dialect_record import Discharge, declared
from csms.domain.profile import (
    ClearProfile,
    InstallProfile,
    ProfileAnswer,
    Purpose,
    UpdateSetpoint,
    lease_profile,
)
from csms.domain.program import Program
from csms.errors import Unsafe
from csms.store import profiles, programs, stations
from csms.store.profiles import ProfileRow
from tests.conformance.lab import EVSE, PATH, TOKEN, Json, Lab
from tests.flows.gateway.front import STATION, now_text

NATIVE = declared(Discharge.NATIVE_2_1)


async def enrolled(lab: Lab, program: str | None = "p-1") -> None:
    """A driver with a token, in a program if one is named."""
    now = lab.house.gateway.house.clock.now()
    async with lab.house.db.begin() as conn:
        await programs.put_driver(conn, programs.DriverRow(driver_id="d-1"))
        if program is not None:
            await programs.put(conn, Program(program, "P"))
            await programs.enrol(conn, "d-1", program, now)
    await lab.add_token(driverId="d-1")


async def discharges(lab: Lab, how: str) -> None:
    async with lab.house.db.begin() as conn:
        await stations.change(conn, STATION, discharge=how)


async def allowed(lab: Lab) -> Any:
    return (await lab.says("Authorize", {"idToken": TOKEN})).get("allowedEnergyTransfer")


async def test_q01_whoever_takes_part_may_choose_both_ways(newest: Lab) -> None:
    await enrolled(newest)
    assert await allowed(newest) is None  # the station is not known to discharge
    await discharges(newest, "native_2_1")
    assert {"AC_BPT", "DC_BPT", "DC"} <= set(await allowed(newest))
    await newest.post(f"{PATH}", {"hold": "looked at"}, 200, "PATCH")
    assert await allowed(newest) is None


async def test_q01_whoever_takes_no_part_only_charges(newest: Lab) -> None:
    await enrolled(newest, None)
    await discharges(newest, "native_2_1")
    assert await allowed(newest) is None


async def test_q02_the_operator_allows_more_while_it_charges(newest: Lab) -> None:
    await newest.add_token()
    await newest.charging()
    modes = ["DC", "DC_BPT"]
    asked, _ = await newest.asks(
        "/transactions/tx-1/allowed-energy-transfer",
        {"transfers": modes},
        ("NotifyAllowedEnergyTransfer", {"status": "Accepted"}),
    )
    assert asked == [{"transactionId": "tx-1", "allowedEnergyTransfer": modes}]
    assert await particulars(newest) == {"allowedEnergyTransfer": modes}
    await newest.post("/transactions/tx-1/allowed-energy-transfer", {"transfers": ["DC_UP"]}, 422)
    await newest.post("/transactions/tx-9/allowed-energy-transfer", {"transfers": ["DC"]}, 404)


async def particulars(lab: Lab) -> Json:
    found = (await lab.get("/transactions/tx-1/particulars"))["items"]
    return {one["name"]: one["value"] for one in found}


async def test_q01_what_an_event_tells_besides_is_kept(newest: Lab) -> None:
    await newest.add_token()
    await newest.charging()
    cost = {
        "totalCost": {"currency": "EUR", "typeOfCost": "NormalCost", "total": {"exclTax": 1.5}},
        "totalUsage": {"energy": 4.0, "chargingTime": 60, "idleTime": 0},
    }
    info = {"operationMode": "CentralSetpoint", "tariffId": "t-1", "transactionLimit": {"maxEnergy": 9.0}}
    await newest.event("Updated", "OperationModeChanged", "Charging", info=info)
    await newest.event("Updated", "RunningCost", "Charging", costDetails=cost)
    assert await particulars(newest) == {**info, "costDetails": cost}


async def test_q01_needs_of_a_vehicle_that_can_do_both_are_kept(newest: Lab) -> None:
    v2x = {
        "maxChargePower": 11000.0,
        "maxDischargePower": 10000.0,
        "evTargetEnergyRequest": -5000.0,
        "evMinV2XEnergyRequest": -20000.0,
        "evMaxV2XEnergyRequest": 15000.0,
    }
    needs = {
        "requestedEnergyTransfer": "DC_BPT",
        "availableEnergyTransfer": ["DC", "DC_BPT"],
        "controlMode": "DynamicControl",
        "v2xChargingParameters": v2x,
    }
    answer = await newest.says("NotifyEVChargingNeeds", {"evseId": 1, "chargingNeeds": needs})
    assert answer["status"] in ("Accepted", "Processing", "NoChargingProfile")


async def test_q04_the_lease_and_its_update_on_the_wire(newest: Lab) -> None:
    house, now = newest.house, newest.house.gateway.house.clock.now()
    profile = lease_profile(910_001, "tx-1", -7000.0, now, 300, NATIVE)
    doing = asyncio.create_task(house.ask(InstallProfile(1, profile, NATIVE)))
    frame = await newest.station.answer({"status": "Accepted"}, "SetChargingProfile")
    assert await doing == ProfileAnswer(True)
    (schedule,) = frame[3]["chargingProfile"]["chargingSchedule"]
    assert schedule["chargingSchedulePeriod"] == [
        {"startPeriod": 0, "operationMode": "CentralSetpoint", "setpoint": -7000.0}
    ]
    doing = asyncio.create_task(house.ask(UpdateSetpoint(910_001, -3000.0)))
    frame = await newest.station.answer({"status": "Accepted"}, "UpdateDynamicSchedule")
    assert frame[3] == {"chargingProfileId": 910_001, "scheduleUpdate": {"setpoint": -3000.0}}
    assert await doing == ProfileAnswer(True)
    doing = asyncio.create_task(house.ask(ClearProfile(910_001)))
    await newest.station.answer({"status": "Accepted"}, "ClearChargingProfile")
    assert await doing == ProfileAnswer(True)


@pytest.mark.parametrize("how", [each for each in Discharge if each is not Discharge.NATIVE_2_1])
async def test_v_15_nothing_negative_reaches_a_station_of_another_record(newest: Lab, how: Discharge) -> None:
    profile = lease_profile(1, "tx-1", -7000.0, newest.house.gateway.house.clock.now(), 300, declared(how))
    with pytest.raises(Unsafe):
        await newest.house.ask(InstallProfile(1, profile, declared(how)))
    assert await newest.says("Heartbeat", {})  # and the station has heard nothing between


async def test_q08_a_signal_is_passed_on(newest: Lab) -> None:
    body = {"signal": -5, "at": "2026-11-22T10:00:00Z"}
    accepted = ("AFRRSignal", {"status": "Accepted"})
    asked, _ = await newest.asks(f"{PATH}/afrr-signal", body, accepted)
    assert asked == [{"timestamp": "2026-11-22T10:00:00.000Z", "signal": -5}]
    refused = {"status": "Rejected", "statusInfo": {"reasonCode": "NoSignalWattCurve"}}
    _, found = await newest.asks(f"{PATH}/afrr-signal", {"signal": 1}, ("AFRRSignal", refused))
    assert found["answer"] == refused
    await newest.post(f"{PATH}/afrr-signal", {"signal": 1.5}, 422)


async def test_k21_priority_is_asked_for_and_told(newest: Lab) -> None:
    await newest.add_token()
    await newest.charging()
    asked, found = await newest.asks(
        "/transactions/tx-1/priority-charging",
        {"activate": True},
        ("UsePriorityCharging", {"status": "NoProfile"}),
    )
    assert asked == [{"transactionId": "tx-1", "activate": True}]
    assert found["answer"] == {"status": "NoProfile"}
    assert await particulars(newest) == {}
    for activated in (True, False):
        told = {"transactionId": "tx-1", "activated": activated}
        assert await newest.says("NotifyPriorityCharging", told) == {}
        assert await particulars(newest) == {"priorityCharging": activated}


async def lease_row(
    lab: Lab, limit_w: float, *, left_s: float = 200, state: str = "accepted", role: str = "lease"
) -> None:
    now = lab.house.gateway.house.clock.now()
    row = ProfileRow(
        identity=STATION,
        evse_id=1,
        profile_id=910_001,
        role=role,
        purpose=Purpose.TX.value,
        limit_w=limit_w,
        transaction_id="tx-1",
        valid_to=now + timedelta(seconds=left_s),
        state=state,
        changed_at=now,
    )
    async with lab.house.db.begin() as conn:
        await profiles.sent(conn, row)


async def pulled(lab: Lab) -> Json:
    return await lab.says("PullDynamicScheduleUpdate", {"chargingProfileId": 910_001})


async def test_k28_who_idles_may_idle_on(newest: Lab) -> None:
    await lease_row(newest, 0.0)
    assert await pulled(newest) == {"status": "Accepted", "scheduleUpdate": {"setpoint": 0.0}}


@pytest.mark.parametrize("limit_w", [-3000.0, -0.5, 0.5, 3000.0])
async def test_v_05_no_power_is_lengthened_by_a_pull(newest: Lab, limit_w: float) -> None:
    await lease_row(newest, limit_w)
    answer = await pulled(newest)
    assert (answer["status"], "scheduleUpdate" in answer) == ("Rejected", False)


async def test_k28_what_is_no_lease_is_not_pulled(newest: Lab) -> None:
    await lease_row(newest, 0.0, role="offer")
    assert (await pulled(newest))["status"] == "Rejected"


@pytest.mark.parametrize(("left_s", "state"), [(-1, "accepted"), (200, "cleared"), (200, "sent")])
async def test_k28_fr_12_what_is_not_in_force_is_rejected(newest: Lab, left_s: float, state: str) -> None:
    assert (await pulled(newest))["status"] == "Rejected"
    await lease_row(newest, 0.0, left_s=left_s, state=state)
    assert (await pulled(newest))["status"] == "Rejected"


def manual(period: Json, **fields: Any) -> Json:
    schedule = {
        "id": 1,
        "chargingRateUnit": "W",
        "startSchedule": now_text(),
        "duration": 300,
        "chargingSchedulePeriod": [{"startPeriod": 0, **period}],
    }
    profile = {
        "id": 1,
        "stackLevel": 0,
        "chargingProfilePurpose": "TxProfile",
        "chargingProfileKind": "Absolute",
        "transactionId": "tx-1",
        "chargingSchedule": [schedule],
        **fields,
    }
    return {"evseId": 1, "chargingProfile": profile}


@pytest.mark.parametrize(
    "period",
    [
        {"operationMode": "CentralSetpoint", "setpoint": -1.0},
        {"operationMode": "CentralSetpoint", "setpoint": 1.0, "setpoint_L2": -1.0},
        {"operationMode": "ExternalSetpoint", "limit": 1.0, "dischargeLimit": -1.0},
        {"operationMode": "ExternalSetpoint", "limit": 1.0},
        {"operationMode": "ExternalLimits"},
        {"operationMode": "LocalLoadBalancing"},
        {"operationMode": "LocalFrequency", "v2xFreqWattCurve": [{"frequency": 50, "power": 1}]},
        {"limit": 1.0, "v2xBaseline": -1.0},
    ],
)
async def test_v_02_by_hand_nothing_discharges_without_a_reason_and_an_end(newest: Lab, period: Json) -> None:
    found = await newest.post(f"{PATH}/calls/SetChargingProfile", manual(period), 403)
    assert found["type"].endswith("unsafe")
    forever = f"{PATH}/calls/SetChargingProfile?override=a%20test%20of%20mine"
    await newest.post(forever, manual(period), 403)  # it has no validTo
    assert await newest.says("Heartbeat", {})


async def test_v_02_by_hand_no_update_discharges(newest: Lab) -> None:
    update = {"chargingProfileId": 1, "scheduleUpdate": {"setpoint": -1.0}}
    for path in ("UpdateDynamicSchedule", "UpdateDynamicSchedule?override=a%20test%20of%20mine"):
        await newest.post(f"{PATH}/calls/{path}", update, 403)
    assert await newest.says("Heartbeat", {})


async def test_by_hand_charging_and_reactive_power_go_out(newest: Lab) -> None:
    period = {"operationMode": "CentralSetpoint", "setpoint": 1000.0, "setpointReactive": -200.0}
    accepted = ("SetChargingProfile", {"status": "Accepted"})
    asked, _ = await newest.asks(f"{PATH}/calls/SetChargingProfile", manual(period), accepted)
    assert asked[0]["chargingProfile"]["chargingSchedule"][0]["chargingSchedulePeriod"] == [
        {"startPeriod": 0, **period}
    ]


async def test_an_older_station_hears_nothing_of_it(octt: Lab) -> None:
    await octt.add_token()
    await octt.charging(evse=EVSE)
    await octt.post(f"{PATH}/afrr-signal", {"signal": 1}, 422)
    await octt.post("/transactions/tx-1/priority-charging", {"activate": True}, 422)
    assert await octt.says("Heartbeat", {})
