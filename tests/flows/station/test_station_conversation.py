"""A station against a small server: what it says, what it answers, what it does when things go wrong."""

import asyncio
import base64
from typing import Any

import pytest

from chargepoint_sim.faults import inject, parse_fault
from chargepoint_sim.station.equipment import HighLevel
from tests.flows.station.steps import charging, events, is_event, lease, measured


async def test_from_boot_to_departure(csms: Any, bench: Any) -> None:
    one = bench()
    await one.station.booted.wait()
    visit = one.plug()
    await csms.wait_for("TransactionEvent", is_event(triggerReason="ChargingStateChanged"))
    await csms.wait_for("TransactionEvent", is_event(triggerReason="MeterValuePeriodic"), count=2)
    await visit.leave()
    (ended,) = await csms.wait_for("TransactionEvent", is_event(eventType="Ended"))
    await csms.wait_for("StatusNotification", lambda p: p["connectorStatus"] == "Available", count=2)

    actions = [action for action, _ in csms.heard]
    assert actions[:2] == ["BootNotification", "SecurityEventNotification"]
    assert actions.index("Authorize") < actions.index("NotifyEVChargingNeeds")
    heard = events(csms)
    assert [event["seqNo"] for event in heard] == list(range(len(heard)))
    assert (heard[0]["eventType"], heard[0]["triggerReason"]) == ("Started", "CablePluggedIn")
    authorized = next(event for event in heard if event["triggerReason"] == "Authorized")
    assert authorized["idToken"] == {"idToken": "TAG-1", "type": "ISO14443"}
    assert ended["triggerReason"] == "EVDeparted"
    assert ended["transactionInfo"]["stoppedReason"] == "EVDisconnected"
    contexts = {sample["context"] for event in heard for sample in event["meterValue"][0]["sampledValue"]}
    assert contexts >= {"Transaction.Begin", "Transaction.End", "Sample.Periodic"}
    imports = [measured(event, "Energy.Active.Import.Register") for event in heard]
    assert imports == sorted(imports, key=lambda value: value or 0.0)
    assert not any("offline" in event for event in heard)


async def test_the_needs_say_what_the_vehicle_is(csms: Any, bench: Any) -> None:
    await charging(csms, bench)
    (needs,) = await csms.wait_for("NotifyEVChargingNeeds")
    parameters = needs["chargingNeeds"]["dcChargingParameters"]
    assert needs["chargingNeeds"]["requestedEnergyTransfer"] == "DC"
    assert needs["chargingNeeds"]["departureTime"] > csms.clock.now().isoformat()
    assert (parameters["stateOfCharge"], parameters["evEnergyCapacity"]) == (50, 60_000)
    assert (parameters["energyAmount"], parameters["evMaxPower"], parameters["fullSoC"]) == (
        18_000,
        11_000,
        100,
    )
    assert needs["customData"]["evMaxDischargePower"] == 10_000


async def test_a_setpoint_is_followed_reported_and_ends_with_its_lease(csms: Any, bench: Any) -> None:
    one, peer, transaction = await charging(csms, bench)
    answer = await peer.call("SetChargingProfile", lease(csms, transaction, -7_000, duration=100))
    assert answer == {"status": "Accepted"}

    def gives(event: dict[str, Any]) -> bool:
        return measured(event, "Power.Active.Export") == 7_000 and measured(event, "Power.Active.Import") == 0

    (first, *_) = await csms.wait_for("TransactionEvent", gives)
    assert first["triggerReason"] in ("ChargingRateChanged", "MeterValuePeriodic")
    question = {"duration": 200, "evseId": 1, "chargingRateUnit": "W"}
    schedule = (await peer.call("GetCompositeSchedule", question))["schedule"]
    first_period, second = schedule["chargingSchedulePeriod"]
    assert (first_period["limit"], second["limit"]) == (-7_000, 11_000)

    def charges_again(event: dict[str, Any]) -> bool:
        return event["seqNo"] > first["seqNo"] and measured(event, "Power.Active.Import") == 11_000

    await csms.wait_for("TransactionEvent", charges_again)
    exported = one.station.cabinet.evses[1].meter.export_wh
    assert exported == pytest.approx(7_000 * 100 / 3600, rel=0.1)


async def test_profiles_are_reported_and_cleared(csms: Any, bench: Any) -> None:
    _, peer, transaction = await charging(csms, bench)
    await peer.call("SetChargingProfile", lease(csms, transaction, -7_000))
    fallback = lease(csms, transaction, 0, id=2, chargingProfilePurpose="TxDefaultProfile", stackLevel=0)
    del fallback["chargingProfile"]["transactionId"]
    assert await peer.call("SetChargingProfile", fallback | {"evseId": 0}) == {"status": "Accepted"}
    answer = await peer.call("GetChargingProfiles", {"requestId": 4, "chargingProfile": {"stackLevel": 1}})
    assert answer == {"status": "Accepted"}
    (report,) = await csms.wait_for("ReportChargingProfiles")
    assert (report["requestId"], report["evseId"], report["tbc"]) == (4, 1, False)
    (profile,) = report["chargingProfile"]
    assert profile["chargingSchedule"][0]["chargingSchedulePeriod"][0]["limit"] == -7_000
    await peer.call("GetChargingProfiles", {"requestId": 5, "chargingProfile": {}})
    reports = await csms.wait_for("ReportChargingProfiles", lambda p: p["requestId"] == 5, count=2)
    assert [(one["evseId"], one["tbc"]) for one in reports] == [(0, True), (1, False)]
    assert await peer.call("ClearChargingProfile", {"chargingProfileId": 1}) == {"status": "Accepted"}
    assert await peer.call("ClearChargingProfile", {"chargingProfileId": 1}) == {"status": "Unknown"}
    question = {"requestId": 6, "chargingProfile": {"chargingProfileId": [1]}}
    assert await peer.call("GetChargingProfiles", question) == {"status": "NoProfiles"}


async def test_before_the_needs_a_tx_profile_is_out_of_order(csms: Any, bench: Any) -> None:
    one = bench()
    await one.station.booted.wait()
    one.plug(token=None)
    (started,) = await csms.wait_for("TransactionEvent")
    peer = await csms.peer()
    transaction = started["transactionInfo"]["transactionId"]
    answer = await peer.call("SetChargingProfile", lease(csms, transaction, -7_000))
    assert (answer["status"], answer["statusInfo"]["reasonCode"]) == ("Rejected", "InvalidMessageSeq")


async def test_nothing_is_said_before_the_server_accepts(csms: Any, bench: Any) -> None:
    csms.boot_statuses, csms.boot_interval = iter(["Pending", "Rejected", "Accepted"]), 20
    one = bench()
    peer = await csms.peer()
    await csms.wait_for("BootNotification")
    one.plug()
    question = {"component": {"name": "SampledDataCtrlr"}, "variable": {"name": "TxUpdatedInterval"}}
    answer = await peer.call("GetVariables", {"getVariableData": [question]})
    assert answer["getVariableResult"][0]["attributeValue"] == "30"
    await one.station.booted.wait()
    boots = await csms.wait_for("BootNotification", count=3)
    assert [boot["reason"] for boot in boots] == ["PowerUp"] * 3
    assert {action for action, _ in csms.heard[:3]} == {"BootNotification"}
    await csms.wait_for("TransactionEvent", is_event(eventType="Started", offline=True))


async def test_a_pending_station_boots_when_triggered(csms: Any, bench: Any) -> None:
    csms.boot_statuses, csms.boot_interval = iter(["Pending", "Accepted"]), 100_000
    one = bench()
    peer = await csms.peer()
    await csms.wait_for("BootNotification")
    trigger = {"requestedMessage": "BootNotification"}
    assert await peer.call("TriggerMessage", trigger) == {"status": "Accepted"}
    await one.station.booted.wait()
    assert (await csms.wait_for("BootNotification", count=2))[1]["reason"] == "Triggered"
    assert (await peer.call("TriggerMessage", trigger))["status"] == "Rejected"


async def test_an_outage_loses_nothing(csms: Any, bench: Any) -> None:
    one, peer, _ = await charging(csms, bench)
    await inject(one.station, parse_fault("offline"))
    before = len(events(csms))
    await peer.socket.wait_closed()
    await one.station.cabinet.visits[1].leave()
    assert len(events(csms)) == before
    await inject(one.station, parse_fault("online"))
    await csms.wait_for("TransactionEvent", is_event(eventType="Ended", offline=True))
    assert [event["seqNo"] for event in events(csms)] == list(range(len(events(csms))))
    await csms.wait_for("StatusNotification", lambda p: p["connectorStatus"] == "Available", count=2)
    assert len(await csms.wait_for("BootNotification")) == 1


async def test_an_event_without_answer_is_sent_again_on_the_next_connection(csms: Any, bench: Any) -> None:
    one, peer, _ = await charging(csms, bench)
    csms.mute = lambda action, payload: action == "TransactionEvent"
    known = len(events(csms))
    await csms.wait_for("TransactionEvent", count=known + 1)
    csms.mute = lambda action, payload: False
    await peer.socket.close()
    heard = await csms.wait_for("TransactionEvent", count=known + 2)
    assert heard[known]["seqNo"] == heard[known + 1]["seqNo"]
    assert one.station.outbox.online


async def test_a_reset_ends_transactions_boots_again_and_keeps_profiles(csms: Any, bench: Any) -> None:
    one, peer, transaction = await charging(csms, bench)
    fallback = lease(csms, transaction, 3_000, id=2, chargingProfilePurpose="TxDefaultProfile")
    del fallback["chargingProfile"]["transactionId"]
    await peer.call("SetChargingProfile", fallback)
    assert await peer.call("Reset", {"type": "Immediate"}) == {"status": "Accepted"}
    (ended,) = await csms.wait_for("TransactionEvent", is_event(eventType="Ended"))
    assert ended["triggerReason"] == "ResetCommand"
    assert ended["transactionInfo"]["stoppedReason"] == "ImmediateReset"
    boots = await csms.wait_for("BootNotification", count=2)
    assert boots[1]["reason"] == "RemoteReset"

    def resumed(event: dict[str, Any]) -> bool:
        other = event["transactionInfo"]["transactionId"] != transaction
        return other and measured(event, "Power.Active.Import") == 3_000

    await csms.wait_for("TransactionEvent", resumed)
    assert len(one.station.cabinet.equipment.profiles.installed) == 1


async def test_a_reset_on_idle_waits_for_the_transaction(csms: Any, bench: Any) -> None:
    one, peer, transaction = await charging(csms, bench)
    assert await peer.call("Reset", {"type": "OnIdle"}) == {"status": "Scheduled"}
    stop = {"transactionId": transaction}
    assert await peer.call("RequestStopTransaction", stop) == {"status": "Accepted"}
    (ended,) = await csms.wait_for("TransactionEvent", is_event(eventType="Ended"))
    assert (ended["triggerReason"], ended["transactionInfo"]["stoppedReason"]) == ("RemoteStop", "Remote")
    await csms.wait_for("BootNotification", count=2)
    assert one.station.cabinet.evses[1].power_w == 0


async def test_a_changed_password_is_used_at_the_next_connect(csms: Any, bench: Any) -> None:
    one = bench()
    await one.station.booted.wait()
    peer = await csms.peer()
    wanted = {
        "component": {"name": "SecurityCtrlr"},
        "variable": {"name": "BasicAuthPassword"},
        "attributeValue": "second-password-456",
    }
    answer = await peer.call("SetVariables", {"setVariableData": [wanted]})
    assert answer["setVariableResult"][0]["attributeStatus"] == "Accepted"
    await peer.socket.close()
    await csms.peer(2)
    pairs = [base64.b64decode(header.removeprefix("Basic ")).decode() for header in csms.passwords]
    assert pairs == ["CS001:first-password-123", "CS001:second-password-456"]


async def test_changed_intervals_apply_at_once(csms: Any, bench: Any) -> None:
    _, peer, _ = await charging(csms, bench)
    data = [
        {"component": {"name": component}, "variable": {"name": name}, "attributeValue": value}
        for component, name, value in (
            ("SampledDataCtrlr", "TxUpdatedInterval", "100000"),
            ("AlignedDataCtrlr", "Interval", "20"),
            ("OCPPCommCtrlr", "HeartbeatInterval", "10"),
        )
    ]
    answer = await peer.call("SetVariables", {"setVariableData": data})
    assert {one["attributeStatus"] for one in answer["setVariableResult"]} == {"Accepted"}
    await csms.wait_for("Heartbeat", count=2)
    await csms.wait_for("TransactionEvent", is_event(triggerReason="MeterValueClock"), count=2)
    idle = await csms.wait_for("MeterValues", count=2)
    assert {one["evseId"] for one in idle} == {2}


async def test_a_base_report_comes_in_numbered_parts(csms: Any, bench: Any) -> None:
    one = bench()
    await one.station.booted.wait()
    peer = await csms.peer()
    question = {"requestId": 9, "reportBase": "FullInventory"}
    assert await peer.call("GetBaseReport", question) == {"status": "Accepted"}
    await csms.wait_for("NotifyReport", lambda p: not p["tbc"])
    parts = await csms.wait_for("NotifyReport")
    assert [part["seqNo"] for part in parts] == list(range(len(parts)))
    assert [part["tbc"] for part in parts] == [True] * (len(parts) - 1) + [False]
    rows = [row for part in parts for row in part["reportData"]]
    assert len(rows) == len(one.station.cabinet.equipment.model.variables)
    secret = next(row for row in rows if row["variable"]["name"] == "BasicAuthPassword")
    assert "value" not in secret["variableAttribute"][0]


async def test_remote_start_before_and_after_the_vehicle_comes(csms: Any, bench: Any) -> None:
    one = bench()
    await one.station.booted.wait()
    peer = await csms.peer()
    profile = lease(csms, "", 2_000)["chargingProfile"]
    del profile["transactionId"]
    start = {"idToken": {"idToken": "APP", "type": "Central"}, "remoteStartId": 3, "evseId": 1}
    answer = await peer.call("RequestStartTransaction", start | {"chargingProfile": profile})
    assert answer == {"status": "Accepted"}
    one.plug(token=None)
    (begun, *_) = await csms.wait_for("TransactionEvent", lambda p: "idToken" in p)
    assert begun["triggerReason"] == "RemoteStart"
    assert begun["transactionInfo"]["remoteStartId"] == 3
    await csms.wait_for("TransactionEvent", lambda p: measured(p, "Power.Active.Import") == 2_000)
    one.plug(2, token=None)
    second = await csms.wait_for("TransactionEvent", lambda p: p["evse"]["id"] == 2)
    answer = await peer.call("RequestStartTransaction", start | {"evseId": 2})
    assert answer["transactionId"] == second[0]["transactionInfo"]["transactionId"]
    answer = await peer.call("RequestStartTransaction", start)
    assert (answer["status"], answer["statusInfo"]["reasonCode"]) == ("Rejected", "TxInProgress")


async def test_a_driver_whom_the_server_does_not_want_gets_nothing(csms: Any, bench: Any) -> None:
    csms.token_status = "Blocked"
    one = bench()
    await one.station.booted.wait()
    visit = one.plug()
    await csms.wait_for("Authorize")
    await visit.leave()
    await csms.wait_for("TransactionEvent", is_event(eventType="Ended"))
    assert one.station.cabinet.evses[1].meter.import_wh == 0


async def test_the_stations_maximum_is_shared(csms: Any, bench: Any) -> None:
    one, peer, _ = await charging(csms, bench)
    maximum = lease(csms, "", 8_000, chargingProfilePurpose="ChargingStationMaxProfile")
    del maximum["chargingProfile"]["transactionId"]
    assert await peer.call("SetChargingProfile", maximum | {"evseId": 0}) == {"status": "Accepted"}
    await csms.wait_for("TransactionEvent", lambda p: measured(p, "Power.Active.Import") == 8_000)
    one.plug(2, token="TAG-2")
    for evse_id in (1, 2):
        await csms.wait_for(
            "TransactionEvent",
            lambda p, evse_id=evse_id: (
                p["evse"]["id"] == evse_id and measured(p, "Power.Active.Import") == 4_000
            ),
        )


async def test_out_of_service_and_back(csms: Any, bench: Any) -> None:
    one, peer, transaction = await charging(csms, bench)
    wanted = {"operationalStatus": "Inoperative", "evse": {"id": 1}}
    assert await peer.call("ChangeAvailability", wanted) == {"status": "Scheduled"}
    assert await peer.call("ChangeAvailability", wanted | {"evse": {"id": 2}}) == {"status": "Accepted"}
    assert await peer.call("ChangeAvailability", wanted | {"evse": {"id": 3}}) == {"status": "Rejected"}
    await peer.call("RequestStopTransaction", {"transactionId": transaction})
    await csms.wait_for("StatusNotification", lambda p: p["connectorStatus"] == "Unavailable", count=2)
    wanted = {"operationalStatus": "Operative", "evse": {"id": 1}}
    assert await peer.call("ChangeAvailability", wanted) == {"status": "Accepted"}
    await csms.wait_for("TransactionEvent", is_event(eventType="Started"), count=2)
    assert one.station.cabinet.visits[1].transaction is not None


@pytest.mark.parametrize(
    ("action", "payload", "expected"),
    [
        ("UnlockConnector", {"evseId": 2, "connectorId": 1}, {"status": "Unlocked"}),
        ("UnlockConnector", {"evseId": 1, "connectorId": 1}, {"status": "OngoingAuthorizedTransaction"}),
        ("UnlockConnector", {"evseId": 1, "connectorId": 2}, {"status": "UnknownConnector"}),
        ("DataTransfer", {"vendorId": "who"}, {"status": "UnknownVendorId"}),
        ("ClearCache", {}, {"status": "Rejected"}),
        ("GetTransactionStatus", {}, {"messagesInQueue": False}),
        ("PublishFirmware", {}, {"error": "NotImplemented"}),
        ("MakeCoffee", {}, {"error": "NotSupported"}),
        ("Reset", {"type": "Sometime"}, {"error": "FormatViolation"}),
        (
            "TriggerMessage",
            {"requestedMessage": "PublishFirmwareStatusNotification"},
            {"status": "NotImplemented"},
        ),
        ("TriggerMessage", {"requestedMessage": "StatusNotification"}, {"status": "Accepted"}),
    ],
)
async def test_answers(
    csms: Any, bench: Any, action: str, payload: dict[str, Any], expected: dict[str, Any]
) -> None:
    one, peer, _ = await charging(csms, bench)
    await one.station.outbox.emptied()
    assert await peer.call(action, payload) == expected


async def test_what_is_triggered_comes(csms: Any, bench: Any) -> None:
    _, peer, _ = await charging(csms, bench)
    for message in ("Heartbeat", "MeterValues", "TransactionEvent"):
        assert await peer.call("TriggerMessage", {"requestedMessage": message}) == {"status": "Accepted"}
    await csms.wait_for("Heartbeat")
    await csms.wait_for("MeterValues", lambda p: p["evseId"] == 2)
    await csms.wait_for("TransactionEvent", is_event(triggerReason="Trigger"), count=2)


async def test_a_vanished_vehicle_ends_its_transaction(csms: Any, bench: Any) -> None:
    one, _, _ = await charging(csms, bench)
    await inject(one.station, parse_fault("vanish"))
    await csms.wait_for("TransactionEvent", is_event(eventType="Ended"))
    assert not one.station.cabinet.evses[1].closed


async def test_it_comes_back_after_refusals(csms: Any, bench: Any) -> None:
    csms.refuse_http = 503
    one = bench()
    while len(csms.passwords) < 3:  # noqa: ASYNC110 - refusals reach no condition
        await asyncio.sleep(0.01)
    csms.refuse_http = None
    await one.station.booted.wait()
    assert [name for name, _ in one.events][:3] == ["connection_failed"] * 3


@pytest.mark.parametrize("over", [HighLevel.WIRE, HighLevel.TLS])
async def test_a_negative_limit_reaches_the_vehicle_as_bytes(csms: Any, bench: Any, over: HighLevel) -> None:
    one, peer, transaction = await charging(csms, bench, high_level=over)
    (needs,) = await csms.wait_for("NotifyEVChargingNeeds")
    parameters = needs["chargingNeeds"]["dcChargingParameters"]
    assert (parameters["stateOfCharge"], parameters["evEnergyCapacity"]) == (50, 60_000)
    assert (parameters["energyAmount"], parameters["evMaxPower"]) == (18_000, 11_000)
    assert needs["customData"]["evMaxDischargePower"] == 10_000
    answer = await peer.call("SetChargingProfile", lease(csms, transaction, -7_000))
    assert answer == {"status": "Accepted"}
    await csms.wait_for("TransactionEvent", lambda p: measured(p, "Power.Active.Export") == 7_000)
    visit = one.station.cabinet.visits[1]
    assert visit._sessions._hookup._evcc.power_w == -7_000
    assert one.station.cabinet.evses[1].vehicle.ability.discharge_w == 10_000
    await peer.call("RequestStopTransaction", {"transactionId": transaction})
    await csms.wait_for("TransactionEvent", is_event(eventType="Ended"))
    assert one.station.cabinet.evses[1].power_w == 0


@pytest.mark.parametrize("over", [HighLevel.WIRE, HighLevel.TLS])
async def test_a_vehicle_torn_off_is_noticed_on_the_wire(csms: Any, bench: Any, over: HighLevel) -> None:
    one, _, _ = await charging(csms, bench, high_level=over)
    one.station.cabinet.visits[1].vanish()
    (ended,) = await csms.wait_for("TransactionEvent", is_event(eventType="Ended"))
    assert ended["transactionInfo"]["stoppedReason"] == "EVDisconnected"
    assert not one.station.cabinet.evses[1].closed


async def test_without_high_level_communication_it_works_as_well(csms: Any, bench: Any) -> None:
    one, peer, transaction = await charging(csms, bench, high_level=HighLevel.NONE)
    assert (await peer.call("SetChargingProfile", lease(csms, transaction, -5_000)))["status"] == "Accepted"
    await csms.wait_for("TransactionEvent", lambda p: measured(p, "Power.Active.Export") == 5_000)
    await peer.call("RequestStopTransaction", {"transactionId": transaction})
    await csms.wait_for("TransactionEvent", is_event(eventType="Ended"))
    assert one.station.cabinet.evses[1].power_w == 0
