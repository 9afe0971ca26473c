"""The closed loop, and whether an EVSE does what it was told."""

import math
import tomllib
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csms.domain.flexibility import EvseView
from csms.domain.tracking import Following, Memory, Tuning, correct, fleet_power, follows

CASES = sorted((Path(__file__).parents[2] / "cases" / "tracking").glob("*.toml"))

Views = Callable[..., EvseView]


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_case(path: Path, now: datetime) -> None:
    case = tomllib.loads(path.read_text())
    tuning, memory = Tuning(**case["tuning"]), Memory()
    for tick in case["tick"]:
        now += timedelta(seconds=tick["after_s"])
        target_w = tick.get("target_w", case["target_w"])
        asked_w, memory = correct(
            target_w, tick["measured_w"], memory, now, tuning, tick.get("shortfall_w", 0.0)
        )
        assert asked_w == pytest.approx(tick["asked_w"])


def test_there_are_cases() -> None:
    assert len(CASES) >= 5


measurements = st.lists(st.tuples(st.floats(-60, 600), st.floats(), st.floats(-1e6, 1e6)), max_size=30)


@given(st.floats(-1e6, 1e6), measurements, st.none() | st.floats(0, 1e5))
def test_no_stream_of_measurements_carries_the_correction_past_its_bound(
    now: datetime, target_w: float, ticks: list[tuple[float, float, float]], ramp: float | None
) -> None:
    memory, tuning = Memory(), Tuning(ramp_w_per_s=ramp)
    for after_s, measured_w, shortfall_w in ticks:
        now += timedelta(seconds=after_s)
        asked_w, memory = correct(target_w, measured_w, memory, now, tuning, shortfall_w)
        assert math.isfinite(asked_w)
        assert abs(memory.correction_w) <= 0.15 * abs(target_w) + 1e-6
        if ramp is None:
            assert abs(asked_w - target_w) <= 0.15 * abs(target_w) + 1e-6


@given(st.floats(-5e5, 5e5), st.floats(0.88, 1.17))
def test_a_fleet_that_does_a_constant_part_is_brought_to_the_target(
    now: datetime, target_w: float, does: float
) -> None:
    memory, asked_w = Memory(), target_w
    for _ in range(120):
        now += timedelta(seconds=10)
        asked_w, memory = correct(target_w, asked_w * does, memory, now)
    assert asked_w * does == pytest.approx(target_w, abs=max(501, abs(target_w) * 0.0101))


@given(st.floats(-1e6, 1e6), st.floats(0, 1e6))
def test_measuring_less_never_asks_for_less(now: datetime, measured_w: float, gap_w: float) -> None:
    before = Memory(now - timedelta(seconds=10), -3e5, now - timedelta(minutes=5), -1000.0, -301_000.0)
    low, _ = correct(-3e5, measured_w - gap_w, before, now)
    high, _ = correct(-3e5, measured_w, before, now)
    assert high <= low


def test_a_ramp_that_begins_without_a_measurement_begins_at_zero(now: datetime) -> None:
    asked_w, memory = correct(-1e5, math.nan, Memory(), now, Tuning(ramp_w_per_s=100))
    assert asked_w == 0
    assert correct(-1e5, math.nan, memory, now + timedelta(seconds=10), Tuning(ramp_w_per_s=100))[0] == -1000


def test_only_fresh_meters_count(view: Views, now: datetime) -> None:
    views = [
        view(power_w=-7000.0),
        view(power_w=3000.0, power_at=now - timedelta(seconds=120)),
        view(power_w=9000.0, power_at=now - timedelta(seconds=121)),
        view(power_w=9000.0, power_at=None),
        view(power_w=9000.0, power_at=now + timedelta(minutes=5)),
        view(power_w=math.nan),
        view(power_w=None),
    ]
    assert fleet_power(views, now, 120) == -4000


@pytest.mark.parametrize(
    ("setpoint_w", "power_w", "verdict"),
    [
        (-7000, -6950, Following.YES),
        (-7000, -2000, Following.YES),
        (-7000, -7600, Following.YES),
        (-7000, -9000, Following.IGNORED),
        (-7000, 0, Following.IGNORED),
        (-7000, 400, Following.IGNORED),
        (-7000, 7000, Following.WRONG_SIGN),
        (-7000, None, Following.NOT_YET),
        (-7000, math.nan, Following.NOT_YET),
        (-600, 0, Following.YES),
        (-600, 900, Following.WRONG_SIGN),
        (-600, -5000, Following.IGNORED),
        (0, 0, Following.YES),
        (0, 4000, Following.IGNORED),
        (0, -4000, Following.WRONG_SIGN),
        (7000, 7400, Following.YES),
        (7000, 0, Following.YES),
        (7000, 11_000, Following.IGNORED),
        (7000, -7000, Following.WRONG_SIGN),
    ],
)
def test_what_is_measured_is_judged(
    now: datetime, setpoint_w: float, power_w: float | None, verdict: Following
) -> None:
    assert follows(setpoint_w, power_w, now, now + timedelta(seconds=31)) is verdict


def test_only_readings_after_the_grace_time_count(now: datetime) -> None:
    assert follows(-7000, 7000, now, None) is Following.NOT_YET
    assert follows(-7000, 7000, now, now - timedelta(seconds=5)) is Following.NOT_YET
    assert follows(-7000, 7000, now, now + timedelta(seconds=29)) is Following.NOT_YET
    assert follows(-7000, 7000, now, now + timedelta(seconds=30)) is Following.WRONG_SIGN
