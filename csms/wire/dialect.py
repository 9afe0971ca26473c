"""One OCPP version's two translation tables: what stations say, and what we ask of them.

What is not in a table is a word on which the versions agree (`csms.wire.words`) and is translated by its
name: every property of an older version has its field in the word. All here is pure.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from csms.errors import Invalid, NotSupportedByDialect, OcppError
from csms.wire.messages import Vocabulary
from csms.wire.session import Rules
from csms.wire.words import WORDS

EMPTY = b"{}"
_encode = msgspec.json.encode


@dataclass(frozen=True)
class Inbound:
    """How one action is read as a house word, and the house's answer written.

    `read` is given the checked message and the payload as it came. `write` gives the message or its bytes.
    """

    read: Callable[[Any, bytes], object]
    write: Callable[[Any], bytes]


def _no_other(ask: object) -> None:
    """Every ask by the one entry."""


@dataclass(frozen=True)
class Outbound:
    """How one house word is written as a call (its message is checked after), and the answer read.

    `also` are messages of this action that are not the version's own, but agreed with some stations: they are
    checked as what they are. `other` gives the entry to use instead of this one for an ask, or None.
    """

    action: str
    write: Callable[[Any], msgspec.Struct]
    read: Callable[[Any], object]
    also: tuple[type[msgspec.Struct], ...] = ()
    other: Callable[[Any], "Outbound | None"] = _no_other


def by_ask(
    write: Callable[[Any], tuple[str, msgspec.Struct]], read: Callable[[Any, Any], object]
) -> Outbound:
    """For a house word whose action depends on what it says, or the sense of its answer on what was asked.

    `write` gives the action and the message; `read` is given the ask and the answer to it.
    """

    def entry(ask: object) -> Outbound:
        action, message = write(ask)
        return Outbound(action, lambda _: message, lambda answer: read(ask, answer))

    return Outbound("", lambda ask: write(ask)[1], lambda answer: answer, other=entry)


@dataclass(frozen=True, slots=True)
class RawCall:
    """Ask: any call that a CSMS may send, with the payload in the station's own words. Answer: a dict."""

    action: str
    payload: dict[str, Any]


@dataclass(frozen=True)
class Dialect:
    """One version's spelling of the house words.

    `version` is OCPP's ("2.0.1"), `subprotocol` the WebSocket's ("ocpp2.0.1"), `rules` the session's.
    """

    version: str
    subprotocol: str
    rules: Rules
    vocabulary: Vocabulary
    inbound: Mapping[str, Inbound] = field(default_factory=dict)
    outbound: Mapping[type, Outbound] = field(default_factory=dict)

    def read_send(self, action: str, payload: bytes) -> object:
        """What a station only tells (SEND, 2.1) as house word. Raises `OcppError`, which nobody is told."""
        if action not in self.vocabulary.sent:
            raise OcppError("NotSupported", "Nothing of this name is only sent.")
        return self._read(action, payload)

    def read_call(self, action: str, payload: bytes) -> object:
        """A station's call as house word. Raises `OcppError`, ready to go back."""
        if action in self.vocabulary.sent:
            raise OcppError("NotSupported", "This action is sent, not called.")
        return self._read(action, payload)

    def _read(self, action: str, payload: bytes) -> object:
        message = self.vocabulary.read_request(action, payload)
        entry = self.inbound.get(action)
        if entry is not None:
            return entry.read(message, payload)
        return self._as_word(WORDS[action][0], message, payload)

    def write_answer(self, action: str, answer: object) -> bytes:
        """The house's answer as payload; None is the empty answer.

        Properties that only newer versions have are left out. Raises `OcppError` InternalError if what is
        left breaks the schema: the fault is ours.
        """
        if answer is None:
            return self._checked_answer(action, EMPTY)
        entry = self.inbound.get(action)
        payload = entry.write(answer) if entry is not None else _encode(answer)
        return self._checked_answer(action, payload)

    def _checked_answer(self, action: str, payload: bytes) -> bytes:
        kind = self.vocabulary.calls[action][1]
        assert kind is not None, f"{action} has no answer"
        if self.vocabulary.fits(kind, payload):
            return payload
        pruned = self.vocabulary.pruned(kind, payload)
        if self.vocabulary.fits(kind, pruned):
            return pruned
        raise OcppError("InternalError", "The answer could not be written.")

    def write_ask(self, ask: object) -> tuple[str, bytes]:
        """Our call: its action and payload, checked.

        Raises `NotSupportedByDialect` (with no station in it) if the version has no word for this, or not for
        all that is in it, and `Invalid` if a value breaks the schema.
        """
        action, payload, agreed = self._written(ask)
        if action not in self.vocabulary.asked:
            raise NotSupportedByDialect("", f"{action} is not in OCPP {self.version}")
        if agreed is not None:
            if not self.vocabulary.fits(agreed, payload):
                raise Invalid("payload", "A value cannot be sent.")
            return action, payload
        kind = self.vocabulary.calls[action][0]
        if not self.vocabulary.fits(kind, payload):
            raise self._unfit(ask, kind, payload)
        if isinstance(ask, RawCall):
            self._check_by_schema(kind, payload)
        return action, payload

    def _check_by_schema(self, kind: type[msgspec.Struct], payload: bytes) -> None:
        """What no Struct checks: addresses, and the steps of 0.1 of limits in 1.6. Raises `Invalid`."""
        breach = self.vocabulary.explain(kind, payload)
        if breach is not None and breach.keyword in ("format", "multipleOf"):
            raise Invalid(breach.place, breach.description)

    def _written(self, ask: object) -> tuple[str, bytes, type[msgspec.Struct] | None]:
        """Action and payload; and the message's type if it is one that is not the version's own."""
        if isinstance(ask, RawCall):
            return ask.action, _encode(ask.payload), None
        entry = self._entry(ask)
        if entry is not None:
            message = entry.write(ask)
            agreed = type(message) if isinstance(message, entry.also) else None
            return entry.action, _encode(message), agreed
        action = _ACTIONS.get(type(ask))
        if action is None:
            raise NotSupportedByDialect("", f"no OCPP {self.version} call for {type(ask).__name__}")
        return action, _encode(ask), None

    def _entry(self, ask: object) -> Outbound | None:
        entry = self.outbound.get(type(ask))
        return entry if entry is None else entry.other(ask) or entry

    def _unfit(self, ask: object, kind: type[msgspec.Struct], payload: bytes) -> Exception:
        breach = self.vocabulary.explain(kind, payload)
        words = breach.description if breach else "A value cannot be sent."
        newer = breach is not None and breach.keyword in ("additionalProperties", "enum")
        if newer and not isinstance(ask, RawCall):
            return NotSupportedByDialect("", f"OCPP {self.version}: {words}")
        return Invalid((breach.place if breach else "") or "payload", words)

    def read_answer(self, ask: object, payload: bytes) -> object:
        """The station's answer to `ask` in the house's words; a dict for a `RawCall`.

        Raises `OcppError` with the violation if it breaks the schema: the caller was answered badly (row 24).
        """
        if isinstance(ask, RawCall):
            self.vocabulary.read_response(ask.action, payload)
            return msgspec.json.decode(payload) or {}
        entry = self._entry(ask)
        if entry is not None:
            return entry.read(self.vocabulary.read_response(entry.action, payload))
        action = _ACTIONS[type(ask)]
        message = self.vocabulary.read_response(action, payload)
        return self._as_word(WORDS[action][1], message, payload)

    def _as_word(self, word: Any, message: msgspec.Struct, payload: bytes) -> object:
        if payload == b"null":
            payload = EMPTY
        try:
            return msgspec.json.decode(payload, type=word)
        except (msgspec.MsgspecError, ValueError):
            # the text says 7.0 where the word has an integer: the checked message knows better
            return msgspec.convert(msgspec.to_builtins(message), word)


_ACTIONS: dict[type, str] = {request: action for action, (request, _) in WORDS.items()}


def action_of(ask: object) -> str:
    """What a call is called: its action in the words on which the versions agree."""
    if isinstance(ask, RawCall):
        return ask.action
    return _ACTIONS.get(type(ask)) or type(ask).__name__
