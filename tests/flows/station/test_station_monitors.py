"""Monitors that watch variables (N02 to N08), and reports of the device model (B07, B08)."""

from datetime import timedelta
from typing import Any

import pytest

from tests.flows.station.steps import ACCEPTED, charging, lease, ready, variable

POWER = {"component": {"name": "EVSE", "evse": {"id": 1}}, "variable": {"name": "Power"}}
HEARTBEAT = {"component": {"name": "OCPPCommCtrlr"}, "variable": {"name": "HeartbeatInterval"}}


async def place(peer: Any, kind: str, value: float, severity: int = 5, **more: Any) -> dict[str, Any]:
    """Set a monitor; its result."""
    row = POWER | {"type": kind, "value": value, "severity": severity} | more
    answer = await peer.call("SetVariableMonitoring", {"setMonitoringData": [row]})
    return dict(answer["setMonitoringResult"][0])


def of(number: int, **fields: Any) -> Any:
    """Whether an event message is of a monitor."""

    def fits(payload: dict[str, Any]) -> bool:
        (event,) = payload["eventData"]
        return event.get("variableMonitoringId") == number and all(
            event.get(k) == v for k, v in fields.items()
        )

    return fits


async def test_a_threshold_is_told_when_crossed_and_when_back(csms: Any, bench: Any) -> None:
    _, peer, transaction = await charging(csms, bench)
    result = await place(peer, "LowerThreshold", 3_000)
    assert result["status"] == "Accepted"
    await peer.call("SetChargingProfile", lease(csms, transaction, 2_000))
    (message,) = await csms.wait_for("NotifyEvent", of(result["id"]))
    (event,) = message["eventData"]
    assert (event["trigger"], event["actualValue"], event["eventNotificationType"]) == (
        "Alerting",
        "2000.0",
        "CustomMonitor",
    )
    assert (event["component"], event["variable"]) == (POWER["component"], POWER["variable"])
    assert event["transactionId"] == transaction
    assert "cleared" not in event
    await peer.call("SetChargingProfile", lease(csms, transaction, 9_000))
    (back,) = await csms.wait_for("NotifyEvent", of(result["id"], cleared=True))
    assert back["eventData"][0]["actualValue"] == "9000.0"


async def test_a_change_is_told_once_it_is_large_enough(csms: Any, bench: Any) -> None:
    _, peer, transaction = await charging(csms, bench)
    number = (await place(peer, "Delta", 5_000))["id"]
    for limit in (8_000, 5_000):
        await peer.call("SetChargingProfile", lease(csms, transaction, limit))
        await csms.wait_for("TransactionEvent", lambda p, w=limit: _import(p) == w)
    (message,) = await csms.wait_for("NotifyEvent", of(number))
    assert (message["eventData"][0]["actualValue"], message["eventData"][0]["trigger"]) == ("5000.0", "Delta")


def _import(event: dict[str, Any]) -> float:
    return next(
        float(value["value"])
        for row in event["meterValue"]
        for value in row["sampledValue"]
        if value["measurand"] == "Power.Active.Import"
    )


@pytest.mark.parametrize("kind", ["Periodic", "PeriodicClockAligned"])
async def test_a_period_is_told_again_and_again(csms: Any, bench: Any, kind: str) -> None:
    _, peer = await ready(bench, csms)
    number = (await place(peer, kind, 60))["id"]
    messages = await csms.wait_for("NotifyEvent", of(number, trigger="Periodic"), count=3)
    assert len({message["eventData"][0]["eventId"] for message in messages}) == len(messages)


async def test_what_is_less_severe_is_not_told(csms: Any, bench: Any) -> None:
    _, peer = await ready(bench, csms)
    quiet = (await place(peer, "Periodic", 30, severity=6))["id"]
    loud = (await place(peer, "Periodic", 30, severity=2))["id"]
    assert await peer.call("SetMonitoringLevel", {"severity": 3}) == ACCEPTED
    assert await peer.call("SetMonitoringLevel", {"severity": 12}) == {"status": "Rejected"}
    csms.heard.clear()
    await csms.wait_for("NotifyEvent", of(loud), count=3)
    assert not any(of(quiet)(p) for action, p in csms.heard if action == "NotifyEvent")


async def test_monitors_are_reported_replaced_and_removed(csms: Any, bench: Any) -> None:
    _, peer = await ready(bench, csms)
    first = await place(peer, "Delta", 100)
    second = await place(peer, "UpperThreshold", 10_000)
    assert (await place(peer, "Delta", 200))["status"] == "Duplicate"
    assert (await place(peer, "Delta", 300, id=first["id"]))["id"] == first["id"]
    question = {"requestId": 5, "monitoringCriteria": ["DeltaMonitoring"], "componentVariable": [POWER]}
    assert await peer.call("GetMonitoringReport", question) == ACCEPTED
    (report,) = await csms.wait_for("NotifyMonitoringReport", lambda p: p["requestId"] == 5)
    (row,) = report["monitor"]
    assert row["variableMonitoring"] == [
        {"id": first["id"], "transaction": False, "value": 300, "type": "Delta", "severity": 5}
    ]
    cleared = await peer.call("ClearVariableMonitoring", {"id": [first["id"], second["id"], 99, 1]})
    assert [one["status"] for one in cleared["clearMonitoringResult"]] == [
        "Accepted",
        "Accepted",
        "NotFound",
        "Rejected",
    ]
    assert await peer.call("GetMonitoringReport", question) == {"status": "EmptyResultSet"}


@pytest.mark.parametrize(
    ("row", "status"),
    [
        ({"component": {"name": "Kettle"}}, "UnknownComponent"),
        ({"variable": {"name": "Colour"}}, "UnknownVariable"),
        ({"variable": {"name": "AvailabilityState"}, "type": "UpperThreshold"}, "UnsupportedMonitorType"),
        ({"id": 77}, "Rejected"),
        ({"id": 1}, "Rejected"),
        ({"type": "UpperThreshold", "value": 99_999}, "Rejected"),
        ({"type": "Periodic", "value": 0}, "Rejected"),
        ({"type": "Delta", "value": -1}, "Rejected"),
    ],
)
async def test_what_cannot_be_monitored(csms: Any, bench: Any, row: dict[str, Any], status: str) -> None:
    _, peer = await ready(bench, csms)
    whole = POWER | {"type": "Delta", "value": 100, "severity": 5} | row
    answer = await peer.call("SetVariableMonitoring", {"setMonitoringData": [whole]})
    assert answer["setMonitoringResult"][0]["status"] == status


async def test_the_base_of_monitoring(csms: Any, bench: Any) -> None:
    one, peer = await ready(bench, csms)
    monitors = one.station.cabinet.instruments.monitors
    await place(peer, "Delta", 100)
    assert len(monitors.monitors) == 3
    assert await peer.call("SetMonitoringBase", {"monitoringBase": "FactoryDefault"}) == ACCEPTED
    assert len(monitors.monitors) == 2
    await peer.call("SetMonitoringBase", {"monitoringBase": "HardWiredOnly"})
    assert [row.origin.value for row in monitors.monitors.values()] == ["HardWiredMonitor"]
    await peer.call("SetMonitoringBase", {"monitoringBase": "All"})
    assert len(monitors.monitors) == 2


async def test_monitors_outlive_a_restart_and_only_severe_events_an_outage(csms: Any, bench: Any) -> None:
    one, peer = await ready(bench, csms)
    mild = (await place(peer, "Periodic", 50, severity=7))["id"]
    severe = (await place(peer, "Periodic", 50, severity=1))["id"]
    await one.station.link.hold_off()
    csms.heard.clear()
    away_until = one.station.clock.now() + timedelta(seconds=300)
    await one.station.clock.sleep(310)
    one.station.link.resume()
    kept = await csms.wait_for("NotifyEvent", of(severe), count=6)
    assert sum(message["generatedAt"] < away_until.isoformat() for message in kept) >= 4
    early = [
        p
        for action, p in csms.heard
        if action == "NotifyEvent" and of(mild)(p) and p["generatedAt"] < away_until.isoformat()
    ]
    assert early == []
    again = await csms.peer(2)
    await again.call("Reset", {"type": "Immediate"})
    await csms.peer(3)
    csms.heard.clear()
    await csms.wait_for("NotifyEvent", of(mild))


async def test_a_custom_report_has_what_is_asked_for(csms: Any, bench: Any) -> None:
    _, peer = await ready(bench, csms)
    assert await peer.call("GetReport", {"requestId": 9, "componentVariable": [HEARTBEAT]}) == ACCEPTED
    (report,) = await csms.wait_for("NotifyReport", lambda p: p["requestId"] == 9)
    (row,) = report["reportData"]
    assert (row["variable"]["name"], row["variableAttribute"][0]["value"]) == ("HeartbeatInterval", "300")
    none = {"requestId": 10, "componentVariable": [HEARTBEAT], "componentCriteria": ["Problem"]}
    assert await peer.call("GetReport", none) == {"status": "EmptyResultSet"}
    await variable(peer, "LocalAuthListCtrlr", "Enabled", "false")
    off = {
        "requestId": 11,
        "componentVariable": [{"component": {"name": "LocalAuthListCtrlr"}}],
        "componentCriteria": ["Enabled"],
    }
    assert await peer.call("GetReport", off) == {"status": "EmptyResultSet"}


async def test_more_variables_than_fit_are_an_error(csms: Any, bench: Any) -> None:
    _, peer = await ready(bench, csms)
    answer = await peer.call("GetVariables", {"getVariableData": [HEARTBEAT] * 51})
    assert answer == {"error": "OccurrenceConstraintViolation"}
    rows = (await peer.call("GetVariables", {"getVariableData": [HEARTBEAT] * 50}))["getVariableResult"]
    assert len(rows) == 50
