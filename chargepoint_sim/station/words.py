"""What a station says and hears, in no OCPP version's spelling. Power in W, energy in Wh, times in UTC."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from chargepoint_sim.iso15118.outlet import ChargingNeeds
from chargepoint_sim.meter import SampledValue
from chargepoint_sim.station.notices import Notice


class Version(StrEnum):
    """OCPP versions that a station can be made with."""

    V16 = "1.6"
    V201 = "2.0.1"
    V21 = "2.1"


class Registration(StrEnum):
    """How the server takes this station."""

    ACCEPTED = "Accepted"
    PENDING = "Pending"
    REJECTED = "Rejected"


class EventType(StrEnum):
    """Where in its life a transaction is."""

    STARTED = "Started"
    UPDATED = "Updated"
    ENDED = "Ended"


class Trigger(StrEnum):
    """Why a transaction event is sent, by its OCPP 2.0.1 name."""

    ABNORMAL_CONDITION = "AbnormalCondition"
    AUTHORIZED = "Authorized"
    CABLE_PLUGGED_IN = "CablePluggedIn"
    CHARGING_RATE_CHANGED = "ChargingRateChanged"
    CHARGING_STATE_CHANGED = "ChargingStateChanged"
    DEAUTHORIZED = "Deauthorized"
    EV_COMMUNICATION_LOST = "EVCommunicationLost"
    EV_DEPARTED = "EVDeparted"
    METER_VALUE_CLOCK = "MeterValueClock"
    METER_VALUE_PERIODIC = "MeterValuePeriodic"
    OPERATION_MODE_CHANGED = "OperationModeChanged"
    REMOTE_START = "RemoteStart"
    REMOTE_STOP = "RemoteStop"
    RESET_COMMAND = "ResetCommand"
    STOP_AUTHORIZED = "StopAuthorized"
    TRIGGER = "Trigger"
    UNLOCK_COMMAND = "UnlockCommand"


class StoppedReason(StrEnum):
    """Why a transaction has ended, by its OCPP 2.0.1 name."""

    DEAUTHORIZED = "DeAuthorized"
    EV_DISCONNECTED = "EVDisconnected"
    IMMEDIATE_RESET = "ImmediateReset"
    LOCAL = "Local"
    MASTER_PASS = "MasterPass"  # noqa: S105 - a reason
    REMOTE = "Remote"
    REBOOT = "Reboot"
    STOPPED_BY_EV = "StoppedByEV"
    TIMEOUT = "Timeout"
    UNLOCK = "Other"
    TRANSFER_REJECTED = "ReqEnergyTransferRejected"


class ConnectorStatus(StrEnum):
    """What a connector reports."""

    AVAILABLE = "Available"
    OCCUPIED = "Occupied"
    RESERVED = "Reserved"
    UNAVAILABLE = "Unavailable"
    FAULTED = "Faulted"


@dataclass(frozen=True)
class IdToken:
    """What identifies a driver to a station."""

    value: str
    kind: str = "ISO14443"


@dataclass(frozen=True)
class TokenInfo:
    """What is known of a token: OCPP's status, its group, until when that holds, a word for its driver."""

    status: str
    group: IdToken | None = None
    until: datetime | None = None
    message: str | None = None


@dataclass(frozen=True)
class Registered:
    """The server's answer to a boot: how, what time it is, and the interval for beats or for asking again."""

    status: Registration
    now: datetime
    interval_s: float


@dataclass(frozen=True)
class StatusNews:
    """A connector's status."""

    evse_id: int
    connector_id: int
    status: ConnectorStatus
    at: datetime


@dataclass(frozen=True)
class TransactionNews:
    """A transaction event. `offline`: it happened while the server could not be reached."""

    event: EventType
    trigger: Trigger
    seq_no: int
    at: datetime
    transaction_id: str
    evse_id: int
    connector_id: int
    charging_state: str
    time_charging_s: int
    samples: tuple[SampledValue, ...] = ()
    id_token: IdToken | None = None
    stopped: StoppedReason | None = None
    remote_start_id: int | None = None
    offline: bool = False
    operation_mode: str | None = None
    reservation_id: int | None = None
    earlier: tuple[tuple[datetime, tuple[SampledValue, ...]], ...] = ()
    """Values measured before, which only the last event tells (J01, J02)."""


@dataclass(frozen=True)
class MeterNews:
    """Meter values outside a transaction."""

    evse_id: int
    at: datetime
    samples: tuple[SampledValue, ...]


@dataclass(frozen=True)
class NeedsNews:
    """What a vehicle needs."""

    evse_id: int
    needs: ChargingNeeds
    at: datetime


@dataclass(frozen=True)
class SecurityNews:
    """A security event, with a word more where it helps."""

    kind: str
    at: datetime
    detail: str | None = None


News = StatusNews | TransactionNews | MeterNews | NeedsNews | SecurityNews | Notice


@dataclass(frozen=True)
class Told:
    """What the server says to news: `status` of the id token or of the needs, None if it says nothing.

    `token` is what it says of the token, `cost` the transaction's total cost so far.
    `ends_transaction`: what the vehicle asks for is not wanted, which leaves nothing to do (Q01.FR.06).
    """

    status: str | None = None
    token: TokenInfo | None = None
    cost: float | None = None
    ends_transaction: bool = False


class Offline(Exception):
    """There is no connection, or it broke before the answer."""


class NoAnswer(Exception):
    """The server took too long."""


class Refused(Exception):
    """The server answered with an error: its code."""


class Socket(Protocol):
    """A connection that carries text."""

    async def send(self, message: str) -> None:
        """Send a message."""

    async def recv(self) -> str:
        """Receive a message."""

    async def close(self) -> None:
        """Hang up."""


class Dialect(Protocol):
    """A conversation with the server in one OCPP version."""

    async def serve(self) -> None:
        """Answer the server until the connection breaks."""

    async def boot(self, reason: str) -> Registered:
        """Say that the station has started."""

    async def heartbeat(self) -> datetime:
        """Show a sign of life; the answer is the server's time."""

    async def authorize(self, token: IdToken) -> TokenInfo:
        """Ask whether a driver may charge."""

    async def tell(self, news: News) -> Told:
        """Tell the server what has happened."""


class Speaker(Protocol):
    """One station's command of an OCPP version; it outlives its connections."""

    @property
    def subprotocol(self) -> str:
        """The name of the version in the WebSocket handshake."""

    def converse(self, socket: Socket) -> Dialect:
        """Hold a conversation over a new connection."""
