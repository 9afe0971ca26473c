"""A charging profile as it stands in a station: all that OCPP 1.6 to 2.1 can say, as plain values.

What *we* order is narrower and stands in `csms.domain.profile`.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

Phases = tuple[float, ...]
"""One value for all phases (W: their sum; A: each of them), or three, one for each of L1 to L3.

Signed: positive into the vehicle, negative out of it.
"""


class Unit(StrEnum):
    """chargingRateUnit: what the numbers of a schedule count."""

    W = "W"
    A = "A"


class Layer(StrEnum):
    """chargingProfilePurpose. 1.6 calls the station's maximum ChargePointMaxProfile."""

    EXTERNAL = "ChargingStationExternalConstraints"
    STATION_MAX = "ChargingStationMaxProfile"
    TX_DEFAULT = "TxDefaultProfile"
    TX = "TxProfile"
    PRIORITY = "PriorityCharging"
    LOCAL_GENERATION = "LocalGeneration"


class Kind(StrEnum):
    """chargingProfileKind: what a schedule's seconds are counted from."""

    ABSOLUTE = "Absolute"
    RECURRING = "Recurring"
    RELATIVE = "Relative"
    DYNAMIC = "Dynamic"


class Recurrence(StrEnum):
    """recurrencyKind of a Recurring profile."""

    DAILY = "Daily"
    WEEKLY = "Weekly"

    @property
    def length(self) -> timedelta:
        """The time from one start to the next."""
        return timedelta(days=1 if self is Recurrence.DAILY else 7)


@dataclass(frozen=True, slots=True)
class StandingPeriod:
    """From `start_s` on. A power is None where the period says nothing of it, `phases` where not how many."""

    start_s: int
    limit: Phases | None = None
    discharge_limit: Phases | None = None
    setpoint: Phases | None = None
    phases: int | None = None

    @property
    def says_something(self) -> bool:
        """A period without any power is passed over (K01.FR.12 falls back to what lies under it)."""
        return not self.limit is self.discharge_limit is self.setpoint is None


@dataclass(frozen=True, slots=True)
class StandingProfile:
    """One profile with its (first) schedule. `evse_id` 0 is the whole station.

    `start` is None for a Relative one. `duration_s` None: no end of its own; for a Dynamic one it is counted
    from `updated_at`, and an update makes it valid again (K28.FR.13 to .15).
    """

    id: int
    evse_id: int
    layer: Layer
    stack_level: int
    unit: Unit
    periods: tuple[StandingPeriod, ...]
    kind: Kind = Kind.ABSOLUTE
    recurrence: Recurrence | None = None
    start: datetime | None = None
    duration_s: int | None = None
    valid_from: datetime | None = None
    valid_to: datetime | None = None
    updated_at: datetime | None = None
    max_offline_s: int | None = None
    invalid_after_offline: bool = False
