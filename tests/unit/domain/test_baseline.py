"""What would have flowed without the event."""

import math
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csms.domain.baseline import baseline_w, baseline_wh, pre_event_w
from csms.domain.grid_event import EventState, GridEvent
from csms.domain.meter import Reading
from csms.domain.program import BaselineMethod

START = datetime(2026, 7, 1, 17, 0, tzinfo=UTC)
EVENT = GridEvent("ev1", "peak", -6000.0, START, 900, EventState.ACTIVE, START)


def before(minutes: float) -> datetime:
    return START - timedelta(minutes=minutes)


def test_zero_is_zero_whatever_was_measured() -> None:
    readings = [Reading(before(5), power_w=7000.0, import_wh=0.0, export_wh=0.0)]
    assert baseline_wh(BaselineMethod.ZERO, readings, EVENT, START, EVENT.end) == 0


def test_the_mean_before_the_start_comes_from_registers_first() -> None:
    readings = [
        Reading(before(30), power_w=99.0, import_wh=0.0, export_wh=0.0),
        Reading(before(0), power_w=99.0, import_wh=2000.0, export_wh=1000.0),
    ]
    assert baseline_w(BaselineMethod.PRE_EVENT, readings[1:], EVENT) is None
    near = [Reading(before(12), power_w=99.0, import_wh=0.0, export_wh=500.0), readings[1]]
    assert baseline_w(BaselineMethod.PRE_EVENT, near, EVENT) == pytest.approx(1500 / 0.2)
    half_an_hour = timedelta(minutes=30)
    assert baseline_wh(BaselineMethod.PRE_EVENT, near, EVENT, START, START + half_an_hour) == pytest.approx(
        3750
    )


def test_the_window_is_a_quarter_of_an_hour() -> None:
    readings = [
        Reading(before(m), import_wh=w, export_wh=0.0)
        for m, w in ((40, 0), (20, 9000), (10, 9000), (0, 9500))
    ]
    # Between twenty and ten minutes nothing flowed, in the last ten 500 Wh.
    assert pre_event_w(readings, START) == pytest.approx(500 / 0.25)


def test_without_registers_the_power_readings_do() -> None:
    readings = [
        Reading(before(20), power_w=6000.0),
        Reading(before(5), power_w=-3000.0),
        Reading(before(2), power_w=math.nan),
    ]
    assert pre_event_w(readings, START) == pytest.approx((6000 * 10 - 3000 * 5) / 15)


def test_too_little_or_too_old_is_not_known() -> None:
    assert pre_event_w([], START) is None
    assert pre_event_w([Reading(before(0.5), power_w=6000.0)], START) is None
    assert pre_event_w([Reading(before(16), power_w=6000.0)], START) is None
    old = [Reading(before(m), import_wh=0.0, export_wh=0.0) for m in (40, 20)]
    assert pre_event_w(old, START) is None


@given(st.lists(st.tuples(st.integers(1, 3000), st.floats(-1e5, 1e5)), max_size=10), st.floats(-1e5, 1e5))
def test_nothing_after_the_start_moves_it(history: list[tuple[int, float]], later_w: float) -> None:
    readings = [Reading(START - timedelta(seconds=s), power_w=w) for s, w in history]
    after = Reading(START + timedelta(seconds=1), power_w=later_w, import_wh=1e6, export_wh=0.0)
    assert pre_event_w([*readings, after], START) == pre_event_w(readings, START)
