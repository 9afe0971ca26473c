"""Frames to text and back, and whatever text may come."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from csms.wire import frames
from csms.wire.frames import BadText, Call, CallError, CallResult, Send
from csms.wire.session import Event, Rules, Session
from csms.wire.v201.messages import CALLS

IDS = st.text(st.characters(codec="utf-8", min_codepoint=32), min_size=1, max_size=36)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)


@pytest.mark.parametrize(
    ("text", "frame"),
    [
        ('[2,"a","Heartbeat",{}]', Call("a", "Heartbeat", b"{}")),
        ('[2, "a", "Heartbeat", { }]', Call("a", "Heartbeat", b"{ }")),
        ('[2,"a\\/b","Heartbeat",{"x":"\\u00e9"}]', Call("a/b", "Heartbeat", b'{"x":"\\u00e9"}')),
        ('[3,"a",{"x":"é"}]', CallResult("a", '{"x":"é"}'.encode())),
        ('[4,"a","NotSupported","no",{"x":1}]', CallError("a", "NotSupported", "no")),
        ('[5,"a","NotSupported","no",{}]', CallError("a", "NotSupported", "no", of_result=True)),
        ('[6,"a","NotifyPeriodicEventStream",{}]', Send("a", "NotifyPeriodicEventStream", b"{}")),
    ],
)
def test_reads(text: str, frame: object) -> None:
    assert frames.read(text) == frame


def test_writes() -> None:
    assert frames.write_call("a", "Reset", b'{"type":"Immediate"}') == '[2,"a","Reset",{"type":"Immediate"}]'
    assert frames.write_result('a"é', b"{}") == '[3,"a\\"é",{}]'
    assert frames.write_error("a", "NotSupported", "no") == '[4,"a","NotSupported","no",{}]'


@given(IDS, st.sampled_from(sorted(CALLS)), st.dictionaries(st.text(max_size=5), st.integers(), max_size=3))
def test_calls_come_back_as_they_went(id: str, action: str, payload: dict[str, int]) -> None:
    raw = json.dumps(payload).encode()
    assert frames.read(frames.write_call(id, action, raw)) == Call(id, action, raw)
    assert frames.read(frames.write_result(id, raw)) == CallResult(id, raw)


def test_too_long() -> None:
    with pytest.raises(BadText):
        frames.read('[2,"a","Heartbeat",{"x":"' + "y" * frames.SIZE_MAX + '"}]')


def test_deep_but_whole_frames_keep_their_id() -> None:
    deep = '{"a":' * 5000 + "1" + "}" * 5000
    assert frames.read(f'[3,"a",{deep}]') == CallResult("a", deep.encode())
    assert frames.read(f'[6,"a","b",{deep}]') == Send("a", "b", deep.encode())


@given(st.text() | st.binary())
@example('[2,"a","Heartbeat",' + "[" * 5000)
@example("[" * 100_000)
@example("\ud800")
@example('[2,"\ud800","Heartbeat",{}]')
@example('[2,"a","Heartbeat",{"x":"\ud800"}]')
@example('[3,"a",\ud800]')
def test_no_text_raises(text: str | bytes) -> None:
    assert isinstance(Session(Rules()).receive(text), Event)


@given(st.lists(JSON, max_size=6).map(json.dumps), st.booleans())
def test_no_json_raises(text: str, later: bool) -> None:
    rules = Rules(answers_unknown_types=not later, has_later_types=later)
    assert isinstance(Session(rules).receive(text), Event)


@given(
    IDS,
    st.sampled_from([*sorted(CALLS), "Nonsense"]) | st.text(),
    JSON | st.dictionaries(st.sampled_from(["evseId", "timestamp", "meterValue", "idToken", "type"]), JSON),
    st.sampled_from([(",", ":"), (" , ", " : ")]),
    st.booleans(),
)
def test_every_call_gets_exactly_one_answer_with_its_id(
    new_peer: Callable[..., Any], id: str, action: str, payload: Any, separators: tuple[str, str], ascii: bool
) -> None:
    text = json.dumps([2, id, action, payload], separators=separators, ensure_ascii=ascii)
    try:
        text.encode()
    except UnicodeEncodeError:
        return
    (sent,) = new_peer().texts(text)
    frame = json.loads(sent)
    assert frame[0] in (3, 4)
    assert frame[1] == id
    if frame[0] == 4:
        assert len(frame) == 5
        assert frame[4] == {}
