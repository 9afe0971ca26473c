"""Block K: what vehicles need, what they are offered and what they plan (K15 to K17)."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from csms.domain.station import EvseRating
from csms.store import profiles, stations
from tests.conformance.lab import PATH, Json, Lab
from tests.flows.gateway.front import STATION, WAIT_S, now_text

ACCEPTED = {"status": "Accepted"}
RATING_W = 11_000.0


async def charging(octt: Lab, rating_w: float | None = RATING_W, **site: float) -> None:
    """A vehicle at EVSE 1 with a transaction, at a site if its limit is given."""
    await octt.add_token()
    async with octt.house.db.begin() as conn:
        await stations.put_evse(conn, STATION, EvseRating(1, rating_w, None))
    if site:
        await octt.post("/sites", {"siteId": "yard", "importLimitW": site["import_w"]}, 201)
        async with octt.house.db.begin() as conn:
            await stations.change(conn, STATION, site_id="yard")
    await octt.charging()


def needs(**more: Any) -> Json:
    departure = datetime.now(UTC) + timedelta(hours=4)
    return {
        "evseId": 1,
        "maxScheduleTuples": 3,
        "chargingNeeds": {
            "requestedEnergyTransfer": "DC",
            "departureTime": departure.isoformat(),
            "dcChargingParameters": {
                "evMaxCurrent": 100,
                "evMaxVoltage": 400,
                "energyAmount": 20_000,
                **more,
            },
        },
    }


async def _wants(octt: Lab, **more: Any) -> None:
    assert await octt.says("NotifyEVChargingNeeds", needs(**more)) == ACCEPTED


async def _offered(octt: Lab, status: str = "Accepted") -> Json:
    """What the station is sent within the vehicle's time, in the bounds that the standard sets."""
    frame = await octt.station.answer({"status": status}, "SetChargingProfile")
    assert frame[3]["evseId"] == 1
    profile: Json = frame[3]["chargingProfile"]
    assert profile["chargingProfilePurpose"] == "TxProfile"
    assert profile["transactionId"] == f"tx-{octt.tx}"
    assert len(profile["chargingSchedule"]) <= 3
    schedule: Json = profile["chargingSchedule"][0]
    assert schedule["duration"] >= 4 * 3600  # until it leaves
    assert schedule["chargingSchedulePeriod"][0]["startPeriod"] == 0
    assert all(period["limit"] >= 0 for period in schedule["chargingSchedulePeriod"])
    await _noted(octt, status.lower())
    return schedule


async def _noted(octt: Lab, state: str) -> None:
    async with asyncio.timeout(WAIT_S):
        while [one["state"] for one in (await octt.get(f"{PATH}/profiles"))["items"]] != [state]:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


def _limit(schedule: Json) -> float:
    (period,) = schedule["chargingSchedulePeriod"]
    limit: float = period["limit"]
    return limit


async def _plans(octt: Lab, limit: float, unit: str = "W", phases: int | None = None) -> str:
    """The vehicle's own plan as the station tells it; our word on it."""
    period = {"startPeriod": 0, "limit": limit, **({} if phases is None else {"numberPhases": phases})}
    plan = {"id": 1, "chargingRateUnit": unit, "chargingSchedulePeriod": [period]}
    told = {"timeBase": now_text(), "evseId": 1, "chargingSchedule": plan}
    answer = await octt.says("NotifyEVChargingSchedule", told)
    return str(answer["status"])


@pytest.mark.octt("TC_K_53_CSMS")
async def test_tc_k_53_a_schedule_for_its_needs(octt: Lab) -> None:
    await charging(octt)
    await _wants(octt)
    assert _limit(await _offered(octt)) == RATING_W
    assert await _plans(octt, 10_000.0) == "Accepted"
    await octt.event("Updated", "ChargingStateChanged", "Charging")
    (kept,) = (await octt.get(f"{PATH}/vehicle-schedules"))["items"]
    assert kept["schedule"]["chargingSchedulePeriod"][0]["limit"] == 10_000.0


@pytest.mark.octt("TC_K_55_CSMS")
async def test_tc_k_55_a_plan_that_passes_the_limit(octt: Lab) -> None:
    await charging(octt)
    await _wants(octt)
    await _offered(octt)
    assert await _plans(octt, 22_000.0) == "Rejected"
    assert _limit(await _offered(octt)) == RATING_W  # anew
    assert await _plans(octt, 32.0, "A", 3) == "Rejected"  # 22 kW in amperes
    await _offered(octt)
    assert await _plans(octt, 16.0, "A", 3) == "Accepted"  # what is called 11 kW
    assert await octt.says("Heartbeat", {})  # and nothing is offered any more


@pytest.mark.octt("TC_K_57_CSMS")
async def test_tc_k_57_the_vehicle_wants_something_else(octt: Lab) -> None:
    await charging(octt)
    await _wants(octt)
    await _offered(octt)
    assert await _plans(octt, 10_000.0) == "Accepted"
    await _wants(octt, evMaxPower=7_000)
    assert _limit(await _offered(octt)) == 7_000.0
    assert await _plans(octt, 7_000.0) == "Accepted"


async def _renegotiates(octt: Lab) -> None:
    """A person wants it slower."""
    doing = asyncio.create_task(octt.post(f"{PATH}/charging-offers", {"evseId": 1, "limitW": 4_000}))
    assert _limit(await _offered(octt)) == 4_000.0
    made = await doing
    assert (made["limitW"], made["accepted"]) == (4_000.0, True)


@pytest.mark.octt("TC_K_58_CSMS")
async def test_tc_k_58_we_want_something_else(octt: Lab) -> None:
    await charging(octt)
    await _wants(octt)
    await _offered(octt)
    assert await _plans(octt, 10_000.0) == "Accepted"
    await _renegotiates(octt)
    assert await _plans(octt, 4_000.0) == "Accepted"
    assert await _plans(octt, 10_000.0) == "Rejected"


@pytest.mark.octt("TC_K_59_CSMS")
async def test_tc_k_59_we_want_something_else_and_it_tells_its_needs(octt: Lab) -> None:
    await charging(octt)
    await _wants(octt)
    await _offered(octt)
    await _renegotiates(octt)
    await _wants(octt, evMaxPower=5_000)
    assert _limit(await _offered(octt)) == 5_000.0
    assert await _plans(octt, 5_000.0) == "Accepted"


async def test_k15_a_share_of_what_the_site_has(octt: Lab) -> None:
    await charging(octt, import_w=10_000.0)
    await octt.event("Started", "Authorized", "Charging", evse={"id": 2, "connectorId": 1})
    octt.tx -= 1
    await _wants(octt)
    assert _limit(await _offered(octt)) == 5_000.0


async def test_k15_the_transaction_may_be_told_later(octt: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("csms.grid.charging_needs.TRY_EVERY_S", 0.01)
    monkeypatch.setattr("csms.grid.charging_needs.TRIES", 10_000)
    await _wants(octt)
    await charging(octt)
    assert _limit(await _offered(octt)) == RATING_W


async def test_k15_no_offer_where_nothing_is_known(octt: Lab) -> None:
    await charging(octt, None)
    await _wants(octt)
    refused = await octt.post(f"{PATH}/charging-offers", {"evseId": 1}, 409)
    assert "known" in refused["detail"]
    await _wants(octt, evMaxPower=5_000)
    assert _limit(await _offered(octt, "Rejected")) == 5_000.0
    assert await _plans(octt, 99_000.0) == "Accepted"  # it holds no offer that this could pass


async def test_k16_who_never_fits_is_not_offered_without_end(octt: Lab) -> None:
    await charging(octt)
    await _wants(octt)
    await _offered(octt)
    for _ in range(3):
        assert await _plans(octt, 22_000.0) == "Rejected"
        await _offered(octt)
    assert await _plans(octt, 22_000.0) == "Rejected"
    assert await octt.says("Heartbeat", {})


@pytest.mark.parametrize("role", ["lease", "fallback"])
async def test_k15_no_offer_touches_what_a_grid_event_has_there(octt: Lab, role: str) -> None:
    await charging(octt)
    now = octt.house.gateway.house.clock.now()
    row = profiles.Sent(
        STATION, 1, 910_001, role, "TxProfile", -7000.0, "tx-1", now + timedelta(minutes=5), 1, now
    )
    async with octt.house.db.begin() as conn:
        await profiles.sent(conn, row)
    await _wants(octt)
    refused = await octt.post(f"{PATH}/charging-offers", {"evseId": 1}, 409)
    assert "grid event" in refused["detail"]
    (kept,) = (await octt.get(f"{PATH}/profiles"))["items"]
    assert (kept["role"], kept["state"]) == (role, "sent")
    assert await _plans(octt, 99_000.0) == "Accepted"
    assert await octt.says("Heartbeat", {})


async def test_k16_by_hand_needs_a_vehicle(octt: Lab) -> None:
    await octt.post(f"{PATH}/charging-offers", {"evseId": 1}, 409)
    await octt.post(f"{PATH}/charging-offers", {"evseId": 1, "limitW": -1}, 422)


async def test_an_offer_is_made_once_under_its_key(octt: Lab) -> None:
    await charging(octt)
    url, headers = f"/api/v1{PATH}/charging-offers", {"Idempotency-Key": "k"}
    body = {"evseId": 1, "limitW": 4_000}
    doing = asyncio.create_task(octt.http.post(url, json=body, headers=headers))
    assert _limit(await _offered(octt)) == 4_000.0
    first = await doing
    again = await octt.http.post(url, json=body, headers=headers)
    assert (again.json(), again.headers["Idempotency-Replayed"]) == (first.json(), "true")
    assert (await octt.http.post(url, json=body | {"limitW": 9_000}, headers=headers)).status_code == 422
    assert await octt.says("Heartbeat", {})  # and nothing more has been sent
