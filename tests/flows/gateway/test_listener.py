"""Herds at the door: who waits, who is sent away, and that nobody is forgotten (section 2.2, rows 5, 14)."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from http import HTTPStatus

from websockets.http11 import Request

from csms.gateway.handshake import Claim, Login, Turned
from csms.gateway.listener import Listener
from csms.gateway.socket import StationSocket
from csms.store.stations import StationRow
from tests.flows.gateway.front import QUICK, WAIT_S, front

REQUEST = (
    "GET /ocpp/{} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Protocol: ocpp2.0.1\r\n\r\n"
)


class Door:
    """Lets in whom it is told to, one by one."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.open = asyncio.Event()
        self.served: list[StationSocket] = []
        self.knocked: list[StationSocket] = []

    def screen(self, socket: StationSocket, request: Request) -> Claim:
        """Takes the path for the identity."""
        if request.path == "/ocpp/bad":
            raise Turned(HTTPStatus.UNAUTHORIZED, "No.\n")
        self.knocked.append(socket)
        return Claim("", request.path, 1, Login("", ""))

    async def admit(self, socket: StationSocket, claim: Claim) -> None:
        """Waits for the door to open."""
        self.asked.append(claim.identity)
        await self.open.wait()
        socket.let_in(StationRow(identity=claim.identity, password_hash="", created_at=datetime.now(UTC)))

    def serve(self, socket: StationSocket) -> None:
        """Remembers it."""
        self.served.append(socket)
        socket.attach(lambda _: None, lambda: None)


@asynccontextmanager
async def listening(**changes: float) -> AsyncIterator[tuple[Door, int]]:
    door = Door()
    settings = replace(QUICK, **changes)  # type: ignore[arg-type]
    listener = Listener(settings, ["ocpp2.0.1"], door.screen, door.admit, door.serve)
    async with listener.open() as ports:
        assert ports.plain is not None
        yield door, ports.plain


async def knock(port: int, name: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(REQUEST.format(name).encode())
    return reader, writer


async def head(reader: asyncio.StreamReader) -> tuple[int, str]:
    async with asyncio.timeout(WAIT_S):
        text = (await reader.readuntil(b"\r\n\r\n")).decode()
    return int(text.split(" ", 2)[1]), text


async def test_a_herd_waits_in_line_and_what_is_too_much_is_sent_away_spread_out() -> None:
    async with listening(max_handshakes=2, max_waiting_handshakes=3, retry_after_s=10) as (door, port):
        peers = [await knock(port, f"s{number}") for number in range(12)]
        away = [await head(reader) for reader, _ in peers[5:]]
        assert {status for status, _ in away} == {503}
        waits = {int(text.lower().split("retry-after: ")[1].split("\r\n")[0]) for _, text in away}
        assert len(waits) > 1
        assert min(waits) >= 10
        assert max(waits) <= 20
        assert door.asked == ["/ocpp/s0", "/ocpp/s1"]
        door.open.set()
        assert [(await head(reader))[0] for reader, _ in peers[:5]] == [101] * 5
        assert len(door.served) == 5
        for _, writer in peers:
            writer.close()


async def test_who_is_sent_away_is_hung_up_on() -> None:
    async with listening() as (_, port):
        reader, writer = await knock(port, "bad")
        async with asyncio.timeout(WAIT_S):
            answer = await reader.read()
        assert answer.startswith(b"HTTP/1.1 401 ")
        assert b"WWW-Authenticate: Basic" in answer
        writer.close()


async def test_who_gives_up_makes_room() -> None:
    async with listening(max_handshakes=1) as (door, port):
        first, second, third = [await knock(port, f"s{number}") for number in range(3)]
        second[1].transport.abort()
        async with asyncio.timeout(WAIT_S):
            while not door.asked:  # noqa: ASYNC110 - a peer sees nothing of it
                await asyncio.sleep(0.01)
        first[1].transport.abort()
        door.open.set()
        assert (await head(third[0]))[0] == 101
        assert door.asked[-1] == "/ocpp/s2"
        third[1].close()


async def test_who_gives_up_in_the_very_moment_of_his_turn_makes_room_too() -> None:
    async with listening(max_handshakes=1) as (door, port):
        peers = [await knock(port, f"s{number}") for number in range(3)]
        async with asyncio.timeout(WAIT_S):
            while len(door.knocked) < 3:  # noqa: ASYNC110 - a peer sees nothing of it
                await asyncio.sleep(0.01)
        door.open.set()  # the first one goes on, and gives the second its turn ...
        asyncio.get_running_loop().call_soon(door.knocked[1].connection_lost, None)  # ... just before this
        assert (await head(peers[2][0]))[0] == 101
        assert door.asked == ["/ocpp/s0", "/ocpp/s2"]
        for _, writer in peers:
            writer.close()


async def test_who_waits_in_line_is_cut_off_in_time() -> None:
    async with listening(max_handshakes=1, upgrade_timeout_s=0.3) as (_, port):
        peers = [await knock(port, f"s{number}") for number in range(3)]
        async with asyncio.timeout(WAIT_S):
            assert [await reader.read() for reader, _ in peers] == [b""] * 3
        for _, writer in peers:
            writer.close()


async def test_a_fault_of_ours_is_500_and_the_next_is_served() -> None:
    async with listening() as (door, port):
        admit, door.open = door.open, None  # type: ignore[assignment]
        reader, writer = await knock(port, "s0")
        assert (await head(reader))[0] == 500
        writer.close()
        door.open = admit
        door.open.set()
        reader, writer = await knock(port, "s1")
        assert (await head(reader))[0] == 101
        writer.close()


async def test_section_2_2_row_14_silent_sockets_do_not_take_the_stations_places() -> None:
    async with front(max_unauthenticated=20) as door:
        silent = [await asyncio.open_connection("127.0.0.1", door.gateway.port) for _ in range(50)]
        async with door.connected() as client:
            await client.result("Heartbeat", {})
        for _, writer in silent:
            writer.close()


async def test_at_the_end_everybody_is_told_and_who_does_not_care_is_cut_off() -> None:
    async with listening(close_timeout_s=0.3) as (door, port):
        door.open.set()
        peers = [await knock(port, "s0"), await asyncio.open_connection("127.0.0.1", port)]
        assert (await head(peers[0][0]))[0] == 101
    async with asyncio.timeout(WAIT_S):
        assert (await peers[0][0].read())[:4] == b"\x88\x12" + (1001).to_bytes(2, "big")
        assert await peers[1][0].read() == b""
    for _, writer in peers:
        writer.close()
