"""Block R (2.1): DER controls, set, reported, cleared; what stations tell of the grid."""

from typing import Any

import pytest

from tests.conformance.lab import PATH, Json, Lab
from tests.flows.gateway.front import now_text

LIMIT = {"priority": 1, "pctMaxDischargePower": 40.0}
CURVE = {"curveData": [{"x": 1.0, "y": 2.0}], "priority": 3, "yUnit": "PctMaxVar"}
DROOP = {
    "priority": 2,
    "overFreq": 50.2,
    "underFreq": 49.8,
    "overDroop": 5.0,
    "underDroop": 5.0,
    "responseTime": 1.0,
}


async def set_one(
    lab: Lab, control_id: str, kind: str, settings: Json, *, default: bool = False, **answer: Any
) -> Json:
    """The operator sets a control; what the station was called with."""
    body = {"controlType": kind, "isDefault": default, "settings": settings}
    reply = {"status": "Accepted", **answer}
    asked, found = await lab.asks(
        f"{PATH}/der-controls/{control_id}", body, ("SetDERControl", reply), method="PUT"
    )
    assert found["answer"] == reply
    return asked[0]


async def states(lab: Lab) -> dict[str, str]:
    found = (await lab.get(f"{PATH}/der-controls"))["items"]
    return {one["controlId"]: one["state"] for one in found}


@pytest.mark.parametrize(
    ("kind", "field", "settings"),
    [
        ("LimitMaxDischarge", "limitMaxDischarge", LIMIT),
        ("VoltVar", "curve", CURVE),
        ("HFMustTrip", "curve", CURVE),
        ("FreqDroop", "freqDroop", DROOP),
        ("FixedPFAbsorb", "fixedPFAbsorb", {"priority": 1, "displacement": 0.9, "excitation": True}),
        ("FixedPFInject", "fixedPFInject", {"priority": 1, "displacement": 0.9, "excitation": False}),
        ("FixedVar", "fixedVar", {"priority": 1, "setpoint": -20.0, "unit": "PctMaxVar"}),
        ("Gradients", "gradient", {"priority": 1, "gradient": 1.0, "softGradient": 2.0}),
        (
            "EnterService",
            "enterService",
            {"priority": 0, "highVoltage": 1.1, "lowVoltage": 0.9, "highFreq": 50.1, "lowFreq": 49.5},
        ),
    ],
)
async def test_r04_a_control_of_each_kind_is_set_as_in_the_standard(
    newest: Lab, kind: str, field: str, settings: Json
) -> None:
    asked = await set_one(newest, "c-1", kind, settings, default=True)
    assert asked == {"isDefault": True, "controlId": "c-1", "controlType": kind, field: settings}
    (kept,) = (await newest.get(f"{PATH}/der-controls"))["items"]
    assert (kept["controlId"], kept["controlType"], kept["state"]) == ("c-1", kind, "active")
    assert kept["settings"] == settings
    assert kept["priority"] == settings["priority"]


async def test_r04_what_the_station_does_not_take_does_not_stand(newest: Lab) -> None:
    for status in ("Rejected", "NotSupported", "NotFound"):
        await set_one(newest, "c", "VoltVar", CURVE, status=status)
    assert await states(newest) == {}


@pytest.mark.parametrize(
    ("kind", "default", "settings", "field"),
    [
        ("LimitMaxDischarge", False, {"priority": 1, "pctMaxDischargePower": 101}, "pctMaxDischargePower"),
        ("LimitMaxDischarge", True, {**LIMIT, "startTime": "2026-01-01T00:00:00Z"}, "settings"),
        ("VoltVar", True, {**CURVE, "duration": 60}, "settings"),
        ("Gradients", False, {"priority": 1, "gradient": 1.0, "softGradient": 2.0}, "isDefault"),
        ("VoltVar", False, {"priority": 1}, "settings"),
        ("VoltVar", False, {**CURVE, "unknown": 1}, "settings"),
    ],
)
async def test_r04_fr_12_to_17_what_is_no_control_is_not_sent(
    newest: Lab, kind: str, default: bool, settings: Json, field: str
) -> None:
    body = {"controlType": kind, "isDefault": default, "settings": settings}
    refused = await newest.post(f"{PATH}/der-controls/c", body, 422, "PUT")
    assert field in refused["errors"][0]["field"]
    assert await newest.says("Heartbeat", {})  # and the station has heard nothing between


async def test_r04_controls_begin_end_and_give_way_by_the_stations_word(newest: Lab) -> None:
    later = {**LIMIT, "startTime": "2099-01-01T00:00:00Z", "duration": 60.0}
    await set_one(newest, "old", "LimitMaxDischarge", {"priority": 5, "pctMaxDischargePower": 80})
    await set_one(newest, "new", "LimitMaxDischarge", LIMIT, supersededIds=["old"])
    await set_one(newest, "later", "LimitMaxDischarge", later)
    assert await states(newest) == {"old": "superseded", "new": "active", "later": "scheduled"}
    told = {"controlId": "later", "started": True, "timestamp": now_text(), "supersededIds": ["new"]}
    assert await newest.says("NotifyDERStartStop", told) == {}
    assert await states(newest) == {"old": "superseded", "new": "superseded", "later": "active"}
    over = {"controlId": "later", "started": False, "timestamp": now_text()}
    assert await newest.says("NotifyDERStartStop", over) == {}
    assert (await states(newest))["later"] == "ended"


async def test_r04_a_report_in_parts_tells_what_stands(newest: Lab) -> None:
    body = {"controlType": "LimitMaxDischarge"}
    asked, found = await newest.asks(
        f"{PATH}/der-controls/report", body, ("GetDERControl", {"status": "Accepted"})
    )
    number = found["requestId"]
    assert asked == [{"requestId": number, "controlType": "LimitMaxDischarge"}]
    limit = {"id": "l", "isDefault": False, "isSuperseded": False, "limitMaxDischarge": LIMIT}
    curve = {"id": "k", "isDefault": True, "isSuperseded": True, "curveType": "VoltVar", "curve": CURVE}
    service = {"priority": 0, "highVoltage": 1.1, "lowVoltage": 0.9, "highFreq": 50.1, "lowFreq": 49.5}
    first = {"requestId": number, "limitMaxDischarge": [limit], "curve": [curve], "tbc": True}
    assert await newest.says("ReportDERControl", first) == {}
    last = {"requestId": number, "enterService": [{"id": "e", "enterService": service}]}
    assert await newest.says("ReportDERControl", last) == {}
    done = await newest.request(number)
    assert (done["state"], done["kind"], done["parts"]) == ("complete", "der controls", 2)
    assert await states(newest) == {"l": "active", "k": "superseded", "e": "active"}


async def test_r04_nothing_to_report_is_an_answer(newest: Lab) -> None:
    _, found = await newest.asks(f"{PATH}/der-controls/report", {}, ("GetDERControl", {"status": "NotFound"}))
    assert (await newest.request(found["requestId"]))["state"] == "complete"


async def test_r04_clearing_by_id_and_by_type(newest: Lab) -> None:
    await set_one(newest, "a", "LimitMaxDischarge", LIMIT)
    await set_one(newest, "b", "VoltVar", CURVE)
    await set_one(newest, "d", "VoltVar", CURVE, default=True)
    accepted = ("ClearDERControl", {"status": "Accepted"})
    asked, _ = await newest.asks(f"{PATH}/der-controls/a/clear", None, accepted)
    assert asked == [{"isDefault": False, "controlId": "a"}]
    refused = ("ClearDERControl", {"status": "NotFound"})
    await newest.asks(f"{PATH}/der-controls/clear", {"controlType": "VoltVar"}, refused)
    assert set(await states(newest)) == {"b", "d"}
    asked, _ = await newest.asks(f"{PATH}/der-controls/clear", {"controlType": "VoltVar"}, accepted)
    assert asked == [{"isDefault": False, "controlType": "VoltVar"}]
    assert set(await states(newest)) == {"d"}
    await newest.post(f"{PATH}/der-controls/a/clear", None, 404)


async def test_r05_an_alarm_stands_until_the_station_ends_it(newest: Lab) -> None:
    told = {"controlType": "HVMustTrip", "gridEventFault": "OverVoltage", "timestamp": "2026-01-01T00:00:00Z"}
    assert await newest.says("NotifyDERAlarm", {**told, "extraInfo": "260 V"}) == {}
    (alarm,) = (await newest.get(f"{PATH}/der-alarms"))["items"]
    assert (alarm["controlType"], alarm["fault"], alarm["endedAt"]) == ("HVMustTrip", "OverVoltage", None)
    early = {**told, "alarmEnded": True, "timestamp": "2025-01-01T00:00:00Z"}
    assert await newest.says("NotifyDERAlarm", early) == {}  # of an older one
    assert (await newest.get(f"{PATH}/der-alarms"))["items"][0]["endedAt"] is None
    over = {**told, "alarmEnded": True, "timestamp": "2026-01-01T00:05:00Z"}
    assert await newest.says("NotifyDERAlarm", over) == {}
    (alarm,) = (await newest.get(f"{PATH}/der-alarms"))["items"]
    assert (alarm["endedAt"], alarm["extraInfo"]) == ("2026-01-01T00:05:00Z", "260 V")


async def test_r05_an_end_that_names_no_fault_ends_all_of_its_control(newest: Lab) -> None:
    for fault in ("OverVoltage", "OverFrequency"):
        told = {"controlType": "HVMustTrip", "gridEventFault": fault, "timestamp": "2026-01-01T00:00:00Z"}
        assert await newest.says("NotifyDERAlarm", told) == {}
    over = {"controlType": "HVMustTrip", "alarmEnded": True, "timestamp": "2026-01-01T00:05:00Z"}
    assert await newest.says("NotifyDERAlarm", over) == {}
    alarms = (await newest.get(f"{PATH}/der-alarms"))["items"]
    assert [one["endedAt"] is None for one in alarms] == [False, False]


async def test_r05_a_person_ends_what_the_station_does_not(newest: Lab) -> None:
    told = {"controlType": "HVMustTrip", "timestamp": "2026-01-01T00:00:00Z"}
    assert await newest.says("NotifyDERAlarm", told) == {}
    (alarm,) = (await newest.post(f"{PATH}/der-alarms/end"))["items"]
    assert alarm["endedAt"] is not None
    again = {**told, "timestamp": now_text()}
    assert await newest.says("NotifyDERAlarm", again) == {}
    assert (await newest.get(f"{PATH}/der-alarms"))["items"][0]["endedAt"] is None


async def test_r04_an_older_station_has_no_controls(octt: Lab) -> None:
    body = {"controlType": "LimitMaxDischarge", "settings": LIMIT}
    refused = await octt.post(f"{PATH}/der-controls/c", body, 422, "PUT")
    assert refused["detail"] == "SetDERControl is not in OCPP 2.0.1"
