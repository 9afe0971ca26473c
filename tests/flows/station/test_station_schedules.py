"""Limits of others (K12 to K14), schedules agreed on with the vehicle (K15 to K17), pauses and sleep."""

from datetime import timedelta
from typing import Any

import pytest

from chargepoint_sim.iso15118.services import Control
from chargepoint_sim.station.equipment import HighLevel
from chargepoint_sim.station.sessions import Sleeper
from tests.flows.station.steps import charging, events, is_event, lease, measured, ready, until, variable

WAYS = [HighLevel.MEMORY, HighLevel.WIRE, HighLevel.NONE]


def state(wanted: str) -> Any:
    """Whether a transaction event tells of a charging state."""
    return lambda payload: payload["transactionInfo"]["chargingState"] == wanted


# Pause and resume


@pytest.mark.parametrize("over", WAYS)
async def test_a_vehicle_sleeps_and_goes_on_in_the_same_transaction(
    csms: Any, bench: Any, over: HighLevel
) -> None:
    one, _, transaction = await charging(csms, bench, high_level=over)
    visit = one.station.cabinet.visits[1]
    visit.pause()
    (paused, *_) = await csms.wait_for("TransactionEvent", state("SuspendedEV"))
    assert paused["triggerReason"] == "ChargingStateChanged"
    assert not visit.evse.closed
    before = visit.evse.meter.import_wh
    await one.station.clock.sleep(300)
    assert visit.evse.meter.import_wh == before
    visit.wake()
    woken = await csms.wait_for(
        "TransactionEvent", lambda p: p["seqNo"] > paused["seqNo"] and state("Charging")(p)
    )
    assert woken[0]["transactionInfo"]["transactionId"] == transaction
    assert not [event for event in events(csms) if event["eventType"] == "Ended"]
    assert visit.evse.closed


async def test_a_paused_session_is_joined_under_its_own_id(csms: Any, bench: Any) -> None:
    one, _, _ = await charging(csms, bench)
    sessions = one.station.cabinet.visits[1]._sessions
    first = sessions._hookup.session_id
    one.station.cabinet.visits[1].pause()
    (paused, *_) = await csms.wait_for("TransactionEvent", state("SuspendedEV"))
    one.station.cabinet.visits[1].wake()
    await csms.wait_for("TransactionEvent", lambda p: p["seqNo"] > paused["seqNo"] and state("Charging")(p))
    assert sessions._hookup._evcc.resumed
    assert sessions._hookup.session_id == first


@pytest.mark.parametrize("over", WAYS)
async def test_a_station_without_power_lets_the_vehicle_sleep_and_wakes_it(
    csms: Any, bench: Any, over: HighLevel
) -> None:
    one, peer, transaction = await charging(csms, bench, high_level=over, sleep_after_s=60.0)
    await peer.call("SetChargingProfile", lease(csms, transaction, 0))
    visit = one.station.cabinet.visits[1]
    await until(lambda: visit._sessions.sleeper is Sleeper.STATION)
    assert not visit.evse.closed
    paused = (await csms.wait_for("TransactionEvent", state("SuspendedEVSE")))[-1]
    await peer.call("SetChargingProfile", lease(csms, transaction, -6_000))
    given = await csms.wait_for(
        "TransactionEvent",
        lambda p: p["seqNo"] > paused["seqNo"] and measured(p, "Power.Active.Export") == 6_000,
    )
    assert given[0]["transactionInfo"]["transactionId"] == transaction


async def test_a_sleeping_session_can_be_ended_by_either_side(csms: Any, bench: Any) -> None:
    one, peer, transaction = await charging(csms, bench)
    visit = one.station.cabinet.visits[1]
    visit.pause()
    await csms.wait_for("TransactionEvent", state("SuspendedEV"))
    assert (await peer.call("RequestStopTransaction", {"transactionId": transaction}))["status"] == "Accepted"
    (ended,) = await csms.wait_for("TransactionEvent", is_event(eventType="Ended"))
    assert ended["transactionInfo"]["stoppedReason"] == "Remote"
    visit.wake()
    await visit.leave()
    await csms.wait_for("StatusNotification", lambda p: p["connectorStatus"] == "Available", count=2)

    second = one.plug(1)
    await second.charging.wait()
    second.pause()
    await csms.wait_for("TransactionEvent", state("SuspendedEV"), count=2)
    await second.leave()
    ended = (await csms.wait_for("TransactionEvent", is_event(eventType="Ended"), count=2))[1]
    assert ended["transactionInfo"]["stoppedReason"] == "EVDisconnected"


# K15 to K17


async def scheduled(csms: Any, bench: Any, **options: Any) -> tuple[Any, Any, str]:
    """A vehicle that wants a schedule, at a station whose server has not made one yet."""
    one, peer = await ready(bench, csms, control=Control.SCHEDULED, **options)
    one.plug()
    await csms.wait_for("NotifyEVChargingNeeds")
    transaction = events(csms)[0]["transactionInfo"]["transactionId"]
    return one, peer, transaction


def steps_of(notice: dict[str, Any]) -> list[tuple[int, float]]:
    """What a vehicle means to do."""
    rows = notice["chargingSchedule"]["chargingSchedulePeriod"]
    return [(row["startPeriod"], row["limit"]) for row in rows]


@pytest.mark.parametrize("over", [HighLevel.MEMORY, HighLevel.WIRE])
async def test_a_schedule_is_waited_for_and_the_vehicles_plan_is_told(
    csms: Any, bench: Any, over: HighLevel
) -> None:
    one, peer, transaction = await scheduled(csms, bench, high_level=over)
    assert not one.station.cabinet.evses[1].closed
    profile = lease(csms, transaction, 9_000)
    periods = [{"startPeriod": 0, "limit": 9_000}, {"startPeriod": 1800, "limit": 4_000}]
    schedule = profile["chargingProfile"]["chargingSchedule"][0]
    schedule["chargingSchedulePeriod"] = periods
    schedule["startSchedule"] = (csms.clock.now() - timedelta(seconds=60)).isoformat()
    assert (await peer.call("SetChargingProfile", profile))["status"] == "Accepted"
    (notice,) = await csms.wait_for("NotifyEVChargingSchedule")
    assert notice["evseId"] == 1
    limits = [limit for _, limit in steps_of(notice)]
    assert limits[:3] == [9_000, 4_000, 11_000]
    assert 1600 <= steps_of(notice)[1][0] <= 1750
    await csms.wait_for("TransactionEvent", lambda p: measured(p, "Power.Active.Import") == 9_000)
    assert len([1 for action, _ in csms.heard if action == "NotifyEVChargingNeeds"]) == 1


async def test_without_a_schedule_it_goes_on_after_a_while(csms: Any, bench: Any) -> None:
    await scheduled(csms, bench)
    (notice,) = await csms.wait_for("NotifyEVChargingSchedule")
    assert [limit for _, limit in steps_of(notice)] == [11_000]
    await csms.wait_for("TransactionEvent", state("Charging"))


async def test_another_schedule_is_talked_about_with_the_contactor_closed(csms: Any, bench: Any) -> None:
    """K16: the server changes its mind."""
    one, peer, transaction = await scheduled(csms, bench)
    await peer.call("SetChargingProfile", lease(csms, transaction, 9_000))
    await csms.wait_for("NotifyEVChargingSchedule")
    await csms.wait_for("TransactionEvent", state("Charging"))
    await peer.call("SetChargingProfile", lease(csms, transaction, 5_000))
    second = (await csms.wait_for("NotifyEVChargingSchedule", count=2))[1]
    assert 5_000 in [step[1] for step in steps_of(second)[:2]]  # the two clocks differ by some seconds
    await csms.wait_for("NotifyEVChargingNeeds", count=2)
    await csms.wait_for("TransactionEvent", lambda p: measured(p, "Power.Active.Import") == 5_000)
    assert one.station.cabinet.evses[1].closed


async def test_a_vehicle_that_changes_its_mind_tells_its_needs_again(csms: Any, bench: Any) -> None:
    """K17: the vehicle renegotiates."""
    one, peer, transaction = await scheduled(csms, bench)
    await peer.call("SetChargingProfile", lease(csms, transaction, 9_000))
    await csms.wait_for("NotifyEVChargingSchedule")
    await csms.wait_for("TransactionEvent", state("Charging"))
    visit = one.station.cabinet.visits[1]
    visit.renegotiate()
    await csms.wait_for("NotifyEVChargingNeeds", count=2)
    await csms.wait_for("NotifyEVChargingSchedule", count=2)


async def test_another_departure_is_told(csms: Any, bench: Any) -> None:
    """In Dynamic control the charge loop says when the driver leaves."""
    one, _, _ = await charging(csms, bench)
    vehicle = one.station.cabinet.visits[1].vehicle
    (first,) = await csms.wait_for("NotifyEVChargingNeeds")
    needs = vehicle.needs
    vehicle.needs = type(needs)(**{**needs.__dict__, "departure_s": needs.departure_s + 3_600})
    second = (await csms.wait_for("NotifyEVChargingNeeds", count=2))[1]
    assert second["chargingNeeds"]["departureTime"] > first["chargingNeeds"]["departureTime"]
    assert second["customData"]["evMinV2XEnergyRequest"] < 0


# K12 to K14


async def test_somebody_elses_limit_is_followed_told_and_taken_back(csms: Any, bench: Any) -> None:
    one, peer, transaction = await charging(csms, bench)
    external = one.station.cabinet.instruments.external
    await variable(peer, "SmartChargingCtrlr", "NotifyChargingLimitWithSchedules", "true")
    await variable(peer, "SmartChargingCtrlr", "LimitChangeSignificance", "10")
    external.impose(1, 4_000, critical=True)
    (told,) = await csms.wait_for("NotifyChargingLimit")
    assert told["chargingLimit"] == {"chargingLimitSource": "EMS", "isGridCritical": True}
    assert told["chargingSchedule"][0]["chargingSchedulePeriod"] == [{"startPeriod": 0, "limit": 4_000}]
    await csms.wait_for("TransactionEvent", lambda p: measured(p, "Power.Active.Import") == 4_000)
    external.impose(1, 4_100)
    await csms.wait_for("TransactionEvent", lambda p: measured(p, "Power.Active.Import") == 4_100)
    assert len([1 for action, _ in csms.heard if action == "NotifyChargingLimit"]) == 1
    await peer.call("SetChargingProfile", lease(csms, transaction, 9_000))
    await peer.call("GetChargingProfiles", {"requestId": 3, "chargingProfile": {}})
    reports = await csms.wait_for("ReportChargingProfiles", count=2)
    assert {report["chargingLimitSource"] for report in reports} == {"CSO", "EMS"}
    await peer.call(
        "GetChargingProfiles", {"requestId": 4, "chargingProfile": {"chargingLimitSource": ["EMS"]}}
    )
    (report,) = await csms.wait_for("ReportChargingProfiles", lambda p: p["requestId"] == 4)
    (profile,) = report["chargingProfile"]
    assert profile["chargingProfilePurpose"] == "ChargingStationExternalConstraints"
    answer = await peer.call("ClearChargingProfile", {"chargingProfileId": profile["id"]})
    assert answer["status"] == "Unknown"  # it is not the server's to clear (K10.FR.06)
    external.release(1)
    (gone,) = await csms.wait_for("ClearedChargingLimit")
    assert gone == {"chargingLimitSource": "EMS", "evseId": 1}
    await csms.wait_for("TransactionEvent", lambda p: measured(p, "Power.Active.Import") == 9_000)
