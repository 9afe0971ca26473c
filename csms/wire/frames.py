"""OCPP-J frames (types 2 to 6) to and from text.

Only the envelope is read here; the payload stays raw bytes, and `messages` reads it in one step with its
check. Reading a sound frame costs one decode of the envelope. A payload that is JSON but for NaN, Infinity,
lone surrogates or its depth is handed on as it came, so that its refusal can name the call it belongs to.
"""

import json
import re

import msgspec
from msgspec import Struct

from csms.errors import CsmsError

CALL, CALL_RESULT, CALL_ERROR, CALL_RESULT_ERROR, SEND = 2, 3, 4, 5, 6
LATER = (CALL_RESULT_ERROR, SEND)  # since 2.1
NO_ID = "-1"
ID_MAX = 36
DESCRIPTION_MAX = 255
SIZE_MAX = 256 * 1024  # characters; the socket's own limit in bytes comes first (row 27)


class Call(Struct, gc=False):
    """A request that wants an answer."""

    id: str
    action: str
    payload: bytes


class CallResult(Struct, gc=False):
    """The answer to a request."""

    id: str
    payload: bytes


class CallError(Struct, gc=False):
    """The refusal of a request, or of an answer (type 5, 2.1) if `of_result`."""

    id: str
    code: str
    description: str
    of_result: bool = False


class Send(Struct, gc=False):
    """A request that wants no answer (type 6, 2.1)."""

    id: str
    action: str
    payload: bytes


Frame = Call | CallResult | CallError | Send


class BadText(CsmsError):
    """Text that is no frame; `code` and `description` are what OCPP calls it.

    `id` and `type` are the message's as far as they could be read, else "-1" and None.
    """

    def __init__(self, code: str, description: str, id: str = NO_ID, type: int | None = None) -> None:
        super().__init__(code, description)
        self.code = code
        self.description = description
        self.id = id
        self.type = type


_read_call = msgspec.json.Decoder(tuple[int, str, str, msgspec.Raw]).decode
_read_result = msgspec.json.Decoder(tuple[int, str, msgspec.Raw]).decode
_read_parts = msgspec.json.Decoder(list[msgspec.Raw]).decode
_read_text = msgspec.json.Decoder(str).decode
_quoted = msgspec.json.encode
_NOT_JSON = (msgspec.MsgspecError, RecursionError, ValueError)
_LENGTHS = {CALL: (4, 4), CALL_RESULT: (3, 3), CALL_ERROR: (3, 5), CALL_RESULT_ERROR: (3, 5), SEND: (4, 4)}
_STRING = r'("(?:[^"\\\x00-\x1f]|\\.)*")'
_ENVELOPE = re.compile(
    rf"\s*\[\s*(?:([26])\s*,\s*{_STRING}\s*,\s*{_STRING}|(3)\s*,\s*{_STRING})\s*,(.*)\]\s*\Z", re.DOTALL
)


def read(text: str | bytes) -> Frame:
    """Text to frame: the fast way for what a sound station sends, the careful way for all else.

    Raises `BadText` and nothing else.
    """
    if isinstance(text, bytes):
        raise BadText("RpcFrameworkError", "OCPP is spoken in text frames.")
    if len(text) > SIZE_MAX:
        raise BadText("RpcFrameworkError", "The message is too long.")
    if "\\" not in text:
        try:
            if text.startswith(('[2,"', '[2, "')):
                _, id, action, payload = _read_call(text)
                if 0 < len(id) <= ID_MAX:
                    return Call(id, action, bytes(payload))
            elif text.startswith(('[3,"', '[3, "')):
                _, id, payload = _read_result(text)
                if 0 < len(id) <= ID_MAX:
                    return CallResult(id, bytes(payload))
        except _NOT_JSON:
            pass
    return _read_carefully(text)


def _read_carefully(text: str) -> Frame:
    """The rules one by one, each with its own answer (rows 6 to 9)."""
    try:
        parts = [bytes(part) for part in _read_parts(text)]
    except _NOT_JSON:
        return _almost_json(text)
    kind = _type(parts)
    id = _id(parts[1] if len(parts) > 1 else None, kind)
    if kind not in _LENGTHS:  # row 8
        raise BadText("MessageTypeNotSupported", "This message type is not known.", id, kind)
    least, most = _LENGTHS[kind]
    if not least <= len(parts) <= most:  # row 9; a short CALLERROR still ends our call
        raise BadText("RpcFrameworkError", "The message has a wrong number of elements.", id, kind)
    if kind == CALL_RESULT:
        return CallResult(id, parts[2])
    word = _string(parts[2])
    if word is None:  # row 9
        raise BadText("RpcFrameworkError", "The action or error code is not a string.", id, kind)
    if kind in (CALL, SEND):
        return (Call if kind == CALL else Send)(id, word, parts[3])
    description = (_string(parts[3]) if len(parts) > 3 else None) or ""
    return CallError(id, word, description[:DESCRIPTION_MAX], kind == CALL_RESULT_ERROR)


def _almost_json(text: str) -> Frame:
    """A frame whose payload only breaks what JSON leaves open (NaN, surrogates, depth); else row 6."""
    found = _ENVELOPE.match(text)
    if found is None or not _lenient(text):
        raise BadText("RpcFrameworkError", "The message is not a JSON array.")
    kind, id, action, result, result_id, payload = found.groups()
    raw = payload.encode("utf-8", "replace")
    if result:
        return CallResult(_id(result_id, CALL_RESULT), raw)
    word = _string(action) or ""
    return (Call if int(kind) == CALL else Send)(_id(id, int(kind)), word, raw)


def _lenient(text: str) -> bool:
    try:
        json.loads(text, parse_int=len)  # how long it may be is for `strict_json` to say
    except RecursionError:
        return True
    except ValueError:
        return False
    return True


def _type(parts: list[bytes]) -> int:
    if not parts or not re.fullmatch(rb"\s*-?\d{1,9}\s*", parts[0]):
        raise BadText("RpcFrameworkError", "The message type is not an integer.")
    return int(parts[0])


def _id(quoted: bytes | str | None, kind: int) -> str:
    id = None if quoted is None else _string(quoted)
    if id is None or not 0 < len(id) <= ID_MAX or min(id) < " ":  # row 7
        raise BadText("RpcFrameworkError", "The message id is not a string of 1 to 36 characters.", type=kind)
    return id


def _string(raw: bytes | str) -> str | None:
    try:
        return _read_text(raw)
    except _NOT_JSON:
        return None


def write_call(id: str, action: str, payload: bytes) -> str:
    """Our request as text."""
    return f'[{CALL},{_quoted(id).decode()},"{action}",{payload.decode()}]'


def write_result(id: str, payload: bytes) -> str:
    """Our answer as text."""
    return f"[{CALL_RESULT},{_quoted(id).decode()},{payload.decode()}]"


def write_error(id: str, code: str, description: str, type: int = CALL_ERROR) -> str:
    """Our refusal as text; it cannot fail, whatever it is given (section 2.2, row 19)."""
    try:
        words = _quoted([type, id, code, description[:DESCRIPTION_MAX], {}])
        return words.decode()
    except Exception:  # the error path must not have one of its own
        return f'[{type},"{NO_ID}","InternalError","",{{}}]'
