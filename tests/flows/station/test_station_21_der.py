"""DER control of a 2.1 station (block R)."""

from datetime import timedelta
from typing import Any

from chargepoint_sim.station.words import Version
from tests.flows.station.steps_21 import checked, connected, flowing, order, setpoint

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
