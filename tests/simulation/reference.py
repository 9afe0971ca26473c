"""What a transaction is, told by the plainest means: its events as they were said, sorted by number.

Written against the standard and `docs`, not against the product's fold: the product must come to the same.
"""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

Payload = dict[str, Any]
_FIELDS = {
    "Energy.Active.Import.Register": "import_wh",
    "Energy.Active.Export.Register": "export_wh",
    "Power.Active.Import": "power_w",
    "SoC": "soc",
}


def micros(text: str) -> int:
    """A station's time stamp in microseconds since 1970."""
    at = datetime.fromisoformat(text)
    return round(at.timestamp() * 1_000_000)


def readings(payload: Payload) -> list[dict[str, Any]]:
    """Its meter values, one dict each; power is positive into the vehicle."""
    found = []
    for meter_value in payload.get("meterValue", ()):
        reading: dict[str, Any] = {"at": micros(meter_value["timestamp"])}
        for sampled in meter_value["sampledValue"]:
            if sampled["measurand"] == "Power.Active.Export":
                reading["power_w"] = reading.get("power_w", 0.0) - sampled["value"]
            else:
                reading[_FIELDS[sampled["measurand"]]] = sampled["value"]
        found.append(reading)
    return found


def folded(payloads: Sequence[bytes]) -> dict[str, Any]:
    """What the kept events of one transaction come to, by the names of its row's columns."""
    events = sorted((json.loads(payload) for payload in payloads), key=lambda event: event["seqNo"])
    started = [micros(event["timestamp"]) for event in events if event["eventType"] == "Started"]
    placed: Payload = next((event["evse"] for event in events if "evse" in event), {})
    token: Payload = next((event["idToken"] for event in events if "idToken" in event), {})
    ended = [event for event in events if event["eventType"] == "Ended"]
    told = ended or [event for event in events if "chargingState" in event["transactionInfo"]]
    last = told[-1]["transactionInfo"] if told else {}
    return {
        "seen": _ranges([event["seqNo"] for event in events]),
        "evse_id": placed.get("id"),
        "connector_id": placed.get("connectorId"),
        "id_token": token.get("idToken"),
        "id_token_type": token.get("type"),
        "started_at": min(started, default=None),
        "ended_at": micros(ended[-1]["timestamp"]) if ended else None,
        "open": int(not ended),
        "charging_state": last.get("chargingState"),
        "stopped_reason": ended[-1]["transactionInfo"].get("stoppedReason") if ended else None,
        "updated_at": max(micros(event["timestamp"]) for event in events),
        "offline": int(any(event.get("offline") for event in events)),
        **_measured(events),
    }


def _measured(events: list[Payload]) -> dict[str, Any]:
    values = [(reading["at"], event["seqNo"], reading) for event in events for reading in readings(event)]
    row: dict[str, Any] = {}
    for name in ("power_w", "soc"):
        dated = sorted((at, seq_no, reading[name]) for at, seq_no, reading in values if name in reading)
        row[name] = dated[-1][2] if dated else None
    for name in ("import_wh", "export_wh"):
        dated = sorted((at, 0, reading[name]) for at, _, reading in values if name in reading)
        row[f"first_{name}"] = dated[0][2] if dated else None
        row[f"last_{name}"] = dated[-1][2] if dated else None
    return row


def _ranges(numbers: list[int]) -> str:
    parts: list[list[int]] = []
    for number in numbers:
        if parts and parts[-1][1] == number - 1:
            parts[-1][1] = number
        else:
            parts.append([number, number])
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in parts)
