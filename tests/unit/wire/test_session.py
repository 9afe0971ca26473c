"""The conversation with one station, row by row of the robustness table."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from csms.errors import OcppError
from csms.wire import session as s
from csms.wire.session import (
    Answered,
    BadFrame,
    CallReceived,
    LateAnswer,
    Overrun,
    Refused,
    RepeatedCall,
    Session,
)

BEAT = '[2,"%s","Heartbeat",{}]'
LATER = s.Rules(answers_unknown_types=False, has_later_types=True)


@pytest.fixture
def session() -> Session:
    return Session(s.Rules())


def one(session: Session, text: str) -> Any:
    return session.receive(text)


def error(text: str | None) -> tuple[int, str, str]:
    kind, id, code, _, details = json.loads(text or "")
    assert details == {}
    return kind, id, code


@pytest.mark.parametrize(
    "text", ["", "x", "{", '[2,"a","b",', "{}", '"[2]"', "[[]]", '[2,"a\\u0000","b",{}]']
)
def test_row_06_what_cannot_be_read_gets_minus_one(session: Session, text: str) -> None:
    assert error(one(session, text).answer) == (4, "-1", "RpcFrameworkError")


@pytest.mark.parametrize("id", ["7", "null", "{}", '""', f'"{"i" * 37}"', '["a"]'])
def test_row_07_a_bad_id_gets_minus_one(session: Session, id: str) -> None:
    assert error(one(session, f'[2,{id},"Heartbeat",{{}}]').answer) == (4, "-1", "RpcFrameworkError")


def test_row_07_36_characters_are_not_too_many(session: Session) -> None:
    assert one(session, BEAT % ("é" * 36)) == CallReceived("é" * 36, "Heartbeat", b"{}")


@pytest.mark.parametrize("kind", [0, 1, 5, 6, 7, 99, -1])
def test_row_08_unknown_message_types_are_told_so(session: Session, kind: int) -> None:
    assert error(one(session, f'[{kind},"a","Heartbeat",{{}}]').answer) == (4, "a", "MessageTypeNotSupported")


@pytest.mark.parametrize("text", ["[9]", "[-1]", "[0,7]", '[6,null,"a",{}]', '[5,""]'])
def test_row_08_an_unknown_type_is_told_so_even_without_an_id(session: Session, text: str) -> None:
    assert error(one(session, text).answer) == (4, "-1", "MessageTypeNotSupported")


@pytest.mark.parametrize("kind", [0, 7, 99])
def test_row_08_from_2_1_on_they_are_ignored(kind: int) -> None:
    assert one(Session(LATER), f'[{kind},"a","Heartbeat",{{}}]') == BadFrame(
        None, "This message type is not known."
    )


@pytest.mark.parametrize(
    "text", ['[2,"a"]', '[2,"a","b"]', '[2,"a","b",{},1]', '[2,"a",3,{}]', '[2,"a",null,{}]', '[2,"a",{},{}]']
)
def test_row_09_a_call_of_the_wrong_shape(session: Session, text: str) -> None:
    assert error(one(session, text).answer) == (4, "a", "RpcFrameworkError")
    assert session.in_work == 0


def test_row_12_a_retry_gets_the_stored_answer(session: Session) -> None:
    one(session, BEAT % "a")
    text = session.answer("a", b'{"currentTime":"x"}')
    assert one(session, BEAT % "a") == RepeatedCall("a", text)
    assert one(session, BEAT % "a") == RepeatedCall("a", text)
    assert session.in_work == 0


def test_row_12_a_refused_call_is_looked_at_again(session: Session) -> None:
    one(session, BEAT % "a")
    session.refuse("a", OcppError("InternalError"))
    assert isinstance(one(session, BEAT % "a"), CallReceived)


def test_row_12_only_so_many_answers_are_kept(session: Session) -> None:
    for number in range(50):
        one(session, BEAT % number)
        session.answer(str(number), b"{}")
    assert isinstance(one(session, BEAT % 0), CallReceived)
    assert isinstance(one(session, BEAT % 49), RepeatedCall)


def test_row_13_the_same_id_while_in_work(session: Session) -> None:
    one(session, BEAT % "a")
    assert error(one(session, BEAT % "a").answer) == (4, "a", "RpcFrameworkError")
    assert session.in_work == 1
    assert json.loads(session.answer("a", b"{}")) == [3, "a", {}]


def test_row_14_the_same_id_with_other_content(session: Session) -> None:
    one(session, BEAT % "a")
    session.answer("a", b"{}")
    assert error(one(session, '[2,"a","Authorize",{}]').answer) == (4, "a", "RpcFrameworkError")
    assert isinstance(one(Session(s.Rules()), '[2,"a","Authorize",{}]'), CallReceived)


@pytest.mark.parametrize(
    "text", ['[3,"a",{}]', '[4,"a","GenericError","",{}]', '[4,"-1","RpcFrameworkError","",{}]']
)
def test_row_15_and_2_2_15_stray_answers_are_dropped_and_counted(session: Session, text: str) -> None:
    session.call("ours", "Reset", b"{}")
    assert isinstance(one(session, text), LateAnswer)
    assert session.late_answers == 1
    assert session.pending == "ours"


def test_row_20_a_refusal_has_empty_details_and_ends_the_work(session: Session) -> None:
    one(session, BEAT % "a")
    assert json.loads(session.refuse("a", OcppError("InternalError", "d" * 300))) == [
        4,
        "a",
        "InternalError",
        "d" * 255,
        {},
    ]
    assert session.in_work == 0


def test_row_20_refusing_cannot_fail(session: Session) -> None:
    for bad in ("\ud800", None, 5, b"x", object()):
        text = session.refuse("a", OcppError("InternalError", bad))  # type: ignore[arg-type]
        assert json.loads(text)[:1] == [4]


def test_row_21_up_to_eight_calls_are_in_work(session: Session) -> None:
    for number in range(8):
        assert isinstance(one(session, BEAT % number), CallReceived)
    assert one(session, BEAT % 8) == Overrun("8")
    session.answer("3", b"{}")
    assert isinstance(one(session, BEAT % 9), CallReceived)


def test_row_22_a_late_answer_is_discarded_and_the_next_call_goes_out(session: Session) -> None:
    session.call("a", "Reset", b"{}")
    session.expire("a")
    session.call("b", "Reset", b"{}")
    assert one(session, '[3,"a",{}]') == LateAnswer("a")
    assert one(session, '[3,"b",{"status":"Accepted"}]') == Answered("b", b'{"status":"Accepted"}')
    assert session.late_answers == 1
    session.expire("b")


def test_row_22_one_call_at_a_time(session: Session) -> None:
    session.call("a", "Reset", b"{}")
    with pytest.raises(RuntimeError):
        session.call("b", "Reset", b"{}")


def test_row_23_calls_may_cross(session: Session) -> None:
    session.call("ours", "Reset", b"{}")
    assert isinstance(one(session, BEAT % "ours"), CallReceived)
    assert json.loads(session.answer("ours", b"{}")) == [3, "ours", {}]
    assert one(session, '[3,"ours",{}]') == Answered("ours", b"{}")


def test_row_24_a_bad_answer_is_told_from_2_1_on() -> None:
    bad = OcppError("TypeConstraintViolation", "status has a wrong type.")
    assert Session(s.Rules()).reject_answer("a", bad) is None
    assert error(Session(LATER).reject_answer("a", bad)) == (5, "a", "TypeConstraintViolation")


def test_row_24_our_answer_refused_is_told_to_the_shell() -> None:
    assert one(Session(LATER), '[5,"a","FormatViolation","x",{}]') == s.AnswerRefused(
        "a", "FormatViolation", "x"
    )


def test_row_25_send_is_never_answered() -> None:
    later = Session(LATER)
    assert one(later, '[6,"a","NotifyPeriodicEventStream",{}]') == s.SendReceived(
        "a", "NotifyPeriodicEventStream", b"{}"
    )
    assert one(later, '[6,"a","x"]').answer is None
    assert later.in_work == 0


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        ("NotImplemented", "NotImplemented"),
        ("SomethingElse", "GenericError"),
        ("", "GenericError"),
        ("FormationViolation", "FormatViolation"),
        ("OccurenceConstraintViolation", "OccurrenceConstraintViolation"),
    ],
)
def test_row_26_unknown_error_codes_are_generic(session: Session, sent: str, code: str) -> None:
    session.call("a", "Reset", b"{}")
    assert one(session, f'[4,"a","{sent}","{"d" * 300}",{{}}]') == Refused("a", code, "d" * 255)
    assert session.pending is None


@pytest.mark.parametrize("text", ['[4,"a","NotSupported"]', '[4,"a","NotSupported",null,null]'])
def test_row_26_a_sloppy_error_still_ends_our_call(session: Session, text: str) -> None:
    session.call("a", "Reset", b"{}")
    assert one(session, text) == Refused("a", "NotSupported", "")


@pytest.mark.parametrize("text", ["[3,7,{}]", "[4]", '[3,"b"]', '[4,"b",7,"",{}]', "[3]"])
def test_answers_are_never_answered(session: Session, text: str) -> None:
    session.call("a", "Reset", b"{}")
    assert one(session, text).answer is None
    assert session.pending == "a"


@pytest.mark.parametrize("text", ['[3,"a"]', '[3,"a",{},{}]', '[4,"a"]', '[4,"a",7,"",{}]'])
def test_row_26_an_answer_of_the_wrong_shape_still_ends_our_call(session: Session, text: str) -> None:
    session.call("a", "Reset", b"{}")
    event = one(session, text)
    assert (type(event), event.id, event.code) == (Refused, "a", "RpcFrameworkError")
    assert session.pending is None


def test_an_answer_that_is_almost_json_still_reaches_its_caller(session: Session) -> None:
    session.call("a", "GetVariables", b"{}")
    assert one(session, '[3,"a",{"x":NaN}]') == Answered("a", b'{"x":NaN}')


def test_codes_are_spelled_as_the_version_does(session: Session) -> None:
    old = Session(s.Rules(spelling={"FormatViolation": "FormationViolation"}))
    one(old, BEAT % "a")
    assert error(old.refuse("a", OcppError("FormatViolation"))) == (4, "a", "FormationViolation")


def test_ids_are_quoted_again(session: Session, new_peer: Callable[..., Any]) -> None:
    assert new_peer().reply('[2,"a\\"\\\\b","Heartbeat",{}]') == [3, 'a"\\b', {}]


@pytest.mark.parametrize("space", [" ", "\n", "\t"])
def test_white_space_is_no_fault(session: Session, space: str) -> None:
    text = '[|2|,|"a"|,|"Heartbeat"|,|{|}|]|'.replace("|", space)
    assert one(session, text).action == "Heartbeat"
