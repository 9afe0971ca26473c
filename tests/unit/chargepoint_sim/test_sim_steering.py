"""From profiles and surroundings to one order for the power path."""

from datetime import UTC, datetime, timedelta

import pytest

from chargepoint_sim.profiles.composite import Instant
from chargepoint_sim.profiles.profile import Curve, Mode, Period, Regulation, Values
from chargepoint_sim.station.steering import Balancing, Surroundings, order_w

NOW = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
DROOP = Curve(((50.2, 8000.0), (49.8, -8000.0), (50.0, 0.0)))


@pytest.mark.parametrize(
    ("frequency", "expected"), [(49.0, -8000), (49.9, -4000), (50.0, 0), (50.05, 2000), (51.0, 8000)]
)
def test_a_curve_is_straight_between_its_points_and_level_beyond(frequency: float, expected: float) -> None:
    assert DROOP.at(frequency) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("mode", "values", "expected"),
    [
        (Mode.CHARGING_ONLY, Values(limit=(5000,)), 5000),
        (Mode.CHARGING_ONLY, Values(limit=(-5000,)), -5000),
        (Mode.CENTRAL_SETPOINT, Values(setpoint=(-3000,)), -3000),
        (Mode.CENTRAL_SETPOINT, Values(setpoint=(-1000, -2000, -3000)), -6000),
        (Mode.CENTRAL_SETPOINT, Values(limit=(2000,), setpoint=(4000,)), 2000),
        (Mode.EXTERNAL_SETPOINT, Values(limit=(2000,)), 0),
        (Mode.EXTERNAL_LIMITS, Values(), 0),
        (Mode.EXTERNAL_LIMITS, Values(limit=(2000,)), 2000),
        (Mode.LOCAL_FREQUENCY, Values(), 0),
        (Mode.IDLE, Values(limit=(2000,)), 0),
    ],
)
def test_without_anybody_around(mode: Mode, values: Values, expected: float) -> None:
    found = Instant(values, None, None, mode)
    assert order_w(found, Surroundings(), NOW, 0.0, None) == expected


def test_what_a_der_control_leaves_of_discharge_bounds_every_setpoint_and_no_charging() -> None:
    around = Surroundings(most_discharge_w=2000.0)
    for wanted, expected in ((-7000.0, -2000.0), (-1000.0, -1000.0), (4000.0, 4000.0)):
        found = Instant(Values(setpoint=(wanted,)), None, None, Mode.CENTRAL_SETPOINT)
        assert order_w(found, around, NOW, 0.0, None) == expected


def test_an_afrr_signal_holds_from_its_time_until_the_next() -> None:
    around = Surroundings()
    for second in range(1000):
        at = NOW - timedelta(seconds=1000 - second)
        around.hear_signal(at, 7, at)
    assert len(around.signals) <= 2  # those that are over are forgotten
    around.hear_signal(NOW, 50, NOW)
    around.hear_signal(NOW + timedelta(seconds=10), -50, NOW)
    period = Period(
        0, None, regulation=Regulation(1000.0, DROOP, Curve(((-100.0, -2000.0), (100.0, 2000.0))))
    )
    found = Instant(Values(), None, None, Mode.LOCAL_FREQUENCY, period)
    orders = [order_w(found, around, NOW + timedelta(seconds=one), 0.0, None) for one in (-1, 0, 10)]
    assert orders == pytest.approx([1000, 2000, 0])


@pytest.mark.parametrize(("load", "expected"), [(8000, -3500), (3000, 1000), (-5000, 6000)])
def test_q09_balancing_keeps_the_site_between_its_thresholds(load: float, expected: float) -> None:
    balancing = Balancing(lower_w=-1000.0, upper_w=5000.0, lower_offset_w=2000.0, upper_offset_w=-500.0)
    found = Instant(Values(), None, None, Mode.LOCAL_LOAD_BALANCING)
    around = Surroundings(load_w=load)
    assert order_w(found, around, NOW, 1000.0, balancing) == expected
    assert order_w(found, around, NOW, 1000.0, None) == 1000.0
