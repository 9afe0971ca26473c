"""One WebSocket of a station on a raw socket: it tells with which status or close code the server parted."""

import asyncio
import base64
import hashlib
import json
import random
from typing import Any, cast
from urllib.parse import urlsplit

from benchmarks.load.station import masked

TEXT, CLOSE, PING, PONG = 1, 8, 9, 10
_KEY = base64.b64encode(b"0123456789abcdef").decode()
_ACCEPT = base64.b64encode(hashlib.sha1(f"{_KEY}258EAFA5-E914-47DA-95CA-C5AB0DC85B11".encode()).digest())
Frame = list[Any]


class Refused(ConnectionError):
    """The upgrade was answered with another status than 101."""

    def __init__(self, status: int, retry_after_s: float | None) -> None:
        super().__init__(f"refused with {status}")
        self.status = status
        self.retry_after_s = retry_after_s


class Gone(ConnectionError):
    """The socket is over. `code` is the close code of the server; None: cut without a word."""

    def __init__(self, code: int | None, reason: str = "") -> None:
        super().__init__(f"closed: {code} {reason}")
        self.code = code
        self.reason = reason


def upgrade(path: str, identity: str, password: str) -> bytes:
    """The request of a station for its WebSocket."""
    basic = base64.b64encode(f"{identity}:{password}".encode()).decode()
    return (
        f"GET {path}/{identity} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
        f"Connection: Upgrade\r\nSec-WebSocket-Key: {_KEY}\r\nSec-WebSocket-Version: 13\r\n"
        f"Sec-WebSocket-Protocol: ocpp2.0.1\r\nAuthorization: Basic {basic}\r\n\r\n"
    ).encode()


class Link(asyncio.Protocol):
    """One connection. Make it with `connect`; `ask` as often as you like, one call at a time is the rule."""

    def __init__(self, request: bytes) -> None:
        loop = asyncio.get_running_loop()
        self.opened: asyncio.Future[None] = loop.create_future()
        self.over: asyncio.Future[Gone] = loop.create_future()
        self._request = request
        self._buffer = b""
        self._code: int | None = None
        self._reason = ""
        self._waiting: dict[str, asyncio.Future[Frame]] = {}
        self._transport: asyncio.Transport | None = None

    @classmethod
    async def connect(
        cls, url: str, identity: str, password: str, *, within_s: float = 30.0, source: str | None = None
    ) -> "Link":
        """An upgraded connection. Raises `Refused`, `Gone`, `TimeoutError` or `OSError`."""
        place = urlsplit(url)
        link = cls(upgrade(place.path, identity, password))
        try:
            async with asyncio.timeout(within_s):
                await asyncio.get_running_loop().create_connection(
                    lambda: link,
                    place.hostname or "",
                    place.port or 80,
                    local_addr=None if source is None else (source, 0),
                )
                await link.opened
        except BaseException:
            link.cut()
            raise
        return link

    async def ask(self, message_id: str, text: str, within_s: float = 60.0) -> Frame:
        """Send a call; its answer. Raises `Gone` or `TimeoutError`."""
        if self.over.done():
            raise self.over.result()
        answer: asyncio.Future[Frame] = asyncio.get_running_loop().create_future()
        self._waiting[message_id] = answer
        try:
            self.send(text)
            async with asyncio.timeout(within_s):
                return await answer
        finally:
            self._waiting.pop(message_id, None)

    def send(self, text: str) -> None:
        """Send a text frame."""
        self._write(masked(TEXT, text.encode()))

    def stop_reading(self) -> None:
        """Whatever the server sends from now on is neither read nor answered."""
        if self._transport is not None:
            self._transport.pause_reading()

    def cut(self) -> None:
        """Go without a word."""
        if self._transport is not None:
            self._transport.abort()

    def close(self) -> None:
        """Say goodbye and go."""
        self._write(masked(CLOSE, b"\x03\xe8"))
        if self._transport is not None:
            self._transport.close()

    def _write(self, frame: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(frame)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the upgrade."""
        self._transport = cast(asyncio.Transport, transport)
        self._transport.write(self._request)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell all who wait."""
        gone = Gone(self._code, self._reason)
        if not self.over.done():
            self.over.set_result(gone)
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_exception(Gone(self._code, self._reason))
        if not self.opened.done():
            self.opened.set_exception(Gone(self._code, self._reason))
        if not self.opened.cancelled():
            self.opened.exception()  # whoever connects may have given up waiting for it

    def data_received(self, data: bytes) -> None:
        """Take the answer to the upgrade, then frames, apart."""
        data = self._buffer + data
        if not self.opened.done():
            head, end, rest = data.partition(b"\r\n\r\n")
            if not end:
                self._buffer = data
                return
            data = rest
            self._judge(head)
        self._buffer = self._frames(data)

    def _judge(self, head: bytes) -> None:
        if head.startswith(b"HTTP/1.1 101") and _ACCEPT in head:
            self.opened.set_result(None)
            return
        lines = head.decode("latin-1").split("\r\n")
        headers = {
            name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])
        }
        wait = headers.get("retry-after")
        self.opened.set_exception(Refused(int(lines[0].split()[1]), None if wait is None else float(wait)))

    def _frames(self, data: bytes) -> bytes:
        place, end = 0, len(data)
        while end - place >= 2:
            size, start = data[place + 1], place + 2
            if size == 126:
                size, start = int.from_bytes(data[start : start + 2], "big"), start + 2
            elif size == 127:
                size, start = int.from_bytes(data[start : start + 8], "big"), start + 8
            if start > end or start + size > end:
                break
            self._frame(data[place] & 0x0F, data[start : start + size])
            place = start + size
        return data[place:]

    def _frame(self, opcode: int, payload: bytes) -> None:
        assert self._transport is not None
        if opcode == TEXT:
            self._text(json.loads(payload))
        elif opcode == PING:
            self._write(masked(PONG, payload))
        elif opcode == CLOSE:
            if len(payload) >= 2:
                self._code, self._reason = (
                    int.from_bytes(payload[:2], "big"),
                    payload[2:].decode(errors="replace"),
                )
            self._write(masked(CLOSE, payload[:2]))
            self._transport.close()

    def _text(self, frame: Frame) -> None:
        if frame[0] == 2:
            self.send(json.dumps([4, frame[1], "NotImplemented", "", {}]))
            return
        answer = self._waiting.get(frame[1])
        if answer is not None and not answer.done():
            answer.set_result(frame)


def back_off_s(chance: random.Random, refused: OSError, longest_s: float) -> float:
    """How long a station waits before it knocks again: what the server says, but not for ever in a test."""
    told = refused.retry_after_s if isinstance(refused, Refused) else None
    return min(longest_s, told or longest_s) * chance.uniform(0.5, 1.0)
