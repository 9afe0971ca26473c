"""The little of RFC 6455 that a station needs, written for itself: a witness of the server's own.

Masks are zero, so that frames are the same bytes in every run.
"""

import zlib
from base64 import b64encode
from dataclasses import dataclass

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
CONTINUATION = 0
DEFLATE = "permessage-deflate"
_KEY = "dGhlIHNhbXBsZSBub25jZQ=="
ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


@dataclass(frozen=True, slots=True)
class Knock:
    """What a peer asks for in its upgrade."""

    identity: str
    password: str
    subprotocol: str = "ocpp2.0.1"
    deflate: bool = False
    path: str = "/ocpp"

    def text(self) -> bytes:
        """The request."""
        token = b64encode(f"{self.identity}:{self.password}".encode()).decode()
        lines = [
            f"GET {self.path}/{self.identity} HTTP/1.1",
            "Host: csms",
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Sec-WebSocket-Key: {_KEY}",
            "Sec-WebSocket-Version: 13",
            f"Authorization: Basic {token}",
        ]
        if self.subprotocol:
            lines.append(f"Sec-WebSocket-Protocol: {self.subprotocol}")
        if self.deflate:
            lines.append(f"Sec-WebSocket-Extensions: {DEFLATE}; client_max_window_bits")
        return ("\r\n".join(lines) + "\r\n\r\n").encode()


@dataclass(slots=True)
class Head:
    """The head of an HTTP response, as far as anybody here asks."""

    status: int
    fields: dict[str, str]

    @property
    def deflates(self) -> bool:
        """Whether messages may be compressed."""
        return DEFLATE in self.fields.get("sec-websocket-extensions", "")


def read_head(data: bytearray) -> Head | None:
    """Take the head off the front of `data`; None if it is not whole yet."""
    end = data.find(b"\r\n\r\n")
    if end < 0:
        return None
    first, *lines = data[:end].decode().split("\r\n")
    del data[: end + 4]
    pairs = (line.partition(":") for line in lines)
    return Head(int(first.split(" ")[1]), {name.lower(): value.strip() for name, _, value in pairs})


def frame(kind: int, payload: bytes, *, fin: bool = True, rsv1: bool = False, masked: bool = True) -> bytes:
    """One frame of a client."""
    first = kind | (0x80 if fin else 0) | (0x40 if rsv1 else 0)
    size = len(payload)
    mask = 0x80 if masked else 0
    if size < 126:
        head = bytes((first, mask | size))
    elif size < 1 << 16:
        head = bytes((first, mask | 126)) + size.to_bytes(2, "big")
    else:
        head = bytes((first, mask | 127)) + size.to_bytes(8, "big")
    return head + (bytes(4) if masked else b"") + payload


def close_payload(code: int, reason: str = "") -> bytes:
    """What a CLOSE says."""
    return code.to_bytes(2, "big") + reason.encode()


class Deflater:
    """Compresses whole messages, with its memory of those before."""

    def __init__(self) -> None:
        self._zlib = zlib.compressobj(wbits=-9, memLevel=1)

    def __call__(self, payload: bytes) -> bytes:
        """One message."""
        return (self._zlib.compress(payload) + self._zlib.flush(zlib.Z_SYNC_FLUSH))[:-4]


@dataclass(slots=True)
class Message:
    """A whole message or a control frame."""

    kind: int
    payload: bytes


class Reader:
    """Bytes of one direction -> messages; fragments are put together."""

    def __init__(self, *, deflates: bool = False) -> None:
        self._data = bytearray()
        self._inflate = zlib.decompressobj(-15) if deflates else None
        self._parts = bytearray()
        self._kind = 0
        self._packed = False

    def feed(self, data: bytes) -> list[Message]:
        """The messages that are complete now."""
        self._data += data
        messages = []
        while (taken := self._frame()) is not None:
            first, payload = taken
            message = self._message(first, payload)
            if message is not None:
                messages.append(message)
        return messages

    def _frame(self) -> tuple[int, bytes] | None:
        data = self._data
        if len(data) < 2:
            return None
        size, at = data[1] & 0x7F, 2
        if size >= 126:
            width = 2 if size == 126 else 8
            if len(data) < at + width:
                return None
            size, at = int.from_bytes(data[at : at + width], "big"), at + width
        masked = data[1] & 0x80
        start = at + (4 if masked else 0)
        if len(data) < start + size:
            return None
        payload = bytes(data[start : start + size])
        if masked and any(data[at:start]):
            mask = bytes(data[at:start])
            payload = bytes(byte ^ mask[place % 4] for place, byte in enumerate(payload))
        first = data[0]
        del data[: start + size]
        return first, payload

    def _message(self, first: int, payload: bytes) -> Message | None:
        kind = first & 0x0F
        if kind >= CLOSE:
            return Message(kind, payload)
        if kind != CONTINUATION:
            self._kind, self._packed = kind, bool(first & 0x40)
            self._parts.clear()
        self._parts += payload
        if not first & 0x80:
            return None
        whole = bytes(self._parts)
        if self._packed and self._inflate is not None:
            whole = self._inflate.decompress(whole + b"\x00\x00\xff\xff")
        return Message(self._kind, whole)
