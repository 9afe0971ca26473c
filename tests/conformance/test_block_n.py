"""Block N: logs, monitors, events, customer information."""

from typing import Any

import pytest

from tests.conformance.lab import EVSE, PATH, TOKEN, Json, Lab
from tests.conformance.test_block_m import hashes
from tests.flows.gateway.front import BOOT, now_text

LOG = {"location": "https://logs.example/up", "oldest": "2026-01-01T00:00:00Z"}
POWER = {"component": {"name": "EVSE", "evse": {"id": 1}}, "variable": {"name": "Power"}}
STATE = {"component": {"name": "Connector", "evse": EVSE}, "variable": {"name": "AvailabilityState"}}


async def _log(octt: Lab, kind: str, status: str = "Accepted") -> int:
    asked, found = await octt.asks(
        f"{PATH}/logs", {"type": kind, **LOG}, ("GetLog", {"status": status, "filename": "a.log"})
    )
    number = int(found["requestId"])
    log = {"remoteLocation": LOG["location"], "oldestTimestamp": "2026-01-01T00:00:00.000Z"}
    assert asked == [{"logType": kind, "requestId": number, "log": log}]
    return number


async def _uploads(octt: Lab, number: int, *statuses: str) -> Json:
    for status in statuses:
        assert await octt.says("LogStatusNotification", {"status": status, "requestId": number}) == {}
    return await octt.request(number)


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param("DiagnosticsLog", marks=pytest.mark.octt("TC_N_25_CSMS")),
        pytest.param("SecurityLog", marks=pytest.mark.octt("TC_N_35_CSMS")),
    ],
)
async def test_tc_n_25_35_a_log(octt: Lab, kind: str) -> None:
    number = await _log(octt, kind)
    assert (await _uploads(octt, number, "Uploading"))["state"] == "open"
    done = await _uploads(octt, number, "Uploaded")
    assert (done["state"], done["status"]) == ("complete", "Uploaded")


@pytest.mark.octt("TC_N_34_CSMS")
async def test_tc_n_34_rejected(octt: Lab) -> None:
    number = await _log(octt, "DiagnosticsLog", "Rejected")
    assert (await octt.request(number))["state"] == "refused"


@pytest.mark.octt("TC_N_36_CSMS")
async def test_tc_n_36_a_second_request(octt: Lab) -> None:
    first = await _log(octt, "DiagnosticsLog")
    await _uploads(octt, first, "Uploading")
    second = await _log(octt, "DiagnosticsLog", "AcceptedCanceled")
    assert second != first
    assert (await _uploads(octt, first, "AcceptedCanceled"))["state"] == "replaced"
    assert (await _uploads(octt, second, "Uploading", "Uploaded"))["state"] == "complete"


def by_token(**more: Any) -> Json:
    return {"idToken": TOKEN["idToken"], "type": TOKEN["type"], **more}


async def _customer(octt: Lab, body: Json, status: str = "Accepted") -> tuple[Json, int]:
    asked, found = await octt.asks(
        f"{PATH}/customer-information", body, ("CustomerInformation", {"status": status})
    )
    assert asked[0]["requestId"] == found["requestId"]
    return asked[0], found["requestId"]


async def _told(octt: Lab, number: int, *parts: str) -> Json:
    for seq_no, data in enumerate(parts):
        told = {
            "data": data,
            "seqNo": seq_no,
            "tbc": seq_no + 1 < len(parts),
            "generatedAt": now_text(),
            "requestId": number,
        }
        assert await octt.says("NotifyCustomerInformation", told) == {}
    return await octt.request(number)


@pytest.mark.parametrize(
    ("parts", "clear"),
    [
        pytest.param(("Some ", "data"), False, marks=pytest.mark.octt("TC_N_27_CSMS")),
        pytest.param(("",), False, marks=pytest.mark.octt("TC_N_28_CSMS")),
        pytest.param(("Some ", "data"), True, marks=pytest.mark.octt("TC_N_30_CSMS")),
        pytest.param(("",), True, marks=pytest.mark.octt("TC_N_31_CSMS")),
    ],
)
async def test_tc_n_27_28_30_31_report(octt: Lab, parts: tuple[str, ...], clear: bool) -> None:
    asked, number = await _customer(octt, by_token(clear=clear))
    assert (asked["report"], asked["clear"], asked["idToken"]) == (True, clear, TOKEN)
    done = await _told(octt, number, *parts)
    assert (done["state"], done["result"]) == ("complete", list(parts))


@pytest.mark.octt("TC_N_29_CSMS")
async def test_tc_n_29_not_accepted(octt: Lab) -> None:
    _, number = await _customer(octt, by_token(), "Rejected")
    assert (await octt.request(number))["state"] == "refused"


@pytest.mark.octt("TC_N_32_CSMS")
async def test_tc_n_32_clear_and_no_report(octt: Lab) -> None:
    asked, number = await _customer(octt, by_token(clear=True, report=False))
    assert (asked["report"], asked["clear"]) == (False, True)
    assert (await octt.request(number))["state"] == "complete"


@pytest.mark.octt("TC_N_62_CSMS")
async def test_tc_n_62_by_identifier(octt: Lab) -> None:
    asked, number = await _customer(octt, {"customerIdentifier": "C-7", "clear": True})
    assert (asked["customerIdentifier"], "idToken" in asked) == ("C-7", False)
    assert (await _told(octt, number, "gone"))["state"] == "complete"
    await octt.post(f"{PATH}/requests/{number}", None, 204, method="DELETE")
    assert (await octt.http.get(f"/api/v1{PATH}/requests/{number}")).status_code == 404


@pytest.mark.octt("TC_N_63_CSMS")
async def test_tc_n_63_by_certificate(octt: Lab) -> None:
    asked, number = await _customer(octt, {"certificate": hashes(), "clear": True})
    assert asked["customerCertificate"] == hashes()
    assert (await _told(octt, number, "gone"))["state"] == "complete"


@pytest.mark.octt("TC_N_46_CSMS")
async def test_tc_n_46_and_out_of_the_local_list(octt: Lab) -> None:
    token = {"idToken": "customer", "type": "ISO14443"}
    await octt.add_token(token)
    taken = ("SendLocalList", {"status": "Accepted"})
    await octt.asks(f"{PATH}/local-list/sync", None, ("GetLocalListVersion", {"versionNumber": 0}), taken)
    body = {"idToken": "customer", "type": "ISO14443", "clear": True, "report": False}
    await _customer(octt, body)
    await octt.post("/id-tokens/customer", None, 204, method="DELETE")
    asked, _ = await octt.asks(
        f"{PATH}/local-list/sync", None, ("GetLocalListVersion", {"versionNumber": 1}), taken
    )
    assert asked[1]["localAuthorizationList"] == [{"idToken": token}]


async def test_n09_one_customer_at_a_time(octt: Lab) -> None:
    for wrong, field in (
        ({}, "idToken"),
        ({**by_token(), "customerIdentifier": "x"}, "idToken"),
        (by_token(report=False), "report"),
        ({"certificate": {"hashAlgorithm": "SHA256"}}, "certificate"),
    ):
        refused = await octt.post(f"{PATH}/customer-information", wrong, 422)
        assert [one["field"] for one in refused["errors"]] == [field]


def monitor(number: int, kind: str = "UpperThreshold") -> Json:
    return {"id": number, "transaction": False, "value": 90.0, "type": kind, "severity": 5}


async def _report(octt: Lab, body: Json) -> Json:
    asked, found = await octt.asks(
        f"{PATH}/monitors/report", body, ("GetMonitoringReport", {"status": "Accepted"})
    )
    number = found["requestId"]
    assert asked[0].pop("requestId") == number
    for seq_no, place in enumerate((POWER, STATE)):
        told = {
            "requestId": number,
            "seqNo": seq_no,
            "tbc": seq_no == 0,
            "generatedAt": now_text(),
            "monitor": [{**place, "variableMonitoring": [monitor(seq_no + 1)]}],
        }
        assert await octt.says("NotifyMonitoringReport", told) == {}
    assert (await octt.request(number))["state"] == "complete"
    shown = (await octt.get(f"{PATH}/monitors"))["items"]
    assert [(one["monitorId"], one["variable"], one["value"]) for one in shown] == [
        (1, "Power", 90.0),
        (2, "AvailabilityState", 90.0),
    ]
    return asked[0]


PLACES = [{"component": "EVSE", "evseId": 1, "variable": "Power"}]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param(
            {"criteria": ["ThresholdMonitoring"]},
            {"monitoringCriteria": ["ThresholdMonitoring"]},
            marks=pytest.mark.octt("TC_N_01_CSMS"),
        ),
        pytest.param(
            {"places": PLACES}, {"componentVariable": [POWER]}, marks=pytest.mark.octt("TC_N_02_CSMS")
        ),
        pytest.param(
            {"criteria": ["DeltaMonitoring"], "places": PLACES},
            {"monitoringCriteria": ["DeltaMonitoring"], "componentVariable": [POWER]},
            marks=pytest.mark.octt("TC_N_03_CSMS"),
        ),
        pytest.param({}, {}, marks=pytest.mark.octt("TC_N_47_CSMS")),
        pytest.param(
            {
                "criteria": ["ThresholdMonitoring"],
                "places": [
                    *PLACES,
                    {
                        "component": "Connector",
                        "evseId": 1,
                        "connectorId": 1,
                        "variable": "AvailabilityState",
                    },
                ],
            },
            {"monitoringCriteria": ["ThresholdMonitoring"], "componentVariable": [POWER, STATE]},
            marks=pytest.mark.octt("TC_N_60_CSMS"),
        ),
    ],
)
async def test_tc_n_01_02_03_47_60_monitoring_report(octt: Lab, body: Json, expected: Json) -> None:
    assert await _report(octt, body) == expected


@pytest.mark.octt("TC_N_05_CSMS")
async def test_tc_n_05_base(octt: Lab) -> None:
    for base in ("All", "FactoryDefault", "HardWiredOnly"):
        asked, found = await octt.asks(
            f"{PATH}/monitoring", {"base": base}, ("SetMonitoringBase", {"status": "Accepted"}), method="PUT"
        )
        assert asked == [{"monitoringBase": base}]
        assert found["answer"] == {"status": "Accepted"}


async def _set(octt: Lab, *wanted: Json) -> tuple[Json, Json]:
    results = []
    for number, one in enumerate(wanted):
        place = STATE if one["component"] == "Connector" else POWER
        result = {**place, "type": one["type"], "severity": one.get("severity", 8)}
        results.append({**result, "id": number + 1, "status": "Accepted"})
    asked, found = await octt.asks(
        f"{PATH}/monitors",
        {"monitors": list(wanted)},
        ("SetVariableMonitoring", {"setMonitoringResult": results}),
    )
    return asked[0], found


UPPER = {**PLACES[0], "type": "UpperThreshold", "value": 11_000.0, "severity": 4}
PERIODIC = {
    "component": "Connector", "evseId": 1, "connectorId": 1, "variable": "AvailabilityState",
    "type": "Periodic", "value": 60.0,
}  # fmt: skip


@pytest.mark.octt("TC_N_08_CSMS")
async def test_tc_n_08_set_a_monitor(octt: Lab) -> None:
    asked, found = await _set(octt, UPPER)
    assert asked["setMonitoringData"] == [
        {**POWER, "type": "UpperThreshold", "value": 11_000.0, "severity": 4}
    ]
    assert [(one["id"], one["status"]) for one in found["items"]] == [(1, "Accepted")]
    (shown,) = (await octt.get(f"{PATH}/monitors"))["items"]
    assert (shown["kind"], shown["value"], shown["severity"]) == ("UpperThreshold", 11_000.0, 4)


@pytest.mark.octt("TC_N_09_CSMS")
async def test_tc_n_09_set_several(octt: Lab) -> None:
    asked, _ = await _set(octt, UPPER, PERIODIC)
    assert [one["type"] for one in asked["setMonitoringData"]] == ["UpperThreshold", "Periodic"]
    assert len((await octt.get(f"{PATH}/monitors"))["items"]) == 2


@pytest.mark.octt("TC_N_16_CSMS")
async def test_tc_n_16_level(octt: Lab) -> None:
    asked, found = await octt.asks(
        f"{PATH}/monitoring", {"level": 4}, ("SetMonitoringLevel", {"status": "Accepted"}), method="PUT"
    )
    assert asked == [{"severity": 4}]
    assert found["answer"] == {"status": "Accepted"}


@pytest.mark.octt("TC_N_17_CSMS")
async def test_tc_n_17_level_out_of_range(octt: Lab) -> None:
    refused = await octt.post(f"{PATH}/monitoring", {"level": 10}, 422, method="PUT")
    assert refused["errors"][0]["field"] == "level"
    # by hand it is sent, and the station's word is shown
    asked, found = await octt.asks(
        f"{PATH}/calls/SetMonitoringLevel", {"severity": 10}, ("SetMonitoringLevel", {"status": "Rejected"})
    )
    assert asked == [{"severity": 10}]
    assert found["answer"] == {"status": "Rejected"}


@pytest.mark.octt("TC_N_18_CSMS")
async def test_tc_n_18_no_more_to_clear_than_the_station_takes(octt: Lab) -> None:
    place = {
        "component": {"name": "MonitoringCtrlr"},
        "variable": {"name": "ItemsPerMessage", "instance": "ClearVariableMonitoring"},
    }
    reply = {"getVariableResult": [{**place, "attributeStatus": "Accepted", "attributeValue": "2"}]}
    reading = {"component": "MonitoringCtrlr", "variable": "ItemsPerMessage"}
    await octt.asks(
        f"{PATH}/variables/read",
        [{**reading, "variableInstance": "ClearVariableMonitoring"}],
        ("GetVariables", reply),
    )

    def cleared(*ids: int) -> tuple[str, Json]:
        results = [{"id": number, "status": "Accepted"} for number in ids]
        return "ClearVariableMonitoring", {"clearMonitoringResult": results}

    asked, found = await octt.asks(f"{PATH}/monitors/clear", {"ids": [1, 2, 3]}, cleared(1, 2), cleared(3))
    assert asked == [{"id": [1, 2]}, {"id": [3]}]
    assert len(found["items"]) == 3


@pytest.mark.octt("TC_N_44_CSMS")
async def test_tc_n_44_clear_rejected(octt: Lab) -> None:
    await _set(octt, UPPER)
    reply = {"clearMonitoringResult": [{"id": 1, "status": "Rejected"}]}
    _, found = await octt.asks(f"{PATH}/monitors/clear", {"ids": [1]}, ("ClearVariableMonitoring", reply))
    assert found["items"] == [{"id": 1, "status": "Rejected"}]
    assert len((await octt.get(f"{PATH}/monitors"))["items"]) == 1


async def _event(octt: Lab, trigger: str, **more: Any) -> Json:
    event = {
        "eventId": 7,
        "timestamp": now_text(),
        "trigger": trigger,
        "actualValue": "12000",
        "eventNotificationType": "CustomMonitor",
        **POWER,
        **more,
    }
    told = {"generatedAt": now_text(), "seqNo": 0, "tbc": False, "eventData": [event]}
    assert await octt.says("NotifyEvent", told) == {}
    newest: Json = (await octt.get(f"{PATH}/events"))["items"][0]
    return newest


@pytest.mark.octt("TC_N_21_CSMS")
async def test_tc_n_21_hard_wired(octt: Lab) -> None:
    shown = await _event(
        octt, "Alerting", eventNotificationType="HardWiredMonitor", variableMonitoringId=3, techCode="E7"
    )
    assert (shown["origin"], shown["monitorId"], shown["techCode"]) == ("HardWiredMonitor", 3, "E7")


@pytest.mark.octt("TC_N_24_CSMS")
@pytest.mark.octt("TC_N_50_CSMS")
async def test_tc_n_24_50_periodic(octt: Lab) -> None:
    await _set(octt, PERIODIC)
    shown = await _event(octt, "Periodic", variableMonitoringId=1, **STATE, actualValue="Available")
    assert (shown["trigger"], shown["monitorId"], shown["value"]) == ("Periodic", 1, "Available")


@pytest.mark.octt("TC_N_48_CSMS")
async def test_tc_n_48_write_only(octt: Lab) -> None:
    await _set(octt, {**UPPER, "type": "Delta", "value": 1.0})
    shown = await _event(octt, "Delta", variableMonitoringId=1, actualValue="")
    assert (shown["trigger"], shown["value"]) == ("Delta", "")


@pytest.mark.octt("TC_N_49_CSMS")
async def test_tc_n_49_cleared_after_a_reboot(octt: Lab) -> None:
    await _set(octt, UPPER)
    assert (await _event(octt, "Alerting", variableMonitoringId=1))["cleared"] is None
    assert (await octt.says("BootNotification", BOOT))["status"] == "Accepted"
    shown = await _event(octt, "Alerting", variableMonitoringId=1, cleared=True, actualValue="100")
    assert (shown["cleared"], shown["value"]) == (True, "100")
