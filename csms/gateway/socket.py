"""The WebSocket of one station: websockets' own, with what a server of thousands needs beside it."""

import asyncio
from typing import Any

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed
from websockets.protocol import State

from csms.store.stations import StationRow


class Anteroom:
    """Those who have connected and not yet proved who they are: only so many at once (section 2.2, row 5)."""

    def __init__(self, room_for: int) -> None:
        self._room_for = room_for
        self._waiting: set[ServerConnection] = set()

    def enter(self, socket: ServerConnection) -> bool:
        """Wait here; False if there is no room."""
        if len(self._waiting) >= self._room_for:
            return False
        self._waiting.add(socket)
        return True

    def clear(self) -> None:
        """Nobody waits here any longer: at the end there is nothing to wait for."""
        self._room_for = 0
        for socket in self._waiting:
            socket.transport.abort()

    def leave(self, socket: ServerConnection) -> None:
        """Let in, turned away or gone."""
        self._waiting.discard(socket)


class StationSocket(ServerConnection):
    """`station` is set by the handshake, once the peer has proved to be it."""

    def __init__(self, *args: Any, anteroom: Anteroom, **options: Any) -> None:
        """As websockets makes its connections, and where this one waits first."""
        super().__init__(*args, **options)
        self.station: StationRow | None = None
        self._anteroom = anteroom

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A peer has connected; if too many have who have not said who they are, it is cut off at once."""
        super().connection_made(transport)
        if not self._anteroom.enter(self):
            self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """The peer is gone."""
        self._anteroom.leave(self)
        super().connection_lost(exc)

    def let_in(self, station: StationRow) -> None:
        """The peer is this station."""
        self.station = station
        self._anteroom.leave(self)

    def pause_writing(self) -> None:
        """The peer does not read and the write buffer is full: drop the session, not our memory (row 14)."""
        super().pause_writing()
        self.transport.abort()

    def end(self, code: int, reason: str) -> None:
        """Start the closing handshake and return; a peer that does not finish it in time is cut off."""
        if self.protocol.state is not State.OPEN:
            return
        self.protocol.send_close(code, reason)
        self.send_data()
        if self.close_timeout is not None:
            self.loop.call_later(self.close_timeout, self.transport.abort)

    async def answers_ping(self, within_s: float) -> bool:
        """Whether a pong comes within so many real seconds."""
        try:
            async with asyncio.timeout(within_s):
                await (await self.ping())
        except (TimeoutError, ConnectionClosed):
            return False
        return True

    def allow_messages_of(self, size: int) -> None:
        """Take messages of so many bytes from now on (row 27)."""
        self.protocol.max_message_size = size
