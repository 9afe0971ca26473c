"""OCPP 2.0.1 as this station speaks it, on the `ocpp` library's own ChargePoint."""

from chargepoint_sim.station.v201.conversation import SUBPROTOCOL, Conversation

__all__ = ["SUBPROTOCOL", "Conversation"]
