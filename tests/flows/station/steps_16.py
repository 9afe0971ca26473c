"""Steps of tests of a 1.6 station, and what its server answers."""

from typing import Any

import ocpp.messages

from chargepoint_sim.station.words import Version

START = "StartTransaction"


STOP = "StopTransaction"


class Central:
    """What a 1.6 server answers; numbers of transactions begin at 41."""

    def __init__(self, csms: Any) -> None:
        self.csms = csms
        self.next_number = 41
        self.tag_status = "Accepted"
        csms.answer = self.answer

    def answer(self, action: str, payload: dict[str, Any]) -> Any:
        """The answer to a station."""
        now = self.csms.clock.now().isoformat().replace("+00:00", "Z")
        match action:
            case "BootNotification":
                return {"currentTime": now, "interval": 300, "status": "Accepted"}
            case "Heartbeat":
                return {"currentTime": now}
            case "Authorize":
                return {"idTagInfo": {"status": "Accepted"}}
            case "StartTransaction":
                number, self.next_number = self.next_number, self.next_number + 1
                return {"transactionId": number, "idTagInfo": {"status": self.tag_status}}
            case "DataTransfer":
                return {"status": "UnknownVendorId"}
            case _:
                return {}


def checked(csms: Any) -> None:
    """All that was heard is valid by the schemas of 1.6."""
    for action, payload in csms.heard:
        ocpp.messages._validate_payload(ocpp.messages.Call("1", action, payload), "1.6")


async def booted(csms: Any, bench: Any, **options: Any) -> tuple[Any, Any]:
    """A 1.6 station and the server's end."""
    one = bench(fixed={"version": Version.V16}, **options)
    await one.station.booted.wait()
    return one, await csms.peer()


async def connected(csms: Any, bench: Any) -> tuple[Any, Any]:
    """The same with a vehicle that charges."""
    one, peer = await booted(csms, bench)
    one.plug()
    await csms.wait_for("StatusNotification", lambda p: p["status"] == "Charging")
    return one, peer


def statuses(csms: Any, connector_id: int = 1) -> list[str]:
    """All statuses of a connector in the order they came."""
    told = [payload for action, payload in csms.heard if action == "StatusNotification"]
    return [payload["status"] for payload in told if payload["connectorId"] == connector_id]


def measured(payload: dict[str, Any], measurand: str) -> list[float]:
    """Values of a measurand in a message."""
    values = payload.get("meterValue", []) + payload.get("transactionData", [])
    samples = [sample for value in values for sample in value["sampledValue"]]
    return [float(sample["value"]) for sample in samples if sample["measurand"] == measurand]


def lease(limit: float, **more: Any) -> dict[str, Any]:
    """A TxProfile for connector 1."""
    schedule = {"chargingRateUnit": "W", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": limit}]}
    profile = {
        "chargingProfileId": 1,
        "stackLevel": 1,
        "chargingProfilePurpose": "TxProfile",
        "chargingProfileKind": "Relative",
        "chargingSchedule": schedule | more.pop("schedule", {}),
    }
    return {"connectorId": more.pop("connector", 1), "csChargingProfiles": profile | more}
