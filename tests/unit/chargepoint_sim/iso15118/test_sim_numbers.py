"""RationalNumber of ISO 15118-20."""

import pytest

from chargepoint_sim.iso15118.v20 import messages as m
from chargepoint_sim.iso15118.v20.numbers import number, rational


@pytest.mark.parametrize(
    ("value", "exponent", "whole"),
    [
        (10_000, 0, 10_000),
        (60_000, 1, 6_000),
        (26.63, -2, 2663),
        (0, 0, 0),
        (-7_000, 0, -7_000),
        (0.125, -3, 125),
    ],
)
def test_rational_numbers(value: float, exponent: int, whole: int) -> None:
    assert rational(value) == m.RationalNumberType(Exponent=exponent, Value=whole)
    assert number(m.RationalNumberType(Exponent=exponent, Value=whole)) == pytest.approx(value)


def test_a_number_that_is_too_large_is_refused() -> None:
    with pytest.raises(ValueError, match="does not fit"):
        rational(1e14)
