"""Every fault of the simulator, seen from the server's end of the wire or at the meter."""

import asyncio
import re
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from chargepoint_sim.faults import FAULTS, BadFault, end, inject, parse_fault
from chargepoint_sim.station.words import SecurityNews
from tests.flows.station.steps import charging, events, is_event, lease, measured, until

_OFFER_W = 11_000.0


def test_every_fault_has_a_test_here() -> None:
    text = Path(__file__).read_text(encoding="utf-8")
    assert [name for name in FAULTS if not re.search(rf'"{name}[:"]', text)] == []


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("flood", "unknown fault"),
        ("cut:3", "takes no argument"),
        ("delay-answers:soon", "not a number"),
        ("delay-answers:-1", "from 0"),
        ("soc-offset:inf", "not a number from"),
        ("scale-limits:0", "not a number from"),
    ],
)
def test_a_wrong_fault_is_named(text: str, says: str) -> None:
    with pytest.raises(BadFault, match=says):
        parse_fault(text)


async def begin(one: Any, *faults: str) -> None:
    """Let a station misbehave."""
    for fault in faults:
        await inject(one.station, parse_fault(fault))


async def over(one: Any, fault: str) -> None:
    """Let it stop."""
    await end(one.station, parse_fault(fault))


async def meter_of(csms: Any, peer: Any) -> dict[str, Any]:
    """The transaction event that the station sends on demand."""
    known = len([event for event in events(csms) if event["triggerReason"] == "Trigger"])
    await peer.call("TriggerMessage", {"requestedMessage": "TransactionEvent", "evse": {"id": 1}})
    heard = await csms.wait_for("TransactionEvent", is_event(triggerReason="Trigger"), count=known + 1)
    return dict(heard[-1])


async def until_power(one: Any, power_w: float) -> None:
    """Wait until so much flows through the cable, W."""
    evse = one.station.cabinet.evses[1]
    await until(lambda: evse.power_w == pytest.approx(power_w))


async def composite_of(peer: Any) -> float:
    """The limit in the composite schedule, W, once both clocks agree that it has begun."""
    answer = await peer.call("GetCompositeSchedule", {"evseId": 1, "duration": 60, "chargingRateUnit": "W"})
    return float(answer["schedule"]["chargingSchedulePeriod"][-1]["limit"])


# The connection


async def test_cut_offline_online_and_gone(csms: Any, bench: Any) -> None:
    one, peer, _ = await charging(csms, bench)
    await begin(one, "cut")
    await peer.socket.wait_closed()
    second = await csms.peer(2)
    await begin(one, "offline")
    await second.socket.wait_closed()
    assert not one.station.outbox.online
    await begin(one, "online")
    third = await csms.peer(3)
    await begin(one, "disappear")
    await third.socket.wait_closed()
    await asyncio.sleep(0.2)  # ten times its back-off
    assert len(csms.peers) == 3


async def test_half_open_says_nothing_and_hears_nothing(csms: Any, bench: Any) -> None:
    one, peer, _ = await charging(csms, bench)
    await begin(one, "half-open")
    said = len(peer.heard)
    pong = await peer.socket.ping()
    asked = asyncio.create_task(peer.call("GetTransactionStatus", {}))
    await asyncio.sleep(0.7)  # two meter intervals
    assert not pong.done()
    assert not asked.done()
    assert (len(peer.heard), peer.socket.state.name) == (said, "OPEN")
    asked.cancel()
    await over(one, "half-open")
    assert await (await csms.peer(2)).call("GetTransactionStatus", {})


async def test_cut_in_message(csms: Any, bench: Any) -> None:
    one, peer, _ = await charging(csms, bench)
    await begin(one, "cut-in-message")
    await peer.socket.wait_closed()
    assert peer.socket.close_code == 1006
    await csms.peer(2)
    numbers = [event["seqNo"] for event in await csms.wait_for("TransactionEvent", count=8)]
    assert sorted(set(numbers)) == list(range(max(numbers) + 1))  # sent again afterwards


async def test_slow_reader(csms: Any, bench: Any) -> None:
    one, peer, _ = await charging(csms, bench)
    await begin(one, "slow-reader:0.3")
    began = asyncio.get_running_loop().time()
    for _ in range(3):
        await peer.call("GetTransactionStatus", {})
    assert asyncio.get_running_loop().time() - began > 0.3
    await over(one, "slow-reader")


async def test_duplicate_identity(csms: Any, bench: Any) -> None:
    one, _, _ = await charging(csms, bench)
    await begin(one, "duplicate-identity:0.05")
    twin = await csms.peer(2)
    assert csms.passwords[0] == csms.passwords[1]
    await twin.socket.close()
    await csms.peer(3)
    await begin(one, "none")
    assert twin.heard == []


async def test_reboot_loop(csms: Any, bench: Any) -> None:
    one = bench()
    await begin(one, "reboot-loop:5")
    await csms.wait_for("BootNotification", is_event(reason="RemoteReset"), count=2)


# Messages


async def test_late_answers_still_come_in_order(csms: Any, bench: Any) -> None:
    one, peer, _ = await charging(csms, bench)
    await begin(one, "delay-answers:0.2")
    began = asyncio.get_running_loop().time()
    answers = await asyncio.gather(*(peer.call("GetTransactionStatus", {}) for _ in range(2)))
    assert all("messagesInQueue" in answer for answer in answers)
    assert asyncio.get_running_loop().time() - began >= 0.4


async def test_late_messages(csms: Any, bench: Any) -> None:
    one, _, _ = await charging(csms, bench)
    await begin(one, "delay-messages:0.3")
    one.station.outbox.put(SecurityNews("Test", one.station.clock.now()))
    one.station.outbox.put(SecurityNews("Test", one.station.clock.now()))
    began = asyncio.get_running_loop().time()
    await csms.wait_for("SecurityEventNotification", is_event(type="Test"), count=2)
    assert asyncio.get_running_loop().time() - began >= 0.5


async def test_nothing_is_answered_but_done(csms: Any, bench: Any) -> None:
    one, peer, transaction = await charging(csms, bench)
    await begin(one, "answer-nothing")
    asked = asyncio.create_task(peer.call("SetChargingProfile", lease(csms, transaction, -5_000)))
    await until_power(one, -5_000)
    assert not asked.done()
    asked.cancel()


async def test_errors_instead_of_answers(csms: Any, bench: Any) -> None:
    one, peer, transaction = await charging(csms, bench)
    await begin(one, "not-implemented:SetChargingProfile")
    refused = await peer.call("SetChargingProfile", lease(csms, transaction, -5_000))
    assert refused == {"error": "NotImplemented"}
    assert "messagesInQueue" in await peer.call("GetTransactionStatus", {})
    await begin(one, "answer-error:SecurityError")
    assert await peer.call("GetTransactionStatus", {}) == {"error": "SecurityError"}
    assert one.station.cabinet.equipment.profiles.installed == []


async def test_lost_answers_leave_the_station_waiting(csms: Any, bench: Any) -> None:
    one, _, _ = await charging(csms, bench)
    await begin(one, "lose-answers")
    known = len(events(csms))
    await csms.wait_for("TransactionEvent", count=known + 1)
    await asyncio.sleep(0.7)  # two meter intervals
    assert len(events(csms)) == known + 1
    assert one.station.link.traffic.waiting_since is not None


async def test_repeated_events_and_frames(csms: Any, bench: Any) -> None:
    one, _, _ = await charging(csms, bench)
    await begin(one, "repeat-messages", "repeat-frames")
    known = len(events(csms))
    heard = await csms.wait_for("TransactionEvent", count=known + 8)
    numbers = [event["seqNo"] for event in heard[known : known + 8]]
    assert max(numbers.count(number) for number in numbers) == 4


async def test_events_in_the_wrong_order(csms: Any, bench: Any) -> None:
    one, _, _ = await charging(csms, bench)
    known = len(events(csms))
    await begin(one, "reorder-events")
    heard = await csms.wait_for("TransactionEvent", count=known + 4)
    numbers = [event["seqNo"] for event in heard[known : known + 4]]
    assert numbers == [numbers[1] + 1, numbers[1], numbers[1] + 3, numbers[1] + 2]


async def test_lost_events_leave_a_gap(csms: Any, bench: Any) -> None:
    one, peer, _ = await charging(csms, bench)
    last = (await meter_of(csms, peer))["seqNo"]
    await begin(one, "lose-events:1")
    await peer.call("TriggerMessage", {"requestedMessage": "TransactionEvent", "evse": {"id": 1}})
    await over(one, "lose-events")
    assert (await meter_of(csms, peer))["seqNo"] >= last + 2


async def test_nonsense_between_the_frames(csms: Any, bench: Any) -> None:
    one, peer, _ = await charging(csms, bench)
    await begin(one, "nonsense")
    asked = asyncio.create_task(peer.call("GetTransactionStatus", {}))
    await peer.broken.wait()
    assert "messagesInQueue" in await asked


async def test_a_wrong_clock(csms: Any, bench: Any) -> None:
    one, peer, _ = await charging(csms, bench)
    right = (await meter_of(csms, peer))["timestamp"]
    await begin(one, "clock-skew:-7200")
    await peer.call("TriggerMessage", {"requestedMessage": "Heartbeat"})
    await csms.wait_for("Heartbeat")
    assert (await meter_of(csms, peer))["timestamp"] < right
    await over(one, "clock-skew")
    assert (await meter_of(csms, peer))["timestamp"] > right


# Meter and state of charge


async def test_lies_about_the_state_of_charge(csms: Any, bench: Any) -> None:
    one, peer, _ = await charging(csms, bench)
    true = one.station.cabinet.visits[1].vehicle.battery
    for fault, shown in [
        ("soc-missing", None),
        ("soc-nan", float("nan")),
        ("soc-impossible", 250.0),
        ("soc-offset:-20", true.soc - 20.0),
        ("none", true.soc),
    ]:
        await begin(one, fault)
        seen = measured(await meter_of(csms, peer), "SoC")
        assert seen == pytest.approx(shown, nan_ok=True, abs=1.0), fault
        await over(one, fault)


async def test_a_state_of_charge_that_stands_still_or_jumps(csms: Any, bench: Any) -> None:
    one, peer, _ = await charging(csms, bench)
    battery = one.station.cabinet.visits[1].vehicle.battery
    await begin(one, "soc-stale")
    first = measured(await meter_of(csms, peer), "SoC")
    await until(lambda: battery.soc > 51.0)
    assert measured(await meter_of(csms, peer), "SoC") == first
    await over(one, "soc-stale")
    await begin(one, "soc-jump:30")
    told = [measured(await meter_of(csms, peer), "SoC") or 0.0 for _ in range(3)]
    assert [round(abs(later - earlier), -1) for earlier, later in pairwise(told)] == [
        30,
        30,
    ]


async def test_lies_of_the_meter(csms: Any, bench: Any) -> None:
    one, peer, transaction = await charging(csms, bench)
    await peer.call("SetChargingProfile", lease(csms, transaction, -5_000))
    await until_power(one, -5_000)
    nan = float("nan")
    for fault, imported, exported in [
        ("none", 0.0, 5_000.0),
        ("meter-wrong-sign", 5_000.0, 0.0),
        ("meter-negative-import", -5_000.0, None),
        ("meter-scale:0.001", 0.0, 5.0),
        ("meter-nan", nan, nan),
        ("meter-silent", None, None),
    ]:
        await begin(one, fault)
        event = await meter_of(csms, peer)
        for name, value in (("Import", imported), ("Export", exported)):
            assert measured(event, f"Power.Active.{name}") == pytest.approx(value, nan_ok=True), fault
        await over(one, fault)


async def test_registers_that_stand_still_or_run_backwards(csms: Any, bench: Any) -> None:
    one, peer, _ = await charging(csms, bench)
    register, meter = "Energy.Active.Import.Register", one.station.cabinet.evses[1].meter
    for fault, grows in [("meter-frozen", 0), ("meter-backwards", -1), ("none", 1)]:
        await begin(one, fault)
        first, enough = measured(await meter_of(csms, peer), register) or 0.0, meter.import_wh + 50.0
        await until(lambda enough=enough: meter.import_wh > enough)  # type: ignore[misc]
        later = measured(await meter_of(csms, peer), register) or 0.0
        assert (later > first) - (later < first) == grows, fault
        await over(one, fault)


# Charging profiles


def _relative(csms: Any, transaction: str) -> dict[str, Any]:
    wanted = lease(csms, transaction, 5_000, chargingProfileKind="Relative")
    del wanted["chargingProfile"]["chargingSchedule"][0]["startSchedule"]
    return wanted


def _amperes(csms: Any, transaction: str) -> dict[str, Any]:
    wanted = lease(csms, transaction, 10)
    wanted["chargingProfile"]["chargingSchedule"][0]["chargingRateUnit"] = "A"
    return wanted


async def test_profiles_that_are_refused_and_those_that_are_not(csms: Any, bench: Any) -> None:
    one, peer, transaction = await charging(csms, bench)
    positive, negative, zero = (lease(csms, transaction, limit) for limit in (5_000, -5_000, 0))
    lowest = lease(csms, transaction, 5_000, stackLevel=0)
    relative, amperes = _relative(csms, transaction), _amperes(csms, transaction)
    for fault, refused, taken in [
        ("reject-profiles", positive, None),
        ("reject-negative", negative, positive),
        ("reject-zero", zero, negative),
        ("stack-level-zero", positive, lowest),
        ("absolute-only", relative, positive),
        ("relative-only", positive, relative),
        ("watts-only", amperes, positive),
        ("amperes-only", positive, amperes),
        ("whole-watts", lease(csms, transaction, -4_999.5), negative),
        ("no-tx-profile", positive, None),
        ("needs-remote-start", positive, None),
    ]:
        await begin(one, fault)
        assert (await peer.call("SetChargingProfile", refused))["status"] == "Rejected", fault
        if taken is not None:
            assert (await peer.call("SetChargingProfile", taken))["status"] == "Accepted", fault
        await over(one, fault)
    assert (await peer.call("SetChargingProfile", positive))["status"] == "Accepted"


async def test_after_a_remote_start_it_takes_profiles(csms: Any, bench: Any) -> None:
    one = bench()
    await one.station.booted.wait()
    await begin(one, "needs-remote-start")
    one.plug(token=None)
    peer = await csms.peer()
    token = {"idToken": "R1", "type": "Central"}
    await peer.call("RequestStartTransaction", {"idToken": token, "remoteStartId": 7, "evseId": 1})
    await csms.wait_for("NotifyEVChargingNeeds")
    transaction = events(csms)[0]["transactionInfo"]["transactionId"]
    answer = await peer.call("SetChargingProfile", lease(csms, transaction, 5_000))
    assert answer["status"] == "Accepted"


@pytest.mark.parametrize(
    ("fault", "limit", "flows", "composite"),
    [
        ("none", -5_000, -5_000, -5_000),
        ("ignore-profiles", -5_000, _OFFER_W, -5_000),
        ("ignore-negative", -5_000, _OFFER_W, _OFFER_W),
        ("negative-as-zero", -5_000, 0, 0),
        ("invert-limits", -5_000, 5_000, 5_000),
        ("scale-limits:0.5", -5_000, -2_500, -2_500),
        ("zero-is-no-limit", 0, _OFFER_W, _OFFER_W),
        ("composite-wrong", -5_000, -5_000, _OFFER_W),
    ],
)
async def test_how_limits_are_followed(
    csms: Any, bench: Any, fault: str, limit: float, flows: float, composite: float
) -> None:
    one, peer, transaction = await charging(csms, bench)
    await begin(one, fault)
    answer = await peer.call("SetChargingProfile", lease(csms, transaction, limit))
    assert answer["status"] == "Accepted"
    assert await composite_of(peer) == composite
    await until_power(one, flows)
    event = await meter_of(csms, peer)
    net = (measured(event, "Power.Active.Import") or 0.0) - (measured(event, "Power.Active.Export") or 0.0)
    assert net == pytest.approx(flows)


async def test_a_negative_limit_that_is_ignored_displaces_the_fallback(csms: Any, bench: Any) -> None:
    one, peer, transaction = await charging(csms, bench)
    fallback = lease(csms, transaction, 3_000, id=9, chargingProfilePurpose="TxDefaultProfile")
    del fallback["chargingProfile"]["transactionId"]
    await begin(one, "ignore-negative")
    await peer.call("SetChargingProfile", fallback)
    await until_power(one, 3_000)
    await peer.call("SetChargingProfile", lease(csms, transaction, -5_000))
    await until_power(one, _OFFER_W)


async def test_ids_that_have_to_rise(csms: Any, bench: Any) -> None:
    one, peer, transaction = await charging(csms, bench)
    await begin(one, "rising-ids")
    told = [
        (await peer.call("SetChargingProfile", lease(csms, transaction, 5_000, id=number, stackLevel=number)))
        for number in (1, 1, 2)
    ]
    assert [answer["status"] for answer in told] == ["Accepted", "Rejected", "Accepted"]


async def test_a_budget_of_writes(csms: Any, bench: Any) -> None:
    one, peer, transaction = await charging(csms, bench)
    await begin(one, "flash-budget:600")
    first, other = lease(csms, transaction, -5_000), lease(csms, transaction, -4_000)
    told = [await peer.call("SetChargingProfile", wanted) for wanted in (first, first, other)]
    assert [answer["status"] for answer in told] == ["Accepted", "Accepted", "Rejected"]
    reason = told[-1]["statusInfo"]
    assert reason["reasonCode"] == "RateLimitExceeded"
    assert re.fullmatch(r"\d+ seconds", reason["additionalInfo"])


async def test_a_clear_that_comes_late(csms: Any, bench: Any) -> None:
    one, peer, transaction = await charging(csms, bench)
    await begin(one, "clear-late:60")
    await peer.call("SetChargingProfile", lease(csms, transaction, -5_000))
    await until_power(one, -5_000)
    answer = await peer.call("ClearChargingProfile", {"chargingProfileId": 1})
    assert answer["status"] == "Accepted"
    assert await composite_of(peer) == -5_000
    await until_power(one, _OFFER_W)


async def test_an_expired_profile_hides_those_after_it(csms: Any, bench: Any) -> None:
    one, peer, transaction = await charging(csms, bench)
    past = (csms.clock.now() - timedelta(minutes=1)).isoformat()
    await peer.call("SetChargingProfile", lease(csms, transaction, 4_000, validTo=past))
    await peer.call("SetChargingProfile", lease(csms, transaction, 6_000, id=2, stackLevel=2))
    assert await composite_of(peer) == 6_000
    await begin(one, "expired-break")
    assert await composite_of(peer) == _OFFER_W


async def test_no_composite_schedule(csms: Any, bench: Any) -> None:
    one, peer, _ = await charging(csms, bench)
    await begin(one, "composite-none")
    answer = await peer.call("GetCompositeSchedule", {"evseId": 1, "duration": 60})
    assert answer["status"] == "Rejected"


async def test_a_slow_reaction(csms: Any, bench: Any) -> None:
    one, peer, transaction = await charging(csms, bench)
    await begin(one, "react-late:60")
    await peer.call("SetChargingProfile", lease(csms, transaction, -5_000))
    began = one.station.clock.monotonic()
    await until_power(one, -5_000)
    assert one.station.clock.monotonic() - began >= 59.0


async def test_full_power_or_for_ever_without_connection(csms: Any, bench: Any) -> None:
    one, peer, transaction = await charging(csms, bench)
    await begin(one, "keep-offline")
    await peer.call("SetChargingProfile", lease(csms, transaction, 4_000, duration=60))
    await until_power(one, 4_000)
    await begin(one, "offline")
    began = one.station.clock.monotonic()
    while one.station.clock.monotonic() < began + 120.0:
        await asyncio.sleep(0.05)
        one.station.cabinet.equipment.profiles_changed.ring()
    await until_power(one, 4_000)  # a minute after its end
    await begin(one, "online")
    await until_power(one, _OFFER_W)
    await over(one, "keep-offline")
    peer = await csms.peer(2)
    await begin(one, "full-power-offline")
    await peer.call("SetChargingProfile", lease(csms, transaction, 4_000))
    await until_power(one, 4_000)
    await begin(one, "offline")
    await until_power(one, _OFFER_W)


async def test_there_is_no_dead_man(csms: Any, bench: Any) -> None:
    one, peer, transaction = await charging(csms, bench)
    await begin(one, "never-expires")
    await peer.call("SetChargingProfile", lease(csms, transaction, -4_000, duration=30))
    await until_power(one, -4_000)
    began = one.station.clock.monotonic()
    await until(lambda: one.station.clock.monotonic() > began + 120.0)
    await until_power(one, -4_000)
    await over(one, "never-expires")
    await until_power(one, _OFFER_W)


async def test_being_offline_is_noticed_late(csms: Any, bench: Any) -> None:
    one, _, _ = await charging(csms, bench)
    await begin(one, "notice-offline-late:600", "offline")
    await until(lambda: one.station.cabinet.equipment.profiles.offline_since is not None)
    since = one.station.cabinet.equipment.profiles.offline_since
    assert since > one.station.clock.now() + timedelta(seconds=500)


async def test_profiles_are_forgotten_at_a_restart(csms: Any, bench: Any) -> None:
    one, peer, transaction = await charging(csms, bench)
    fallback = lease(csms, transaction, 3_000, chargingProfilePurpose="TxDefaultProfile")
    del fallback["chargingProfile"]["transactionId"]
    await peer.call("SetChargingProfile", fallback)
    await begin(one, "forget-profiles")
    await peer.call("Reset", {"type": "Immediate"})
    again = await csms.peer(2)
    await csms.wait_for("BootNotification", count=2)
    wanted = {"requestId": 1, "chargingProfile": {"chargingProfilePurpose": "TxDefaultProfile"}}
    assert (await again.call("GetChargingProfiles", wanted))["status"] == "NoProfiles"


async def test_draft_names(csms: Any, bench: Any) -> None:
    one = bench()
    await begin(one, "draft-v2x")
    await one.station.booted.wait()
    one.plug()
    (needs,) = await csms.wait_for("NotifyEVChargingNeeds")
    assert needs["chargingNeeds"]["requestedEnergyTransfer"] == "DC_BPT"
    assert needs["chargingNeeds"]["v2xChargingParameters"]["maxDischargePower"] == 10_000
    transaction = events(csms)[0]["transactionInfo"]["transactionId"]
    wanted = lease(csms, transaction, 0)
    period = {"startPeriod": 0, "limit": 0.0, "setpoint": -5_000.0, "v2xOperationMode": "CentralSetpoint"}
    wanted["chargingProfile"]["chargingSchedule"][0]["chargingSchedulePeriod"] = [period]
    answer = await (await csms.peer()).call("SetChargingProfile", wanted)
    assert answer["status"] == "Accepted"
    await until_power(one, -5_000)


# The vehicle, and all of it


async def test_a_vanished_vehicle(csms: Any, bench: Any) -> None:
    one, _, _ = await charging(csms, bench)
    await begin(one, "vanish")
    (ended,) = await csms.wait_for("TransactionEvent", is_event(eventType="Ended"))
    assert ended["triggerReason"] in ("EVDeparted", "EVCommunicationLost")


async def test_faults_add_up_and_all_end(csms: Any, bench: Any) -> None:
    one, peer, transaction = await charging(csms, bench)
    await begin(one, "invert-limits", "meter-wrong-sign", "soc-offset:10", "reject-zero", "clock-skew:30")
    assert (await peer.call("SetChargingProfile", lease(csms, transaction, 0)))["status"] == "Rejected"
    await peer.call("SetChargingProfile", lease(csms, transaction, -5_000))
    await until_power(one, 5_000)
    assert measured(await meter_of(csms, peer), "Power.Active.Export") == 5_000  # two wrongs
    await begin(one, "none")
    await until_power(one, -5_000)
    assert measured(await meter_of(csms, peer), "Power.Active.Export") == 5_000
    assert not one.station.cabinet.equipment.knobs
