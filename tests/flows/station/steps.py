"""Steps that many tests of a station share, and how to read what it says."""

import asyncio
from collections.abc import Callable
from typing import Any

ACCEPTED = {"status": "Accepted"}


def events(csms: Any) -> list[dict[str, Any]]:
    """All transaction events in the order they came."""
    return [payload for action, payload in csms.heard if action == "TransactionEvent"]


def measured(event: dict[str, Any], measurand: str) -> float | None:
    """A measured value of a transaction event."""
    for meter_value in event.get("meterValue", []):
        for sample in meter_value["sampledValue"]:
            if sample["measurand"] == measurand:
                return float(sample["value"])
    return None


def lease(
    csms: Any, transaction_id: str, limit: float, duration: int = 3600, **fields: Any
) -> dict[str, Any]:
    """A SetChargingProfile request for EVSE 1."""
    schedule = {
        "id": 1,
        "startSchedule": csms.clock.now().isoformat(),
        "duration": duration,
        "chargingRateUnit": "W",
        "chargingSchedulePeriod": [{"startPeriod": 0, "limit": limit}],
    }
    profile = {
        "id": 1,
        "stackLevel": 1,
        "chargingProfilePurpose": "TxProfile",
        "chargingProfileKind": "Absolute",
        "transactionId": transaction_id,
        "chargingSchedule": [schedule],
    }
    return {"evseId": 1, "chargingProfile": profile | fields}


def is_event(**wanted: Any) -> Any:
    """Whether a transaction event has these fields."""
    return lambda payload: all(payload.get(key) == value for key, value in wanted.items())


async def charging(csms: Any, bench: Any, **options: Any) -> tuple[Any, Any, str]:
    """A station with a vehicle that charges; also the server's end, and the transaction."""
    one = bench(**options)
    await one.station.booted.wait()
    one.plug()
    await csms.wait_for("NotifyEVChargingNeeds")
    found = await csms.wait_for(
        "TransactionEvent", lambda p: p["transactionInfo"]["chargingState"] == "Charging"
    )
    return one, await csms.peer(), found[0]["transactionInfo"]["transactionId"]


async def until(true: Callable[[], bool]) -> None:
    """Wait for what nobody rings a bell for."""
    async with asyncio.timeout(20):
        while not true():  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.01)


async def variable(peer: Any, component: str, name: str, value: str, instance: str | None = None) -> str:
    """Set a variable; the verdict."""
    named = {"name": name} if instance is None else {"name": name, "instance": instance}
    data = {"attributeValue": value, "component": {"name": component}, "variable": named}
    answer = await peer.call("SetVariables", {"setVariableData": [data]})
    return str(answer["setVariableResult"][0]["attributeStatus"])


async def ready(bench: Any, csms: Any, **options: Any) -> tuple[Any, Any]:
    """A booted station and the server's end."""
    one = bench(**options)
    await one.station.booted.wait()
    await one.station.outbox.emptied()
    return one, await csms.peer()
