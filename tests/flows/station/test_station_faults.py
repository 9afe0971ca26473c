"""Faults of the connection, the messages and the whole station, seen from the server's end of the wire."""

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest

from chargepoint_sim.faults import FAULTS, BadFault, parse_fault
from chargepoint_sim.station.words import SecurityNews
from tests.flows.station.steps import charging, events, is_event, lease, measured
from tests.flows.station.steps_faults import begin, meter_of, over, until_power


def test_every_fault_has_a_test_in_these_files() -> None:
    files = Path(__file__).parent.glob("test_station_faults*.py")
    text = "".join(file.read_text(encoding="utf-8") for file in files)
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
