"""The JSON of a grid event, shared by REST and signals."""

from contextlib import suppress
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csms.domain.grid_event import EventRequest, EventState, GridEvent, Scope
from csms.domain.grid_event_json import json_name, read_request, write_event
from csms.errors import Invalid

BODY = {"programId": "peak", "targetW": -300_000, "durationS": 900}


def test_all_fields() -> None:
    body = {
        **BODY,
        "start": "2026-11-22T18:00:00+01:00",
        "scope": {"site": "depot", "stations": ["CS001", "cs002"]},
        "minSoc": 30,
        "priority": 5,
        "id": "vtn-7",
    }
    assert read_request(body, "mqtt") == EventRequest(
        program_id="peak",
        target_w=-300_000.0,
        duration_s=900,
        start=datetime(2026, 11, 22, 17, tzinfo=UTC),
        scope=Scope("depot", ("cs001", "cs002")),
        min_soc=30.0,
        priority=5,
        source="mqtt",
        source_id="vtn-7",
    )


def test_least() -> None:
    assert read_request(BODY, "api") == EventRequest("peak", -300_000.0, 900)
    empty = {"start": None, "scope": None, "minSoc": None, "priority": None, "id": None}
    assert read_request({**BODY, **empty}, "api") == EventRequest("peak", -300_000.0, 900)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"programId": None}, "programId"),
        ({"programId": ""}, "programId"),
        ({"programId": 7}, "programId"),
        ({"programId": "a\nb"}, "programId"),
        ({"targetW": None}, "targetW"),
        ({"targetW": "-300"}, "targetW"),
        ({"targetW": True}, "targetW"),
        ({"targetW": float("nan")}, "targetW"),
        ({"targetW": 10**400}, "targetW"),
        ({"durationS": None}, "durationS"),
        ({"durationS": 0}, "durationS"),
        ({"durationS": 1.5}, "durationS"),
        ({"durationS": float("inf")}, "durationS"),
        ({"durationS": 10**12}, "durationS"),
        ({"start": 5}, "start"),
        ({"start": "2026-11-22"}, "start"),
        ({"start": "2026-11-22T18:00:00"}, "start"),
        ({"start": "2026-13-22T18:00:00Z"}, "start"),
        ({"start": "0001-01-01T00:00:00+14:00"}, "start"),
        ({"scope": []}, "scope"),
        ({"scope": {"sites": "x"}}, "scope.sites"),
        ({"scope": {"site": 1}}, "scope.site"),
        ({"scope": {"stations": "cs1"}}, "scope.stations"),
        ({"scope": {"stations": ["a b"]}}, "scope.stations"),
        ({"scope": {"stations": [1]}}, "scope.stations"),
        ({"minSoc": "30"}, "minSoc"),
        ({"priority": -1}, "priority"),
        ({"priority": 1.0}, "priority"),
        ({"id": 1}, "id"),
        ({"minSOC": 30}, "minSOC"),
    ],
)
def test_what_is_wrong_is_named(change: dict[str, object], field: str) -> None:
    with pytest.raises(Invalid) as refusal:
        read_request({**BODY, **change}, "api")
    assert refusal.value.field == field


@pytest.mark.parametrize("data", [None, 1, "x", [], [BODY]])
def test_not_an_object(data: object) -> None:
    with pytest.raises(Invalid):
        read_request(data, "api")


def test_what_is_written_can_be_read() -> None:
    start = datetime(2026, 11, 22, 17, tzinfo=UTC)
    event = GridEvent(
        "ev-1",
        "peak",
        -5.0,
        start,
        60,
        EventState.SCHEDULED,
        start,
        Scope("depot", ("cs1",)),
        20.0,
        source_id="a",
    )
    written = write_event(event)
    body = {name: written[name] for name in ("programId", "targetW", "start", "durationS", "scope", "minSoc")}
    read = read_request(body, "api")
    assert (read.program_id, read.target_w, read.start) == ("peak", -5.0, start)
    assert (read.duration_s, read.scope, read.min_soc) == (60, event.scope, 20.0)
    assert (written["end"], written["sourceId"]) == ("2026-11-22T17:01:00Z", "a")


def test_names() -> None:
    assert [json_name(name) for name in ("target_w", "source_id", "start")] == ["targetW", "id", "start"]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@given(
    st.dictionaries(st.sampled_from([*BODY, "start", "scope", "minSoc", "priority", "id", "x"]), json_values)
)
def test_anything_is_read_or_refused(changes: dict[str, object]) -> None:
    with suppress(Invalid):
        assert read_request({**BODY, **changes}, "api").duration_s > 0
