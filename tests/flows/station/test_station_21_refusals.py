"""What a 2.1 station does not take, and the reason that it gives."""

from typing import Any

import pytest

from chargepoint_sim.station.words import Version
from tests.flows.station.steps_21 import CURVE, connected, order, setpoint


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
