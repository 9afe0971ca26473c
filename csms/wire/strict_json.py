"""What the payload of a message may not contain, though JSON (or Python's idea of it) would let it pass.

`plain` is the cheap proof that a payload which was read into a Struct hides nothing (a property twice, say);
`flaw` looks closely where the proof does not hold.
"""

import json
import re
from typing import NamedTuple

import msgspec

DEPTH_MAX = 32
INT_MIN, INT_MAX = -(2**63), 2**64 - 1
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_SQUARE = bytes.maketrans(b"{}", b"[]")
_encode_into = msgspec.json.Encoder().encode_into
_again = bytearray()
_QUOTE, _BACKSLASH = b'"\\'


class Flaw(NamedTuple):
    """Why a payload is refused: an OCPP error code and a description without any of the input."""

    code: str
    description: str


class _Found(Exception):
    def __init__(self, flaw: Flaw) -> None:
        super().__init__(flaw)
        self.flaw = flaw


def plain(payload: bytes, message: msgspec.Struct) -> bool:
    """Whether `payload` says each thing once and nothing that `message` does not hold.

    Without escapes the quotation marks of a text count its keys and strings. So the text has more of them
    than the message written anew exactly if a key came twice or was left out as unknown. False does not mean
    that there is a flaw.
    """
    if _BACKSLASH in payload:
        return False
    _encode_into(message, _again)
    return payload.count(_QUOTE) == _again.count(_QUOTE)


def flaw(payload: bytes, ints: bool = False) -> Flaw | None:
    """The first flaw: too deep, NUL, not finite, a key twice, not JSON; with `ints`, more than 64 bits."""
    if _depth(payload) > DEPTH_MAX:
        return Flaw("FormatViolation", "The payload is nested too deep.")
    if _NUL.search(payload):
        return Flaw("PropertyConstraintViolation", "A text contains NUL.")
    try:
        text = payload.decode()
        json.loads(
            text,
            object_pairs_hook=_once,
            parse_constant=_not_finite,
            parse_float=_finite,
            parse_int=_bounded if ints else _ignored,
        )
        msgspec.json.decode(payload, type=msgspec.Raw)
    except _Found as found:
        return found.flaw
    except (ValueError, RecursionError, msgspec.MsgspecError):
        return Flaw("FormatViolation", "The payload is not valid JSON.")
    return None


def _depth(payload: bytes) -> int:
    if payload.count(b"{") + payload.count(b"[") <= DEPTH_MAX:
        return 0
    brackets = _STRING.sub(b"", payload).translate(_SQUARE, _NOT_BRACKETS)
    depth = 0
    while brackets and depth <= DEPTH_MAX:  # each turn takes the innermost pairs away
        brackets = brackets.replace(b"[]", b"")
        depth += 1
    return depth


def _once(pairs: list[tuple[str, object]]) -> None:
    if len({key for key, _ in pairs}) != len(pairs):
        raise _Found(Flaw("FormatViolation", "A property comes twice."))


def _not_finite(_: str) -> None:
    raise _Found(Flaw("TypeConstraintViolation", "A number is not finite."))


def _finite(digits: str) -> None:
    if float(digits) in (float("inf"), float("-inf")):
        _not_finite(digits)


def _ignored(_: str) -> None:
    return None


def _bounded(digits: str) -> None:
    if len(digits) > 20 or not INT_MIN <= int(digits) <= INT_MAX:
        raise _Found(Flaw("PropertyConstraintViolation", "An integer has more than 64 bits."))
