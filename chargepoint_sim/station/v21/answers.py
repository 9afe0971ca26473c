"""What a 2.1 station answers: the blocks of 2.0.1, charging profiles with all that is new, V2X and DER."""

from chargepoint_sim.station.v21.der import Der
from chargepoint_sim.station.v21.memory import Memory
from chargepoint_sim.station.v21.monitoring import Monitoring
from chargepoint_sim.station.v21.smart_charging import SmartCharging
from chargepoint_sim.station.v201 import answers
from chargepoint_sim.station.v201.desk import Block, Desk


def routes(desk: Desk, memory: Memory) -> dict[str, dict[str, object]]:
    """The library's route map for one connection."""
    table = answers.table(desk)
    blocks: tuple[Block, ...] = (Monitoring(desk), SmartCharging(desk, memory), Der(desk, memory))
    for block in blocks:
        table |= block.routes()
    return {action: {"_on_action": handler} for action, handler in table.items()}
