"""How tests let a station misbehave, and look at what comes of it."""

from typing import Any

import pytest

from chargepoint_sim.faults import end, inject, parse_fault
from tests.flows.station.steps import events, is_event, until

OFFER_W = 11_000.0


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
