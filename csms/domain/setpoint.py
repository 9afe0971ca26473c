"""The one truth of what an EVSE shall do, before any dialect: signed power, how, until when, and why."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class OperationMode(StrEnum):
    """Who decides the power, in OCPP 2.1's words (2.1 part 2, OperationModeEnumType).

    In `CENTRAL_SETPOINT` and `CENTRAL_FREQUENCY` we do: power follows the number. In `CHARGING_ONLY` the
    number is an upper limit. The others are decided at the station or by an energy manager beside it.
    """

    IDLE = "Idle"
    CHARGING_ONLY = "ChargingOnly"
    CENTRAL_SETPOINT = "CentralSetpoint"
    EXTERNAL_SETPOINT = "ExternalSetpoint"
    EXTERNAL_LIMITS = "ExternalLimits"
    CENTRAL_FREQUENCY = "CentralFrequency"
    LOCAL_FREQUENCY = "LocalFrequency"
    LOCAL_LOAD_BALANCING = "LocalLoadBalancing"


@dataclass(frozen=True, slots=True)
class Setpoint:
    """What one EVSE shall do in one transaction: signed W, negative out of the vehicle, until the lease ends.

    `reason` is for people: the grid event, a probe, a person's override.
    """

    evse_id: int
    transaction_id: str
    power_w: float
    until: datetime
    mode: OperationMode = OperationMode.CENTRAL_SETPOINT
    reason: str = ""
