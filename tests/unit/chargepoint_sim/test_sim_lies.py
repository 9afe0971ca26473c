"""A state of charge that cannot be told is not told in the vehicle's needs either."""

import pytest

from chargepoint_sim.ev.vehicle import Current, EnergyRequests, PowerLimits
from chargepoint_sim.iso15118.outlet import ChargingNeeds
from chargepoint_sim.station.knobs import Knob, Knobs
from chargepoint_sim.station.lies import told_needs

REQUESTS = EnergyRequests(0.0, 0.0, 0.0, 0.0, 0.0)
NEEDS = ChargingNeeds(
    "id", Current.DC, True, PowerLimits(1.0, 1.0), 16.0, 400.0, REQUESTS, 60.0, 60_000.0, 40.0
)


@pytest.mark.parametrize(
    ("knob", "argument", "soc"),
    [
        (Knob.SOC_NAN, 1.0, None),
        (Knob.SOC_MISSING, 1.0, None),
        (Knob.SOC_OFFSET, 12.0, 40.0),
        (Knob.SOC_IMPOSSIBLE, 1.0, None),
        (Knob.METER_SILENT, 1.0, 40.0),
    ],
)
def test_needs_under_a_fault(knob: Knob, argument: float, soc: float | None) -> None:
    knobs = Knobs()
    knobs.turn(knob, argument)
    assert told_needs(NEEDS, knobs).soc == soc


def test_who_does_not_lie_tells_the_truth() -> None:
    assert told_needs(NEEDS, Knobs()) is NEEDS
