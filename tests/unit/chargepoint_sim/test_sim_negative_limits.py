"""Composite schedules with limits below zero, as stations before 2.1 take them for discharge (N)."""

from dataclasses import replace
from datetime import timedelta

import pytest

from chargepoint_sim.profiles.profile import Profile
from tests.unit.chargepoint_sim.profile_texts import (
    DEFAULT,
    EXTERNAL,
    MAX,
    NOW,
    TX,
    A,
    made,
    since,
    told,
)

HOUR = ("2024-01-01 12:00", 3600)
LEASE = since(TX, -7000, duration=300)
LEASE_BY_VALIDITY = replace(since(TX, -7000), valid_to=NOW + timedelta(seconds=300))


@pytest.mark.parametrize(
    ("profiles", "expected"),
    [
        pytest.param([(0, since(MAX, 11000)), (1, since(TX, -7000))], "0:-7000", id="N1"),
        pytest.param([(0, since(MAX, -3000)), (1, since(TX, -7000))], "0:-7000", id="N2"),
        pytest.param([(0, since(MAX, -3000)), (1, since(TX, 7000))], "0:-3000", id="N3"),
        pytest.param([(1, since(DEFAULT, -5000, stack=9)), (1, since(TX, 2000))], "0:2000", id="N4"),
        pytest.param([(1, since(TX, -7000, 1, 300)), (1, since(TX, 0))], "0:-7000 300:0", id="N5"),
        pytest.param([(1, LEASE), (0, since(DEFAULT, 3680))], "0:-7000 300:3680", id="N6"),
        pytest.param([(1, LEASE)], "0:-7000 300:55612", id="N7"),
        pytest.param([(0, since(EXTERNAL, 0)), (1, since(TX, -7000))], "0:-7000", id="N8"),
        pytest.param([(1, LEASE_BY_VALIDITY), (0, since(DEFAULT, 3680))], "0:-7000 300:3680", id="N10"),
    ],
)
def test_negative_limits(profiles: list[tuple[int, Profile]], expected: str) -> None:
    assert told(profiles, HOUR) == expected


@pytest.mark.parametrize(("phases", "expected"), [("3", "0:-10"), ("1", "0:-30")])
def test_n9_negative_watts_in_amperes(phases: str, expected: str) -> None:
    assert told([(1, made(TX, f"0:-6900/{phases}"))], HOUR, A) == expected


def test_n12_the_sum_of_a_station_credits_discharge() -> None:
    profiles = [(1, since(TX, -7000)), (2, since(TX, 11000)), (0, since(MAX, 5000))]
    # Each EVSE is under the maximum as well, so that losing EVSE 1 does not break it.
    assert told(profiles, HOUR, evse_id=0, evses=2) == "0:-2000"
    assert told(profiles, HOUR, evse_id=2, evses=2) == "0:5000"


def test_a_fraction_of_a_second_makes_no_period_of_its_own() -> None:
    lease = made(TX, "0:-7000", duration=300)
    late = replace(lease.schedules[0], start=NOW + timedelta(milliseconds=400))
    assert told([(1, replace(lease, schedules=(late,)))], HOUR) == "0:-7000 300:55612"
