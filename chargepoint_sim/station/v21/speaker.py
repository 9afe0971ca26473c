"""One station's command of 2.1: what it remembers between connections."""

from chargepoint_sim.station.cabinet import Cabinet
from chargepoint_sim.station.v21.conversation import Conversation
from chargepoint_sim.station.v21.memory import Memory
from chargepoint_sim.station.v21.variables import balancing, capability
from chargepoint_sim.station.words import Dialect, Socket


class Speaker:
    """Speaks 2.1 for one station."""

    subprotocol = "ocpp2.1"

    def __init__(self, cabinet: Cabinet, validate_every: int) -> None:
        equipment, memory = cabinet.equipment, Memory(cabinet)
        self._cabinet = cabinet
        self._validate_every = validate_every
        self._memory = memory
        self._running = False
        equipment.profiles.capability = capability(equipment.model)
        equipment.balancing = lambda: balancing(equipment.model)
        equipment.may_give_back = memory.may_give_back

    def converse(self, socket: Socket) -> Dialect:
        """Hold a conversation over a new connection."""
        if not self._running:
            self._running = True
            self._cabinet.spawn(self._memory.run())
        return Conversation(self._cabinet, self._memory, socket, self._validate_every)
