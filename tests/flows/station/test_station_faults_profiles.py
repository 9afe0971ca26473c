"""Faults about charging profiles, seen in the answers and at the meter."""

import asyncio
import re
from datetime import timedelta
from typing import Any

import pytest

from tests.flows.station import steps_21
from tests.flows.station.steps import charging, events, lease, measured, until
from tests.flows.station.steps_faults import OFFER_W, begin, composite_of, meter_of, over, until_power


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
        ("ignore-profiles", -5_000, OFFER_W, -5_000),
        ("ignore-negative", -5_000, OFFER_W, OFFER_W),
        ("negative-as-zero", -5_000, 0, 0),
        ("invert-limits", -5_000, 5_000, 5_000),
        ("scale-limits:0.5", -5_000, -2_500, -2_500),
        ("zero-is-no-limit", 0, OFFER_W, OFFER_W),
        ("composite-wrong", -5_000, -5_000, OFFER_W),
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
    await until_power(one, OFFER_W)


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
    await until_power(one, OFFER_W)


async def test_an_expired_profile_hides_those_after_it(csms: Any, bench: Any) -> None:
    one, peer, transaction = await charging(csms, bench)
    past = (csms.clock.now() - timedelta(minutes=1)).isoformat()
    await peer.call("SetChargingProfile", lease(csms, transaction, 4_000, validTo=past))
    await peer.call("SetChargingProfile", lease(csms, transaction, 6_000, id=2, stackLevel=2))
    assert await composite_of(peer) == 6_000
    await begin(one, "expired-break")
    assert await composite_of(peer) == OFFER_W


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
    await until_power(one, OFFER_W)
    await over(one, "keep-offline")
    peer = await csms.peer(2)
    await begin(one, "full-power-offline")
    await peer.call("SetChargingProfile", lease(csms, transaction, 4_000))
    await until_power(one, 4_000)
    await begin(one, "offline")
    await until_power(one, OFFER_W)


async def test_there_is_no_dead_man(csms: Any, bench: Any) -> None:
    one, peer, transaction = await charging(csms, bench)
    await begin(one, "never-expires")
    await peer.call("SetChargingProfile", lease(csms, transaction, -4_000, duration=30))
    await until_power(one, -4_000)
    began = one.station.clock.monotonic()
    await until(lambda: one.station.clock.monotonic() > began + 120.0)
    await until_power(one, -4_000)
    await over(one, "never-expires")
    await until_power(one, OFFER_W)


async def test_being_offline_is_noticed_late(csms: Any, bench: Any) -> None:
    one, peer, transaction = await steps_21.connected(csms, bench)
    wanted = steps_21.order(csms, transaction, steps_21.setpoint(-5_000), maxOfflineDuration=30)
    await peer.call("SetChargingProfile", wanted)
    await until_power(one, -5_000)
    await begin(one, "notice-offline-late:600", "offline")
    await one.station.clock.sleep(200)
    await until_power(one, -5_000)  # Q11: it should have ended after 30 s
    await until_power(one, OFFER_W)  # as it does 600 s later


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
