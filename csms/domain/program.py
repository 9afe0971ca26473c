"""Programs, the drivers in them, and what each driver wants kept."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class BaselineMethod(StrEnum):
    """What would have flowed without the event."""

    ZERO = "zero"
    PRE_EVENT = "pre_event"


@dataclass(frozen=True, slots=True)
class Terms:
    """Terms of a program.

    `price_per_kwh` pays delivered energy (`currency`, ISO 4217). `max_power_w` bounds the magnitude of an
    event's target, `max_duration_s` its length; `notice_s` is how long before its start an event must come.
    Readings older than `max_meter_age_s` count as zero in tracking; a SoC older than `max_soc_age_s` forbids
    discharge (V-01). Over `return_s` seconds after an event its drivers' charging comes back, not all at once
    (V-11). `grace_s` is how long settlement waits for late meter data.
    """

    baseline: BaselineMethod = BaselineMethod.ZERO
    price_per_kwh: float = 2.0
    currency: str = "USD"
    max_power_w: float | None = None
    max_duration_s: int = 4 * 3600
    notice_s: int = 0
    lease_s: int = 300
    max_meter_age_s: float = 120.0
    max_soc_age_s: float = 300.0
    soc_margin: float = 1.0
    fallback_w: float = 0.0
    return_s: float = 30.0
    interval_s: int = 300
    grace_s: float = 60.0


@dataclass(frozen=True, slots=True)
class Program:
    """A standing agreement under which grid events come."""

    id: str
    name: str
    terms: Terms = Terms()


@dataclass(frozen=True, slots=True)
class Need:
    """What a driver wants: never below `reserve_soc` percent, and so much more energy by `departure`.

    `reserve_soc` None means the driver has not said: no discharge (V-15).
    """

    reserve_soc: float | None = None
    departure: datetime | None = None
    target_energy_wh: float | None = None
    target_soc: float | None = None
