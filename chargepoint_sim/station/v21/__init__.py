"""OCPP 2.1 as this station speaks it: all of 2.0.1, V2X, Dynamic profiles and DER control beside it."""

from chargepoint_sim.station.v21.speaker import Speaker
from chargepoint_sim.station.v21.variables import CAPABILITY, adapted

__all__ = ["CAPABILITY", "Speaker", "adapted"]
