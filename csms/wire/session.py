"""The conversation with one station: what may be said when, without sockets, waiting or time.

There are two call slots. Ours holds one call (a second is a mistake of the shell); the station's holds up to
`WORK_MAX` calls in work, because a station may send before we have answered. The shell tells of time-outs
with `expire`. Whatever the station sends, `receive` gives events and never raises:

    text ── call ──────────── CallReceived   in work until `answer` or `refuse`
         ├─ the same again ── RepeatedCall   answered: send the same answer; or BadFrame while in work
         ├─ too many calls ── Overrun        the shell closes the socket (1008)
         ├─ result, error ─── Answered, Refused   ends our call; or LateAnswer: dropped and counted
         ├─ 2.1 only ──────── SendReceived, AnswerRefused
         └─ anything else ─── BadFrame       send its answer, if it has one
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from msgspec import Struct

from csms.errors import OcppError
from csms.wire import frames
from csms.wire.frames import BadText, Call, CallError, CallResult, Send

WORK_MAX = 8  # row 21
REMEMBERED = 4

CODES = frozenset(
    {
        "FormatViolation",
        "GenericError",
        "InternalError",
        "MessageTypeNotSupported",
        "NotImplemented",
        "NotSupported",
        "OccurrenceConstraintViolation",
        "PropertyConstraintViolation",
        "ProtocolError",
        "RpcFrameworkError",
        "SecurityError",
        "TypeConstraintViolation",
    }
)
_OLD_CODES = {
    "FormationViolation": "FormatViolation",
    "OccurenceConstraintViolation": "OccurrenceConstraintViolation",
}


@dataclass(frozen=True, slots=True)
class Rules:
    """Where the conversation differs between versions.

    `answers_unknown_types`: row 8. `has_later_types`: types 5 and 6 exist (rows 24 and 25).
    `spelling`: error codes that the version spells otherwise, by our spelling.
    """

    answers_unknown_types: bool = True
    has_later_types: bool = False
    spelling: Mapping[str, str] = field(default_factory=dict)


CallReceived = Call
"""The station asks; `answer` or `refuse` with this id, once."""


class SendReceived(Struct, gc=False):
    """The station tells and wants no answer (2.1)."""

    id: str
    action: str
    payload: bytes


class RepeatedCall(Struct, gc=False):
    """The station repeats a call that was answered: send `answer` again and do nothing else (row 12)."""

    id: str
    answer: str


class Overrun(Struct, gc=False):
    """More calls at once than a station may have in work: close the socket with 1008 (row 21)."""

    id: str


class Answered(Struct, gc=False):
    """Our call was answered."""

    id: str
    payload: bytes


class Refused(Struct, gc=False):
    """Our call was refused. `code` is one of `CODES` (row 26)."""

    id: str
    code: str
    description: str


class AnswerRefused(Struct, gc=False):
    """The station could not read our answer to its call (2.1)."""

    id: str
    code: str
    description: str


class LateAnswer(Struct, gc=False):
    """An answer to nothing we wait for. It is dropped (row 15)."""

    id: str


class BadFrame(Struct, gc=False):
    """Text that breaks the rules: send `answer` if there is one. `reason` is for the log."""

    answer: str | None
    reason: str


Event = (
    CallReceived
    | SendReceived
    | RepeatedCall
    | Overrun
    | Answered
    | Refused
    | AnswerRefused
    | LateAnswer
    | BadFrame
)


class Session:
    """One connection's conversation. A new connection starts a new one (row 14)."""

    __slots__ = ("_answered", "_in_work", "_pending", "_rules", "late_answers")

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._pending: str | None = None
        self._in_work: dict[str, int] = {}
        self._answered: dict[str, tuple[int, str]] = {}
        self.late_answers = 0

    @property
    def pending(self) -> str | None:
        """The id of our call that waits for its answer."""
        return self._pending

    @property
    def in_work(self) -> int:
        """How many of the station's calls wait for our answer."""
        return len(self._in_work)

    def receive(self, text: str | bytes) -> Event:
        """What the station's text means. Never raises."""
        try:
            frame = frames.read(text)
        except BadText as bad:
            return self._bad(bad)
        if isinstance(frame, Call):
            return self._called(frame)
        if isinstance(frame, CallResult):
            return Answered(frame.id, frame.payload) if self._ends(frame.id) else LateAnswer(frame.id)
        if isinstance(frame, Send):
            return self._sent(frame)
        return self._refused(frame)

    def _called(self, call: Call) -> Event:
        mark = hash((call.action, call.payload))
        known = self._answered.get(call.id)
        if known is not None:
            if known[0] == mark:
                return RepeatedCall(call.id, known[1])  # row 12
            return self._misused(call.id, "This message id has been used for another call.")  # row 14
        if call.id in self._in_work:
            # row 13
            return self._misused(call.id, "A call with this message id is being handled.")
        if len(self._in_work) >= WORK_MAX:
            return Overrun(call.id)
        self._in_work[call.id] = mark
        return call

    def _misused(self, id: str, description: str) -> BadFrame:
        return BadFrame(self._error(id, "RpcFrameworkError", description), description)

    def _sent(self, send: Send) -> Event:
        if self._rules.has_later_types:
            return SendReceived(send.id, send.action, send.payload)
        return self._unknown_type(send.id)

    def _refused(self, error: CallError) -> Event:
        code = _OLD_CODES.get(error.code, error.code)
        code = code if code in CODES else "GenericError"  # row 26
        if error.of_result:
            if self._rules.has_later_types:
                return AnswerRefused(error.id, code, error.description)
            return self._unknown_type(error.id)
        return Refused(error.id, code, error.description) if self._ends(error.id) else LateAnswer(error.id)

    def _ends(self, id: str) -> bool:
        if id == self._pending:
            self._pending = None
            return True
        self.late_answers += 1
        return False

    def _bad(self, bad: BadText) -> Event:
        if bad.type in (None, frames.CALL):
            return BadFrame(self._error(bad.id, bad.code, bad.description), bad.description)
        if bad.type in (frames.CALL_RESULT, frames.CALL_ERROR):  # an answer is never answered
            known = bad.id == self._pending and self._ends(bad.id)
            return Refused(bad.id, bad.code, bad.description) if known else BadFrame(None, bad.description)
        if bad.type in frames.LATER and self._rules.has_later_types:  # nor a SEND
            return BadFrame(None, bad.description)
        return self._unknown_type(bad.id)  # row 8, whatever else is wrong with it

    def _unknown_type(self, id: str) -> BadFrame:
        reason = "This message type is not known."
        if not self._rules.answers_unknown_types:
            return BadFrame(None, reason)
        return BadFrame(self._error(id, "MessageTypeNotSupported", reason), reason)

    def call(self, id: str, action: str, payload: bytes) -> str:
        """The text of our call, which from now on waits for its answer."""
        if self._pending is not None:
            raise RuntimeError("one call at a time (OCPP-J 4.1.1)")
        self._pending = id
        return frames.write_call(id, action, payload)

    def expire(self, id: str) -> None:
        """Our call has timed out: its answer, should it come, is late."""
        if id == self._pending:
            self._pending = None

    def answer(self, id: str, payload: bytes) -> str:
        """The text of our answer, kept for a repeat of the call. `KeyError` if no such call is in work."""
        mark = self._in_work.pop(id)
        text = frames.write_result(id, payload)
        self._answered[id] = (mark, text)
        if len(self._answered) > REMEMBERED:
            del self._answered[next(iter(self._answered))]
        return text

    def refuse(self, id: str, error: OcppError) -> str:
        """The text of our refusal. It is not kept: the same call again is looked at again."""
        self._in_work.pop(id, None)
        return self._error(id, error.code, error.description)

    def _error(self, id: str, code: str, description: str) -> str:
        """A CALLERROR, its code as the version spells it."""
        return frames.write_error(id, self._rules.spelling.get(code, code), description)

    def reject_answer(self, id: str, error: OcppError) -> str | None:
        """What to send when the answer to our call breaks the schema: nothing before 2.1 (row 24)."""
        if not self._rules.has_later_types:
            return None
        return frames.write_error(id, error.code, error.description, frames.CALL_RESULT_ERROR)
