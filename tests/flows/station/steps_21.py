"""Steps of tests of a 2.1 station, and how to read what it says."""

import asyncio
from typing import Any

import ocpp.messages
import pytest

from chargepoint_sim.station.words import Version

BOTH_WAYS = ["DC", "DC_BPT"]
CURVE = [
    {"frequency": 49.8, "power": -8000},
    {"frequency": 50.0, "power": 0},
    {"frequency": 50.2, "power": 8000},
]


def permitting(csms: Any, transfers: list[str] | None) -> None:
    """Let the server say at authorization what a vehicle may do, and count what it pulls."""
    plain = csms.answer

    def answer(action: str, payload: Any) -> Any:
        if action == "Authorize" and transfers is not None:
            return plain(action, payload) | {"allowedEnergyTransfer": transfers}
        return plain(action, payload)

    csms.answer = answer


def checked(csms: Any) -> None:
    """All that was heard is valid by the schemas of 2.1, names included."""
    for action, payload in csms.heard:
        call = ocpp.messages.Call("1", action, payload)
        ocpp.messages._validate_payload(call, "2.1")


async def connected(
    csms: Any, bench: Any, transfers: list[str] | None = BOTH_WAYS, **options: Any
) -> tuple[Any, Any, str]:
    """A 2.1 station with a vehicle that charges; the server's end; the transaction."""
    permitting(csms, transfers)
    one = bench(fixed={"version": Version.V21}, **options)
    await one.station.booted.wait()
    one.plug()
    await csms.wait_for("NotifyEVChargingNeeds")
    found = await csms.wait_for(
        "TransactionEvent", lambda p: p["transactionInfo"].get("chargingState") == "Charging"
    )
    return one, await csms.peer(), found[0]["transactionInfo"]["transactionId"]


def order(csms: Any, transaction: str, *periods: Any, kind: str = "Absolute", **more: Any) -> dict[str, Any]:
    """A SetChargingProfile request for EVSE 1."""
    schedule = {"id": 1, "chargingRateUnit": "W"} | more.pop("schedule", {})
    schedule["chargingSchedulePeriod"] = [
        {"startPeriod": 60 * number} | one for number, one in enumerate(periods)
    ]
    if kind == "Absolute":
        schedule["startSchedule"] = csms.clock.now().isoformat()
    profile = {
        "id": 7,
        "stackLevel": 3,
        "chargingProfilePurpose": "TxProfile",
        "chargingProfileKind": kind,
        "transactionId": transaction,
        "chargingSchedule": [schedule],
    }
    return {"evseId": 1, "chargingProfile": profile | more}


def setpoint(power_w: float, mode: str = "CentralSetpoint") -> dict[str, Any]:
    """A period with a setpoint."""
    return {"operationMode": mode, "setpoint": power_w}


def measured(event: dict[str, Any], measurand: str) -> float | None:
    """A measured value of a transaction event."""
    samples = [sample for value in event.get("meterValue", []) for sample in value["sampledValue"]]
    return next((float(one["value"]) for one in samples if one["measurand"] == measurand), None)


def gives(power_w: float) -> Any:
    """Whether a transaction event shows this power out of the vehicle."""
    return lambda event: measured(event, "Power.Active.Export") == pytest.approx(power_w, abs=1)


async def flowing(one: Any, power_w: float) -> None:
    """Wait until the meter tells of this power, + into the vehicle, from now on."""
    heard, since = one.csms.heard, len(one.csms.heard)

    def told() -> bool:
        return any(net(payload) == pytest.approx(power_w, abs=1) for _, payload in heard[since:])

    async with one.csms.news:
        await asyncio.wait_for(one.csms.news.wait_for(told), 20)


def net(event: dict[str, Any]) -> float | None:
    """The power that an event tells of, + into the vehicle."""
    taken, given = (measured(event, f"Power.Active.{way}") for way in ("Import", "Export"))
    return None if taken is None or given is None else taken - given
