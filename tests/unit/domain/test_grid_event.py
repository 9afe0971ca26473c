"""What a grid event may be, how it lives, and which of two rules an EVSE."""

import math
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csms.domain.grid_event import (
    TRANSITIONS,
    EventRequest,
    EventState,
    GridEvent,
    Scope,
    assign,
    check,
    due,
    running,
    target_at,
    transition,
)
from csms.domain.program import Program, Terms
from csms.errors import Conflict, Invalid

MINUTE = timedelta(minutes=1)
PROGRAM = Program("evening-peak", "Evening peak", Terms(max_power_w=500_000, max_duration_s=3600, notice_s=0))
GOOD = EventRequest("evening-peak", target_w=-300_000, duration_s=900)

Events = Callable[..., GridEvent]


def test_a_sound_request_passes(now: datetime) -> None:
    check(GOOD, PROGRAM, now, 300_000)
    check(replace(GOOD, start=now - 10 * MINUTE, min_soc=0), PROGRAM, now)
    check(replace(GOOD, target_w=200_000, start=now + timedelta(days=7), min_soc=100), PROGRAM, now)


@pytest.mark.parametrize(
    ("field", "change"),
    [
        ("target_w", {"target_w": 0.0}),
        ("target_w", {"target_w": math.nan}),
        ("target_w", {"target_w": -math.inf}),
        ("target_w", {"target_w": -500_001.0}),
        ("target_w", {"target_w": 400_001.0}),
        ("duration_s", {"duration_s": 0}),
        ("duration_s", {"duration_s": -900}),
        ("duration_s", {"duration_s": 3601}),
        ("start", {"start": datetime(2026, 7, 1, 16, 45, tzinfo=UTC)}),
        ("start", {"start": datetime.min.replace(tzinfo=UTC)}),
        ("start", {"start": datetime.max.replace(tzinfo=UTC)}),
        ("start", {"start": datetime(2026, 7, 1, 18, 0)}),  # noqa: DTZ001
        ("min_soc", {"min_soc": -0.1}),
        ("min_soc", {"min_soc": 100.1}),
        ("min_soc", {"min_soc": math.nan}),
    ],
)
def test_an_impossible_request_is_refused_by_field(
    now: datetime, field: str, change: dict[str, float]
) -> None:
    with pytest.raises(Invalid) as refused:
        check(replace(GOOD, **change), PROGRAM, now, 400_000)  # type: ignore[arg-type]
    assert refused.value.field == field


def test_notice_is_asked_for(now: datetime) -> None:
    slow = replace(PROGRAM, terms=replace(PROGRAM.terms, notice_s=600))
    check(replace(GOOD, start=now + 10 * MINUTE), slow, now)
    for start in (None, now + 9 * MINUTE):
        with pytest.raises(Invalid, match="notice"):
            check(replace(GOOD, start=start), slow, now)


def test_a_fleet_of_unknown_size_is_not_a_reason_but_an_empty_one_is(now: datetime) -> None:
    check(GOOD, PROGRAM, now, None)
    for limit_w in (0.0, math.nan):
        with pytest.raises(Invalid):
            check(GOOD, PROGRAM, now, limit_w)


@given(before=st.sampled_from(EventState), to=st.sampled_from(EventState))
def test_only_the_tables_steps_are_taken(before: EventState, to: EventState) -> None:
    event = GridEvent(
        "e", "p", -1.0, datetime(2026, 1, 1, tzinfo=UTC), 60, before, datetime(2026, 1, 1, tzinfo=UTC)
    )
    if before is to:
        assert transition(event, to) is event
    elif to in TRANSITIONS[before]:
        assert transition(event, to).state is to
    else:
        with pytest.raises(Conflict):
            transition(event, to)


def test_every_state_has_its_row() -> None:
    assert set(TRANSITIONS) == set(EventState)


def test_cancelling_is_dated_once_and_shortens_what_counts(event: Events, now: datetime) -> None:
    cancelled = transition(event(), EventState.CANCELLED, now)
    assert cancelled.cancelled_at == now
    assert transition(cancelled, EventState.CANCELLED, now + MINUTE) is cancelled
    assert cancelled.worked_until == now
    assert event(cancelled_at=now - timedelta(hours=1)).worked_until == event().start
    assert event().worked_until == event().end


def test_the_clock_moves_a_live_event_forward_only(event: Events, now: datetime) -> None:
    waiting = event(state=EventState.SCHEDULED)
    assert due(waiting, waiting.start - MINUTE) is EventState.SCHEDULED
    assert due(waiting, waiting.start) is EventState.ACTIVE
    assert due(waiting, waiting.end) is EventState.ENDED
    assert due(event(), event().start - MINUTE) is EventState.ACTIVE
    for state in (EventState.ENDED, EventState.SETTLED, EventState.CANCELLED):
        assert due(event(state=state), now) is state


def test_every_running_event_has_its_target(event: Events, now: datetime) -> None:
    events = [
        event(id="later", state=EventState.SCHEDULED, start=now + MINUTE),
        event(id="over", start=now - timedelta(hours=1)),
        event(id="off", state=EventState.CANCELLED),
        event(id="weak", target_w=-5.0),
        event(id="strong", target_w=7.0, priority=1),
    ]
    assert list(target_at(events, now).items()) == [("strong", 7.0), ("weak", -5.0)]
    assert [each.id for each in running(events, now)] == ["strong", "weak"]


def test_the_lower_priority_number_rules_then_the_newer(event: Events, now: datetime) -> None:
    old, new = event(id="old"), event(id="new", created_at=now)
    urgent = event(id="urgent", priority=1, scope=Scope(stations=("cs001",)))
    local = event(id="local", priority=2, scope=Scope(site="depot"))
    assert assign([old, new], "cs009", ()) is new
    assert assign([new, urgent, local], "cs001", ("depot",)) is urgent
    assert assign([new, urgent, local], "cs002", ("feeder", "depot")) is local
    assert assign([new, urgent, local], "cs002", ("yard",)) is new
    assert assign([urgent, local], "cs002", ()) is None


@given(st.permutations(range(4)))
def test_precedence_is_the_same_in_any_order(order: list[int]) -> None:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    events = [GridEvent(f"e{n}", "p", -1.0, at, 60, EventState.ACTIVE, at) for n in order]
    ruling = assign(events, "cs", ())
    assert ruling is not None
    assert ruling.id == "e0"
