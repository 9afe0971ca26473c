"""One station on a raw socket. RFC 6455 without a library, so that the generator is never the bottleneck.

The masking key is zero: the server has the same work with it, and the generator has none.
"""

import asyncio
import base64
import hashlib
import time
from collections.abc import Callable
from typing import cast

import orjson

from benchmarks.load.frames import Talk

_KEY = base64.b64encode(b"0123456789abcdef").decode()
_ACCEPT = base64.b64encode(
    hashlib.sha1(f"{_KEY}258EAFA5-E914-47DA-95CA-C5AB0DC85B11".encode()).digest()
).decode()
_TEXT, _CLOSE, _PING, _PONG = 1, 8, 9, 10


class BadReply(Exception):
    """A server has answered what is no answer to what it was asked: nothing measured here would count."""


def masked(opcode: int, data: bytes) -> bytes:
    """One final frame as a client sends it."""
    size = len(data)
    if size < 126:
        head = bytes((0x80 | opcode, 0x80 | size))
    elif size < 65536:
        head = bytes((0x80 | opcode, 0xFE)) + size.to_bytes(2, "big")
    else:
        head = bytes((0x80 | opcode, 0xFF)) + size.to_bytes(8, "big")
    return head + b"\0\0\0\0" + data


class Station(asyncio.Protocol):
    """Says one call at a time and checks its answer. `echo`: the answer is what was said."""

    __slots__ = (
        "_buffer", "_path", "_replied", "_said", "_secret", "_transport", "answered", "begun", "echo",
        "failed", "identity", "message_id", "opened", "talk",
    )  # fmt: skip

    def __init__(self, identity: str, secret: str, path: str, *, echo: bool, run: str) -> None:
        self.identity = identity
        self.echo = echo
        self.talk = Talk(identity, run)
        self.message_id: str | None = None
        self.begun = 0.0
        self.answered = 0
        self.failed: Callable[[Exception], None] | None = None
        self.opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._path = path
        self._secret = secret
        self._buffer = b""
        self._said = b""
        self._replied: Callable[[Station], None] | None = None
        self._transport: asyncio.Transport | None = None

    def say(self, kind: str, replied: Callable[["Station"], None]) -> None:
        """Send the next call of this kind; `replied` is called once its right answer is here."""
        assert self._transport is not None
        self.message_id, text = self.talk.say(kind)
        self._said = text.encode()
        self._replied = replied
        self.begun = time.perf_counter()
        self._transport.write(masked(_TEXT, self._said))

    def close(self) -> None:
        """Say goodbye and go."""
        if self._transport is not None:
            self.failed = None
            self._transport.write(masked(_CLOSE, b"\x03\xe8"))
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the upgrade."""
        self._transport = cast(asyncio.Transport, transport)
        basic = base64.b64encode(f"{self.identity}:{self._secret}".encode()).decode()
        self._transport.write(
            f"GET {self._path}/{self.identity} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Key: {_KEY}\r\nSec-WebSocket-Version: 13\r\n"
            f"Sec-WebSocket-Protocol: ocpp2.0.1\r\nAuthorization: Basic {basic}\r\n\r\n".encode()
        )

    def connection_lost(self, exc: Exception | None) -> None:
        """The server is gone; whoever waits is told."""
        error = exc or ConnectionError(f"{self.identity}: the server has closed the connection")
        if not self.opened.done():
            self.opened.set_exception(error)
        elif self.failed is not None:
            self.failed(error)

    def data_received(self, data: bytes) -> None:
        """Take frames apart."""
        data = self._buffer + data if self._buffer else data
        try:
            if not self.opened.done():
                data = self._upgrade(data)
            self._buffer = self._frames(data)
        except (BadReply, orjson.JSONDecodeError) as error:
            if self.failed is not None:
                self.failed(error)
            elif not self.opened.done():
                self.opened.set_exception(error)

    def _upgrade(self, data: bytes) -> bytes:
        head, end, rest = data.partition(b"\r\n\r\n")
        if not end:
            self._buffer = data
            return b""
        self._buffer = b""
        if not head.startswith(b"HTTP/1.1 101") or _ACCEPT.encode() not in head:
            raise BadReply(f"{self.identity}: {head.splitlines()[0].decode(errors='replace')}")
        self.opened.set_result(None)
        return rest

    def _frames(self, data: bytes) -> bytes:
        if not self.opened.done():
            return self._buffer
        place, end = 0, len(data)
        while end - place >= 2:
            size, start = data[place + 1], place + 2
            if size == 126:
                size, start = int.from_bytes(data[start : start + 2], "big"), start + 2
            elif size == 127:
                size, start = int.from_bytes(data[start : start + 8], "big"), start + 8
            if start + size > end or start > end:
                break
            self._frame(data[place], data[start : start + size])
            place = start + size
        return data[place:]

    def _frame(self, first: int, payload: bytes) -> None:
        assert self._transport is not None
        if first == 0x80 | _TEXT:
            self._text(payload)
        elif first == 0x80 | _PING:
            self._transport.write(masked(_PONG, payload))
        elif first & 0x0F == _CLOSE:
            raise BadReply(f"{self.identity}: closed by the server: {payload[2:].decode(errors='replace')}")
        elif first != 0x80 | _PONG:
            raise BadReply(f"{self.identity}: a frame of type {first:#x}")

    def _text(self, payload: bytes) -> None:
        if self.echo:
            if payload != self._said:
                raise BadReply(f"{self.identity}: not what was said")
        else:
            frame = orjson.loads(payload)
            if frame[0] == 2:
                self._serve(frame)
                return
            if frame[0] != 3 or frame[1] != self.message_id or not isinstance(frame[2], dict):
                raise BadReply(f"{self.identity}: {payload[:200]!r} answers {self._said[:80]!r}")
        replied, self._replied = self._replied, None
        self.message_id = None
        if replied is None:
            raise BadReply(f"{self.identity}: an answer too many")
        replied(self)

    def _serve(self, frame: list[object]) -> None:
        """The server asks: a profile is accepted, anything else is not known here."""
        assert self._transport is not None
        if frame[2] == "SetChargingProfile":
            self.answered += 1
            text = f'[3,"{frame[1]}",{{"status":"Accepted"}}]'
        else:
            text = f'[4,"{frame[1]}","NotImplemented","",{{}}]'
        self._transport.write(masked(_TEXT, text.encode()))
