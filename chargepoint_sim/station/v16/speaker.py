"""One station's command of 1.6."""

from chargepoint_sim.station.cabinet import Cabinet
from chargepoint_sim.station.v16.conversation import Conversation
from chargepoint_sim.station.v16.memory import Memory
from chargepoint_sim.station.words import Dialect, Socket


class Speaker:
    """Speaks 1.6 for one station."""

    subprotocol = "ocpp1.6"

    def __init__(self, cabinet: Cabinet, validate_every: int) -> None:
        self._cabinet = cabinet
        self._validate_every = validate_every
        self._memory = Memory(cabinet)

    def converse(self, socket: Socket) -> Dialect:
        """Hold a conversation over a new connection."""
        return Conversation(self._cabinet, self._memory, socket, self._validate_every)
