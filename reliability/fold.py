"""What a transaction is by its events, worked out anew from their JSON: no line is shared with the server.

The server folds event after event as they come; this looks at all of them at once.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

Payload = dict[str, Any]
_SCALE = {"Wh": 1.0, "kWh": 1e3, "W": 1.0, "kW": 1e3}
_IMPORT = "Energy.Active.Import.Register"
_EXPORT = "Energy.Active.Export.Register"


@dataclass(frozen=True, slots=True)
class Reading:
    """One instant of a meter; `order` is (seqNo, place inside the message)."""

    at: int
    order: tuple[int, int]
    power_w: float | None
    import_wh: float | None
    export_wh: float | None
    soc: float | None


@dataclass(frozen=True, slots=True)
class State:
    """What has to stand in the transaction's row. Times in microseconds since 1970."""

    seen: str
    evse_id: int | None
    connector_id: int | None
    id_token: str | None
    started_at: int | None
    ended_at: int | None
    open: bool
    charging_state: str | None
    stopped_reason: str | None
    updated_at: int | None
    first_import_wh: float | None
    first_export_wh: float | None
    last_import_wh: float | None
    last_export_wh: float | None
    power_w: float | None
    soc: float | None
    offline: bool

    @property
    def energy_wh(self) -> float:
        """Into and out of the vehicle, added: what may be missing nowhere and count nowhere twice."""
        into = (self.last_import_wh or 0.0) - (self.first_import_wh or 0.0)
        return into + (self.last_export_wh or 0.0) - (self.first_export_wh or 0.0)


def micros(text: str) -> int:
    """A time of the wire in microseconds since 1970."""
    at = datetime.fromisoformat(text)
    return int(at.replace(microsecond=0).timestamp()) * 1_000_000 + at.microsecond


def readings(payload: Payload, seq_no: int) -> list[Reading]:
    """The readings of one message."""
    return [
        Reading(
            micros(value["timestamp"]),
            (seq_no, place),
            _sample(value, "Power.Active.Import"),
            _sample(value, _IMPORT),
            _sample(value, _EXPORT),
            _sample(value, "SoC"),
        )
        for place, value in enumerate(payload.get("meterValue", ()))
    ]


def _sample(value: Payload, measurand: str) -> float | None:
    for sample in value["sampledValue"]:
        if sample.get("measurand", _IMPORT) == measurand:
            unit = sample.get("unitOfMeasure", {}).get("unit")
            return float(sample["value"]) * (_SCALE[unit] if unit else 1.0)
    return None


def state(events: Mapping[int, bytes]) -> State:
    """The state after these events, by sequence number, in whatever order they came."""
    told = {seq_no: json.loads(events[seq_no]) for seq_no in sorted(events)}
    place = _first(told.values(), lambda event: event.get("evse"))
    token = _first(told.values(), lambda event: event.get("idToken"))
    starts = [micros(event["timestamp"]) for event in told.values() if event["eventType"] == "Started"]
    ends = [event for event in told.values() if event["eventType"] == "Ended"]
    states = [event["transactionInfo"].get("chargingState") for event in told.values()]
    measured = [each for seq_no, event in told.items() for each in readings(event, seq_no)]
    measured.sort(key=lambda reading: (reading.at, reading.order))
    imports = [each.import_wh for each in measured if each.import_wh is not None]
    exports = [each.export_wh for each in measured if each.export_wh is not None]
    return State(
        seen=_ranges(list(told)),
        evse_id=None if place is None else place["id"],
        connector_id=None if place is None else place.get("connectorId"),
        id_token=None if token is None else token["idToken"],
        started_at=min(starts) if starts else None,
        ended_at=micros(ends[-1]["timestamp"]) if ends else None,
        open=not ends,
        charging_state=(
            ends[-1]["transactionInfo"].get("chargingState")
            if ends
            else next((each for each in reversed(states) if each is not None), None)
        ),
        stopped_reason=ends[-1]["transactionInfo"].get("stoppedReason") if ends else None,
        updated_at=max(micros(event["timestamp"]) for event in told.values()),
        first_import_wh=imports[0] if imports else None,
        first_export_wh=exports[0] if exports else None,
        last_import_wh=imports[-1] if imports else None,
        last_export_wh=exports[-1] if exports else None,
        power_w=next((each.power_w for each in reversed(measured) if each.power_w is not None), None),
        soc=next((each.soc for each in reversed(measured) if each.soc is not None), None),
        offline=any(event.get("offline", False) for event in told.values()),
    )


def _first(events: Iterable[Payload], pick: Callable[[Payload], Payload | None]) -> Payload | None:
    return next((found for found in map(pick, events) if found is not None), None)


def _ranges(numbers: list[int]) -> str:
    """Ascending numbers as "0-5,7"."""
    parts: list[list[int]] = []
    for number in numbers:
        if parts and parts[-1][1] + 1 == number:
            parts[-1][1] = number
        else:
            parts.append([number, number])
    return ",".join(f"{low}" if low == high else f"{low}-{high}" for low, high in parts)
