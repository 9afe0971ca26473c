"""Step functions of power."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csms.domain.schedule import Schedule

T0 = datetime(2026, 7, 1, tzinfo=UTC)


def minutes(count: float) -> datetime:
    return T0 + timedelta(minutes=count)


def test_a_step_holds_until_the_next() -> None:
    steps = Schedule.of([(minutes(10), -5000.0), (T0, 2000.0)])
    assert steps.at(minutes(-1)) is None
    assert steps.at(T0) == 2000
    assert steps.at(minutes(9.9)) == 2000
    assert steps.at(minutes(99)) == -5000


def test_energy_is_power_times_time_with_its_sign() -> None:
    steps = Schedule.of([(T0, 6000.0), (minutes(10), -6000.0)])
    assert steps.energy_wh(T0, minutes(10)) == pytest.approx(1000)
    assert steps.energy_wh(minutes(5), minutes(30)) == pytest.approx(500 - 2000)
    assert steps.energy_wh(minutes(20), minutes(20)) == 0
    assert steps.energy_wh(minutes(-1), minutes(10)) is None
    assert Schedule().energy_wh(T0, minutes(1)) is None


@given(
    st.lists(st.tuples(st.integers(0, 60), st.floats(-1e5, 1e5)), min_size=1),
    st.tuples(st.integers(0, 90), st.integers(0, 90), st.integers(0, 90)).map(sorted),
)
def test_energy_adds_up_over_any_cut(points: list[tuple[int, float]], cuts: list[int]) -> None:
    steps = Schedule.of([(T0, 0.0)] + [(minutes(at), power) for at, power in points])
    start, middle, end = map(minutes, cuts)
    parts = (steps.energy_wh(start, middle), steps.energy_wh(middle, end), steps.energy_wh(start, end))
    assert None not in parts
    assert (parts[0] or 0) + (parts[1] or 0) == pytest.approx(parts[2], abs=1e-6)
