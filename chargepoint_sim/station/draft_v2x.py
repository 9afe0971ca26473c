"""The names of OCPP's draft V2X extension, which some stations speak on the 2.0.1 subprotocol.

What comes in with draft names becomes the signed limit that this station works with; what it tells of a
vehicle goes out with draft names. Only names: what the station does with a setpoint is the same.
"""

import json
from typing import Any

_CUSTOM = "org.v2g.ev-needs"
_TRANSFER = {"DC": "DC_BPT", "AC_three_phase": "AC_three_phase_BPT"}


def read(message: str) -> str:
    """A frame of the server, with a draft profile in plain 2.0.1 words."""
    if '"v2xOperationMode"' not in message:
        return message
    frame = json.loads(message)
    profile: dict[str, Any] = frame[3].get("chargingProfile", {})
    profile.pop("updateInterval", None)
    for schedule in profile.get("chargingSchedule", []):
        for period in schedule["chargingSchedulePeriod"]:
            _read_period(period)
    return json.dumps(frame)


def _read_period(period: dict[str, Any]) -> None:
    """A setpoint is what is wanted; without one the limits are."""
    mode, setpoint = period.pop("v2xOperationMode", None), period.pop("setpoint", None)
    discharge = period.pop("dischargeLimit", None)
    for name in [name for name in period if name not in ("startPeriod", "limit", "numberPhases")]:
        del period[name]
    if mode == "CentralSetpoint" and setpoint is not None:
        low = -abs(discharge) if discharge is not None else setpoint
        period["limit"] = max(low, min(setpoint, period.get("limit", setpoint)))
    if mode == "Idle":
        period["limit"] = 0.0


def written(message: str) -> str:
    """A frame of this station: what a vehicle can give in draft names."""
    frame = json.loads(message)
    custom = frame[3].get("customData", {})
    if frame[2] != "NotifyEVChargingNeeds" or custom.get("vendorId") != _CUSTOM:
        return message
    needs = frame[3]["chargingNeeds"]
    if custom["bidirectional"]:
        needs["requestedEnergyTransfer"] = _TRANSFER[needs["requestedEnergyTransfer"]]
        needs["v2xChargingParameters"] = {
            "maxChargePower": needs.get("dcChargingParameters", {}).get("evMaxPower", 0),
            "maxDischargePower": custom["evMaxDischargePower"],
            "evMaxV2XEnergyRequest": custom["evMaxV2XEnergyRequest"],
            "evMinV2XEnergyRequest": custom["evMinV2XEnergyRequest"],
        }
    return json.dumps(frame)
