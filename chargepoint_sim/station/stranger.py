"""A vehicle of which a station knows only what it says: it takes and gives what it has promised."""

from dataclasses import dataclass

from chargepoint_sim.ev.vehicle import PowerLimits
from chargepoint_sim.station.evse import Evse


@dataclass(frozen=True)
class Stranger:
    """The terminals of a vehicle in another process, at an EVSE."""

    evse: Evse

    def transfer(self, power_w: float, seconds: float) -> float:
        """What is driven is what flows, W."""
        return power_w

    def ability(self) -> PowerLimits:
        """What its last charge loop told, W; nothing before it."""
        told = self.evse.vehicle
        return PowerLimits(0.0, 0.0) if told is None else told.ability
