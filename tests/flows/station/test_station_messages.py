"""Messages for people (block O), cost (I), customers' data (N09, N10), vendors (P), measured values (J)."""

import base64
import json
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.flows.station.steps import ACCEPTED, charging, is_event, ready, variable


def message(number: int, text: str = "Hello", **more: Any) -> dict[str, Any]:
    """A SetDisplayMessage."""
    content = {"format": more.pop("format", "UTF8"), "content": text, "language": "en"}
    info = {"id": number, "priority": "NormalCycle", "message": content}
    return {"message": info | more}


def texts(one: Any, state: str) -> list[str]:
    """What the display shows."""
    return [shown.text for shown in one.station.cabinet.instruments.display.shown(state)]


async def test_the_display_shows_by_priority_state_and_time(csms: Any, bench: Any) -> None:
    one, peer = await ready(bench, csms)
    soon = (csms.clock.now() + timedelta(seconds=300)).isoformat()
    later = (csms.clock.now() + timedelta(hours=3)).isoformat()
    for payload in (
        message(1, "normal"),
        message(2, "in front", priority="InFront"),
        message(3, "charging only", state="Charging"),
        message(4, "not yet", startDateTime=later),
        message(5, "not for long", endDateTime=soon),
    ):
        assert await peer.call("SetDisplayMessage", payload) == ACCEPTED
    assert texts(one, "Idle") == ["in front", "normal", "not for long"]
    assert "charging only" in texts(one, "Charging")
    await one.station.clock.sleep(310)
    assert texts(one, "Idle") == ["in front", "normal"]
    assert await peer.call("SetDisplayMessage", message(6, "alone", priority="AlwaysFront")) == ACCEPTED
    assert texts(one, "Idle") == ["alone"]
    await peer.call("SetDisplayMessage", message(7, "instead", priority="AlwaysFront"))
    assert texts(one, "Idle") == ["instead"]
    assert await peer.call("ClearDisplayMessage", {"id": 7}) == ACCEPTED
    assert await peer.call("ClearDisplayMessage", {"id": 7}) == {"status": "Unknown"}
    await peer.call("SetDisplayMessage", message(1, "replaced"))
    assert texts(one, "Idle") == ["in front", "replaced"]


async def test_messages_are_reported_in_parts(csms: Any, bench: Any) -> None:
    _, peer = await ready(bench, csms)
    assert await peer.call("GetDisplayMessages", {"requestId": 1}) == {"status": "Unknown"}
    for number in range(12):
        await peer.call("SetDisplayMessage", message(number, f"text {number}"))
    assert await peer.call("GetDisplayMessages", {"requestId": 2}) == ACCEPTED
    reports = await csms.wait_for("NotifyDisplayMessages", lambda p: p["requestId"] == 2, count=2)
    assert [report["tbc"] for report in reports] == [True, False]
    found = [row for report in reports for row in report["messageInfo"]]
    assert [row["id"] for row in found] == list(range(12))
    assert found[3]["message"] == {"format": "UTF8", "content": "text 3", "language": "en"}
    await peer.call("GetDisplayMessages", {"requestId": 3, "id": [4, 99], "priority": "NormalCycle"})
    (report,) = await csms.wait_for("NotifyDisplayMessages", lambda p: p["requestId"] == 3)
    assert [row["id"] for row in report["messageInfo"]] == [4]


@pytest.mark.parametrize(
    ("more", "status"),
    [
        ({"format": "HTML"}, "NotSupportedMessageFormat"),
        ({"transactionId": "nobody's"}, "UnknownTransaction"),
    ],
)
async def test_what_cannot_be_shown(csms: Any, bench: Any, more: dict[str, Any], status: str) -> None:
    _, peer = await ready(bench, csms)
    assert await peer.call("SetDisplayMessage", message(1, **more)) == {"status": status}


async def test_a_full_display_takes_no_more(csms: Any, bench: Any) -> None:
    _, peer = await ready(bench, csms)
    for number in range(20):
        assert await peer.call("SetDisplayMessage", message(number)) == ACCEPTED
    assert await peer.call("SetDisplayMessage", message(20)) == {"status": "Rejected"}
    assert await peer.call("SetDisplayMessage", message(19, "another")) == ACCEPTED


async def test_a_transactions_message_goes_with_it_and_others_outlive_a_restart(
    csms: Any, bench: Any
) -> None:
    one, peer, transaction = await charging(csms, bench)
    await peer.call("SetDisplayMessage", message(1, "yours", transactionId=transaction))
    await peer.call("SetDisplayMessage", message(2, "everybody's"))
    assert texts(one, "Charging") == ["yours", "everybody's"]
    await peer.call("Reset", {"type": "Immediate"})
    await csms.peer(2)
    assert texts(one, "Idle") == ["everybody's"]


async def test_the_cost_so_far_is_shown(csms: Any, bench: Any) -> None:
    one, peer, transaction = await charging(csms, bench)
    assert await peer.call("CostUpdated", {"totalCost": 3.25, "transactionId": transaction}) == {}
    assert one.station.cabinet.visits[1].transaction.cost == 3.25
    assert ("cost_shown", 3.25) in [(event, fields.get("cost")) for event, fields in one.events]


async def test_a_customers_data_is_told_and_erased(csms: Any, bench: Any) -> None:
    _, peer, _ = await charging(csms, bench)
    await variable(peer, "AuthCacheCtrlr", "Enabled", "true")
    token = {"idToken": "A" * 36, "type": "ISO14443"}
    until = (csms.clock.now() + timedelta(hours=1)).isoformat()
    await peer.call("ReserveNow", {"id": 8, "expiryDateTime": until, "idToken": token, "evseId": 2})
    info = {"status": "Accepted"}
    rows = [{"idToken": token, "idTokenInfo": info}]
    await peer.call(
        "SendLocalList", {"versionNumber": 1, "updateType": "Full", "localAuthorizationList": rows}
    )
    question = {"requestId": 4, "report": True, "clear": True, "idToken": token}
    assert await peer.call("CustomerInformation", question) == ACCEPTED
    (told,) = await csms.wait_for("NotifyCustomerInformation", lambda p: p["requestId"] == 4)
    assert "local list" in told["data"]
    assert "reservation" in told["data"]
    assert told["tbc"] is False
    await peer.call("CustomerInformation", question | {"requestId": 5, "clear": False})
    (told,) = await csms.wait_for("NotifyCustomerInformation", lambda p: p["requestId"] == 5)
    assert told["data"] == ""
    await peer.call(
        "CustomerInformation",
        {"requestId": 6, "report": True, "clear": False, "customerIdentifier": "tag-1"},
    )
    (told,) = await csms.wait_for("NotifyCustomerInformation", lambda p: p["requestId"] == 6)
    assert "EVSE 1" in told["data"]


@pytest.mark.parametrize(
    ("more", "status"),
    [
        ({"report": False, "clear": False, "customerIdentifier": "X"}, "Rejected"),
        ({}, "Invalid"),
        ({"customerIdentifier": "X", "idToken": {"idToken": "X", "type": "Central"}}, "Invalid"),
    ],
)
async def test_a_customer_is_named_in_one_way(
    csms: Any, bench: Any, more: dict[str, Any], status: str
) -> None:
    _, peer = await ready(bench, csms)
    question = {"requestId": 4, "report": True, "clear": False} | more
    assert await peer.call("CustomerInformation", question) == {"status": status}


@pytest.mark.parametrize(
    ("vendor", "name", "expected"),
    [
        ("org.v2g.sim", "Echo", {"status": "Accepted", "data": {"a": [1]}}),
        ("org.v2g.sim", "Shout", {"status": "UnknownMessageId"}),
        ("com.who", "Echo", {"status": "UnknownVendorId"}),
    ],
)
async def test_vendors(csms: Any, bench: Any, vendor: str, name: str, expected: dict[str, Any]) -> None:
    _, peer = await ready(bench, csms)
    payload = {"vendorId": vendor, "messageId": name, "data": {"a": [1]}}
    assert await peer.call("DataTransfer", payload) == expected


async def test_signed_values_can_be_verified(csms: Any, bench: Any) -> None:
    station, peer = await ready(bench, csms)
    await variable(peer, "SampledDataCtrlr", "SignReadings", "true")
    station.plug()
    events = await csms.wait_for("TransactionEvent", count=4)
    signed = [
        value["signedMeterValue"]
        for event in events
        for value in _values(event)
        if "signedMeterValue" in value
    ]
    keys = [one["publicKey"] for one in signed]
    assert keys[0]
    assert not any(keys[1:])  # once in a transaction
    assert signed[0]["encodingMethod"] == "OCMF"
    der = bytes.fromhex(base64.b64decode(keys[0]).decode().removeprefix("oca:base16:asn1:"))
    key = serialization.load_der_public_key(der)
    assert isinstance(key, ec.EllipticCurvePublicKey)
    for value in signed:
        head, payload, signature = base64.b64decode(value["signedMeterData"]).decode().split("|")
        assert head == "OCMF"
        raw = bytes.fromhex(json.loads(signature)["SD"])
        key.verify(raw, payload.encode(), ec.ECDSA(hashes.SHA256()))
    pages = [
        json.loads(base64.b64decode(one["signedMeterData"]).decode().split("|")[1])["PG"] for one in signed
    ]
    assert pages == [f"T{number}" for number in range(1, len(pages) + 1)]


def _values(event: dict[str, Any]) -> list[dict[str, Any]]:
    return [value for row in event.get("meterValue", []) for value in row["sampledValue"]]


async def test_the_last_event_tells_what_was_measured_on_the_way(csms: Any, bench: Any) -> None:
    one, peer = await ready(bench, csms)
    await variable(peer, "SampledDataCtrlr", "TxEndedInterval", "60")
    await variable(peer, "AlignedDataCtrlr", "TxEndedInterval", "60")
    await variable(peer, "AlignedDataCtrlr", "TxEndedMeasurands", "Energy.Active.Import.Register")
    visit = one.plug()
    await visit.charging.wait()
    await one.station.clock.sleep(200)
    await visit.leave()
    (ended,) = await csms.wait_for("TransactionEvent", is_event(eventType="Ended"))
    contexts = [row["sampledValue"][0]["context"] for row in ended["meterValue"]]
    assert contexts.count("Sample.Periodic") >= 2
    assert contexts.count("Sample.Clock") >= 2
    assert contexts[-1] == "Transaction.End"
    times = [row["timestamp"] for row in ended["meterValue"]]
    assert times == sorted(times)
