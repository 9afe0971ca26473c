"""Block E: transactions. Whatever a station counts as start and stop, its events are taken."""

from typing import Any

import pytest

from tests.conformance.lab import EVSE, PATH, TOKEN, Json, Lab

Event = tuple[str, str, str | None, Json]


def event(kind: str, trigger: str, state: str | None = None, **more: Any) -> Event:
    return kind, trigger, state, more


PLUGGED = event("Updated", "CablePluggedIn", "EVConnected")
CHARGING = event("Updated", "ChargingStateChanged", "Charging")
BY: Json = {"idToken": TOKEN}
STARTS: dict[str, tuple[Event, ...]] = {
    # the start point, and what follows until energy flows
    "ParkingBayOccupied": (
        event("Started", "EVDetected", evse={"id": 1}),
        event("Updated", "Authorized", **BY, evse=EVSE),
        PLUGGED,
        CHARGING,
    ),
    "EVConnected": (
        event("Started", "CablePluggedIn", "EVConnected", evse=EVSE),
        event("Updated", "Authorized", "EVConnected", **BY),
        CHARGING,
    ),
    "Authorized": (event("Started", "Authorized", **BY, evse=EVSE), PLUGGED, CHARGING),
    "DataSigned": (
        event("Started", "SignedDataReceived", "EVConnected", **BY, evse=EVSE),
        CHARGING,
    ),
    "PowerPathClosed": (event("Started", "Authorized", "EVConnected", **BY, evse=EVSE), CHARGING),
    "EnergyTransfer": (event("Started", "ChargingStateChanged", "Charging", **BY, evse=EVSE),),
}


async def _play(octt: Lab, events: tuple[Event, ...]) -> list[Json]:
    return [await octt.event(kind, trigger, state, **dict(more)) for kind, trigger, state, more in events]


async def _started(octt: Lab, point: str) -> Json:
    """The transaction begins at this point; its token is answered for, and it is one, open and charging."""
    await octt.add_token()
    await octt.status("Occupied")
    assert (await octt.authorize())["status"] == "Accepted"
    answers = await _play(octt, STARTS[point])
    told = [
        answer["idTokenInfo"]["status"]
        for answer, (_, _, _, more) in zip(answers, STARTS[point], strict=True)
        if "idToken" in more
    ]
    assert told == ["Accepted"]
    shown = await octt.transaction()
    assert (shown["open"], shown["chargingState"], shown["idToken"].upper()) == (
        True, "Charging", TOKEN["idToken"],
    )  # fmt: skip
    assert (shown["evseId"], shown["conflicts"]) == (1, 0)
    return shown


@pytest.mark.parametrize(
    "point",
    [
        pytest.param("PowerPathClosed", marks=pytest.mark.octt("TC_E_01_CSMS")),
        pytest.param("EnergyTransfer", marks=pytest.mark.octt("TC_E_02_CSMS")),
        pytest.param("EVConnected", marks=pytest.mark.octt("TC_E_03_CSMS", "TC_E_09_CSMS")),
        pytest.param("Authorized", marks=pytest.mark.octt("TC_E_04_CSMS", "TC_E_10_CSMS")),
        pytest.param("DataSigned", marks=pytest.mark.octt("TC_E_11_CSMS")),
        pytest.param("ParkingBayOccupied", marks=pytest.mark.octt("TC_E_12_CSMS")),
    ],
)
async def test_tc_e_01_to_04_09_to_12_start(octt: Lab, point: str) -> None:
    await _started(octt, point)


STOP = event("Updated", "StopAuthorized", "EVConnected", **BY)
LOST = event("Updated", "EVCommunicationLost", "Idle")
STOPS: dict[str, tuple[tuple[Event, ...], str]] = {
    "PowerPathClosed": (
        (event("Ended", "StopAuthorized", "EVConnected", **BY, info={"stoppedReason": "Local"}),),
        "Local",
    ),
    "EnergyTransfer": (
        (event("Ended", "StopAuthorized", "EVConnected", **BY, info={"stoppedReason": "Local"}),),
        "Local",
    ),
    "EVDisconnected": (
        (STOP, event("Ended", "EVCommunicationLost", "Idle", info={"stoppedReason": "EVDisconnected"})),
        "EVDisconnected",
    ),
    "StopAuthorized": (
        (event("Ended", "StopAuthorized", "EVConnected", **BY, info={"stoppedReason": "Local"}),),
        "Local",
    ),
    "EV side": (
        (event("Ended", "EVCommunicationLost", "Idle", info={"stoppedReason": "EVDisconnected"}),),
        "EVDisconnected",
    ),
    "ParkingBayUnoccupied": (
        (STOP, LOST, event("Ended", "EVDeparted", info={"stoppedReason": "Local"})),
        "Local",
    ),
    "SuspendedEV": (
        (event("Ended", "ChargingStateChanged", "SuspendedEV", info={"stoppedReason": "StoppedByEV"}),),
        "StoppedByEV",
    ),
}


@pytest.mark.parametrize(
    "stop",
    [
        pytest.param("PowerPathClosed", marks=pytest.mark.octt("TC_E_07_CSMS")),
        pytest.param("EnergyTransfer", marks=pytest.mark.octt("TC_E_08_CSMS")),
        pytest.param("EVDisconnected", marks=pytest.mark.octt("TC_E_14_CSMS")),
        pytest.param("StopAuthorized", marks=pytest.mark.octt("TC_E_15_CSMS")),
        pytest.param("EV side", marks=pytest.mark.octt("TC_E_17_CSMS", "TC_E_20_CSMS")),
        pytest.param("ParkingBayUnoccupied", marks=pytest.mark.octt("TC_E_19_CSMS")),
        pytest.param("SuspendedEV", marks=pytest.mark.octt("TC_E_22_CSMS")),
    ],
)
async def test_tc_e_07_to_22_stop(octt: Lab, stop: str) -> None:
    events, reason = STOPS[stop]
    await _started(octt, "EVConnected")
    for (kind, trigger, state, more), last in zip(events, (*[False] * (len(events) - 1), True), strict=True):
        answer = await octt.event(kind, trigger, state, **dict(more))
        assert answer.get("idTokenInfo", {}).get("status") == ("Accepted" if "idToken" in more else None)
        assert (await octt.transaction())["open"] == (not last)
    assert (await octt.transaction())["stoppedReason"] == reason
    await octt.status("Available")


@pytest.mark.octt("TC_E_16_CSMS")
async def test_tc_e_16_deauthorized(octt: Lab) -> None:
    await octt.add_token(status="Blocked")
    answer = await octt.event("Started", "Authorized", "Charging", evse=EVSE, idToken=TOKEN)
    assert answer["idTokenInfo"]["status"] == "Blocked"
    await octt.event("Ended", "Deauthorized", "EVConnected", info={"stoppedReason": "DeAuthorized"})
    shown = await octt.transaction()
    assert (shown["open"], shown["stoppedReason"]) == (False, "DeAuthorized")


@pytest.mark.octt("TC_E_21_CSMS")
async def test_tc_e_21_stopped_from_here(octt: Lab) -> None:
    await _started(octt, "EVConnected")
    asked, found = await octt.asks(
        "/transactions/tx-1/stop", None, ("RequestStopTransaction", {"status": "Accepted"})
    )
    assert asked == [{"transactionId": "tx-1"}]
    assert found["answer"] == {"status": "Accepted"}
    await octt.event("Ended", "RemoteStop", "EVConnected", info={"stoppedReason": "Remote"})
    assert (await octt.transaction())["stoppedReason"] == "Remote"


@pytest.mark.octt("TC_E_26_CSMS")
async def test_tc_e_26_cable_out_and_in_again(octt: Lab) -> None:
    await _started(octt, "EVConnected")
    await _play(octt, (LOST,))
    assert (await octt.transaction())["chargingState"] == "Idle"
    await _play(octt, (PLUGGED, CHARGING))
    shown = await octt.transaction()
    assert (shown["open"], shown["chargingState"]) == (True, "Charging")


@pytest.mark.octt("TC_E_38_CSMS")
async def test_tc_e_38_vehicle_not_ready(octt: Lab) -> None:
    await octt.add_token()
    await octt.authorize()
    await octt.event("Started", "Authorized", evse=EVSE, idToken=TOKEN)
    await octt.status("Occupied")
    await _play(octt, (PLUGGED, event("Updated", "ChargingStateChanged", "SuspendedEV")))
    shown = await octt.transaction()
    assert (shown["open"], shown["chargingState"]) == (True, "SuspendedEV")


@pytest.mark.octt("TC_E_39_CSMS")
async def test_tc_e_39_nobody_plugged_in(octt: Lab) -> None:
    await octt.add_token()
    await octt.authorize()
    await octt.event("Started", "Authorized", evse=EVSE, idToken=TOKEN)
    await octt.event("Ended", "EVConnectTimeout", info={"stoppedReason": "Timeout"})
    shown = await octt.transaction()
    assert (shown["open"], shown["stoppedReason"]) == (False, "Timeout")


@pytest.mark.octt("TC_E_53_CSMS")
async def test_tc_e_53_numbers_begin_at_0_each_time(octt: Lab) -> None:
    await octt.add_token()
    for number in (1, 2):
        await octt.charging()
        assert octt.seq == 1
        await octt.event("Ended", "StopAuthorized", "EVConnected", info={"stoppedReason": "Local"})
        shown = await octt.transaction()
        assert (shown["transactionId"], shown["open"], shown["conflicts"]) == (f"tx-{number}", False, 0)


@pytest.mark.parametrize(
    ("ended", "queue"),
    [
        pytest.param(False, True, marks=pytest.mark.octt("TC_E_29_CSMS")),
        pytest.param(False, False, marks=pytest.mark.octt("TC_E_30_CSMS")),
        pytest.param(True, True, marks=pytest.mark.octt("TC_E_31_CSMS")),
    ],
)
async def test_tc_e_29_30_31_status(octt: Lab, ended: bool, queue: bool) -> None:
    await _started(octt, "EVConnected")
    reply = {"ongoingIndicator": not ended, "messagesInQueue": queue}
    asked, found = await octt.asks("/transactions/tx-1/status", None, ("GetTransactionStatus", reply))
    assert asked == [{"transactionId": "tx-1"}]
    assert found["answer"] == reply
    if queue:
        kind, reason = ("Ended", {"stoppedReason": "Local"}) if ended else ("Updated", {})
        await octt.event(kind, "ChargingStateChanged", "SuspendedEV", info=reason, offline=True)
        assert (await octt.transaction())["open"] == (not ended)


@pytest.mark.parametrize(
    "queue",
    [
        pytest.param(True, marks=pytest.mark.octt("TC_E_33_CSMS")),
        pytest.param(False, marks=pytest.mark.octt("TC_E_34_CSMS")),
    ],
)
async def test_tc_e_33_34_status_of_the_queue(octt: Lab, queue: bool) -> None:
    reply = {"messagesInQueue": queue}
    asked, found = await octt.asks(f"{PATH}/queue-status", None, ("GetTransactionStatus", reply))
    assert asked == [{}]
    assert found["answer"] == reply
    if queue:
        await octt.add_token()
        answer = await octt.event("Started", "Authorized", idToken=TOKEN, evse=EVSE, offline=True)
        assert answer["idTokenInfo"]["status"] == "Accepted"
