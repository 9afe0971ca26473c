"""RFC 6455 and 7692 at our port, case by case: the chapters and most cases of the Autobahn fuzzing client.

Each case is what a client sends, in one portion and byte by byte, and what must come back from a server that
echoes text. `tools/autobahn.py` runs the Autobahn suite itself, which is a Python 2 program.
"""

import asyncio
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from csms.gateway.socket import StationSocket
from tests.flows.gateway.wire import (
    BINARY,
    CLOSE,
    CONT,
    PING,
    PONG,
    TEXT,
    Ended,
    Wire,
    connected,
    frame,
    frames,
)

FIN = 0x80
HELLO = "Hello-\u00b5@\u00df\u00f6\u00e4\u00fc\u00e0\u00e1-UTF-8!!".encode()


@dataclass(frozen=True)
class Case:
    """What is sent; the frames that come back (first byte, payload); the close code if it ends there."""

    name: str
    sent: bytes
    back: Sequence[tuple[int, bytes]] = ()
    code: int | None = None


def text(payload: bytes = b"x") -> tuple[int, bytes]:
    """An echo."""
    return (FIN | TEXT, payload)


def closing(code: int | None = None, reason: bytes = b"") -> bytes:
    """A close frame."""
    return frame(CLOSE, b"" if code is None else code.to_bytes(2, "big") + reason)


def fails(name: str, sent: bytes, code: int = 1002, back: Sequence[tuple[int, bytes]] = ()) -> Case:
    """A case that ends the connection; what comes after is not looked at."""
    return Case(name, sent + frame(TEXT, b"too late"), back, code)


SIZES = [0, 1, 125, 126, 127, 128, 65535, 65536, 100_000]
FRAMING = [
    *(Case(f"1.1 text of {size}", frame(TEXT, b"*" * size), [text(b"*" * size)]) for size in SIZES),
    Case("1.2 binary is heard, and this server has no echo for it", frame(BINARY, b"\xff\xfe")),
]
PINGS = [
    *(
        Case(f"2 ping of {len(payload)}", frame(PING, payload), [(FIN | PONG, payload)])
        for payload in (b"", b"Hello", b"\x00\xff\xfe\xfd", b"\xfe" * 125)
    ),
    fails("2.5 ping of 126", frame(PING, b"\xfe" * 126)),
    Case("2.7 unsolicited pong", frame(PONG)),
    Case("2.8 unsolicited pong with payload", frame(PONG, b"unsolicited")),
    Case("2.9 pong, then ping", frame(PONG, b"a") + frame(PING, b"b"), [(FIN | PONG, b"b")]),
    Case(
        "2.10 ten pings",
        b"".join(frame(PING, bytes([n])) for n in range(10)),
        [(FIN | PONG, bytes([n])) for n in range(10)],
    ),
]
RESERVED = [
    *(fails(f"3 reserved bits {rsv} in a text", frame(TEXT, b"x", rsv=rsv)) for rsv in range(1, 8)),
    fails("3.2 after a good text", frame(TEXT) + frame(TEXT, b"x", rsv=2), back=[text(b"")]),
    fails("3.5 in a binary", frame(BINARY, b"x", rsv=5)),
    fails("3.6 in a ping", frame(PING, b"x", rsv=6)),
    fails("3.7 in a close", frame(CLOSE, rsv=7)),
    *(fails(f"4.1 opcode {opcode}", frame(opcode)) for opcode in range(3, 8)),
    *(fails(f"4.2 opcode {opcode}", frame(opcode, b"reserved")) for opcode in range(11, 16)),
    fails("4.1.3 after a good text", frame(TEXT, b"x") + frame(5) + frame(PING), back=[text()]),
    fails("a frame without a mask", frame(TEXT, b"x", masked=False)),
    fails("a ping without a mask", frame(PING, masked=False)),
]
PONG_BETWEEN = (FIN | PONG, b"ping")
FRAGMENTS = [
    fails("5.1 ping in two", frame(PING, b"a", fin=False) + frame(CONT, b"b")),
    fails("5.2 pong in two", frame(PONG, b"a", fin=False) + frame(CONT, b"b")),
    Case("5.3 text in two", frame(TEXT, b"a", fin=False) + frame(CONT, b"b"), [text(b"ab")]),
    Case(
        "5.6 ping between",
        frame(TEXT, b"a", fin=False) + frame(PING, b"ping") + frame(CONT, b"b"),
        [PONG_BETWEEN, text(b"ab")],
    ),
    fails("5.9 nothing to continue", frame(CONT, b"x")),
    fails("5.10 nothing to continue, before a text", frame(CONT, b"x") + frame(TEXT)),
    fails("5.12 nothing to continue, not the last", frame(CONT, b"x", fin=False)),
    fails(
        "5.15 a fragment after the end",
        frame(TEXT, b"a", fin=False) + frame(CONT, b"b") + frame(CONT, b"c", fin=False),
        back=[text(b"ab")],
    ),
    fails("5.18 a text in a text", frame(TEXT, b"a", fin=False) + frame(TEXT, b"b")),
    Case(
        "5.19 pings between",
        frame(TEXT, b"a", fin=False)
        + frame(CONT, b"b", fin=False)
        + frame(PING, b"ping")
        + frame(CONT, b"c", fin=False)
        + frame(PING, b"ping")
        + frame(CONT, b"d"),
        [PONG_BETWEEN, PONG_BETWEEN, text(b"abcd")],
    ),
    Case(
        "6.1 empty fragments",
        frame(TEXT, fin=False) + frame(CONT, fin=False) + frame(CONT, b"x", fin=False) + frame(CONT),
        [text()],
    ),
]

GOOD_TEXTS = [
    HELLO,
    "\u03ba\u1f79\u03c3\u03bc\u03b5".encode(),
    b"\x00",
    b"\x7f",
    b"\xc2\x80",
    b"\xdf\xbf",
    b"\xe0\xa0\x80",
    b"\xed\x9f\xbf",
    b"\xee\x80\x80",
    b"\xef\xbf\xbd",
    b"\xef\xbf\xbf",
    b"\xf0\x90\x80\x80",
    b"\xf4\x8f\xbf\xbf",
]
BAD_TEXTS = [
    b"\xce",
    b"\xce\xba\xe1\xbd",
    b"\x80",
    b"\xbf",
    b"\x80\xbf" * 3,
    b"\xc0\xaf",
    b"\xc1\xbf",
    b"\xe0\x80\xaf",
    b"\xe0\x9f\xbf",
    b"\xed\xa0\x80",
    b"\xed\xbf\xbf",
    b"\xed\xa0\x80\xed\xb0\x80",
    b"\xf0\x80\x80\xaf",
    b"\xf4\x90\x80\x80",
    b"\xf5\x80\x80\x80",
    b"\xf8\x88\x80\x80\x80",
    b"\xfc\x84\x80\x80\x80\x80",
    b"\xfe",
    b"\xff",
    b"good until here \xff and no further",
]


def in_bytes(payload: bytes) -> bytes:
    """A text with each byte in a fragment of its own."""
    first, rest = frame(TEXT, payload[:1], fin=False), payload[1:]
    return first + b"".join(frame(CONT, bytes([byte]), fin=False) for byte in rest) + frame(CONT)


UTF8 = [
    *(Case(f"6 good {payload!r}", frame(TEXT, payload), [text(payload)]) for payload in GOOD_TEXTS),
    *(Case(f"6 good in bytes {payload!r}", in_bytes(payload), [text(payload)]) for payload in GOOD_TEXTS),
    *(fails(f"6 bad {payload!r}", frame(TEXT, payload), 1007) for payload in BAD_TEXTS),
    *(fails(f"6 bad in bytes {payload!r}", in_bytes(payload), 1007) for payload in BAD_TEXTS),
    fails(
        "6.4.1 bad in the second of three fragments, fails before the third",
        frame(TEXT, HELLO, fin=False) + frame(CONT, b"\xf4\x90", fin=False),
        1007,
    ),
    fails("6.4.4 bad before the message ends", frame(TEXT, b"\xf4\x90", fin=False), 1007),
]
GOOD_CODES = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999]
BAD_CODES = [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535]
CLOSES = [
    Case("7.1 a text, then close", frame(TEXT, b"x") + closing(1000), [text()], 1000),
    Case("7.1.2 two closes", closing(1000) * 2, code=1000),
    Case("7.1.3 a ping after the close", closing(1000) + frame(PING), code=1000),
    Case("7.1.4 a text after the close", closing(1000) + frame(TEXT, b"x"), code=1000),
    Case(
        "7.1.5 close within a message",
        frame(TEXT, b"a", fin=False) + closing(1000) + frame(CONT, b"b"),
        code=1000,
    ),
    Case("7.3.1 empty close", closing(), [(FIN | CLOSE, b"")]),
    fails("7.3.2 close of one byte", frame(CLOSE, b"a")),
    Case("7.3.4 with a reason", closing(1000, b"bye"), [(FIN | CLOSE, b"\x03\xe8bye")]),
    Case("7.3.5 reason of 123", closing(1000, b"*" * 123), [(FIN | CLOSE, b"\x03\xe8" + b"*" * 123)]),
    fails("7.3.6 reason of 124", closing(1000, b"*" * 124)),
    fails("7.5 reason that is not UTF-8", closing(1000, b"\xce\xba\xe1\xbd\xb9\xed\xa0\x80"), 1007),
    *(Case(f"7.7 code {code}", closing(code), code=code) for code in GOOD_CODES),
    *(fails(f"7.9 code {code}", closing(code)) for code in BAD_CODES),
]
BIG = [
    Case("9.1 a message of the limit", frame(TEXT, b"*" * 150_000), [text(b"*" * 150_000)]),
    fails("9 more than the limit", frame(TEXT, b"*" * 150_001), 1009),
    fails("9 more than the limit, in its head", b"\x81\xff" + b"\x7f" + b"\xff" * 7, 1009),
    fails(
        "9 more than the limit, in fragments",
        frame(TEXT, b"*" * 99_999, fin=False) * 1 + frame(CONT, b"*" * 50_002),
        1009,
    ),
    Case(
        "9.3 in 1,000 fragments",
        frame(TEXT, b"*" * 64, fin=False) + frame(CONT, b"*" * 64, fin=False) * 998 + frame(CONT, b"*" * 64),
        [text(b"*" * 64_000)],
    ),
    Case("9.7 a thousand messages", frame(TEXT, b"*" * 10) * 1000, [text(b"*" * 10)] * 1000),
]
CASES = [*FRAMING, *PINGS, *RESERVED, *FRAGMENTS, *UTF8, *CLOSES, *BIG]


def echo(*extra: str) -> tuple[StationSocket, Wire]:
    """A server that echoes text."""
    socket, wire = connected(*extra)
    socket.allow_messages_of(150_000)

    def hear(message: str | bytes) -> None:
        if isinstance(message, str):
            socket.send(message)

    socket.attach(hear, Ended())
    return socket, wire


def portions(data: bytes, size: int | None) -> list[bytes]:
    """Cut it up; whole if it is too much for single bytes."""
    size = len(data) if size is None or len(data) > 5000 * size else size
    return [data[start : start + size] for start in range(0, len(data), size)]


@pytest.mark.parametrize("size", [None, 1, 1460], ids=["whole", "bytes", "segments"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_rfc_6455(case: Case, size: int | None) -> None:
    async def talk() -> Wire:
        socket, wire = echo()
        for portion in portions(case.sent, size):
            if not wire.closed:
                socket.data_received(portion)
        return wire

    wire = asyncio.run(talk())
    back = list(frames(bytes(wire.sent)))
    if case.code is not None:
        head, payload = back.pop()
        assert (head, int.from_bytes(payload[:2], "big")) == (FIN | CLOSE, case.code)
        payload[2:].decode()
        assert wire.ended or wire.closed
    assert back == list(case.back)


class Packer:
    """A client's end of permessage-deflate."""

    def __init__(self, bits: int = 12) -> None:
        self._packer = zlib.compressobj(wbits=-bits)
        self._unpacker = zlib.decompressobj(wbits=-15)

    def pack(self, payload: bytes) -> bytes:
        """Compressed, without the tail."""
        return (self._packer.compress(payload) + self._packer.flush(zlib.Z_SYNC_FLUSH))[:-4]

    def unpack(self, payload: bytes) -> bytes:
        """And back."""
        return self._unpacker.decompress(payload + b"\x00\x00\xff\xff")


OFFERS = [
    "permessage-deflate",
    "permessage-deflate; client_max_window_bits",
    "permessage-deflate; client_max_window_bits=10; server_max_window_bits=9",
    "permessage-deflate; server_no_context_takeover; client_no_context_takeover; client_max_window_bits",
    "x-unknown, permessage-deflate; client_max_window_bits",
]


@pytest.mark.parametrize("offer", OFFERS)
@pytest.mark.parametrize("size", [0, 16, 64, 1024, 65_536, 131_072])
async def test_rfc_7692_compressed_messages_are_echoed_compressed(offer: str, size: int) -> None:
    socket, wire = echo(f"Sec-WebSocket-Extensions: {offer}")
    payload = bytes(33 + n % 90 for n in range(size))
    unpacker = Packer()
    for _ in range(3):
        packed = Packer(9).pack(payload)
        middle = len(packed) // 2
        wire.sent.clear()
        if "context_takeover" in offer:
            socket.data_received(frame(TEXT, packed, rsv=4))
        else:
            socket.data_received(frame(TEXT, packed[:middle], rsv=4, fin=False))
            socket.data_received(frame(PING) + frame(CONT, packed[middle:]))
        *_, (head, back) = frames(bytes(wire.sent))
        assert head == FIN | 0x40 | TEXT
        if "server_no_context_takeover" in offer:
            unpacker = Packer()
        assert unpacker.unpack(back) == payload


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (frame(TEXT, b"\xff\xff\xff", rsv=4), 1002),
        (frame(TEXT, Packer().pack(b"\xff"), rsv=4), 1007),
        (frame(TEXT, Packer().pack(b"*" * 150_001), rsv=4), 1009),
        (frame(TEXT, Packer().pack(b"*" * 9), rsv=4, fin=False) + frame(CONT, rsv=4), 1002),
        (frame(PING, Packer().pack(b"*"), rsv=4), 1002),
        (frame(TEXT, b"x", rsv=2), 1002),
    ],
)
async def test_rfc_7692_bad_compressed_frames(sent: bytes, code: int) -> None:
    socket, wire = echo("Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits")
    socket.data_received(sent)
    ((_, payload),) = frames(bytes(wire.sent))
    assert int.from_bytes(payload[:2], "big") == code


async def test_rfc_7692_plain_frames_are_taken_beside_compressed_ones() -> None:
    socket, wire = echo("Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits")
    packer = Packer()
    socket.data_received(frame(TEXT, b"plain") + frame(TEXT, packer.pack(b"packed"), rsv=4))
    assert [packer.unpack(payload) for _, payload in frames(bytes(wire.sent))] == [b"plain", b"packed"]
