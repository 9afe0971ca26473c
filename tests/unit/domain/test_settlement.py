"""Who delivered what: named cases from files, and V-17 for any meter data."""

import tomllib
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csms.domain.grid_event import EventState, GridEvent
from csms.domain.meter import Reading
from csms.domain.program import BaselineMethod, Program, Terms
from csms.domain.registers import Registers
from csms.domain.settlement import MAX_GAP, ParticipantReadings, settle

CASES = sorted((Path(__file__).parents[2] / "cases" / "settlement").glob("*.toml"))
START = datetime(2026, 7, 1, 17, 0, tzinfo=UTC)
EVENT = GridEvent("ev1", "peak", -6000.0, START, 900, EventState.ENDED, START)
PROGRAM = Program("peak", "Peak")


def minutes(count: float | None) -> datetime | None:
    return None if count is None else START + timedelta(minutes=count)


def at(count: float) -> datetime:
    return START + timedelta(minutes=count)


def registers(rows: list[list[float]]) -> tuple[Reading, ...]:
    """Rows of minute, import and perhaps export."""
    return tuple(Reading(at(row[0]), None, row[1], row[2] if len(row) > 2 else None) for row in rows)


def part_of(given: dict[str, Any]) -> ParticipantReadings:
    return ParticipantReadings(
        given["driver"],
        "cs001",
        1,
        f"tx-{given['driver']}",
        registers(given["readings"]),
        since=minutes(given.get("since_min")),
        until=minutes(given.get("until_min")),
        baseline_w=given.get("baseline_w"),
        bidirectional=given.get("bidirectional", True),
    )


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_case(path: Path) -> None:
    case, expect = tomllib.loads(path.read_text()), tomllib.loads(path.read_text())["expect"]
    event = GridEvent(
        "ev1",
        "peak",
        case["target_w"],
        START,
        900,
        EventState.ENDED,
        START,
        cancelled_at=minutes(case.get("cancelled_min")),
    )
    terms = Terms(
        baseline=BaselineMethod(case.get("baseline", "zero")),
        price_per_kwh=case.get("price", 2.0),
        currency=case.get("currency", "USD"),
    )
    gap = timedelta(seconds=case.get("max_gap_s", MAX_GAP.total_seconds()))
    statement = settle(event, Program("peak", "Peak", terms), map(part_of, case["part"]), gap)
    figures = {
        name: getattr(statement, name) for name in expect if hasattr(statement, name) and name != "lines"
    }
    assert figures == pytest.approx({name: expect[name] for name in figures}, abs=0.001)
    assert statement.unmetered_intervals == expect["unmetered"]
    assert len(statement.lines) == expect["lines"]
    for line in statement.lines:
        energies = (line.import_wh, line.export_wh, line.baseline_wh, line.delivered_wh)
        assert (None in energies) is not line.metered
        assert line.payment >= 0


def test_there_are_cases() -> None:
    assert len(CASES) >= 6


def test_nobody_took_part() -> None:
    statement = settle(EVENT, PROGRAM, [])
    assert (statement.lines, statement.delivered_wh, statement.performance, statement.payment) == (
        (),
        0,
        0,
        0,
    )
    assert statement.target_wh == 1500


def test_an_event_cancelled_before_it_began_has_no_target_and_no_lines() -> None:
    cancelled = GridEvent(
        "ev1",
        "peak",
        -6000.0,
        START,
        900,
        EventState.CANCELLED,
        START,
        cancelled_at=START - timedelta(hours=1),
    )
    part = ParticipantReadings("dana", "cs001", 1, "tx1", registers([[0, 0, 0], [15, 0, 1500]]))
    statement = settle(cancelled, PROGRAM, [part])
    assert (statement.lines, statement.target_wh, statement.performance) == ((), 0, 0)


def test_lines_are_cut_by_the_clock_and_where_meter_data_begin() -> None:
    event = GridEvent("ev1", "peak", -6000.0, at(2), 600, EventState.ENDED, START)
    part = ParticipantReadings(
        "dana", "cs001", 1, "tx1", registers([[3, 0, 0], [20, 0, 1700]]), since=at(2.5)
    )
    lines = settle(event, PROGRAM, [part], timedelta(minutes=30)).lines
    assert [line.start for line in lines] == [at(2.5), at(3), at(5), at(10)]
    assert lines[-1].end == at(12)
    assert [line.metered for line in lines] == [False, True, True, True]


def test_a_baseline_that_is_not_known_leaves_the_line_unmetered_and_a_frozen_one_counts() -> None:
    terms = Terms(baseline=BaselineMethod.PRE_EVENT)
    rows = registers([[0, 0, 0], [15, 0, 1500]])
    unknown = ParticipantReadings("dana", "cs001", 1, "tx1", rows, since=at(-30))
    frozen = ParticipantReadings("lee", "cs002", 1, "tx2", rows, since=at(-30), baseline_w=2000.0)
    newcomer = ParticipantReadings("kim", "cs003", 1, "tx3", rows, since=at(0))
    first, second, third = (
        settle(EVENT, Program("peak", "Peak", terms), [part]) for part in (unknown, frozen, newcomer)
    )
    assert (first.unmetered_intervals, first.delivered_wh, first.exported_wh) == (3, 0, 0)
    assert second.delivered_wh == pytest.approx(2000)
    assert third.delivered_wh == pytest.approx(1500)


growing = st.lists(
    st.tuples(st.integers(5, 400), st.floats(0, 2000), st.floats(0, 2000)), min_size=2, max_size=40
)


def meter(rows: list[tuple[int, float, float]], start_s: int) -> tuple[Reading, ...]:
    """Readings out of steps: seconds, imported, exported."""
    readings, time, import_wh, export_wh = [], START + timedelta(seconds=start_s), 40_000.0, 9000.0
    for after_s, imported, exported in rows:
        readings.append(Reading(time, import_wh=import_wh, export_wh=export_wh))
        time += timedelta(seconds=after_s)
        import_wh, export_wh = import_wh + imported, export_wh + exported
    return tuple(readings)


@given(growing, st.integers(-2000, 800), st.sampled_from([60, 300, 900, 3600]), st.integers(60, 4000))
def test_metered_lines_add_up_to_the_registers_and_no_wh_counts_twice(
    rows: list[tuple[int, float, float]], start_s: int, interval_s: int, duration_s: int
) -> None:
    """V-17."""
    event = GridEvent("ev1", "peak", -6000.0, START, duration_s, EventState.ENDED, START)
    readings = meter(rows, start_s)
    part = ParticipantReadings("dana", "cs001", 1, "tx1", readings)
    statement = settle(event, Program("peak", "Peak", Terms(interval_s=interval_s)), [part])
    begin, end = max(START, readings[0].at), min(event.end, readings[-1].at)
    whole = Registers.of(readings).between(begin, end, MAX_GAP) if begin < end else None
    if whole is not None:
        assert statement.imported_wh == pytest.approx(whole.import_wh, abs=1e-6)
        assert statement.exported_wh == pytest.approx(whole.export_wh, abs=1e-6)
    else:
        assert statement.imported_wh == statement.exported_wh == 0
    assert statement.delivered_wh == pytest.approx(statement.exported_wh - statement.imported_wh, abs=1e-6)
    lines = statement.lines
    assert all(before.end == after.start for before, after in pairwise(lines))
    assert (lines[0].start, lines[-1].end) == (START, event.end)


@given(growing, st.integers(-2000, 800), st.randoms(use_true_random=False))
def test_readings_lost_on_the_way_never_add_energy(
    rows: list[tuple[int, float, float]], start_s: int, random: Any
) -> None:
    readings = meter(rows, start_s)
    fewer = tuple(reading for reading in readings if random.random() < 0.7)
    whole, part = (
        settle(EVENT, PROGRAM, [ParticipantReadings("dana", "cs001", 1, "tx1", given)], timedelta(seconds=1))
        for given in (readings, fewer)
    )
    kept = {line.start: line for line in whole.lines}
    for line in part.lines:
        same = kept.get(line.start)
        if line.metered and same is not None and same.metered and same.end == line.end:
            assert line.export_wh == pytest.approx(same.export_wh, abs=1e-6)
    assert part.exported_wh <= readings[-1].export_wh - readings[0].export_wh + 1e-6  # type: ignore[operator]


@given(growing, st.floats(0, 100))
def test_payment_is_the_sum_of_the_lines_rounded_once(
    rows: list[tuple[int, float, float]], price: float
) -> None:
    parts = [ParticipantReadings(f"d{n}", "cs001", n, f"tx{n}", meter(rows, -60 * n)) for n in range(3)]
    statement = settle(EVENT, Program("peak", "Peak", Terms(price_per_kwh=price)), parts)
    assert statement.payment == pytest.approx(sum(line.payment for line in statement.lines), abs=0.0051)
    assert statement.payment == round(statement.payment, 2)
    assert min((line.payment for line in statement.lines), default=0.0) >= 0
