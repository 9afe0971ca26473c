"""A 1.6 station against a small server: what it says, what it answers, what survives an outage."""

import json
from datetime import timedelta
from typing import Any

import pytest

from tests.flows.station.steps_16 import START, STOP, Central, booted, checked, connected, measured, statuses


async def test_from_boot_to_departure(csms: Any, bench: Any, central: Central) -> None:
    one, _ = await booted(csms, bench)
    await csms.wait_for("StatusNotification", count=3)
    visit = one.plug()
    await csms.wait_for("StatusNotification", lambda p: p["status"] == "Charging")
    await csms.wait_for("MeterValues", count=2)
    await visit.leave()
    (stopped,) = await csms.wait_for(STOP)
    await csms.wait_for(
        "StatusNotification", lambda p: p["status"] == "Available" and p["connectorId"] == 1, count=2
    )

    (started,) = await csms.wait_for(START)
    assert (started["connectorId"], started["idTag"], started["meterStart"]) == (1, "TAG-1", 0)
    assert (stopped["transactionId"], stopped["reason"]) == (41, "EVDisconnected")
    assert stopped["meterStop"] > 0
    assert "transactionData" not in stopped
    assert all(payload["transactionId"] == 41 for payload in await csms.wait_for("MeterValues"))
    assert statuses(csms, 0) == ["Available"]
    assert statuses(csms)[:3] == ["Available", "Preparing", "Charging"]
    (needs,) = await csms.wait_for("DataTransfer")
    assert json.loads(needs["data"])["evMaxDischargePower"] == 10_000
    checked(csms)


async def test_a_driver_whom_the_server_does_not_want_is_stopped(
    csms: Any, bench: Any, central: Central
) -> None:
    central.tag_status = "Invalid"
    one, _ = await booted(csms, bench)
    one.plug()
    (stopped,) = await csms.wait_for(STOP)
    assert stopped["reason"] == "DeAuthorized"


async def test_what_happens_offline_is_told_afterwards_in_order(
    csms: Any, bench: Any, central: Central
) -> None:
    one, peer = await connected(csms, bench)
    await peer.call("ChangeConfiguration", {"key": "TransactionMessageRetryInterval", "value": "0"})
    await one.station.link.hold_off()
    visit = one.station.cabinet.visits[1]
    await one.station.clock.sleep(100)
    await visit.leave()
    one.station.link.resume()
    (stopped,) = await csms.wait_for(STOP)
    assert stopped["transactionId"] == 41
    late = [payload for action, payload in csms.heard if action == "MeterValues"]
    times = [value["timestamp"] for payload in late for value in payload["meterValue"]]
    assert times == sorted(times)
    assert stopped["timestamp"] > times[-1]
    checked(csms)


async def test_a_start_that_the_server_never_takes_leaves_the_number_minus_one(
    csms: Any, bench: Any, central: Central
) -> None:
    usual = central.answer
    csms.answer = lambda action, payload: "InternalError" if action == START else usual(action, payload)
    one, peer = await booted(csms, bench)
    for key, value in (("TransactionMessageAttempts", "2"), ("TransactionMessageRetryInterval", "0")):
        assert await peer.call("ChangeConfiguration", {"key": key, "value": value}) == {"status": "Accepted"}
    visit = one.plug()
    await csms.wait_for(START, count=2)
    await csms.wait_for("MeterValues", lambda p: p["transactionId"] == -1)
    await visit.leave()
    (stopped,) = await csms.wait_for(STOP)
    assert stopped["transactionId"] == -1
    assert len(await csms.wait_for(START)) == 2


async def test_stop_transaction_carries_the_readings_that_are_wanted(
    csms: Any, bench: Any, central: Central
) -> None:
    one, peer = await booted(csms, bench)
    wish = {"key": "StopTxnSampledData", "value": "Energy.Active.Import.Register,SoC"}
    assert await peer.call("ChangeConfiguration", wish) == {"status": "Accepted"}
    visit = one.plug()
    await csms.wait_for("MeterValues", count=3)
    await visit.leave()
    (stopped,) = await csms.wait_for(STOP)
    registers = measured(stopped, "Energy.Active.Import.Register")
    assert len(registers) >= 3
    assert registers == sorted(registers)
    assert measured(stopped, "SoC")
    assert measured(stopped, "Power.Active.Import") == []
    checked(csms)


async def test_configuration(csms: Any, bench: Any, central: Central) -> None:
    _, peer = await booted(csms, bench)
    everything = await peer.call("GetConfiguration", {})
    rows = {row["key"]: row for row in everything["configurationKey"]}
    assert everything["unknownKey"] == []
    assert rows["NumberOfConnectors"] == {"key": "NumberOfConnectors", "readonly": True, "value": "2"}
    assert rows["ChargingScheduleAllowedChargingRateUnit"]["value"] == "Current,Power"
    assert rows["AuthorizationKey"] == {"key": "AuthorizationKey", "readonly": False}
    assert rows["LocalAuthListMaxLength"]["value"] == "500"
    assert "SmartCharging" in rows["SupportedFeatureProfiles"]["value"]
    some = await peer.call("GetConfiguration", {"key": ["heartbeatinterval", "Coffee"]})
    assert [row["key"] for row in some["configurationKey"]] == ["HeartbeatInterval"]
    assert some["unknownKey"] == ["Coffee"]
    for key, value, status in (
        ("MeterValueSampleInterval", "60", "Accepted"),
        ("MeterValueSampleInterval", "soon", "Rejected"),
        ("NumberOfConnectors", "9", "Rejected"),
        ("LocalAuthListMaxLength", "9", "Rejected"),
        ("Coffee", "hot", "NotSupported"),
    ):
        assert await peer.call("ChangeConfiguration", {"key": key, "value": value}) == {"status": status}
    (row,) = (await peer.call("GetConfiguration", {"key": ["MeterValueSampleInterval"]}))["configurationKey"]
    assert row["value"] == "60"


async def test_local_list(csms: Any, bench: Any, central: Central) -> None:
    one, peer = await booted(csms, bench)
    assert await peer.call("GetLocalListVersion", {}) == {"listVersion": 0}
    row = {"idTag": "TAG-1", "idTagInfo": {"status": "Accepted"}}
    full = {"listVersion": 5, "updateType": "Full", "localAuthorizationList": [row]}
    assert await peer.call("SendLocalList", full) == {"status": "Accepted"}
    older = {"listVersion": 4, "updateType": "Differential", "localAuthorizationList": []}
    assert await peer.call("SendLocalList", older) == {"status": "VersionMismatch"}
    assert await peer.call("GetLocalListVersion", {}) == {"listVersion": 5}
    await peer.call("ChangeConfiguration", {"key": "LocalPreAuthorize", "value": "true"})
    one.plug()
    await csms.wait_for(START)
    assert not [action for action, _ in csms.heard if action == "Authorize"]
    assert await peer.call("ChangeConfiguration", {"key": "LocalAuthListEnabled", "value": "false"}) == {
        "status": "Accepted"
    }
    assert await peer.call("GetLocalListVersion", {}) == {"listVersion": -1}
    assert await peer.call("SendLocalList", full) == {"status": "NotSupported"}


async def test_reservation(csms: Any, bench: Any, central: Central) -> None:
    one, peer = await booted(csms, bench)
    expiry = (csms.clock.now() + timedelta(hours=1)).isoformat()
    wish = {"connectorId": 1, "expiryDate": expiry, "idTag": "TAG-1", "reservationId": 3}
    assert await peer.call("ReserveNow", wish) == {"status": "Accepted"}
    await csms.wait_for("StatusNotification", lambda p: p["status"] == "Reserved")
    assert await peer.call("ReserveNow", wish | {"reservationId": 4}) == {"status": "Occupied"}
    assert await peer.call("CancelReservation", {"reservationId": 9}) == {"status": "Rejected"}
    one.plug()
    (started,) = await csms.wait_for(START)
    assert started["reservationId"] == 3


async def test_availability(csms: Any, bench: Any, central: Central) -> None:
    _, peer = await booted(csms, bench)
    await csms.wait_for("StatusNotification", count=3)
    whole = {"connectorId": 0, "type": "Inoperative"}
    assert await peer.call("ChangeAvailability", whole) == {"status": "Accepted"}
    await csms.wait_for("StatusNotification", lambda p: p["status"] == "Unavailable", count=3)
    assert statuses(csms, 0)[-1] == "Unavailable"
    assert await peer.call("ChangeAvailability", whole | {"type": "Operative"}) == {"status": "Accepted"}
    await csms.wait_for(
        "StatusNotification", lambda p: p["connectorId"] == 0 and p["status"] == "Available", count=2
    )
    assert await peer.call("ChangeAvailability", whole | {"connectorId": 7}) == {"status": "Rejected"}


async def test_messages_are_triggered(csms: Any, bench: Any, central: Central) -> None:
    _, peer = await booted(csms, bench)
    for wanted in (
        "StatusNotification",
        "MeterValues",
        "Heartbeat",
        "FirmwareStatusNotification",
        "DiagnosticsStatusNotification",
    ):
        before = sum(action == wanted for action, _ in csms.heard)
        assert await peer.call("TriggerMessage", {"requestedMessage": wanted}) == {"status": "Accepted"}
        await csms.wait_for(wanted, count=before + 1)
    assert (await csms.wait_for("DiagnosticsStatusNotification"))[0] == {"status": "Idle"}
    ask = {"requestedMessage": "SignChargePointCertificate"}
    assert await peer.call("ExtendedTriggerMessage", ask) == {"status": "Accepted"}
    (request,) = await csms.wait_for("SignCertificate")
    assert request["csr"].startswith("-----BEGIN CERTIFICATE REQUEST")
    wrong = {"requestedMessage": "MeterValues", "connectorId": 7}
    assert await peer.call("TriggerMessage", wrong) == {"status": "Rejected"}
    checked(csms)


@pytest.mark.parametrize("kind", ["Soft", "Hard"])
async def test_a_reset_ends_transactions_and_boots_again(
    csms: Any, bench: Any, central: Central, kind: str
) -> None:
    _, peer = await connected(csms, bench)
    assert await peer.call("Reset", {"type": kind}) == {"status": "Accepted"}
    (stopped,) = await csms.wait_for(STOP)
    assert stopped["reason"] == f"{kind}Reset"
    await csms.wait_for("BootNotification", count=2)
    await csms.wait_for(START, count=2)


async def test_unlocking_ends_a_transaction(csms: Any, bench: Any, central: Central) -> None:
    _, peer = await connected(csms, bench)
    assert await peer.call("UnlockConnector", {"connectorId": 7}) == {"status": "NotSupported"}
    assert await peer.call("UnlockConnector", {"connectorId": 1}) == {"status": "Unlocked"}
    (stopped,) = await csms.wait_for(STOP)
    assert stopped["reason"] == "UnlockCommand"


async def test_requests_it_does_not_know_are_answered_with_an_error(
    csms: Any, bench: Any, central: Central
) -> None:
    _, peer = await booted(csms, bench)
    assert await peer.call("DataTransfer", {"vendorId": "nobody"}) == {"status": "UnknownVendorId"}
    assert await peer.call("MakeCoffee", {}) == {"error": "NotSupported"}
    assert (await peer.call("GetConfiguration", {"key": 5}))["error"] == "TypeConstraintViolation"
    assert await peer.call("ClearCache", {}) == {"status": "Rejected"}


async def test_installed_certificates(csms: Any, bench: Any, central: Central) -> None:
    _, peer = await booted(csms, bench)
    question = {"certificateType": "CentralSystemRootCertificate"}
    assert await peer.call("GetInstalledCertificateIds", question) == {"status": "NotFound"}
    wrong = {"certificateType": "CentralSystemRootCertificate", "certificate": "no certificate"}
    assert (await peer.call("InstallCertificate", wrong))["status"] in ("Rejected", "Failed")


async def test_diagnostics_that_cannot_be_uploaded(csms: Any, bench: Any, central: Central) -> None:
    _, peer = await booted(csms, bench)
    answer = await peer.call("GetDiagnostics", {"location": "http://127.0.0.1:9/"})
    assert answer["fileName"].startswith("DiagnosticsLog")
    await csms.wait_for("DiagnosticsStatusNotification", lambda p: p["status"] == "UploadFailed")
    soon = (csms.clock.now()).isoformat()
    assert await peer.call("UpdateFirmware", {"location": "http://127.0.0.1:9/x", "retrieveDate": soon}) == {}
    await csms.wait_for("FirmwareStatusNotification", lambda p: p["status"] == "DownloadFailed")
    log = {"logType": "SecurityLog", "requestId": 6, "log": {"remoteLocation": "http://127.0.0.1:9/"}}
    assert (await peer.call("GetLog", log))["status"] == "Accepted"
    await csms.wait_for(
        "LogStatusNotification", lambda p: p.get("requestId") == 6 and p["status"] == "UploadFailure"
    )
    checked(csms)
