"""What the station answers to each request of the server: all blocks together."""

from chargepoint_sim.station.v201.authorization import Authorization
from chargepoint_sim.station.v201.control import Control
from chargepoint_sim.station.v201.desk import Block, Desk
from chargepoint_sim.station.v201.messages import Messages
from chargepoint_sim.station.v201.provisioning import Provisioning
from chargepoint_sim.station.v201.smart_charging import SmartCharging


def routes(desk: Desk) -> dict[str, dict[str, object]]:
    """The library's route map for one connection."""
    blocks: tuple[Block, ...] = (
        Provisioning(desk),
        Authorization(desk),
        Control(desk),
        SmartCharging(desk),
        Messages(desk),
    )
    table = {action: handler for block in blocks for action, handler in block.routes().items()}
    return {action: {"_on_action": handler} for action, handler in table.items()}
