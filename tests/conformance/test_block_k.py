"""Block K: charging profiles by hand, reports, composite schedules, limits of others."""

from typing import Any

import pytest

from tests.conformance.lab import PATH, TOKEN, Json, Lab
from tests.flows.gateway.front import now_text

SCHEDULE = {
    "id": 1,
    "chargingRateUnit": "A",
    "startSchedule": "2026-01-01T00:00:00Z",
    "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 6.0, "numberPhases": 3}],
}


def profile(number: int = 1, purpose: str = "TxDefaultProfile", kind: str = "Absolute", **more: Any) -> Json:
    schedule = {**SCHEDULE, **more.pop("schedule", {})}
    if kind == "Relative":
        del schedule["startSchedule"]
    return {
        "id": number,
        "stackLevel": 0,
        "chargingProfilePurpose": purpose,
        "chargingProfileKind": kind,
        "chargingSchedule": [schedule],
        **more,
    }


async def _set(octt: Lab, evse: int, one: Json, status: str = "Accepted") -> None:
    body = {"evseId": evse, "chargingProfile": one}
    asked, found = await octt.asks(
        f"{PATH}/calls/SetChargingProfile", body, ("SetChargingProfile", {"status": status})
    )
    assert asked == [body]
    assert found["answer"] == {"status": status}


@pytest.mark.octt("TC_K_01_CSMS")
async def test_tc_k_01_default_of_an_evse(octt: Lab) -> None:
    await _set(octt, 1, profile())


@pytest.mark.octt("TC_K_10_CSMS")
async def test_tc_k_10_default_of_all(octt: Lab) -> None:
    await _set(octt, 0, profile())


@pytest.mark.octt("TC_K_02_CSMS")
async def test_tc_k_02_transaction_profile_without_transaction(octt: Lab) -> None:
    await _set(octt, 1, profile(purpose="TxProfile", kind="Relative", transactionId="none"), "Rejected")


@pytest.mark.octt("TC_K_03_CSMS")
async def test_tc_k_03_station_maximum(octt: Lab) -> None:
    await _set(octt, 0, profile(purpose="ChargingStationMaxProfile"))


@pytest.mark.octt("TC_K_04_CSMS")
async def test_tc_k_04_replace(octt: Lab) -> None:
    await _set(octt, 1, profile(7))
    period = {"startPeriod": 0, "limit": 8.0}
    await _set(octt, 1, profile(7, schedule={"chargingSchedulePeriod": [period]}))


@pytest.mark.octt("TC_K_15_CSMS")
async def test_tc_k_15_not_supported(octt: Lab) -> None:
    body = {"evseId": 1, "chargingProfile": profile()}
    from asyncio import create_task

    doing = create_task(octt.post(f"{PATH}/calls/SetChargingProfile", body, 502))
    frame = await octt.station.receive()
    await octt.station.send([4, frame[1], "NotSupported", "", {}])
    found = await doing
    assert (found["code"], found["state"]) == ("NotSupported", "refused")


@pytest.mark.octt("TC_K_19_CSMS")
@pytest.mark.parametrize("kind", ["Daily", "Weekly"])
async def test_tc_k_19_recurring(octt: Lab, kind: str) -> None:
    await _set(octt, 1, profile(kind="Recurring", recurrencyKind=kind, schedule={"duration": 86_400}))


@pytest.mark.octt("TC_K_60_CSMS")
async def test_tc_k_60_transaction_profile(octt: Lab) -> None:
    await octt.add_token()
    await octt.charging()
    await _set(octt, 1, profile(purpose="TxProfile", kind="Relative", transactionId="tx-1"))
    event = await octt.event("Updated", "ChargingRateChanged", "Charging")
    assert event == {}


@pytest.mark.octt("TC_K_70_CSMS")
async def test_tc_k_70_several_stack_levels(octt: Lab) -> None:
    await _set(octt, 1, profile(1))
    await _set(octt, 1, profile(2, stackLevel=1))


@pytest.mark.octt("TC_K_37_CSMS")
async def test_tc_k_37_remote_start_with_a_profile(octt: Lab) -> None:
    await octt.add_token()
    one = profile(purpose="TxProfile", kind="Relative")
    asked, found = await octt.asks(
        f"{PATH}/transactions",
        {"idToken": TOKEN["idToken"], "evseId": 1, "chargingProfile": one},
        ("RequestStartTransaction", {"status": "Accepted"}),
    )
    assert asked[0]["chargingProfile"] == one
    info = {"remoteStartId": found["requestId"]}
    await octt.event("Started", "RemoteStart", "EVConnected", info=info, idToken=TOKEN, evse={"id": 1})
    assert (await octt.request(found["requestId"]))["detail"] == "tx-1"


async def _clear(octt: Lab, body: Json, status: str = "Accepted") -> None:
    asked, found = await octt.asks(
        f"{PATH}/calls/ClearChargingProfile", body, ("ClearChargingProfile", {"status": status})
    )
    assert asked == [body]
    assert found["answer"] == {"status": status}


@pytest.mark.octt("TC_K_05_CSMS")
async def test_tc_k_05_clear_by_id(octt: Lab) -> None:
    await _set(octt, 1, profile(5))
    await _clear(octt, {"chargingProfileId": 5})


@pytest.mark.octt("TC_K_06_CSMS")
async def test_tc_k_06_clear_by_level_and_purpose(octt: Lab) -> None:
    await _set(octt, 1, profile(5))
    criteria = {"evseId": 1, "stackLevel": 0, "chargingProfilePurpose": "TxDefaultProfile"}
    await _clear(octt, {"chargingProfileCriteria": criteria})


@pytest.mark.octt("TC_K_08_CSMS")
async def test_tc_k_08_clear_what_is_not_there(octt: Lab) -> None:
    await _clear(octt, {"chargingProfileId": 99}, "Unknown")


async def _report(octt: Lab, body: Json, *told: Json, source: str = "CSO") -> Json:
    asked, found = await octt.asks(
        f"{PATH}/profiles/report", body, ("GetChargingProfiles", {"status": "Accepted"})
    )
    number = found["requestId"]
    assert asked[0].pop("requestId") == number
    for place, one in enumerate(told):
        part = {
            "requestId": number,
            "chargingLimitSource": source,
            "chargingProfile": [one],
            "tbc": place + 1 < len(told),
            "evseId": body.get("evseId", 0),
        }
        assert await octt.says("ReportChargingProfiles", part) == {}
    done = await octt.request(number)
    assert (done["state"], done["parts"]) == ("complete", len(told))
    assert [part["chargingProfile"] for part in done["result"]] == [[one] for one in told]
    return asked[0]


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({"evseId": 0}, marks=pytest.mark.octt("TC_K_29_CSMS")),
        pytest.param({"evseId": 1}, marks=pytest.mark.octt("TC_K_30_CSMS")),
        pytest.param({}, marks=pytest.mark.octt("TC_K_31_CSMS")),
        pytest.param({"criterion": {"chargingProfileId": [1]}}, marks=pytest.mark.octt("TC_K_32_CSMS")),
        pytest.param({"evseId": 1, "criterion": {"stackLevel": 0}}, marks=pytest.mark.octt("TC_K_33_CSMS")),
        pytest.param(
            {"evseId": 1, "criterion": {"chargingLimitSource": ["CSO"]}},
            marks=pytest.mark.octt("TC_K_34_CSMS"),
        ),
        pytest.param(
            {"evseId": 1, "criterion": {"chargingProfilePurpose": "TxDefaultProfile"}},
            marks=pytest.mark.octt("TC_K_35_CSMS"),
        ),
        pytest.param(
            {"evseId": 1, "criterion": {"chargingProfilePurpose": "TxDefaultProfile", "stackLevel": 0}},
            marks=pytest.mark.octt("TC_K_36_CSMS"),
        ),
    ],
)
async def test_tc_k_29_to_36_report(octt: Lab, body: Json) -> None:
    asked = await _report(octt, body, profile(1), profile(2, stackLevel=1))
    assert asked["chargingProfile"] == body.get("criterion", {})
    assert asked.get("evseId") == body.get("evseId")


@pytest.mark.parametrize(
    "evse",
    [
        pytest.param(1, marks=pytest.mark.octt("TC_K_43_CSMS")),
        pytest.param(0, marks=pytest.mark.octt("TC_K_44_CSMS")),
    ],
)
async def test_tc_k_43_44_composite(octt: Lab, evse: int) -> None:
    reply = {
        "status": "Accepted",
        "schedule": {
            "evseId": evse,
            "duration": 300,
            "scheduleStart": now_text(),
            "chargingRateUnit": "A",
            "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 6.0}],
        },
    }
    body = {"evseId": evse, "durationS": 300, "unit": "A"}
    asked, found = await octt.asks(f"{PATH}/composite-schedule", body, ("GetCompositeSchedule", reply))
    assert asked == [{"evseId": evse, "duration": 300, "chargingRateUnit": "A"}]
    assert found["answer"] == reply


async def _limited(octt: Lab) -> None:
    told = {
        "evseId": 1,
        "chargingLimit": {"chargingLimitSource": "EMS", "isGridCritical": True},
        "chargingSchedule": [SCHEDULE],
    }
    assert await octt.says("NotifyChargingLimit", told) == {}


async def _limits(octt: Lab) -> list[tuple[str, bool, bool]]:
    found = (await octt.get(f"{PATH}/charging-limits"))["items"]
    return [(one["source"], one["gridCritical"], one["clearedAt"] is None) for one in found]


@pytest.mark.octt("TC_K_48_CSMS")
async def test_tc_k_48_limit_of_another(octt: Lab) -> None:
    await _limited(octt)
    assert await _limits(octt) == [("EMS", True, True)]


@pytest.mark.octt("TC_K_50_CSMS")
async def test_tc_k_50_limit_gone(octt: Lab) -> None:
    await _limited(octt)
    assert await octt.says("ClearedChargingLimit", {"chargingLimitSource": "EMS", "evseId": 1}) == {}
    assert await _limits(octt) == [("EMS", True, False)]


@pytest.mark.octt("TC_K_51_CSMS")
async def test_tc_k_51_limit_gone_in_a_transaction(octt: Lab) -> None:
    await octt.add_token()
    await octt.charging()
    await _limited(octt)
    await octt.event("Updated", "ChargingRateChanged", "Charging")
    assert await octt.says("ClearedChargingLimit", {"chargingLimitSource": "EMS", "evseId": 1}) == {}
    await octt.event("Updated", "ChargingRateChanged", "Charging")
    assert await _limits(octt) == [("EMS", True, False)]


@pytest.mark.octt("TC_K_52_CSMS")
async def test_tc_k_52_limit_in_a_report(octt: Lab) -> None:
    await _limited(octt)
    criterion = {"chargingProfilePurpose": "ChargingStationExternalConstraints"}
    await _report(
        octt,
        {"evseId": 1, "criterion": criterion},
        profile(3, "ChargingStationExternalConstraints"),
        source="EMS",
    )


async def test_v02_no_negative_limit_by_any_way(octt: Lab) -> None:
    period = {"startPeriod": 0, "limit": -6.0}
    one = profile(purpose="TxProfile", kind="Relative", schedule={"chargingSchedulePeriod": [period]})
    body: Json = {"evseId": 1, "chargingProfile": {**one, "transactionId": "t"}}
    assert (await octt.post(f"{PATH}/calls/SetChargingProfile", body, 403))["rule"] == "V-02"
    start = {"idToken": "x", "chargingProfile": one}
    assert (await octt.post(f"{PATH}/transactions", start, 403))["rule"] == "V-02"
    calls = (await octt.get(f"{PATH}/calls"))["items"]
    assert calls == []
