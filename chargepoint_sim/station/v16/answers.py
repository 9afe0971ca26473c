"""What a 1.6 station answers to each request of the server: all feature profiles together."""

from chargepoint_sim.station.v16.control import Control
from chargepoint_sim.station.v16.extension import Extension
from chargepoint_sim.station.v16.local_list import LocalList
from chargepoint_sim.station.v16.memory import Memory
from chargepoint_sim.station.v16.smart_charging import SmartCharging
from chargepoint_sim.station.v201.desk import Block, Desk


def routes(desk: Desk, memory: Memory) -> dict[str, dict[str, object]]:
    """The library's route map for one connection."""
    blocks: tuple[Block, ...] = (
        Control(desk, memory),
        SmartCharging(desk, memory),
        LocalList(desk),
        Extension(desk),
    )
    table = {action: handler for block in blocks for action, handler in block.routes().items()}
    return {action: {"_on_action": handler} for action, handler in table.items()}
