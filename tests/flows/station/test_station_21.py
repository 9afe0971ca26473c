"""A 2.1 station against a small server: V2X, Dynamic profiles, priority, DER, and the refusals."""

import asyncio
from datetime import timedelta
from typing import Any

import ocpp.messages
import pytest

from chargepoint_sim.profiles.profile import Values
from chargepoint_sim.station.equipment import HighLevel
from chargepoint_sim.station.words import Version

BOTH_WAYS = ["DC", "DC_BPT"]


def permitting(csms: Any, transfers: list[str] | None) -> None:
    """Let the server say at authorization what a vehicle may do, and count what it pulls."""
    plain = csms.answer

    def answer(action: str, payload: Any) -> Any:
        if action == "Authorize" and transfers is not None:
            return plain(action, payload) | {"allowedEnergyTransfer": transfers}
        return plain(action, payload)

    csms.answer = answer


def checked(csms: Any) -> None:
    """All that was heard is valid by the schemas of 2.1, names included."""
    for action, payload in csms.heard:
        call = ocpp.messages.Call("1", action, payload)
        ocpp.messages._validate_payload(call, "2.1")


async def connected(
    csms: Any, bench: Any, transfers: list[str] | None = BOTH_WAYS, **options: Any
) -> tuple[Any, Any, str]:
    """A 2.1 station with a vehicle that charges; the server's end; the transaction."""
    permitting(csms, transfers)
    one = bench(fixed={"version": Version.V21}, **options)
    await one.station.booted.wait()
    one.plug()
    await csms.wait_for("NotifyEVChargingNeeds")
    found = await csms.wait_for(
        "TransactionEvent", lambda p: p["transactionInfo"].get("chargingState") == "Charging"
    )
    return one, await csms.peer(), found[0]["transactionInfo"]["transactionId"]


def order(csms: Any, transaction: str, *periods: Any, kind: str = "Absolute", **more: Any) -> dict[str, Any]:
    """A SetChargingProfile request for EVSE 1."""
    schedule = {"id": 1, "chargingRateUnit": "W"} | more.pop("schedule", {})
    schedule["chargingSchedulePeriod"] = [
        {"startPeriod": 60 * number} | one for number, one in enumerate(periods)
    ]
    if kind == "Absolute":
        schedule["startSchedule"] = csms.clock.now().isoformat()
    profile = {
        "id": 7,
        "stackLevel": 3,
        "chargingProfilePurpose": "TxProfile",
        "chargingProfileKind": kind,
        "transactionId": transaction,
        "chargingSchedule": [schedule],
    }
    return {"evseId": 1, "chargingProfile": profile | more}


def setpoint(power_w: float, mode: str = "CentralSetpoint") -> dict[str, Any]:
    """A period with a setpoint."""
    return {"operationMode": mode, "setpoint": power_w}


def measured(event: dict[str, Any], measurand: str) -> float | None:
    """A measured value of a transaction event."""
    samples = [sample for value in event.get("meterValue", []) for sample in value["sampledValue"]]
    return next((float(one["value"]) for one in samples if one["measurand"] == measurand), None)


def gives(power_w: float) -> Any:
    """Whether a transaction event shows this power out of the vehicle."""
    return lambda event: measured(event, "Power.Active.Export") == pytest.approx(power_w, abs=1)


async def flowing(one: Any, power_w: float) -> None:
    """Wait until the meter tells of this power, + into the vehicle, from now on."""
    heard, since = one.csms.heard, len(one.csms.heard)

    def told() -> bool:
        return any(net(payload) == pytest.approx(power_w, abs=1) for _, payload in heard[since:])

    async with one.csms.news:
        await asyncio.wait_for(one.csms.news.wait_for(told), 20)


def net(event: dict[str, Any]) -> float | None:
    """The power that an event tells of, + into the vehicle."""
    taken, given = (measured(event, f"Power.Active.{way}") for way in ("Import", "Export"))
    return None if taken is None or given is None else taken - given


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


CURVE = [
    {"frequency": 49.8, "power": -8000},
    {"frequency": 50.0, "power": 0},
    {"frequency": 50.2, "power": 8000},
]
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


LIMIT = {"priority": 1, "pctMaxDischargePower": 20}


async def test_der_limit_max_discharge_is_honoured_and_alarmed(csms: Any, bench: Any) -> None:
    one, peer, transaction = await connected(csms, bench)
    await peer.call("SetChargingProfile", order(csms, transaction, setpoint(-7000)))
    await flowing(one, -7000)
    control = {
        "isDefault": True,
        "controlId": "C1",
        "controlType": "LimitMaxDischarge",
        "limitMaxDischarge": LIMIT,
    }
    assert await peer.call("SetDERControl", control) == {"status": "Accepted"}
    await flowing(one, -2200)
    (alarm,) = await csms.wait_for("NotifyDERAlarm")
    assert (alarm["controlType"], alarm.get("alarmEnded")) == ("LimitMaxDischarge", None)
    assert await peer.call("GetDERControl", {"requestId": 5}) == {"status": "Accepted"}
    (report,) = await csms.wait_for("ReportDERControl")
    assert report["limitMaxDischarge"] == [
        {"id": "C1", "isDefault": True, "isSuperseded": False, "limitMaxDischarge": LIMIT}
    ]
    clear = {"isDefault": True, "controlType": "LimitMaxDischarge"}
    assert await peer.call("ClearDERControl", clear) == {"status": "Accepted"}
    assert await peer.call("ClearDERControl", clear) == {"status": "NotFound"}
    await csms.wait_for("NotifyDERAlarm", lambda p: p.get("alarmEnded", False))
    await flowing(one, -7000)
    checked(csms)


async def test_a_scheduled_der_control_begins_and_ends_in_time(csms: Any, bench: Any) -> None:
    one, peer, transaction = await connected(csms, bench)
    await peer.call("SetChargingProfile", order(csms, transaction, setpoint(-7000)))
    start = (csms.clock.now() + timedelta(seconds=100)).isoformat()
    limit = LIMIT | {"startTime": start, "duration": 200}
    control = {
        "isDefault": False,
        "controlId": "C2",
        "controlType": "LimitMaxDischarge",
        "limitMaxDischarge": limit,
    }
    assert await peer.call("SetDERControl", control) == {"status": "Accepted"}
    await csms.wait_for("NotifyDERStartStop", lambda p: p["started"] and p["controlId"] == "C2")
    await flowing(one, -2200)
    await csms.wait_for("NotifyDERStartStop", lambda p: not p["started"])
    await flowing(one, -7000)


async def test_unknown_kinds_of_der_control_are_not_supported(csms: Any, bench: Any) -> None:
    one = bench(fixed={"version": Version.V21})
    await one.station.booted.wait()
    peer = await csms.peer()
    curve = {"priority": 1, "yUnit": "PctMaxVar", "curveData": [{"x": 1, "y": 2}]}
    control = {"isDefault": True, "controlId": "C3", "controlType": "VoltVar", "curve": curve}
    assert await peer.call("SetDERControl", control) == {"status": "NotSupported"}
    assert await peer.call("GetDERControl", {"requestId": 1}) == {"status": "NotFound"}
    assert await peer.call("ClearDERControl", {"isDefault": True}) == {"status": "Accepted"}


async def test_requests_it_does_not_know_are_answered_with_an_error(csms: Any, bench: Any) -> None:
    one = bench(fixed={"version": Version.V21})
    await one.station.booted.wait()
    peer = await csms.peer()
    assert await peer.call(
        "RequestBatterySwap", {"requestId": 1, "idToken": {"idToken": "T", "type": "Central"}}
    ) == {"error": "NotImplemented"}
    assert await peer.call("MakeCoffee", {}) == {"error": "NotSupported"}


@pytest.mark.parametrize(
    ("period", "more", "reason"),
    [
        ({"limit": -1000}, {}, "InvalidSchedule"),
        ({}, {}, "InvalidSchedule"),
        ({"limit": 1000, "setpoint": 500}, {}, "InvalidSchedule"),
        ({"operationMode": "CentralSetpoint"}, {}, "InvalidSchedule"),
        (
            {"operationMode": "CentralSetpoint", "setpoint": -750, "limit": 1000, "dischargeLimit": -500},
            {},
            "InvalidSchedule",
        ),
        ({"operationMode": "CentralFrequency", "setpoint": -750}, {}, "InvalidSchedule"),
        ({"operationMode": "Idle", "limit": 0}, {}, "InvalidSchedule"),
        ({"operationMode": "LocalFrequency"}, {}, "NoFreqWattCurve"),
        (
            {"operationMode": "LocalFrequency", "v2xBaseline": 0, "v2xFreqWattCurve": CURVE[:1]},
            {},
            "NoFreqWattCurve",
        ),
        (
            {"operationMode": "LocalFrequency", "v2xBaseline": 0, "v2xFreqWattCurve": CURVE, "limit": 1},
            {},
            "InvalidSchedule",
        ),
        ({"limit": 1000, "limit_L2": 1000, "limit_L3": 1000}, {}, "PhaseConflict"),
        ({"limit_L2": 1000}, {}, "PhaseConflict"),
        ({"limit": 1000}, {"dynUpdateInterval": 60}, "InvalidProfile"),
        ({"limit": 1000}, {"schedule": {"randomizedDelay": 5}}, "InvalidSchedule"),
        ({"limit": 1000}, {"schedule": {"useLocalTime": True}}, "InvalidSchedule"),
        ({"limit": 1000}, {"stackLevel": 99}, "InvalidStackLevel"),
    ],
)
async def test_refusals(csms: Any, bench: Any, period: Any, more: Any, reason: str) -> None:
    _, peer, transaction = await connected(csms, bench)
    answer = await peer.call("SetChargingProfile", order(csms, transaction, period, **more))
    assert (answer["status"], answer["statusInfo"]["reasonCode"]) == ("Rejected", reason)


@pytest.mark.parametrize(
    ("purpose", "period", "evse_id", "reason"),
    [
        ("ChargingStationMaxProfile", setpoint(-1000), 0, "InvalidOperationMode"),
        ("TxDefaultProfile", {"limit": 1000, "limit_L2": 900}, 0, "PhaseConflict"),
        ("LocalGeneration", {"limit": 1000}, 0, "UnsupportedPurpose"),
        ("PriorityCharging", setpoint(1000), 0, "InvalidSchedule"),
    ],
)
async def test_refusals_by_purpose(
    csms: Any, bench: Any, purpose: str, period: Any, evse_id: int, reason: str
) -> None:
    _, peer, transaction = await connected(csms, bench)
    request = order(csms, transaction, period, chargingProfilePurpose=purpose)
    del request["chargingProfile"]["transactionId"]
    answer = await peer.call("SetChargingProfile", request | {"evseId": evse_id})
    assert (answer["status"], answer["statusInfo"]["reasonCode"]) == ("Rejected", reason)


async def test_v2x_switched_off_leaves_charging(csms: Any, bench: Any) -> None:
    _, peer, transaction = await connected(csms, bench)
    off = {
        "component": {"name": "V2XChargingCtrlr"},
        "variable": {"name": "Enabled"},
        "attributeValue": "false",
    }
    await peer.call("SetVariables", {"setVariableData": [off]})
    answer = await peer.call("SetChargingProfile", order(csms, transaction, setpoint(-7000)))
    assert answer["statusInfo"]["reasonCode"] == "InvalidOperationMode"


async def test_dynamic_profiles_of_two_periods_are_refused(csms: Any, bench: Any) -> None:
    _, peer, transaction = await connected(csms, bench)
    two = order(csms, transaction, setpoint(-1000), setpoint(-2000), kind="Dynamic")
    answer = await peer.call("SetChargingProfile", two)
    assert answer["statusInfo"]["reasonCode"] == "InvalidSchedule"
    fixed = order(csms, transaction, setpoint(-1000))
    assert await peer.call("SetChargingProfile", fixed) == {"status": "Accepted"}
    update = await peer.call(
        "UpdateDynamicSchedule", {"chargingProfileId": 7, "scheduleUpdate": {"setpoint": -1}}
    )
    assert (update["status"], update["statusInfo"]["reasonCode"]) == ("Rejected", "InvalidProfile")


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
