"""OCPP 1.6 as this station speaks it, by translation from the same inside as 2.x."""

from chargepoint_sim.station.v16.configuration import adapted
from chargepoint_sim.station.v16.speaker import Speaker

__all__ = ["Speaker", "adapted"]
