"""A socket without a network: bytes in by hand, bytes out in a list; and frames made by hand."""

import asyncio
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

from websockets.http11 import Request
from websockets.speedups import apply_mask
from websockets.typing import Subprotocol

from csms.gateway.deadlines import Deadlines
from csms.gateway.house import GatewaySettings
from csms.gateway.socket import StationSocket
from csms.store.stations import StationRow

TEXT, BINARY, CONT, CLOSE, PING, PONG = 1, 2, 0, 8, 9, 10
FIN = 0x80
KEY = b"\x11\x82\x04\xfe"
LIMIT = 60_000


def frame(
    opcode: int, payload: bytes = b"", *, fin: bool = True, rsv: int = 0, masked: bool = True, wide: int = 0
) -> bytes:
    """One frame as a client sends it; `wide`: a length in two or eight bytes even if it is short."""
    head = bytes([(FIN if fin else 0) | rsv << 4 | opcode])
    mask = 0x80 if masked else 0
    size = len(payload)
    if size < 126 and not wide:
        head += bytes([mask | size])
    elif size < 65536 and wide != 8:
        head += bytes([mask | 126]) + size.to_bytes(2, "big")
    else:
        head += bytes([mask | 127]) + size.to_bytes(8, "big")
    return head + (KEY + apply_mask(payload, KEY) if masked else payload)


def frames(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The frames a server has sent: first byte and payload."""
    while data:
        size, start = data[1], 2
        if size >= 126:
            width = 2 if size == 126 else 8
            size, start = int.from_bytes(data[2 : 2 + width], "big"), 2 + width
        assert len(data) >= start + size, "a frame is cut short"
        yield data[0], data[start : start + size]
        data = data[start + size :]


class Wire(asyncio.Transport):
    """The transport's end that a socket sees."""

    def __init__(self) -> None:
        super().__init__()
        self.sent = bytearray()
        self.ended = self.closed = self.paused = False

    def write(self, data: Any) -> None:
        """Remember it."""
        assert not self.ended
        self.sent += data

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """There is no buffer."""

    def can_write_eof(self) -> bool:
        """As TCP."""
        return True

    def write_eof(self) -> None:
        """Nothing more goes out."""
        self.ended = True

    def is_closing(self) -> bool:
        """Whether it was closed."""
        return self.closed

    def close(self) -> None:
        """The end."""
        self.closed = True

    abort = close

    def pause_reading(self) -> None:
        """Hold the peer back."""
        self.paused = True

    def resume_reading(self) -> None:
        """And no longer."""
        self.paused = False


class Room:
    """Where a socket is: it lets everybody in."""

    def __init__(self, **settings: Any) -> None:
        self.settings = GatewaySettings(max_message_before_accepted_bytes=LIMIT, **settings)
        self.deadlines = Deadlines()
        self.subprotocols = [Subprotocol("ocpp2.0.1")]

    def arrived(self, socket: StationSocket) -> bool:
        """There is room."""
        return True

    def knocked(self, socket: StationSocket, request: Request) -> None:
        """Welcome."""
        socket.let_in(StationRow(identity="cs-1", password_hash="", created_at=datetime.now(UTC)))
        socket.welcome(request)

    def let_in(self, socket: StationSocket) -> None:
        """As you like."""

    def left(self, socket: StationSocket) -> None:
        """As you like."""


class Ended:
    """Counts the calls of `gone`."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> None:
        self.count += 1


def connected(*extra: str, **settings: Any) -> tuple[StationSocket, Wire]:
    """A socket that has shaken hands; what it said to that is taken away. Needs a running loop."""
    socket, wire = StationSocket(Room(**settings)), Wire()
    socket.connection_made(wire)
    lines = (
        "GET /ocpp/cs-1 HTTP/1.1",
        "Host: localhost",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Protocol: ocpp2.0.1",
        *extra,
    )
    socket.data_received("\r\n".join((*lines, "", "")).encode())
    assert wire.sent.startswith(b"HTTP/1.1 101 "), wire.sent
    wire.sent.clear()
    return socket, wire


Hear = Callable[[str | bytes], None]
