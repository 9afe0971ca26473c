"""What a CALL must be answered, worked out apart from the product: JSON schema, and the rules beside it.

The schemas are read by jsonschema-rs and, now and then, by `jsonschema` as well; the product decides with its
Structs. Where the verdicts may differ, and why, is listed in `MAY_BE_REFUSED` and `MAY_BE_TAKEN`.
"""

import json
import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any

import jsonschema_rs
from jsonschema import Draft6Validator  # type: ignore[import-untyped]

from csms.blocks import ROUTER
from csms.wire.v201.messages import CALLS, SERVED
from csms.wire.words import WORDS
from tests.fuzz.payloads import schema

FORMAT, OCCURRENCE = "FormatViolation", "OccurrenceConstraintViolation"
PROPERTY, TYPE = "PropertyConstraintViolation", "TypeConstraintViolation"
CODES = {
    "required": OCCURRENCE,
    "minItems": OCCURRENCE,
    "maxItems": OCCURRENCE,
    "type": TYPE,
    "additionalProperties": FORMAT,
}
LEVELS = 32
OWN_WORDS = frozenset({"TransactionEvent", "MeterValues", "StatusNotification", "Heartbeat"})

# (what it looks like in the payload, why the product may refuse what the schema takes)
MAY_BE_REFUSED: tuple[tuple[re.Pattern[str], str, str], ...] = (
    (re.compile(r"\d{19}"), PROPERTY, "a whole number beyond 64 bits (section 2.2, row 12)"),
    (re.compile(r"\d[eE]"), PROPERTY, "1E400 and 1e300 where a whole number is asked: beyond 64 bits"),
    (
        re.compile(r'"(?:evseId|id|connectorId)":\s?(?:-\d|\d{10})'),
        PROPERTY,
        "no EVSE or connector has such a number, and no other database would keep it",
    ),
    (
        re.compile(r"9999-12-31|0000-|0001-01-01|:60"),
        PROPERTY,
        "a time that UTC does not have, a leap second",
    ),
)
# RFC 3339 with a space for the T, and +0100: read because they cannot be misread (csms/wire/messages.py)
MAY_BE_TAKEN = re.compile(r"\d\d\d\d-\d\d-\d\d \d\d:|:\d\d(?:\.\d+)?[+-]\d\d\d\d")


@dataclass(frozen=True, slots=True)
class Verdict:
    """`taken`: CALLRESULT is right. `codes`: CALLERROR with one of these is right."""

    taken: bool
    codes: frozenset[str]

    def allows(self, answer: list[Any]) -> bool:
        """Whether this frame is a right answer."""
        if answer[0] == 3:
            return self.taken and isinstance(answer[2], dict)
        return answer[0] == 4 and answer[2] in self.codes and answer[4] == {} and len(answer) == 5


@cache
def _validator(action: str, suffix: str) -> Any:
    return jsonschema_rs.validator_for(schema(action, suffix), validate_formats=True)


@cache
def _witness(action: str, suffix: str) -> Draft6Validator:
    return Draft6Validator(schema(action, suffix))


def is_json(text: str) -> bool:
    """Whether a reader finds at least the frame around it: too deep, or NaN, is JSON enough for that."""
    try:
        json.loads(text, parse_int=len)
    except RecursionError:
        return True
    except ValueError:
        return False
    return True


def is_handled(action: str) -> bool:
    """Whether some block answers it."""
    return action in OWN_WORDS or WORDS[action][0] in ROUTER.words


def verdict(action: str, text: str, *, accepted: bool = True, witness: bool = False) -> Verdict:
    """On a station's CALL with this payload text. `accepted`: the station is; `witness`: ask both readers."""
    if not accepted and action != "BootNotification":
        return Verdict(False, frozenset({"SecurityError"}))
    if action not in CALLS:
        return Verdict(False, frozenset({"NotImplemented"}))
    if action not in SERVED:
        return Verdict(False, frozenset({"NotSupported"}))
    right = _on_payload(action, text, "Request", witness)
    if right.taken and not is_handled(action):
        return Verdict(False, right.codes | {"NotSupported"})
    return right


def on_answer(action: str, text: str, *, witness: bool = False) -> Verdict:
    """On a station's answer with this payload text to a call of ours."""
    return _on_payload(action, text, "Response", witness)


def _on_payload(action: str, text: str, suffix: str, witness: bool) -> Verdict:
    codes = breaches(action, text, suffix, witness=witness)
    if codes:
        return Verdict(bool(MAY_BE_TAKEN.search(text)), frozenset(codes))
    return Verdict(True, frozenset(code for look, code, _ in MAY_BE_REFUSED if look.search(text)))


def breaches(action: str, text: str, suffix: str = "Request", *, witness: bool = False) -> set[str]:
    """Every error code that this payload text earns; empty if nothing is wrong with it."""
    found: set[str] = set()
    if _levels(text) > LEVELS:
        return {FORMAT}
    try:
        value = _read(text, found)
    except (ValueError, RecursionError):
        return {FORMAT, *(_unread(text))}
    if value is None:
        value = {}
    if _any(value, lambda part: isinstance(part, str) and "\0" in part):
        found.add(PROPERTY)
    if _any(value, lambda part: isinstance(part, str) and any("\ud800" <= c <= "\udfff" for c in part)):
        found.add(FORMAT)
    if action == "DataTransfer" and _any(value, lambda part: isinstance(part, int) and not _bits(part)):
        found.add(PROPERTY)
    if not found & {TYPE}:  # a number that is none cannot be shown to a validator
        found |= _against_schema(action, suffix, value, witness)
    return found


def _against_schema(action: str, suffix: str, value: Any, witness: bool) -> set[str]:
    try:
        errors = list(_validator(action, suffix).iter_errors(value))
    except ValueError:  # lone surrogates
        return set()
    if witness:
        times = [error for error in errors if error.kind.name == "format"]
        assert len(times) == len(errors) or not _witness(action, suffix).is_valid(value), (action, value)
        assert errors or _witness(action, suffix).is_valid(value), (action, value)
    return {CODES.get(error.kind.name, PROPERTY) for error in errors}


def _unread(text: str) -> set[str]:
    """No JSON, but for some readers: its flaws may be met first."""
    return ({TYPE} if re.search(r"NaN|Infinity|\de", text) else set()) | (
        {PROPERTY} if "\\u0000" in text or re.search(r"\d{19}", text) else set()
    )


def _read(text: str, found: set[str]) -> Any:
    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        read: dict[str, Any] = {}
        for key, value in pairs:
            if key in read:
                found.add(FORMAT)
                key = f"{key} {len(read)}"  # its value may have flaws of its own
            read[key] = value
        return read

    def constant(_: str) -> None:
        found.add(TYPE)

    def decimal(digits: str) -> float:
        if math.isinf(float(digits)):
            found.add(TYPE)
        return float(digits)

    def whole(digits: str) -> int:
        if len(digits) > 25:
            found.add(PROPERTY)
            return 0
        return int(digits)

    return json.loads(
        text, object_pairs_hook=once, parse_constant=constant, parse_float=decimal, parse_int=whole
    )


def _bits(number: int) -> bool:
    return isinstance(number, bool) or -(2**63) <= number < 2**64


def _levels(text: str) -> int:
    """How deep it goes, strings apart."""
    level = most = 0
    for sign in re.sub(r'"(?:[^"\\]|\\.)*"?', "", text, flags=re.DOTALL):
        level += (sign in "[{") - (sign in "]}")
        most = max(most, level)
    return most


def _any(value: Any, test: Callable[[Any], bool]) -> bool:
    if test(value):
        return True
    inner: Iterable[Any] = ()
    if isinstance(value, dict):
        inner = [*value.keys(), *value.values()]
    elif isinstance(value, list):
        inner = value
    return any(_any(part, test) for part in inner)
