"""Stations, EVSEs and connectors: who they are, what state they are in, what they can do."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from msgspec import Struct

from csms.errors import Invalid

IDENTITY_MAX = 48
_PLACES = 1 << 31  # more than any station has, and what every database keeps
_ALPHABET = frozenset("abcdefghijklmnopqrstuvwxyz0123456789*-_=+|@.")


class Registration(StrEnum):
    """What the station's next BootNotification is answered (B01, B02, B03)."""

    ACCEPTED = "Accepted"
    PENDING = "Pending"
    REJECTED = "Rejected"


class ConnectorStatus(StrEnum):
    """Status of a connector as in OCPP 2.0.1."""

    AVAILABLE = "Available"
    OCCUPIED = "Occupied"
    RESERVED = "Reserved"
    UNAVAILABLE = "Unavailable"
    FAULTED = "Faulted"


@dataclass(frozen=True, slots=True)
class StationRef:
    """The station that a handler works for. `id` is the canonical (case-folded) identity."""

    id: str
    registration: Registration
    version: str
    serial_number: str | None = None


class StatusReport(Struct, frozen=True, gc=False):
    """StatusNotification in the house's words; `at` is the station's own time stamp."""

    evse_id: int
    connector_id: int
    status: ConnectorStatus
    at: datetime


class ConnectorReport(Struct, frozen=True, gc=False):
    """A connector's status by a station that tells with it how charging goes on, and what is wrong.

    `evse_id` 0 is the whole station. `at` None: no time was told. `error` is None where nothing is wrong.
    """

    evse_id: int
    connector_id: int
    status: ConnectorStatus
    at: datetime | None
    charging_state: str | None = None
    error: str | None = None
    detail: str | None = None
    raw: bytes = b""
    digest: bytes = b""


class Heartbeat(Struct, frozen=True, gc=False):
    """The station is alive and asks for the time."""


class HeartbeatAnswer(Struct, frozen=True, gc=False):
    """The CSMS's time, which the station takes as its own."""

    now: datetime


@dataclass(frozen=True, slots=True)
class EvseRating:
    """What the hardware of one EVSE can do, both as magnitudes in W; `None` means not known."""

    evse_id: int
    max_charge_w: float | None
    max_discharge_w: float | None


def is_place(id: int) -> bool:
    """Whether an EVSE or connector can have this number; 0 stands for all of them."""
    return 0 <= id < _PLACES


def canonical_identity(text: str) -> str:
    """The one form of a station's identity: identifierString is case-insensitive, at most 48 characters.

    A colon is not allowed because Basic authentication splits there (Part 4, 3.1.1).
    Raises `Invalid` naming `identity`.
    """
    folded = text.lower()
    if not 0 < len(folded) <= IDENTITY_MAX:
        raise Invalid("identity", f"An identity has 1 to {IDENTITY_MAX} characters.")
    if not _ALPHABET.issuperset(folded):
        raise Invalid("identity", "An identity has letters, digits and * - _ = + | @ . only.")
    return folded
