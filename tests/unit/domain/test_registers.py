"""Energy registers over time."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csms.domain.meter import Reading
from csms.domain.registers import Flow, Registers

START = datetime(2026, 7, 1, 17, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def at(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


def test_only_what_says_both_counts_and_of_two_the_higher() -> None:
    readings = [
        Reading(at(0), import_wh=5, export_wh=1),
        Reading(at(0), import_wh=7, export_wh=2),
        Reading(at(1), import_wh=9),
        Reading(at(1), export_wh=9),
        Reading(at(2), import_wh=float("nan"), export_wh=9),
    ]
    made = Registers.of(readings)
    assert (made.times, made.import_wh, made.export_wh) == ((at(0),), (7,), (2,))
    assert Registers.of(readings, bidirectional=False).times == (at(0), at(1))
    assert Registers.of([]).first is None
    assert Registers.of([]).last is None


def test_nothing_is_said_beyond_the_readings_or_over_a_gap() -> None:
    made = Registers.of([Reading(at(m), import_wh=m * 10.0, export_wh=0.0) for m in (0, 10, 50)])
    assert made.between(at(-1), at(10), HOUR) is None
    assert made.between(at(0), at(51), HOUR) is None
    assert made.between(at(5), at(30), HOUR) == Flow(250, 0)
    # A gap between two readings matters where a border falls into it, not between borders.
    assert made.between(at(5), at(30), HOUR / 4) is None
    assert made.between(at(5), at(50), HOUR / 4) == Flow(450, 0)


def test_a_register_that_goes_back_tells_nothing() -> None:
    made = Registers.of(
        [Reading(at(m), import_wh=w, export_wh=0.0) for m, w in ((0, 100), (10, 0), (20, 50))]
    )
    assert made.between(at(0), at(20), HOUR) is None
    assert made.between(at(5), at(15), HOUR) is None
    assert made.between(at(10), at(20), HOUR) == Flow(50, 0)


@given(
    st.lists(st.tuples(st.floats(0, 5000), st.floats(0, 5000)), min_size=2, max_size=20),
    st.tuples(*[st.floats(0, 1)] * 3).map(sorted),
)
def test_flows_add_up_over_any_cut_and_are_never_negative(
    steps: list[tuple[float, float]], cuts: list[float]
) -> None:
    readings, import_wh, export_wh = [], 1e5, 1e4
    for index, (imported, exported) in enumerate(steps):
        import_wh, export_wh = import_wh + imported, export_wh + exported
        readings.append(Reading(at(index), import_wh=import_wh, export_wh=export_wh))
    made = Registers.of(readings)
    start, middle, end = (at(cut * (len(steps) - 1)) for cut in cuts)
    parts = [made.between(*span, HOUR) for span in ((start, middle), (middle, end), (start, end))]
    assert None not in parts
    one, two, both = (part or Flow(0, 0) for part in parts)
    assert one.import_wh + two.import_wh == pytest.approx(both.import_wh, abs=1e-6)
    assert one.export_wh + two.export_wh == pytest.approx(both.export_wh, abs=1e-6)
    assert min(one.import_wh, one.export_wh, two.import_wh, two.export_wh) >= -1e-6
