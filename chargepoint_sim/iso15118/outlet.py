"""What the SECC knows of the station around it: neutral words, no messages, no OCPP."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from chargepoint_sim.ev.vehicle import Current, EnergyRequests, PowerLimits
from chargepoint_sim.iso15118.services import Control


class Permission(StrEnum):
    """How far the driver's authorisation is."""

    PENDING = "pending"
    GRANTED = "granted"
    REFUSED = "refused"


class Ending(StrEnum):
    """How a charging session came to its end."""

    BY_VEHICLE = "by vehicle"
    BY_STATION = "by station"
    PAUSED = "paused"
    LOST = "lost"
    BROKEN = "broken"


@dataclass(frozen=True)
class ChargingNeeds:
    """What the vehicle tells once, before energy flows. Percent, Wh, W, A, V, seconds from now."""

    evccid: str
    current: Current
    bidirectional: bool
    rating: PowerLimits
    max_current_a: float
    max_voltage_v: float
    requests: EnergyRequests
    departure_in_s: float | None
    capacity_wh: float | None = None
    soc: float | None = None
    target_soc: float | None = None
    control: Control | None = Control.DYNAMIC
    """Who decides on the power; None where the protocol does not know the question (-2)."""


@dataclass(frozen=True)
class VehicleState:
    """What the vehicle tells in every charge loop.

    `wish_w` is the power that it asks for where it is the one that decides (Scheduled control, -2), + in.
    """

    ability: PowerLimits
    requests: EnergyRequests
    bidirectional: bool
    soc: float | None
    departure_in_s: float | None
    wish_w: float | None = None


@dataclass(frozen=True)
class OutletState:
    """What the station answers: published limits (both positive), power that flows (+ into the vehicle)."""

    limits: PowerLimits
    power_w: float
    import_wh: float
    export_wh: float


@dataclass(frozen=True)
class Slot:
    """From `start_s` after now on, so much may flow, W: both limits are positive."""

    start_s: int
    limits: PowerLimits


@dataclass(frozen=True)
class Stretch:
    """From `start_s` after now on, a vehicle means to let so much flow, W, + into it."""

    start_s: int
    power_w: float


class Outlet(Protocol):
    """The EVSE as the SECC sees it."""

    @property
    def rating(self) -> PowerLimits:
        """What the EVSE can do at best."""

    def permission(self) -> Permission:
        """Whether the driver may charge."""

    def take_needs(self, needs: ChargingNeeds) -> None:
        """Hear what the vehicle needs."""

    def deciding(self) -> bool:
        """Whether somebody is still making up a schedule for this vehicle (K15)."""

    def offer(self) -> tuple[Slot, ...]:
        """What may flow from now on, as far as that is known."""

    def take_plan(self, plan: tuple[Stretch, ...]) -> None:
        """Hear what the vehicle means to do within the offer."""

    def set_contactor(self, closed: bool) -> None:
        """Close or open the power path."""

    def exchange(self, state: VehicleState) -> OutletState:
        """Hear the vehicle, drive the power, tell what is published."""
