"""A 2.1 station against a small server: V2X, Dynamic profiles, operation modes, priority."""

from typing import Any

import pytest

from chargepoint_sim.profiles.profile import Values
from chargepoint_sim.station.equipment import HighLevel
from chargepoint_sim.station.words import Version
from tests.flows.station.steps_21 import (
    BOTH_WAYS,
    CURVE,
    checked,
    connected,
    flowing,
    gives,
    net,
    order,
    permitting,
    setpoint,
)


async def test_what_the_vehicle_can_give_is_in_the_needs(csms: Any, bench: Any) -> None:
    await connected(csms, bench)
    (needs,) = await csms.wait_for("NotifyEVChargingNeeds")
    told = needs["chargingNeeds"]
    assert (told["requestedEnergyTransfer"], told["availableEnergyTransfer"]) == ("DC_BPT", ["DC", "DC_BPT"])
    assert (told["controlMode"], told["mobilityNeedsMode"]) == ("DynamicControl", "EVCC")
    assert "dcChargingParameters" not in told
    v2x = told["v2xChargingParameters"]
    assert (v2x["maxChargePower"], v2x["maxDischargePower"]) == (11_000, 10_000)
    assert (v2x["evMinV2XEnergyRequest"], v2x["evTargetEnergyRequest"], v2x["targetSoC"]) == (
        -18_000,
        18_000,
        80,
    )
    (authorized,) = await csms.wait_for("TransactionEvent", lambda p: p["triggerReason"] == "Authorized")
    assert authorized["idToken"]["additionalInfo"] == [{"additionalIdToken": "EVCC01", "type": "EVCCID"}]
    checked(csms)


async def test_a_setpoint_is_followed_and_its_mode_is_told(csms: Any, bench: Any) -> None:
    one, peer, transaction = await connected(csms, bench)
    answer = await peer.call("SetChargingProfile", order(csms, transaction, setpoint(-7000)))
    assert answer == {"status": "Accepted"}
    (changed,) = await csms.wait_for(
        "TransactionEvent", lambda p: p["triggerReason"] == "OperationModeChanged"
    )
    assert changed["transactionInfo"]["operationMode"] == "CentralSetpoint"
    await csms.wait_for("TransactionEvent", gives(7000))
    schedule = (await peer.call("GetCompositeSchedule", {"duration": 60, "evseId": 1}))["schedule"]
    assert schedule["chargingSchedulePeriod"] == [
        {"startPeriod": 0, "setpoint": -7000, "numberPhases": 3, "operationMode": "CentralSetpoint"}
    ]
    assert one.station.cabinet.evses[1].meter.export_wh > 0
    checked(csms)


@pytest.mark.parametrize("transfers", [["DC"], None])
async def test_without_permission_nothing_comes_back_until_services_are_negotiated_anew(
    csms: Any, bench: Any, transfers: list[str] | None
) -> None:
    one, peer, transaction = await connected(csms, bench, transfers)
    (needs,) = await csms.wait_for("NotifyEVChargingNeeds")
    assert needs["chargingNeeds"]["requestedEnergyTransfer"] == "DC"
    assert "maxDischargePower" not in needs["chargingNeeds"]["v2xChargingParameters"]
    await peer.call("SetChargingProfile", order(csms, transaction, setpoint(-7000)))
    await flowing(one, 0)
    allowed = {"transactionId": transaction, "allowedEnergyTransfer": BOTH_WAYS}
    assert await peer.call("NotifyAllowedEnergyTransfer", allowed) == {"status": "Accepted"}
    needs = (await csms.wait_for("NotifyEVChargingNeeds", count=2))[1]["chargingNeeds"]
    assert needs["requestedEnergyTransfer"] == "DC_BPT"
    await csms.wait_for("TransactionEvent", gives(7000))
    checked(csms)


@pytest.mark.parametrize("high_level", [HighLevel.NONE, HighLevel.WIRE])
async def test_permission_comes_late_whatever_lies_between_station_and_vehicle(
    csms: Any, bench: Any, high_level: HighLevel
) -> None:
    _, peer, transaction = await connected(csms, bench, transfers=["DC"], high_level=high_level)
    await peer.call(
        "NotifyAllowedEnergyTransfer", {"transactionId": transaction, "allowedEnergyTransfer": BOTH_WAYS}
    )
    needs = (await csms.wait_for("NotifyEVChargingNeeds", count=2))[1]["chargingNeeds"]
    assert needs["requestedEnergyTransfer"] == "DC_BPT"
    await peer.call("SetChargingProfile", order(csms, transaction, setpoint(-7000)))
    await csms.wait_for("TransactionEvent", gives(7000))


async def test_refused_needs_end_the_transaction(csms: Any, bench: Any) -> None:
    permitting(csms, BOTH_WAYS)
    permitted = csms.answer
    csms.answer = lambda action, payload: (
        {"status": "Rejected"} if action == "NotifyEVChargingNeeds" else permitted(action, payload)
    )
    one = bench(fixed={"version": Version.V21})
    await one.station.booted.wait()
    one.plug()
    (ended,) = await csms.wait_for("TransactionEvent", lambda p: p["eventType"] == "Ended")
    assert ended["triggerReason"] == "AbnormalCondition"
    assert ended["transactionInfo"]["stoppedReason"] == "ReqEnergyTransferRejected"


async def test_a_dynamic_profile_is_updated_by_the_server_and_dies_without_updates(
    csms: Any, bench: Any
) -> None:
    one, peer, transaction = await connected(csms, bench)
    lease = order(csms, transaction, setpoint(-3000), kind="Dynamic", schedule={"duration": 200})
    assert await peer.call("SetChargingProfile", lease) == {"status": "Accepted"}
    await csms.wait_for("TransactionEvent", gives(3000))
    update = {"chargingProfileId": 7, "scheduleUpdate": {"setpoint": -6000}}
    assert await peer.call("UpdateDynamicSchedule", update) == {"status": "Accepted"}
    await csms.wait_for("TransactionEvent", gives(6000))
    (over,) = await csms.wait_for(
        "TransactionEvent",
        lambda p: (
            p["triggerReason"] == "OperationModeChanged"
            and p["transactionInfo"]["operationMode"] == "ChargingOnly"
        ),
    )
    assert over["eventType"] == "Updated"
    await flowing(one, 11_000)
    assert await peer.call("UpdateDynamicSchedule", update) == {"status": "Accepted"}
    await flowing(one, -6000)


async def test_a_dynamic_profile_is_pulled(csms: Any, bench: Any) -> None:
    permitting(csms, BOTH_WAYS)
    permitted, given = csms.answer, iter(range(-2000, -9000, -1000))

    def answer(action: str, payload: Any) -> Any:
        if action == "PullDynamicScheduleUpdate":
            return {"status": "Accepted", "scheduleUpdate": {"setpoint": next(given, -9000)}}
        return permitted(action, payload)

    csms.answer = answer
    one = bench(fixed={"version": Version.V21})
    await one.station.booted.wait()
    one.plug()
    (found, *_) = await csms.wait_for(
        "TransactionEvent", lambda p: p["transactionInfo"].get("chargingState") == "Charging"
    )
    lease = order(
        csms, found["transactionInfo"]["transactionId"], setpoint(-1000), kind="Dynamic", dynUpdateInterval=20
    )
    assert await (await csms.peer()).call("SetChargingProfile", lease) == {"status": "Accepted"}
    pulled = await csms.wait_for("PullDynamicScheduleUpdate", count=3)
    assert {one["chargingProfileId"] for one in pulled} == {7}
    await flowing(one, -4000)


async def test_q11_offline_too_long_is_charging_only_and_q12_the_order_comes_back(
    csms: Any, bench: Any
) -> None:
    one, peer, transaction = await connected(csms, bench)
    await peer.call("SetChargingProfile", order(csms, transaction, setpoint(-5000), maxOfflineDuration=30))
    await flowing(one, -5000)
    await one.station.link.hold_off()
    await one.station.clock.sleep(100)
    one.station.link.resume()
    await csms.wait_for("TransactionEvent", lambda p: p.get("offline", False) and net(p) == 11_000)
    await flowing(one, -5000)


async def test_priority_charging(csms: Any, bench: Any) -> None:
    one, peer, transaction = await connected(csms, bench)
    await peer.call("SetChargingProfile", order(csms, transaction, setpoint(-5000)))
    await flowing(one, -5000)
    ask = {"transactionId": transaction, "activate": True}
    assert (await peer.call("UsePriorityCharging", ask))["status"] == "NoProfile"
    boost = order(csms, transaction, {"limit": 9000}, id=8, chargingProfilePurpose="PriorityCharging")
    del boost["chargingProfile"]["transactionId"]
    assert await peer.call("SetChargingProfile", boost | {"evseId": 0}) == {"status": "Accepted"}
    assert (await peer.call("UsePriorityCharging", ask)) == {"status": "Accepted"}
    (told,) = await csms.wait_for("NotifyPriorityCharging")
    assert told == {"transactionId": transaction, "activated": True}
    await flowing(one, 9000)
    assert (await peer.call("UsePriorityCharging", ask | {"activate": False})) == {"status": "Accepted"}
    await csms.wait_for("NotifyPriorityCharging", lambda p: not p["activated"])
    await flowing(one, -5000)
    unknown = await peer.call("UsePriorityCharging", {"transactionId": "none", "activate": True})
    assert (unknown["status"], unknown["statusInfo"]["reasonCode"]) == ("Rejected", "TxNotFound")


SIGNALS = [{"signal": -100, "power": -2000}, {"signal": 100, "power": 2000}]


async def test_q08_the_station_follows_the_frequency_and_adds_the_afrr_signal(csms: Any, bench: Any) -> None:
    one, peer, transaction = await connected(csms, bench)
    signal = {"timestamp": csms.clock.now().isoformat(), "signal": -50}
    refused = await peer.call("AFRRSignal", signal)
    assert (refused["status"], refused["statusInfo"]["reasonCode"]) == ("Rejected", "NoSignalWattCurve")
    period = {"operationMode": "LocalFrequency", "v2xBaseline": 1000, "v2xFreqWattCurve": CURVE}
    local = order(csms, transaction, period | {"v2xSignalWattCurve": SIGNALS})
    assert await peer.call("SetChargingProfile", local) == {"status": "Accepted"}
    await flowing(one, 1000)
    around, bell = one.station.cabinet.equipment.around, one.station.cabinet.equipment.profiles_changed
    around.frequency_hz = 49.9
    bell.ring()
    await flowing(one, -3000)
    assert await peer.call("AFRRSignal", signal) == {"status": "Accepted"}
    await flowing(one, -4000)
    report = await peer.call("GetChargingProfiles", {"requestId": 1, "chargingProfile": {"stackLevel": 3}})
    assert report == {"status": "Accepted"}
    (told,) = await csms.wait_for("ReportChargingProfiles")
    (written,) = told["chargingProfile"][0]["chargingSchedule"][0]["chargingSchedulePeriod"]
    assert (written["v2xBaseline"], written["v2xFreqWattCurve"][0]) == (1000, CURVE[0])
    checked(csms)


async def test_q05_the_energy_manager_decides_within_the_profile(csms: Any, bench: Any) -> None:
    one, peer, transaction = await connected(csms, bench)
    bounds = {"operationMode": "ExternalSetpoint", "limit": 6000, "dischargeLimit": -2000}
    assert await peer.call("SetChargingProfile", order(csms, transaction, bounds)) == {"status": "Accepted"}
    await flowing(one, 0)
    around, bell = one.station.cabinet.equipment.around, one.station.cabinet.equipment.profiles_changed
    for wanted, expected in ((-1500.0, -1500), (-4000.0, -2000), (9000.0, 6000)):
        around.external = Values(setpoint=(wanted,))
        bell.ring()
        await flowing(one, expected)


async def test_q09_the_station_balances_its_site(csms: Any, bench: Any) -> None:
    one, peer, transaction = await connected(csms, bench)
    balance = order(csms, transaction, {"operationMode": "LocalLoadBalancing"})
    refused = await peer.call("SetChargingProfile", balance)
    assert refused["statusInfo"]["reasonCode"] == "MissingDevModelInfo"
    named = ("LowerThreshold", -1000), ("UpperThreshold", 5000), ("LowerOffset", 0), ("UpperOffset", 0)
    variables = [
        {
            "component": {"name": "V2XChargingCtrlr"},
            "variable": {"name": "LocalLoadBalancing", "instance": name},
            "attributeValue": str(value),
        }
        for name, value in named
    ]
    results = (await peer.call("SetVariables", {"setVariableData": variables}))["setVariableResult"]
    assert {result["attributeStatus"] for result in results} == {"Accepted"}
    one.station.cabinet.equipment.around.load_w = 8000.0
    assert await peer.call("SetChargingProfile", balance) == {"status": "Accepted"}
    await flowing(one, -3000)


async def test_q10_idle_lets_nothing_flow(csms: Any, bench: Any) -> None:
    one, peer, transaction = await connected(csms, bench)
    assert await peer.call("SetChargingProfile", order(csms, transaction, {"operationMode": "Idle"})) == {
        "status": "Accepted"
    }
    await flowing(one, 0)
    await csms.wait_for("TransactionEvent", lambda p: p["transactionInfo"]["operationMode"] == "Idle")


async def test_reports_of_monitors_say_who_has_set_them(csms: Any, bench: Any) -> None:
    one = bench(fixed={"version": Version.V21})
    await one.station.booted.wait()
    peer = await csms.peer()
    assert await peer.call("GetMonitoringReport", {"requestId": 3}) == {"status": "Accepted"}
    (report,) = await csms.wait_for("NotifyMonitoringReport")
    kinds = {one["eventNotificationType"] for row in report["monitor"] for one in row["variableMonitoring"]}
    assert kinds <= {"HardWiredMonitor", "PreconfiguredMonitor"}
    assert kinds
    checked(csms)


async def test_the_inventory_of_2_1_is_valid_and_says_what_it_can(csms: Any, bench: Any) -> None:
    one = bench(fixed={"version": Version.V21})
    await one.station.booted.wait()
    peer = await csms.peer()
    await peer.call("GetBaseReport", {"requestId": 1, "reportBase": "FullInventory"})
    await csms.wait_for("NotifyReport", lambda p: not p.get("tbc", False))
    reports = [payload for action, payload in csms.heard if action == "NotifyReport"]
    rows = {
        (row["component"]["name"], row["variable"]["name"]): row["variableAttribute"][0].get("value")
        for payload in reports
        for row in payload["reportData"]
    }
    modes = rows["V2XChargingCtrlr", "SupportedOperationModes"].split(",")
    assert {"ChargingOnly", "CentralSetpoint", "CentralFrequency"} <= set(modes)  # Q01.FR.31
    assert rows["SmartChargingCtrlr", "SupportsDynamicProfiles"] == "true"
    assert ("ConnectedEV", "VehicleID") in rows  # Q01.FR.36
    checked(csms)
