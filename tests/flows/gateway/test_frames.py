"""The short way for ordinary frames does what websockets' Sans-I/O protocol does with them, byte for byte."""

import asyncio
from codecs import utf_8_decode
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode
from websockets.protocol import State
from websockets.server import ServerProtocol

from csms.gateway.socket import StationSocket
from tests.flows.gateway.wire import (
    BINARY,
    CLOSE,
    CONT,
    LIMIT,
    PING,
    PONG,
    TEXT,
    Ended,
    Wire,
    connected,
    frame,
    frames,
)


@dataclass
class Said:
    """What came of some bytes."""

    heard: list[str | bytes] = field(default_factory=list)
    sent: list[tuple[int, bytes]] = field(default_factory=list)
    hung_up: bool = False


class Plain:
    """The judge: websockets alone, given one frame at a time; it echoes what it hears."""

    def __init__(self) -> None:
        self._protocol = ServerProtocol(state=State.OPEN, max_size=LIMIT)
        self._data = b""
        self._text = False
        self.said = Said()
        self._sent = b""

    def take(self, data: bytes) -> None:
        """One frame."""
        protocol = self._protocol
        if data[0] == 0x80 | CLOSE:  # it may come within a message, which websockets does not allow
            protocol.current_size = None
        protocol.receive_data(data)
        for event in protocol.events_received():
            assert isinstance(event, Frame)
            if event.opcode in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT) and protocol.state is State.OPEN:
                self._take(event)
        writes = protocol.data_to_send()
        self._sent += b"".join(writes)
        self.said.hung_up |= b"" in writes

    def _take(self, event: Frame) -> None:
        if event.opcode is not Opcode.CONT:
            self._data, self._text = b"", event.opcode is Opcode.TEXT
        self._data += bytes(event.data)
        if self._text:
            try:
                utf_8_decode(self._data, "strict", event.fin)
            except UnicodeDecodeError:
                self._protocol.fail(1007)
                return
        if event.fin:
            message = self._data.decode() if self._text else self._data
            self.said.heard.append(message)
            if isinstance(message, str):
                self._protocol.send_text(self._data)

    def result(self) -> Said:
        """All of it; the reason of a close is free."""
        self.said.sent = _without_reasons(self._sent)
        return self.said


def _without_reasons(sent: bytes) -> list[tuple[int, bytes]]:
    return [(head, payload[:2] if head == 0x80 | CLOSE else payload) for head, payload in frames(sent)]


def ours(portions: list[bytes]) -> Said:
    """Our socket, given bytes in portions; it echoes what it hears."""
    said = Said()

    async def talk() -> Wire:
        socket, wire = connected()

        def hear(message: str | bytes) -> None:
            said.heard.append(message)
            if isinstance(message, str):
                socket.send(message)

        socket.attach(hear, Ended())
        for portion in portions:
            if not wire.closed:
                socket.data_received(portion)
        return wire

    wire = asyncio.run(talk())
    said.sent = _without_reasons(bytes(wire.sent))
    said.hung_up = wire.ended or wire.closed
    return said


_texts = st.one_of(
    st.text(max_size=20).map(str.encode),
    st.sampled_from([0, 1, 125, 126, 127, LIMIT, LIMIT + 1, 65536]).map(lambda size: b"x" * size),
    st.sampled_from([b"\xff", b"\xc3", b"\xa9", b"a\xed\xa0\x80", b"\xf0\x9f", b"\x98\x80", b"\xc0\xaf"]),
)
_ordinary = st.builds(frame, st.just(TEXT), _texts)
_closes = st.one_of(
    st.binary(max_size=4),
    st.builds(
        lambda code, reason: code.to_bytes(2, "big") + reason,
        st.sampled_from([0, 999, 1000, 1001, 1004, 1005, 1006, 1011, 1015, 2999, 3000, 4999, 5000, 65535]),
        st.sampled_from([b"", b"bye", b"\xff"]),
    ),
)
_odd = st.one_of(
    st.builds(frame, st.sampled_from([TEXT, BINARY, CONT]), _texts, fin=st.booleans()),
    st.builds(frame, st.sampled_from([PING, PONG]), st.sampled_from([b"", b"hi", b"x" * 125, b"x" * 126])),
    st.builds(frame, st.just(CLOSE), _closes),
    st.builds(
        frame,
        st.integers(0, 15),
        st.binary(max_size=130),
        fin=st.booleans(),
        rsv=st.sampled_from([0, 0, 0, 1, 2, 4, 7]),
        masked=st.sampled_from([True, True, True, False]),
        wide=st.sampled_from([0, 0, 2, 8]),
    ),
)
_sequences = st.lists(st.one_of(_ordinary, _ordinary, _odd), max_size=8)


@settings(max_examples=300, deadline=None)
@given(_sequences, st.data())
def test_any_frames_in_any_portions_are_read_as_websockets_reads_them(
    sequence: list[bytes], data: Any
) -> None:
    stream = b"".join(sequence)
    cut = data.draw(st.integers(0, 12)) if stream else 0
    stream = stream[: len(stream) - cut]
    places = data.draw(st.lists(st.integers(0, len(stream)), max_size=6).map(sorted))
    portions = [stream[a:b] for a, b in zip([0, *places], [*places, len(stream)], strict=True) if a < b]
    judge = Plain()
    for one in sequence:
        part, stream = stream[: len(one)], stream[len(one) :]
        if part:
            judge.take(part)
    assert ours(portions) == judge.result()


@pytest.mark.parametrize(
    "between",
    [
        frame(PING, b"x"),
        frame(BINARY, b"x"),
        frame(TEXT, b"a", fin=False) + frame(PING) + frame(CONT, b"b"),
        frame(TEXT, b"x" * 65536),
        frame(TEXT, b"hello", wide=8),
    ],
)
async def test_after_an_odd_frame_the_short_way_is_taken_again(between: bytes) -> None:
    socket, _ = connected()
    socket.allow_messages_of(65536)
    heard: list[str | bytes] = []
    socket.attach(heard.append, Ended())
    for portion in (between[:3], between[3:]):
        socket.data_received(portion)
    assert socket._machine is None  # what it would remember is forgotten, and its memory is free
    socket.data_received(frame(TEXT, b"ordinary") * 2)
    assert heard[-2:] == ["ordinary", "ordinary"]
    assert socket._machine is None


def slow(socket: StationSocket, data: bytes) -> None:
    """A byte at a time."""
    for byte in data:
        socket.data_received(bytes([byte]))


async def test_text_that_cannot_be_utf_8_any_more_is_refused_before_it_ends() -> None:
    socket, wire = connected()
    socket.attach(lambda _: None, Ended())
    slow(socket, frame(TEXT, "caf\u00e9".encode()[:-1], fin=False))
    assert not wire.sent
    slow(socket, frame(CONT, b"x", fin=False))
    assert [payload[:2] for _, payload in frames(bytes(wire.sent))] == [(1007).to_bytes(2, "big")]


async def test_section_2_2_row_13_fragments_are_counted() -> None:
    socket, wire = connected()
    socket.attach(lambda _: None, Ended())
    socket.data_received(frame(TEXT, b"", fin=False) + frame(CONT, b"", fin=False) * 10_000)
    assert [payload[:2] for _, payload in frames(bytes(wire.sent))] == [(1009).to_bytes(2, "big")]
