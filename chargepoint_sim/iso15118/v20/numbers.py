"""Numbers of -20: a value times a power of ten."""

from functools import lru_cache

from chargepoint_sim.iso15118.exi.vocabulary import Element
from chargepoint_sim.iso15118.v20.messages import RationalNumberType

_LOWEST_EXPONENT = -3
_LARGEST_VALUE = 32767
_PHASES = ("", "_L2", "_L3")


@lru_cache(maxsize=4096)
def rational(value: float) -> RationalNumberType:
    """A number as RationalNumber, to the thousandth where it fits. `ValueError` if it does not fit at all."""
    for exponent in range(_LOWEST_EXPONENT, 10):
        scaled = round(value * 10.0**-exponent)
        if abs(scaled) <= _LARGEST_VALUE:
            while exponent < 0 and scaled % 10 == 0:
                scaled, exponent = scaled // 10, exponent + 1
            return RationalNumberType(Exponent=exponent, Value=scaled)
    raise ValueError(f"{value} does not fit into a RationalNumber")


def number(rational_number: RationalNumberType) -> float:
    """The number in a RationalNumber."""
    return float(rational_number.Value * 10.0**rational_number.Exponent)


def element_number(element: Element, name: str) -> float | None:
    """The number in a field, the sum over phases where there are some; None where it is absent.

    A name that a class does not have counts as absent: one-way classes have no discharge limits.
    """
    found = [getattr(element, f"{name}{phase}", None) for phase in _PHASES]
    present = [number(one) for one in found if isinstance(one, RationalNumberType)]
    return sum(present) if present else None
