"""Payload bytes to checked Struct in one step, and why not.

A `Vocabulary` knows one version's messages: its Structs, its JSON schemas, who calls what, and how it spells
the error codes. A Struct accepts what the schema accepts; the schema is asked only to explain a refusal.

Codes (rows 15 to 18): missing, too few, too many -> OccurrenceConstraintViolation; wrong type, not finite ->
TypeConstraintViolation; enumeration, length, range, time -> PropertyConstraintViolation; unknown property, a
property twice, not JSON -> FormatViolation.

Times: RFC 3339 with zone, so `+25:00` or `not-a-date` is a PropertyConstraintViolation; 1970 and 9999 are
times like any other and kept as sent: what is far off is for those to judge who know the hour. Two forms that
cannot be misread are let pass although the schema minds: a space for the T, and `+0100` for `+01:00`.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from importlib import resources
from typing import Any, NamedTuple

import jsonschema_rs
import msgspec

from csms.errors import OcppError
from csms.wire.strict_json import flaw, plain

Calls = Mapping[str, tuple[type[msgspec.Struct], type[msgspec.Struct] | None]]

FORMAT = "FormatViolation"
OCCURRENCE = "OccurrenceConstraintViolation"
PROPERTY = "PropertyConstraintViolation"
TYPE = "TypeConstraintViolation"

_BY_KEYWORD = {
    "required": (OCCURRENCE, "is missing"),
    "minItems": (OCCURRENCE, "has too few elements"),
    "maxItems": (OCCURRENCE, "has too many elements"),
    "type": (TYPE, "has a wrong type"),
    "enum": (PROPERTY, "has a value that is not in the list"),
    "maxLength": (PROPERTY, "is too long"),
    "minimum": (PROPERTY, "is too small"),
    "maximum": (PROPERTY, "is too large"),
    "multipleOf": (PROPERTY, "has too many decimals"),
    "format": (PROPERTY, "has a wrong format"),
    "additionalProperties": (FORMAT, "has an unknown property"),
}


class Breach(NamedTuple):
    """How a payload breaks its schema; `keyword` is JSON schema's, or None; `place` is the wrong property."""

    code: str
    description: str
    keyword: str | None = None
    place: str = ""


@cache
def _decoder(kind: type[msgspec.Struct]) -> msgspec.json.Decoder[msgspec.Struct]:
    return msgspec.json.Decoder(kind)


def _fits(kind: type[msgspec.Struct], payload: bytes) -> bool:
    try:
        _decoder(kind).decode(payload)
    except (msgspec.MsgspecError, ValueError):
        return False
    return True


@cache
def _may_be_empty(kind: type[msgspec.Struct]) -> bool:
    return _fits(kind, b"{}")


@cache
def _validator(folder: str, name: str) -> Any:
    file = resources.files("ocpp").joinpath(folder, "schemas", f"{name}.json")
    return jsonschema_rs.validator_for(json.loads(file.read_text("utf-8-sig")), validate_formats=True)


@dataclass(frozen=True)
class Vocabulary:
    """One version's messages. `served` are the actions a station calls, `asked` those a CSMS calls.

    `folder` is where `ocpp` keeps the schemas; `request_suffix` is how a request's schema is named.
    `open_actions` have a field of any type, which no Struct can check.
    """

    calls: Calls = field(repr=False)
    served: frozenset[str] = field(repr=False)
    asked: frozenset[str] = field(repr=False)
    folder: str
    request_suffix: str = "Request"
    open_actions: frozenset[str] = field(default=frozenset({"DataTransfer"}))

    @cached_property
    def sent(self) -> frozenset[str]:
        """The actions that have no answer (SEND, 2.1)."""
        return frozenset(action for action, (_, answer) in self.calls.items() if answer is None)

    def read_request(self, action: str, payload: bytes) -> msgspec.Struct:
        """A station's call, checked. Raises `OcppError`: NotImplemented, NotSupported or a violation."""
        if action not in self.served:
            self._refuse_action(action)
        return self._read(self.calls[action][0], action, payload)

    def read_response(self, action: str, payload: bytes) -> msgspec.Struct:
        """A station's answer to our call, checked. Raises `OcppError` with a violation."""
        kind = self.calls[action][1]
        if kind is None:
            raise OcppError("NotSupported", "This action has no answer.")
        return self._read(kind, action, payload)

    def _refuse_action(self, action: str) -> None:
        if action in self.calls:  # row 11
            raise OcppError("NotSupported", "A CSMS does not serve this action.")
        raise OcppError("NotImplemented", "This action is not known.")  # row 10

    def _read(self, kind: type[msgspec.Struct], action: str, payload: bytes) -> msgspec.Struct:
        if payload == b"null":  # row 19
            payload = b"{}"
        try:
            message = _decoder(kind).decode(payload)
        except (msgspec.MsgspecError, RecursionError, ValueError):
            return self._second_look(kind, action, payload)
        open_ = action in self.open_actions
        if not open_ and plain(payload, message):
            return message
        found = flaw(payload, open_)
        if found is not None:
            raise OcppError(found.code, found.description)
        return message

    def _second_look(self, kind: type[msgspec.Struct], action: str, payload: bytes) -> msgspec.Struct:
        """Refuse with the reason; or accept `7.0` for an integer, as JSON schema does."""
        try:
            breach = self.explain(kind, payload)
            if breach is None:
                return msgspec.convert(_integral(json.loads(payload)), kind)
        except Exception:  # the error path must not have one of its own (section 2.2, row 19)
            breach = Breach(PROPERTY, "A value cannot be taken.")
        raise OcppError(breach.code, breach.description)

    def fits(self, kind: type[msgspec.Struct], payload: bytes) -> bool:
        """Whether a payload of ours keeps its schema."""
        return _may_be_empty(kind) if payload == b"{}" else _fits(kind, payload)

    def pruned(self, kind: type[msgspec.Struct], payload: bytes) -> bytes:
        """A payload of ours without the properties that the version does not know."""
        return msgspec.json.encode(_prune(msgspec.json.decode(payload), msgspec.inspect.type_info(kind)))

    def explain(self, kind: type[msgspec.Struct], payload: bytes) -> Breach | None:
        """The first breach of the message's schema, as OCPP calls it; None if there is none."""
        found = flaw(payload)
        if found is not None:
            return Breach(found.code, found.description)
        validator = _validator(self.folder, self._schema_name(kind))
        errors = list(validator.iter_errors(json.loads(payload)))
        if not errors:
            return None
        first = errors[0]
        at_place = (e for e in errors if e.instance_path == first.instance_path and e.kind.name == "type")
        return _breach(next(at_place, first))

    def _schema_name(self, kind: type[msgspec.Struct]) -> str:
        name = kind.__name__
        if name.endswith("Request"):
            return name.removesuffix("Request") + self.request_suffix
        return name


def _breach(error: Any) -> Breach:
    keyword = error.kind.name
    code, words = _BY_KEYWORD.get(keyword, (FORMAT, "is not as it should be"))
    path = list(error.instance_path)
    if keyword == "required":
        path.append(error.kind.property)
    place = _dotted(path)
    wrong = _dotted([*path, *error.kind.unexpected[:1]]) if keyword == "additionalProperties" else place
    return Breach(code, f"{place or 'The payload'} {words}."[:255], keyword, wrong)


def _dotted(path: Sequence[str | int]) -> str:
    """A path as people write it: `a.b[0].c`."""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).lstrip(".")


def _prune(part: Any, kind: msgspec.inspect.Type) -> Any:
    match kind:
        case msgspec.inspect.VarTupleType(item_type=item) if isinstance(part, list):
            return [_prune(value, item) for value in part]
        case msgspec.inspect.StructType(fields=fields, forbid_unknown_fields=True) if isinstance(part, dict):
            known = {f.encode_name: f.type for f in fields}
            return {key: _prune(value, known[key]) for key, value in part.items() if key in known}
    return part


def _integral(part: Any) -> Any:
    if isinstance(part, dict):
        return {key: _integral(value) for key, value in part.items()}
    if isinstance(part, list):
        return [_integral(value) for value in part]
    return int(part) if isinstance(part, float) and part.is_integer() else part
