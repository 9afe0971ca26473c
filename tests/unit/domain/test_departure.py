"""What a departure demands and what it leaves for the grid."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csms.domain.departure import CHARGE_EFFICIENCY, Departure

LEASE_S = 300


def test_time_to_spare_is_energy_to_spare() -> None:
    relaxed = Departure(needed_wh=8500, left_s=600 + 2 * 3600, charge_w=10_000)
    assert relaxed.spare_wh(LEASE_S) == pytest.approx(8500)
    assert relaxed.must_w(LEASE_S) == 0


def test_no_time_left_means_full_power_for_who_lacks_something() -> None:
    assert Departure(1, 0, 7000).must_w(LEASE_S) == 7000
    assert Departure(0, 0, 7000).must_w(LEASE_S) == 0
    assert Departure(-500, 0, 7000).spare_wh(LEASE_S) == 500
    assert Departure(500, 3600, 0).must_w(LEASE_S) == 0


@given(st.floats(0, 50_000), st.floats(0, 50_000), st.floats(0, 22_000))
def test_the_forced_charging_reaches_what_full_power_would_reach(
    needed_wh: float, left_s: float, charge_w: float
) -> None:
    departure = Departure(needed_wh, left_s, charge_w)
    must_w, window_s = departure.must_w(LEASE_S), min(left_s, 2 * LEASE_S)
    assert 0 <= must_w <= charge_w
    best_wh = charge_w * left_s / 3600 * CHARGE_EFFICIENCY
    reached_wh = (must_w * window_s + charge_w * (left_s - window_s)) / 3600 * CHARGE_EFFICIENCY
    assert reached_wh >= min(needed_wh, best_wh) - 1e-6
