"""Every fact the house tells itself on the bus, in the past tense."""

from datetime import datetime

from msgspec import Struct


class Fact(Struct, frozen=True, gc=False):
    """Something that has happened. A fact is a bell: what it tells of is already in the store."""

    at: datetime


class StationConnected(Fact, frozen=True, gc=False):
    """A station's socket is up and authenticated; `epoch` numbers its connections."""

    station_id: str
    epoch: int


class StationDisconnected(Fact, frozen=True, gc=False):
    """The station's newest socket is gone."""

    station_id: str
    epoch: int


class StationBooted(Fact, frozen=True, gc=False):
    """A BootNotification was answered with `registration`."""

    station_id: str
    registration: str


class DialectChanged(Fact, frozen=True, gc=False):
    """Another dialect record holds for a station; `discharge` is how it may be ordered to now."""

    station_id: str
    discharge: str


class SocReported(Fact, frozen=True, gc=False):
    """Somebody beside its station has told a vehicle's state of charge."""

    vehicle_id: str


class ExternalLimitChanged(Fact, frozen=True, gc=False):
    """Somebody else limits a station, or no longer does (K12, K13); EVSE 0 is all of it."""

    station_id: str
    evse_id: int


class ReportCompleted(Fact, frozen=True, gc=False):
    """The last part of a report of the device model has come."""

    station_id: str
    request_id: int


class RequestChanged(Fact, frozen=True, gc=False):
    """A request that is followed to its end has gone on: a part of it came, or its state changed."""

    station_id: str
    request_id: int


class ConnectorStatusChanged(Fact, frozen=True, gc=False):
    """A connector has a new status."""

    station_id: str
    evse_id: int
    connector_id: int
    status: str


class TransactionUpdated(Fact, frozen=True, gc=False):
    """A transaction has a new event."""

    station_id: str
    transaction_id: str
    evse_id: int | None
    event_type: str
    charging_state: str | None


class TransactionDoubted(Fact, frozen=True, gc=False):
    """A transaction has a gap, an end without a start, or another one is open at its EVSE."""

    station_id: str
    transaction_id: str


class MeterRead(Fact, frozen=True, gc=False):
    """An EVSE's meter was read; power signed in W."""

    station_id: str
    evse_id: int | None
    power_w: float | None
    soc: float | None


class ChargingNeedsReported(Fact, frozen=True, gc=False):
    """A vehicle told its needs."""

    station_id: str
    evse_id: int


class CertificateWanted(Fact, frozen=True, gc=False):
    """A signing request was found good; `use` None: for all. Were this lost, the station would ask again."""

    station_id: str
    csr: str
    use: str | None
    request_id: int | None


class ScheduleRefused(Fact, frozen=True, gc=False):
    """A vehicle's plan passes the limit that it was offered: it is to be offered one anew (K16)."""

    station_id: str
    evse_id: int


class SecurityAlarmRaised(Fact, frozen=True, gc=False):
    """A critical security event, a conflict of identity or of transaction content."""

    station_id: str
    kind: str


class StationRegistered(Fact, frozen=True, gc=False):
    """A station was added, changed or removed by a person; its connection must look again."""

    station_id: str


class GridEventAccepted(Fact, frozen=True, gc=False):
    """A grid event is stored and waits for its start."""

    event_id: str


class GridEventChanged(Fact, frozen=True, gc=False):
    """A grid event changed its state: started, ended, cancelled, settled."""

    event_id: str
    state: str


class OptedOut(Fact, frozen=True, gc=False):
    """A driver opted out; setpoints must be withdrawn at once (V-07)."""

    driver_id: str
    program_id: str


class NeedsChanged(Fact, frozen=True, gc=False):
    """A driver's reserve, departure or enrolment changed."""

    driver_id: str


class DispatchMade(Fact, frozen=True, gc=False):
    """One tick of the loop: what was asked and measured for an event, in signed W."""

    event_id: str
    target_w: float
    measured_w: float
    setpoint_w: float
    shortfall_w: float
    evses: int
    lowest_soc_margin: float | None


class SettlementReady(Fact, frozen=True, gc=False):
    """The statement of an event is stored."""

    event_id: str
