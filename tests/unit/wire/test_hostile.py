"""The 32 hostile inputs that end, silence or fool the usual library: each is answered, none is believed."""

import json
from typing import Any

import pytest

from csms.domain.meter import MeterReport
from tests.unit.wire.hostile import REFUSED, soc


@pytest.mark.parametrize(
    ("text", "id", "code"),
    REFUSED,
)
def test_section_2_2_row_12_is_refused_with_one_answer(
    peer: Any, text: str | bytes, id: str, code: str
) -> None:
    assert peer.code(text) == (id, code)
    assert not peer.words
    assert peer.reply('[2,"m2","Heartbeat",{}]') == [3, "m2", {}]


@pytest.mark.parametrize("number", ["-1", "101"])
def test_impossible_soc_is_answered_and_not_believed(peer: Any, number: str) -> None:
    assert peer.reply(soc(number)) == [3, "m1", {}]
    report = peer.words[0]
    assert isinstance(report, MeterReport)
    assert report.readings[0].soc is None
    assert report.readings[0].soc_refused


def test_a_million_stray_results_leave_nothing_behind(peer: Any) -> None:
    for number in range(3000):
        assert peer.texts(f'[3,"x{number}",{{}}]') == []
    assert peer.session.late_answers == 3000
    text = peer.session.call("ours", "Reset", b'{"type":"Immediate"}')
    assert json.loads(text) == [2, "ours", "Reset", {"type": "Immediate"}]
    assert peer.texts('[3,"ours",{"status":"Accepted"}]') == []
    assert peer.session.pending is None


@pytest.mark.parametrize(
    "text",
    [
        '[2,"m1","BootNotification",{"reason":"%s"}]' % ("secret" * 50),
        '[2,"m1","BootNotification",{"secret":"secret"}]',
        '[2,"m1","secret",{}]',
        "secret",
        '[2,"m1",{"secret":1},{}]',
        '[2,"m1","BootNotification",{"chargingStation":{"secret":1}}]',
    ],
)
def test_refusals_never_repeat_what_was_said(peer: Any, text: str) -> None:
    assert "secret" not in "".join(peer.texts(text))


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        ('{"vendorId":"v","data":{"a":1,"a":2}}', "FormatViolation"),
        ('{"vendorId":"v","data":{"a":"\\u0000"}}', "PropertyConstraintViolation"),
        ('{"vendorId":"v","data":{"a":18446744073709551616}}', "PropertyConstraintViolation"),
        ('{"vendorId":"v","data":-9223372036854775809}', "PropertyConstraintViolation"),
        ('{"vendorId":"v","data":' + "[" * 32 + "]" * 32 + "}", "FormatViolation"),
        ('{"vendorId":"v","customData":{"vendorId":"v","b":1,"b":2}}', "FormatViolation"),
        ('{"vendorId":"v","customData":{"vendorId":"v","b":' + "[" * 40 + "]" * 40 + "}}", "FormatViolation"),
        ('{"vendorId":"v","vendorId":"v"}', "FormatViolation"),
        ('{"vendorId":"v","vendorI\\u0064":"v"}', "FormatViolation"),
    ],
)
def test_open_parts_are_looked_into(peer: Any, payload: str, code: str) -> None:
    assert peer.code(f'[2,"m1","DataTransfer",{payload}]') == ("m1", code)


@pytest.mark.parametrize(
    "payload",
    [
        '{"vendorId":"a \\" quoted \\\\u0000 name"}',
        '{ "vendorId" : "v" , "data" : [ 1, 2.5, null, {"x": "]"} ] }',
        '{"vendorId":"v","data":18446744073709551615}',
        '{"vendorId":"v","data":-9223372036854775808}',
        '{"vendorId":"v","data":' + "[" * 31 + "]" * 31 + "}",
        '{"vendorId":"v","data":[' + ",".join(['"]"'] * 40) + "]}",
        '{"vendorId":"":""}'.replace('"":""', '":x"'),
        '{"vendorId":"v","customData":{"vendorId":"v","more":{"x":[1,2]}}}',
    ],
)
def test_odd_but_sound_payloads_pass(peer: Any, payload: str) -> None:
    assert peer.reply(f'[2,"m1","DataTransfer",{payload}]') == [3, "m1", {}]


@pytest.mark.parametrize(
    ("action", "payload", "code"),
    [
        ("", '{"a":NaN}', "NotImplemented"),
        ("é" * 300, '{"a":Infinity}', "NotImplemented"),
        ("Heartbeat", '{"a":' + "9" * 5000 + ',"b":NaN}', "TypeConstraintViolation"),
        ("Heartbeat", '{"a":"\\ud800","b":' + "9" * 5000 + "}", "FormatViolation"),
    ],
)
def test_found_by_fuzzing_a_call_with_two_oddities_is_still_answered_under_its_id(
    peer: Any, action: str, payload: str, code: str
) -> None:
    assert peer.code(f'[2,"m1","{action}",{payload}]') == ("m1", code)


def test_big_integers_are_refused_where_an_integer_is_asked(peer: Any) -> None:
    text = soc("50").replace('"evseId":1', '"evseId":99999999999999999999')
    assert peer.code(text) == ("m1", "PropertyConstraintViolation")
