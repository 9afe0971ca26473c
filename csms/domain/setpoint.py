"""How a setpoint is meant: who decides the power of an EVSE."""

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
