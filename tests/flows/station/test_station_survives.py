"""What a server does wrong, or a fault does to a number, costs a message and never the station."""

from typing import Any

import pytest

from chargepoint_sim.faults import inject, parse_fault
from chargepoint_sim.station.words import Version
from tests.flows.station.steps import charging, lease, ready, variable

_MANY = 10**13
_ENDLESS = "9" * 400


def answering(csms: Any, wrong: str, with_what: dict[str, Any], times: int = 1) -> None:
    """Let the server answer an action wrongly so often, then as usual."""
    plain, left = csms.answer, [times]

    def answer(action: str, payload: Any) -> Any:
        if action != wrong or not left[0]:
            return plain(action, payload)
        left[0] -= 1
        return plain(action, payload) | with_what

    csms.answer = answer


def failures(one: Any) -> list[str]:
    """What a station says of messages that failed."""
    return [str(fields["failure"]) for event, fields in one.events if event == "message_failed"]


@pytest.mark.parametrize("version", Version)
async def test_a_heartbeat_or_token_answered_without_sense_is_an_error(
    csms: Any, bench: Any, version: Version
) -> None:
    word, until = (
        ("idTagInfo", "expiryDate")
        if version is Version.V16
        else (
            "idTokenInfo",
            "cacheExpiryDateTime",
        )
    )
    info = {word: {"status": "Accepted", until: "soon"}}
    answering(csms, "Authorize", info | {"idTagInfo": info[word]} if version is Version.V16 else info)
    one, peer = await ready(bench, csms, fixed={"version": version})
    answering(csms, "Heartbeat", {"currentTime": "yesterday"})
    await peer.call("TriggerMessage", {"requestedMessage": "Heartbeat"})
    await csms.wait_for("Heartbeat")
    one.plug()
    await csms.wait_for("Authorize", count=2)
    assert [event for event, _ in one.events].count("heartbeat_failed") == 1
    assert await peer.call("TriggerMessage", {"requestedMessage": "Heartbeat"}) == {"status": "Accepted"}


async def test_a_boot_answered_without_a_time_is_tried_again(csms: Any, bench: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr("chargepoint_sim.station.station._ASK_AGAIN_S", 0.01)
    answering(csms, "BootNotification", {"currentTime": "yesterday"})
    one = bench()
    await one.station.booted.wait()
    assert len(await csms.wait_for("BootNotification")) == 2


async def test_an_event_answered_without_sense_is_told_again(csms: Any, bench: Any) -> None:
    one, peer = await ready(bench, csms)
    await variable(peer, "OCPPCommCtrlr", "MessageAttemptInterval", "0", "TransactionEvent")
    info = {"idTokenInfo": {"status": "Accepted", "cacheExpiryDateTime": "soon"}}
    answering(csms, "TransactionEvent", info)
    one.plug()
    await csms.wait_for("NotifyEVChargingNeeds")
    assert len(failures(one)) == 1


async def test_a_1_6_register_that_is_no_number_starts_and_ends_at_0(csms: Any, bench: Any) -> None:
    csms.answer = lambda action, payload: {
        "BootNotification": {
            "currentTime": csms.clock.now().isoformat(),
            "interval": 300,
            "status": "Accepted",
        },
        "Authorize": {"idTagInfo": {"status": "Accepted"}},
        "StartTransaction": {"transactionId": 7, "idTagInfo": {"status": "Accepted"}},
        "DataTransfer": {"status": "UnknownVendorId"},
    }.get(action, {})
    one, _ = await ready(bench, csms, fixed={"version": Version.V16})
    one.station.cabinet.evses[1].meter.import_wh = 1e5
    await inject(one.station, parse_fault("meter-nan"))
    visit = one.plug()
    (start,) = await csms.wait_for("StartTransaction")
    await visit.leave()
    (stop,) = await csms.wait_for("StopTransaction")
    assert (start["meterStart"], stop["meterStop"]) == (0, 0)


@pytest.mark.parametrize(
    ("component", "name", "value", "verdict"),
    [
        ("OCPPCommCtrlr", "HeartbeatInterval", _ENDLESS, "Rejected"),
        ("OCPPCommCtrlr", "HeartbeatInterval", str(2**31), "Rejected"),
        ("OCPPCommCtrlr", "HeartbeatInterval", str(2**31 - 1), "Accepted"),
        ("SmartChargingCtrlr", "LimitChangeSignificance", "nan", "Rejected"),
        ("SmartChargingCtrlr", "LimitChangeSignificance", "inf", "Rejected"),
        ("SecurityCtrlr", "OrganizationName", "", "Rejected"),
        ("SecurityCtrlr", "OrganizationName", "x" * 65, "Rejected"),
        ("ISO15118Ctrlr", "SeccId", "", "Rejected"),
        ("ISO15118Ctrlr", "SeccId", "x" * 65, "Rejected"),
    ],
)
async def test_a_value_that_cannot_be_used_is_refused(
    csms: Any, bench: Any, component: str, name: str, value: str, verdict: str
) -> None:
    _, peer = await ready(bench, csms)
    assert await variable(peer, component, name, value) == verdict
    assert await peer.call("TriggerMessage", {"requestedMessage": "Heartbeat"}) == {"status": "Accepted"}
    await csms.wait_for("Heartbeat")


@pytest.mark.parametrize("what", ["duration", "startPeriod", "numberPhases"])
async def test_a_number_outside_of_32_bits_is_no_schedule(csms: Any, bench: Any, what: str) -> None:
    one, peer, transaction = await charging(csms, bench)
    request = lease(csms, transaction, 5000.0)
    (schedule,) = request["chargingProfile"]["chargingSchedule"]
    if what == "duration":
        schedule[what] = _MANY
    else:
        period = {"startPeriod": 60, "limit": 1.0} | {what: _MANY}
        schedule["chargingSchedulePeriod"].append(period)
    answer = await peer.call("SetChargingProfile", request)
    assert (answer["status"], answer["statusInfo"]["reasonCode"]) == ("Rejected", "ValueOutOfRange")
    assert one.station.cabinet.equipment.profiles.installed == []
    assert (await peer.call("GetTransactionStatus", {}))["messagesInQueue"] in (True, False)
