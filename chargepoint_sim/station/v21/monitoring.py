"""What a 2.1 station answers: monitoring, whose reports also say who has set each monitor (block N)."""

from chargepoint_sim.station.monitors import Monitor
from chargepoint_sim.station.v201 import monitoring as v201


class Monitoring(v201.Monitoring):
    """Block N."""

    def monitoring(self, one: Monitor) -> dict[str, object]:
        """A monitor itself, without where it is."""
        return super().monitoring(one) | {"eventNotificationType": one.origin.value}
