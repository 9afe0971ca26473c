"""OCPP 2.0.1 as this station speaks it, on the `ocpp` library's own ChargePoint."""

from chargepoint_sim.station.cabinet import Cabinet
from chargepoint_sim.station.v201.conversation import Conversation
from chargepoint_sim.station.words import Dialect, Socket


class Speaker:
    """Speaks 2.0.1 for one station; nothing has to be remembered between connections."""

    subprotocol = "ocpp2.0.1"

    def __init__(self, cabinet: Cabinet, validate_every: int) -> None:
        self._cabinet = cabinet
        self._validate_every = validate_every

    def converse(self, socket: Socket) -> Dialect:
        """Hold a conversation over a new connection."""
        return Conversation(self._cabinet, socket, self._validate_every)
