"""What a station says by itself besides transactions, meters and statuses, in no OCPP version's spelling.

A version that has no word for one of these leaves it unsaid.
"""

from dataclasses import dataclass
from datetime import datetime

from chargepoint_sim.profiles.profile import Schedule
from chargepoint_sim.station.device_model import Place


@dataclass(frozen=True)
class FirmwareNews:
    """How far an update of the firmware is (L01); without a request the station is idle."""

    status: str
    request_id: int | None


@dataclass(frozen=True)
class LogNews:
    """How far the upload of a log is (N01)."""

    status: str
    request_id: int | None


@dataclass(frozen=True)
class ReservationNews:
    """A reservation is no more: Expired or Removed (H04)."""

    reservation_id: int
    status: str


@dataclass(frozen=True)
class SigningNews:
    """A request to have a certificate signed (A02, A03). `kind`: ChargingStationCertificate or V2G."""

    csr: str
    kind: str


@dataclass(frozen=True)
class Event:
    """A monitor has seen something (N07, N08). `trigger`: Alerting, Delta or Periodic."""

    event_id: int
    at: datetime
    trigger: str
    value: str
    place: Place
    variable: str
    instance: str | None
    kind: str
    severity: int
    monitor_id: int | None = None
    cleared: bool = False
    transaction_id: str | None = None


@dataclass(frozen=True)
class EventNews:
    """Events of the same moment."""

    events: tuple[Event, ...]
    at: datetime


@dataclass(frozen=True)
class LimitNews:
    """Somebody else than the server limits charging (K12, K13): who, whom, and how if that is to be told."""

    source: str
    critical: bool
    evse_id: int
    schedules: tuple[Schedule, ...] = ()


@dataclass(frozen=True)
class LimitClearedNews:
    """Somebody else's limit is gone (K13, K14)."""

    source: str
    evse_id: int


@dataclass(frozen=True)
class ScheduleNews:
    """What a vehicle means to do (K15.FR.12 and following). Limits in W, from `at` on."""

    evse_id: int
    at: datetime
    schedule: Schedule


@dataclass(frozen=True)
class VendorNews:
    """A vendor's own message (P02)."""

    vendor_id: str
    message_id: str | None
    data: object


@dataclass(frozen=True)
class PriorityNews:
    """A driver's priority charging begins or ends (2.1, K21)."""

    transaction_id: str
    active: bool


@dataclass(frozen=True)
class DerRunNews:
    """A scheduled DER control begins or ends, and which ones it overrules (2.1, R04.FR.20 to R04.FR.22)."""

    control_id: str
    started: bool
    at: datetime
    superseded: tuple[str, ...] = ()


@dataclass(frozen=True)
class DerAlarmNews:
    """A DER control makes the station leave its charging profile, or no longer (2.1, R05)."""

    control: str
    ended: bool
    at: datetime
    fault: str | None = None
    extra: str | None = None


Notice = (
    FirmwareNews
    | LogNews
    | ReservationNews
    | SigningNews
    | EventNews
    | LimitNews
    | LimitClearedNews
    | ScheduleNews
    | VendorNews
    | PriorityNews
    | DerRunNews
    | DerAlarmNews
)
