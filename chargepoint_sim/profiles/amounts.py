"""Arithmetic on what is said of power, for all phases at once or for each. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from chargepoint_sim.profiles.profile import VOLTAGE_V, Amount, RateUnit, convert

_ALL_PHASES = 3


@dataclass(frozen=True)
class Scale:
    """What amounts are brought to before they are compared: unit, phases, and whether each is `apart`."""

    unit: RateUnit
    phases: int
    apart: bool

    def read(self, amount: Amount, unit: RateUnit) -> Amount:
        """An amount in some unit on this scale."""
        if self.apart:
            return tuple(self._phase(one, unit) for one in _spread(amount, unit, self.phases))
        if len(amount) == 1:
            return (convert(amount[0], unit, self.unit, self.phases),)
        # One phase is left of several: nobody knows which, so the smallest value of all (K01.FR.147).
        return (self._phase(min(amount, key=abs), unit),)

    def local(self, w: float, a: float) -> Amount:
        """What an EVSE can do by itself."""
        of_unit = w if self.unit is RateUnit.W else a
        return _spread((of_unit,), self.unit, self.phases) if self.apart else (of_unit,)

    def _phase(self, value: float, unit: RateUnit) -> float:
        """One phase's value in this scale's unit."""
        if unit is self.unit:
            return value
        return value * VOLTAGE_V if self.unit is RateUnit.W else value / VOLTAGE_V


def _spread(amount: Amount, unit: RateUnit, phases: int) -> Amount:
    """An amount for each of three phases; what is the sum in W is shared evenly."""
    if len(amount) > 1:
        return (*amount, *(0.0 for _ in range(_ALL_PHASES - len(amount))))
    each = amount[0] / phases if unit is RateUnit.W else amount[0]
    return tuple(each for _ in range(_ALL_PHASES))


def lowest(amounts: Sequence[Amount]) -> Amount:
    """The smallest, phase by phase."""
    return tuple(min(phase) for phase in zip(*amounts, strict=True))


def highest(amounts: Sequence[Amount]) -> Amount:
    """The greatest, phase by phase: of discharge limits the tightest."""
    return tuple(max(phase) for phase in zip(*amounts, strict=True))


def capped(setpoint: Amount, limit: Amount | None, discharge: Amount | None) -> Amount:
    """A setpoint within its bounds: V2X.03 above zero, V2X.04 below."""

    def one(phase: int) -> float:
        value = setpoint[phase]
        if value > 0.0 and limit is not None:
            return min(value, limit[phase])
        return max(value, discharge[phase]) if value < 0.0 and discharge is not None else value

    return tuple(one(phase) for phase in range(len(setpoint)))


def lump_sum(amount: Amount) -> float:
    """What flows over all phases, of an amount in W."""
    return sum(amount)
