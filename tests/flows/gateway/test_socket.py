"""The socket's promises to the connection, without a network."""

import asyncio

import pytest

from csms.gateway.socket import EARLY_MAX, StationSocket
from tests.flows.gateway.wire import CLOSE, PING, PONG, TEXT, Ended, Room, Wire, connected, frame, frames


def codes(wire: Wire) -> list[int]:
    """The close codes that were sent."""
    return [
        int.from_bytes(payload[:2], "big")
        for head, payload in frames(bytes(wire.sent))
        if head == 0x80 | CLOSE
    ]


def deaf(message: str | bytes) -> None:
    """Nobody is interested."""


async def test_what_came_before_anybody_attached_is_given_in_order_and_at_once() -> None:
    socket, _ = connected()
    socket.data_received(frame(TEXT, b"a") + frame(TEXT, b"b", fin=False))
    heard: list[str | bytes] = []
    socket.attach(heard.append, Ended())
    assert heard == ["a"]
    socket.data_received(frame(0, b"c"))
    assert heard == ["a", "bc"]


async def test_who_talks_before_anybody_attached_is_held_back() -> None:
    socket, wire = connected()
    socket.data_received(frame(TEXT, b"x") * EARLY_MAX)
    held = [wire.paused]
    socket.data_received(frame(TEXT, b"x") * 3)
    held.append(wire.paused)
    heard: list[str | bytes] = []
    socket.attach(heard.append, Ended())
    assert len(heard) == EARLY_MAX + 3
    assert [*held, wire.paused] == [False, True, False]


async def test_gone_is_called_once_also_if_it_is_over_already() -> None:
    socket, _ = connected()
    early, late = Ended(), Ended()
    socket.attach(deaf, early)
    socket.connection_lost(None)
    socket.attach(deaf, late)
    assert (early.count, late.count) == (1, 1)
    assert not socket.is_open


async def test_after_the_end_nothing_is_heard_or_sent_but_the_close() -> None:
    socket, wire = connected()
    heard: list[str | bytes] = []

    def hear(message: str | bytes) -> None:
        heard.append(message)
        socket.end(1008, "enough")
        socket.send("dropped")
        socket.end(1011, "a second end is none")

    socket.attach(hear, Ended())
    socket.data_received(frame(TEXT, b"a") + frame(TEXT, b"b") + frame(PING, b"p"))
    socket.data_received(frame(TEXT, b"c"))
    assert heard == ["a"]
    assert codes(wire) == [1008]
    assert not wire.closed
    socket.data_received(frame(CLOSE, (1008).to_bytes(2, "big")))
    assert wire.closed


async def test_an_error_of_who_listens_is_1011_and_nobody_elses() -> None:
    def hear(_: str | bytes) -> None:
        raise ValueError("a fault of ours")

    socket, wire = connected()
    socket.attach(hear, Ended())
    socket.data_received(frame(TEXT, b"a") * 2)
    assert codes(wire) == [1011]


@pytest.mark.parametrize("size", [0, 125, 126, 65535, 65536])
async def test_a_text_of_any_length_goes_out_in_one_write(size: int) -> None:
    socket, wire = connected()
    socket.send("\u00e9" * (size // 2) + "x" * (size % 2))
    ((head, payload),) = frames(bytes(wire.sent))
    assert (head, len(payload)) == (0x80 | TEXT, size)


async def test_a_peer_that_answers_no_ping_is_cut_off_and_one_that_talks_is_not() -> None:
    socket, wire = connected(ping_interval_s=0.2, ping_timeout_s=0.2)
    ended = Ended()
    socket.attach(deaf, ended)
    for _ in range(10):
        await asyncio.sleep(0.1)
        socket.data_received(frame(PONG))
    assert [wire.closed] == [False]
    pings = [head for head, _ in frames(bytes(wire.sent)) if head == 0x80 | PING]
    assert 2 <= len(pings) <= 8
    async with asyncio.timeout(5):
        while not wire.closed:  # noqa: ASYNC110 - the wire tells nobody
            await asyncio.sleep(0.05)
    assert codes(wire) == [1011]


async def test_a_probe_tells_whether_somebody_is_there() -> None:
    socket, _ = connected()
    socket.attach(deaf, Ended())
    assert not await socket.answers_ping(0.05)
    asyncio.get_running_loop().call_later(0.05, socket.data_received, frame(PONG))
    assert await socket.answers_ping(5)
    asyncio.get_running_loop().call_later(0.05, socket.connection_lost, None)
    assert not await socket.answers_ping(5)
    assert not await socket.answers_ping(5)


async def test_who_does_not_answer_the_close_is_cut_off() -> None:
    socket, wire = connected(close_timeout_s=0.2)
    socket.attach(deaf, Ended())
    socket.end(1000, "")
    assert not wire.closed
    async with asyncio.timeout(5):
        while not wire.closed:  # noqa: ASYNC110 - the wire tells nobody
            await asyncio.sleep(0.05)


async def test_frames_before_the_handshake_is_answered_are_no_handshake() -> None:
    class Undecided(Room):
        def knocked(self, socket: StationSocket, request: object) -> None:
            """Later."""

    socket, wire = StationSocket(Undecided()), Wire()
    socket.connection_made(wire)
    socket.data_received(b"GET /ocpp/cs-1 HTTP/1.1\r\nHost: localhost\r\n\r\n" + frame(PING, b"x"))
    assert (bytes(wire.sent), wire.closed) == (b"", True)
