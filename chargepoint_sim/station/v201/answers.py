"""What the station answers to each request of the server: all blocks together."""

from chargepoint_sim.station.v201.authorization import Authorization
from chargepoint_sim.station.v201.control import Control
from chargepoint_sim.station.v201.desk import Block, Desk, Routes
from chargepoint_sim.station.v201.maintenance import Maintenance
from chargepoint_sim.station.v201.messages import Messages
from chargepoint_sim.station.v201.monitoring import Monitoring
from chargepoint_sim.station.v201.provisioning import Provisioning
from chargepoint_sim.station.v201.security import Security
from chargepoint_sim.station.v201.smart_charging import SmartCharging


def routes(desk: Desk) -> dict[str, dict[str, object]]:
    """The library's route map for one connection."""
    return {action: {"_on_action": handler} for action, handler in table(desk).items()}


def table(desk: Desk) -> Routes:
    """Who answers what, for one connection."""
    blocks: tuple[Block, ...] = (
        Security(desk),
        Provisioning(desk),
        Authorization(desk),
        Control(desk),
        SmartCharging(desk),
        Maintenance(desk),
        Monitoring(desk),
        Messages(desk),
    )
    return {action: handler for block in blocks for action, handler in block.routes().items()}
