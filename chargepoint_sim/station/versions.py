"""The OCPP versions that a station can be made with: what speaks each, and what it changes in the station."""

from collections.abc import Callable
from dataclasses import dataclass

from chargepoint_sim.profiles.checks import Capability
from chargepoint_sim.station import v16, v21, v201
from chargepoint_sim.station.cabinet import Cabinet
from chargepoint_sim.station.device_model import Variable
from chargepoint_sim.station.variables import Fixed, standard_variables
from chargepoint_sim.station.words import Speaker, Version

_USUAL = Capability()


def _as_they_are(fixed: Fixed, variables: list[Variable]) -> list[Variable]:
    return variables


@dataclass(frozen=True)
class Kit:
    """One version's. `adapt` makes the variables of a station of this version out of the usual ones."""

    speaker: Callable[[Cabinet, int], Speaker]
    adapt: Callable[[Fixed, list[Variable]], list[Variable]] = _as_they_are
    capability: Capability = _USUAL
    one_a_level: bool = False
    """Whether a charging profile takes the place of another one of its purpose and level."""

    def variables(self, fixed: Fixed) -> list[Variable]:
        """All variables of a station."""
        return self.adapt(fixed, standard_variables(fixed))


KITS: dict[Version, Kit] = {
    Version.V201: Kit(v201.Speaker),
    Version.V16: Kit(v16.Speaker, v16.adapted, one_a_level=True),
    Version.V21: Kit(v21.Speaker, v21.adapted, v21.CAPABILITY),
}
