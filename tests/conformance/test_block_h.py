"""Block H: reservations."""

from typing import Any

import pytest

from tests.conformance.lab import EVSE, PATH, TOKEN, Json, Lab
from tests.flows.gateway.front import STATION

GROUP = "OCTT-GROUP"
OTHER = {"idToken": "OCTT-OTHER", "type": "ISO14443"}


async def _reserve(octt: Lab, status: str = "Accepted", **body: Any) -> Json:
    asked, found = await octt.asks(
        "/reservations",
        {"station": STATION, "idToken": TOKEN["idToken"], "forS": 600, **body},
        ("ReserveNow", {"status": status}),
    )
    assert asked[0]["idToken"] == TOKEN
    assert asked[0]["expiryDateTime"].endswith("Z")
    assert found["answer"] == {"status": status}
    return asked[0]


async def _state(octt: Lab, reserved: Json) -> str:
    found = await octt.get(f"{PATH}/reservations/{reserved['id']}")
    return str(found["state"])


async def _use(octt: Lab, reserved: Json, token: Json = TOKEN) -> None:
    await octt.status("Reserved")
    assert (await octt.authorize(token))["status"] == "Accepted"
    await octt.status("Occupied")
    await octt.event(
        "Started", "Authorized", "EVConnected", evse=EVSE, idToken=token, reservationId=reserved["id"]
    )
    await octt.event("Updated", "ChargingStateChanged", "Charging")
    found = await octt.get(f"{PATH}/reservations/{reserved['id']}")
    assert (found["state"], found["transactionId"]) == ("used", f"tx-{octt.tx}")


@pytest.mark.octt("TC_H_01_CSMS")
async def test_tc_h_01_a_specific_evse(octt: Lab) -> None:
    await octt.add_token()
    reserved = await _reserve(octt, evseId=1)
    assert reserved["evseId"] == 1
    assert await _state(octt, reserved) == "active"
    await _use(octt, reserved)


@pytest.mark.octt("TC_H_07_CSMS")
async def test_tc_h_07_not_used(octt: Lab) -> None:
    await octt.add_token()
    reserved = await _reserve(octt, evseId=1)
    await octt.status("Reserved")
    told = {"reservationId": reserved["id"], "reservationUpdateStatus": "Expired"}
    assert await octt.says("ReservationStatusUpdate", told) == {}
    await octt.status("Available")
    assert await _state(octt, reserved) == "expired"


@pytest.mark.octt("TC_H_08_CSMS")
async def test_tc_h_08_any_evse(octt: Lab) -> None:
    await octt.add_token()
    reserved = await _reserve(octt)
    assert "evseId" not in reserved
    await _use(octt, reserved)


@pytest.mark.octt("TC_H_14_CSMS")
async def test_tc_h_14_as_many_as_there_are_evses(octt: Lab) -> None:
    await octt.add_token()
    first, second = await _reserve(octt), await _reserve(octt)
    assert first["id"] != second["id"]
    for evse in (1, 2):
        await octt.status("Reserved", evse)
    shown = (await octt.get("/reservations", station=STATION, state="active"))["items"]
    assert len(shown) == 2
    assert [one["status"] for one in (await octt.get(PATH))["connectors"]] == ["Reserved", "Reserved"]


@pytest.mark.octt("TC_H_15_CSMS")
async def test_tc_h_15_a_kind_of_connector(octt: Lab) -> None:
    await octt.add_token()
    reserved = await _reserve(octt, connectorType="cType2")
    assert (reserved["connectorType"], "evseId" in reserved) == ("cType2", False)
    await _use(octt, reserved)


@pytest.mark.octt("TC_H_17_CSMS")
async def test_tc_h_17_cancel(octt: Lab) -> None:
    await octt.add_token()
    reserved = await _reserve(octt, evseId=1)
    await octt.status("Reserved")
    asked, _ = await octt.asks(
        f"{PATH}/reservations/{reserved['id']}/cancel", None, ("CancelReservation", {"status": "Accepted"})
    )
    assert asked == [{"reservationId": reserved["id"]}]
    await octt.status("Available")
    assert await _state(octt, reserved) == "cancelled"


@pytest.mark.octt("TC_H_19_CSMS")
async def test_tc_h_19_used_by_another_of_the_group(octt: Lab) -> None:
    await octt.add_token(groupIdToken=GROUP)
    await octt.add_token(OTHER, groupIdToken=GROUP)
    reserved = await _reserve(octt, evseId=1)
    assert reserved["groupIdToken"] == {"idToken": GROUP, "type": "Central"}
    assert (await octt.authorize(OTHER))["groupIdToken"]["idToken"] == GROUP
    await _use(octt, reserved, OTHER)


@pytest.mark.octt("TC_H_20_CSMS")
async def test_tc_h_20_faulted(octt: Lab) -> None:
    await octt.add_token()
    reserved = await _reserve(octt, evseId=1)
    await octt.status("Reserved")
    await octt.status("Faulted")
    told = {"reservationId": reserved["id"], "reservationUpdateStatus": "Removed"}
    assert await octt.says("ReservationStatusUpdate", told) == {}
    assert await _state(octt, reserved) == "removed"


@pytest.mark.octt("TC_H_22_CSMS")
async def test_tc_h_22_rejected(octt: Lab) -> None:
    await octt.add_token()
    reserved = await _reserve(octt, "Rejected", evseId=1)
    assert await _state(octt, reserved) == "refused"


async def test_h01_what_makes_no_sense_is_refused(octt: Lab) -> None:
    body = {"station": STATION, "idToken": "x"}
    for wrong, field in (
        ({}, "expiry"),
        ({"forS": 5, "expiry": "2999-01-01T00:00:00Z"}, "expiry"),
        ({"expiry": "2020-01-01T00:00:00Z"}, "expiry"),
        ({"forS": 0}, "forS"),
        ({"forS": 5, "evseId": 0}, "evseId"),
    ):
        refused = await octt.post("/reservations", {**body, **wrong}, 422)
        assert [one["field"] for one in refused["errors"]] == [field]
