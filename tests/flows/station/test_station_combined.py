"""Faults beside each other, and what of one transaction or one connection must not reach into the next."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
import uvloop

from chargepoint_sim.cli.console import Driver
from chargepoint_sim.fleet.catalogue import Catalogue
from chargepoint_sim.iso15118.pki import Curve, make_pki
from chargepoint_sim.scenario import play, read_scenario
from chargepoint_sim.scenario.results import write_junit
from chargepoint_sim.station.sessions import Sleeper
from chargepoint_sim.station.words import IdToken, Version
from tests.flows.station.conftest import Bench, TinyCsms
from tests.flows.station.steps import charging, events, is_event, lease, ready, until, variable
from tests.flows.station.steps_faults import begin, over


def count(one: Any, event: str) -> int:
    """How often something has happened."""
    return [name for name, _ in one.events].count(event)


async def periods(csms: Any, number: int) -> list[dict[str, Any]]:
    """Wait for so many more periodic meter values, half a minute each."""
    known = len([one for one in events(csms) if one["triggerReason"] == "MeterValuePeriodic"])
    heard = await csms.wait_for(
        "TransactionEvent", is_event(triggerReason="MeterValuePeriodic"), count=known + number
    )
    return list(heard)


# Faults


async def test_a_station_that_is_offline_stays_so_over_its_restarts(csms: Any, bench: Any) -> None:
    one, _ = await ready(bench, csms)
    await begin(one, "offline", "reboot-loop:1")
    await until(lambda: count(one, "reset") == 1)
    await one.station.clock.sleep(10)  # ten times what a restart takes
    assert len(csms.peers) == 1
    await over(one, "reboot-loop")
    await over(one, "offline")
    await csms.peer(2)


async def test_the_end_of_one_absence_is_not_the_end_of_another(csms: Any, bench: Any) -> None:
    one, peer = await ready(bench, csms)
    await begin(one, "disappear", "offline")
    await peer.socket.wait_closed()
    await over(one, "offline")
    assert not one.station.link._allowed.is_set()
    await begin(one, "none")
    await csms.peer(2)


async def test_a_late_reaction_ends_with_its_fault(csms: Any, bench: Any) -> None:
    one, peer, transaction = await charging(csms, bench)
    evse = one.station.cabinet.evses[1]
    await begin(one, "react-late:40")
    await peer.call("SetChargingProfile", lease(csms, transaction, 3000.0))
    await asyncio.sleep(0)
    await begin(one, "none")
    await until(lambda: evse.limit_w == 3000.0)
    await peer.call("SetChargingProfile", lease(csms, transaction, 5000.0))
    await until(lambda: evse.limit_w == 5000.0)
    await one.station.clock.sleep(45)
    assert evse.limit_w == 5000.0


async def test_the_next_vehicle_does_not_get_the_late_limit_of_the_last(csms: Any, bench: Any) -> None:
    one, peer, transaction = await charging(csms, bench)
    await begin(one, "react-late:60")
    await peer.call("SetChargingProfile", lease(csms, transaction, 3000.0))
    visit = one.station.cabinet.visits[1]
    await until(lambda: bool(visit._reactions))
    await visit.leave()
    await visit.over.wait()
    one.plug()
    await periods(csms, 3)
    assert one.station.cabinet.evses[1].limit_w == 11_000.0


async def test_a_slow_station_is_no_slow_server(csms: Any, bench: Any) -> None:
    one, _ = await ready(bench, csms)
    await begin(one, "delay-messages:1")
    one.plug()
    await csms.wait_for("TransactionEvent")
    await over(one, "delay-messages")
    await csms.wait_for("NotifyEVChargingNeeds")
    assert one.station.link.traffic.slowest_s < 0.9


async def test_a_question_that_went_down_with_the_line_is_not_open(csms: Any, bench: Any) -> None:
    one, _ = await ready(bench, csms)
    csms.mute = lambda action, payload: action == "TransactionEvent"
    one.plug()
    await csms.wait_for("TransactionEvent")
    traffic = one.station.link.traffic
    assert traffic.waiting_since is not None
    await begin(one, "offline")
    await until(lambda: traffic.waiting_since is None)


@pytest.mark.parametrize("fault", ["slow-reader:0.3", "half-open"])
def test_a_line_that_breaks_while_nobody_reads(fault: str) -> None:
    """On the loop that the command runs on, which is strict about transports that are closed."""

    async def scene() -> None:
        async with TinyCsms().listening() as csms:
            one = Bench(csms, {})
            await one.station.booted.wait()
            await begin(one, fault)
            asking = asyncio.create_task((await csms.peer()).call("GetTransactionStatus", {}))
            await asyncio.sleep(0.1)
            (await csms.peer()).socket.transport.abort()
            asking.cancel()
            await begin(one, "none")
            await csms.peer(2)
            await one.stop()

    uvloop.run(scene())


# Transactions


async def test_a_driver_who_is_not_wanted_gives_nothing_back_either(csms: Any, bench: Any) -> None:
    one, peer = await ready(bench, csms)
    assert await variable(peer, "TxCtrlr", "StopTxOnInvalidId", "false") == "Accepted"
    plain = csms.answer
    blocked = {"idTokenInfo": {"status": "Blocked"}}
    csms.answer = lambda action, payload: (
        blocked if action == "TransactionEvent" and "idToken" in payload else plain(action, payload)
    )
    one.plug()
    await csms.wait_for(
        "TransactionEvent", lambda p: p["transactionInfo"]["chargingState"] == "SuspendedEVSE"
    )
    transaction = events(csms)[0]["transactionInfo"]["transactionId"]
    answer = await peer.call("SetChargingProfile", lease(csms, transaction, -5000.0))
    assert answer["status"] == "Accepted"
    await periods(csms, 2)
    assert one.station.cabinet.evses[1].meter.export_wh == 0.0


async def test_the_next_driver_of_the_same_stay_charges(csms: Any, bench: Any) -> None:
    one, _, _ = await charging(csms, bench)
    visit = one.station.cabinet.visits[1]
    visit.hold()
    await csms.wait_for(
        "TransactionEvent", lambda p: p["transactionInfo"]["chargingState"] == "SuspendedEVSE"
    )
    await one.station.cabinet.drivers.swipe(1, IdToken("TAG-1"))
    assert not visit.needs_told
    await one.station.cabinet.drivers.swipe(1, IdToken("TAG-2"))
    await csms.wait_for("NotifyEVChargingNeeds", count=2)
    await csms.wait_for(
        "TransactionEvent", lambda p: p["transactionInfo"]["chargingState"] == "Charging", count=2
    )


@pytest.mark.parametrize("what", ["availability", "reset"])
async def test_what_waits_for_the_end_of_a_transaction_does_not_wait_for_the_vehicle(
    csms: Any, bench: Any, what: str
) -> None:
    one, peer, _ = await charging(csms, bench)
    if what == "reset":
        answer = await peer.call("Reset", {"type": "OnIdle"})
    else:
        wanted = {"operationalStatus": "Inoperative", "evse": {"id": 1}}
        answer = await peer.call("ChangeAvailability", wanted)
    assert answer["status"] == "Scheduled"
    await one.station.cabinet.drivers.swipe(1, IdToken("TAG-1"))
    if what == "reset":
        await csms.wait_for("BootNotification", is_event(reason="ScheduledReset"))
    else:
        await csms.wait_for(
            "StatusNotification", lambda p: (p["evseId"], p["connectorStatus"]) == (1, "Unavailable")
        )
    assert 1 in one.station.cabinet.visits


async def test_the_time_spent_charging_goes_on_and_is_not_the_time_of_day(csms: Any, bench: Any) -> None:
    one, _, _ = await charging(csms, bench)
    await begin(one, "clock-skew:-3600")
    spent = [one["transactionInfo"].get("timeSpentCharging", 0) for one in await periods(csms, 3)]
    assert spent == sorted(spent)
    assert 60 <= spent[-1] < 3000


async def test_a_station_does_not_fall_asleep_under_a_limit_that_lets_it_charge(
    csms: Any, bench: Any
) -> None:
    """The limit has risen after it had asked the vehicle to pause."""
    one, _, _ = await charging(csms, bench)
    one.station.cabinet.visits[1].pause(Sleeper.STATION)
    await csms.wait_for(
        "TransactionEvent", lambda p: p["transactionInfo"]["chargingState"] == "Charging", count=2
    )


async def test_a_session_that_begins_under_a_limit_of_zero_is_suspended_by_the_station(
    csms: Any, bench: Any
) -> None:
    one, peer = await ready(bench, csms)
    default = lease(csms, "none", 0.0, chargingProfilePurpose="TxDefaultProfile")
    del default["chargingProfile"]["transactionId"]
    assert (await peer.call("SetChargingProfile", default))["status"] == "Accepted"
    visit = one.plug()
    await csms.wait_for(
        "TransactionEvent", lambda p: p["transactionInfo"]["chargingState"] == "SuspendedEVSE"
    )
    assert visit.charging.is_set()


# From afar


async def test_who_is_sent_anywhere_is_sent_where_it_works(csms: Any, bench: Any) -> None:
    _, peer = await ready(bench, csms)
    await peer.call("ChangeAvailability", {"operationalStatus": "Inoperative", "evse": {"id": 1}})
    request = {"idToken": {"idToken": "TAG-9", "type": "Central"}, "remoteStartId": 3}
    assert (await peer.call("RequestStartTransaction", request))["status"] == "Accepted"


@pytest.mark.parametrize(
    ("fault", "start_period", "reason"),
    [(None, 5, "InvalidSchedule"), ("reject-negative", 0, "InvalidSchedule"), ("no-tx-profile", 0, "Unsup")],
)
async def test_a_profile_that_is_not_taken_is_no_reason_to_start(
    csms: Any, bench: Any, fault: str | None, start_period: int, reason: str
) -> None:
    one, peer = await ready(bench, csms)
    if fault is not None:
        await begin(one, fault)
    profile = lease(csms, "none", -1000.0)["chargingProfile"]
    del profile["transactionId"]
    profile["chargingSchedule"][0]["chargingSchedulePeriod"][0]["startPeriod"] = start_period
    request = {
        "idToken": {"idToken": "TAG-9", "type": "Central"},
        "remoteStartId": 3,
        "chargingProfile": profile,
    }
    answer = await peer.call("RequestStartTransaction", request)
    assert answer["status"] == "Rejected"
    assert answer["statusInfo"]["reasonCode"].startswith(reason)


@pytest.mark.parametrize("version", [Version.V21, Version.V201, Version.V16])
async def test_an_alarm_typed_at_the_console_is_told_where_there_is_a_word_for_it(
    csms: Any, bench: Any, version: Version
) -> None:
    one, peer = await ready(bench, csms, fixed={"version": version})
    driver = Driver(one.station, lambda name, fields: None, Catalogue().named("Leaf"), "1")
    await driver.obey("alarm OverFrequency")
    await driver.obey("alarm OverFrequency over")
    await one.station.outbox.emptied()
    assert await peer.call("TriggerMessage", {"requestedMessage": "Heartbeat"}) == {"status": "Accepted"}
    await csms.wait_for("Heartbeat")
    alarms = [payload for action, payload in csms.heard if action == "NotifyDERAlarm"]
    told = [(one["gridEventFault"], one.get("alarmEnded", False)) for one in alarms]
    assert told == ([("OverFrequency", False), ("OverFrequency", True)] if version is Version.V21 else [])


async def test_2_1_also_keeps_roots_of_vehicle_makers(csms: Any, bench: Any, tmp_path: Path) -> None:
    _, peer = await ready(bench, csms, fixed={"version": Version.V21})
    pem = make_pki(tmp_path, Curve.P256).station.trusted.read_text()
    kind = {"certificateType": "OEMRootCertificate"}
    assert await peer.call("InstallCertificate", kind | {"certificate": pem}) == {"status": "Accepted"}
    answer = await peer.call("GetInstalledCertificateIds", {"certificateType": ["OEMRootCertificate"]})
    assert [one["certificateType"] for one in answer["certificateHashDataChain"]] == ["OEMRootCertificate"]


async def test_a_scenario_changes_what_is_around_its_stations(csms: Any, tmp_path: Path) -> None:
    file = tmp_path / "scenario.toml"
    file.write_text(
        "duration_s = 30\n[fleet]\ncount = 2\nspeed = 100\n"
        "[[around]]\nat_s = 5\nfrequency_hz = 49.8\nstation = 2\n[[around]]\nat_s = 10\nload = '3 kW'\n"
    )
    told: list[tuple[object, ...]] = []

    def observe(event: str, fields: dict[str, object]) -> None:
        if event == "around":
            told.append((fields["station"], fields.get("frequency_hz"), fields.get("load_w")))

    outcome = await play(read_scenario(file, csms.url), observe, None)
    assert outcome.ready
    assert told == [("SIM-0002", 49.8, None), ("SIM-0001", None, 3000.0), ("SIM-0002", None, 3000.0)]


async def test_a_scenario_fails_where_no_station_is_let_in(
    csms: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    csms.refuse_http = 401
    monkeypatch.setattr("chargepoint_sim.fleet.fleet._READY_TIMEOUT_S", 0.2)
    file = tmp_path / "scenario.toml"
    file.write_text(
        "duration_s = 30\n[fleet]\ncount = 2\nspeed = 100\n[[expect]]\nthat = 'no vehicle below reserve'\n"
    )
    story = read_scenario(file, csms.url)
    outcome = await play(story, lambda event, fields: None, None)
    assert (outcome.ready, outcome.passed, outcome.checks) == (False, False, [])
    write_junit(tmp_path / "result.xml", story, outcome, 1.0)
    assert "never got ready" in (tmp_path / "result.xml").read_text()
