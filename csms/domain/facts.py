"""Every fact the house tells itself on the bus, in the past tense."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Fact:
    """Something that has happened. A fact is a bell: what it tells of is already in the store."""

    at: datetime


@dataclass(frozen=True, slots=True)
class StationConnected(Fact):
    """A station's socket is up and authenticated; `epoch` numbers its connections."""

    station_id: str
    epoch: int


@dataclass(frozen=True, slots=True)
class StationDisconnected(Fact):
    """The station's newest socket is gone."""

    station_id: str
    epoch: int


@dataclass(frozen=True, slots=True)
class StationBooted(Fact):
    """A BootNotification was answered with `registration`."""

    station_id: str
    registration: str


@dataclass(frozen=True, slots=True)
class ReportCompleted(Fact):
    """The last part of a report of the device model has come."""

    station_id: str
    request_id: int


@dataclass(frozen=True, slots=True)
class ConnectorStatusChanged(Fact):
    """A connector has a new status."""

    station_id: str
    evse_id: int
    connector_id: int
    status: str


@dataclass(frozen=True, slots=True)
class TransactionUpdated(Fact):
    """A transaction has a new event."""

    station_id: str
    transaction_id: str
    evse_id: int | None
    event_type: str
    charging_state: str | None


@dataclass(frozen=True, slots=True)
class MeterRead(Fact):
    """An EVSE's meter was read; power signed in W."""

    station_id: str
    evse_id: int | None
    power_w: float | None
    soc: float | None


@dataclass(frozen=True, slots=True)
class ChargingNeedsReported(Fact):
    """A vehicle told its needs."""

    station_id: str
    evse_id: int


@dataclass(frozen=True, slots=True)
class SecurityAlarmRaised(Fact):
    """A critical security event, a conflict of identity or of transaction content."""

    station_id: str
    kind: str


@dataclass(frozen=True, slots=True)
class StationRegistered(Fact):
    """A station was added, changed or removed by a person; its connection must look again."""

    station_id: str


@dataclass(frozen=True, slots=True)
class GridEventAccepted(Fact):
    """A grid event is stored and waits for its start."""

    event_id: str


@dataclass(frozen=True, slots=True)
class GridEventChanged(Fact):
    """A grid event changed its state: started, ended, cancelled, settled."""

    event_id: str
    state: str


@dataclass(frozen=True, slots=True)
class OptedOut(Fact):
    """A driver opted out; setpoints must be withdrawn at once (V-07)."""

    driver_id: str
    program_id: str


@dataclass(frozen=True, slots=True)
class NeedsChanged(Fact):
    """A driver's reserve, departure or enrolment changed."""

    driver_id: str


@dataclass(frozen=True, slots=True)
class DispatchMade(Fact):
    """One tick of the loop: what was asked and measured for an event, in signed W."""

    event_id: str
    target_w: float
    measured_w: float
    setpoint_w: float
    shortfall_w: float
    evses: int
    lowest_soc_margin: float | None


@dataclass(frozen=True, slots=True)
class SettlementReady(Fact):
    """The statement of an event is stored."""

    event_id: str
