"""What temperature does to a battery: less power when it is cold or hot; losses warm it. Pure arithmetic.

The figures are those of a usual liquid-cooled pack of lithium-ion cells: charging below freezing is slow
because lithium would plate, discharging suffers less, and above some 45 degrees both are held back.
"""

import math
from dataclasses import dataclass
from itertools import pairwise

# Degrees Celsius and the share of full power there; straight lines between.
_CHARGE = (
    (-20.0, 0.0),
    (-10.0, 0.15),
    (0.0, 0.35),
    (10.0, 0.7),
    (20.0, 1.0),
    (45.0, 1.0),
    (55.0, 0.3),
    (60.0, 0.0),
)
_DISCHARGE = ((-30.0, 0.0), (-20.0, 0.4), (0.0, 0.8), (10.0, 1.0), (50.0, 1.0), (60.0, 0.0))
_JOULES_PER_KELVIN_AND_WH = 6.0  # some 6 kg of pack for a kWh, 1 kJ for a kg and kelvin


@dataclass(frozen=True)
class Climate:
    """Where a battery stands. `settling_s`: how long it takes to come within a third of the outside."""

    outside_c: float = 20.0
    settling_s: float = 4 * 3600.0

    def after(self, temperature_c: float, capacity_wh: float, loss_wh: float, seconds: float) -> float:
        """The temperature after some time in which so much energy became heat."""
        warmed_c = temperature_c + loss_wh * 3600.0 / (_JOULES_PER_KELVIN_AND_WH * capacity_wh)
        return self.outside_c + (warmed_c - self.outside_c) * math.exp(-seconds / self.settling_s)


def charge_share(temperature_c: float) -> float:
    """The share of its full power that a battery takes at this temperature, 0 to 1."""
    return _between(_CHARGE, temperature_c)


def discharge_share(temperature_c: float) -> float:
    """The share of its full power that a battery gives at this temperature, 0 to 1."""
    return _between(_DISCHARGE, temperature_c)


def _between(points: tuple[tuple[float, float], ...], at: float) -> float:
    if at <= points[0][0]:
        return points[0][1]
    for (left, low), (right, high) in pairwise(points):
        if at <= right:
            return low + (high - low) * (at - left) / (right - left)
    return points[-1][1]
