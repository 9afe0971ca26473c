"""The stations' listener: it binds, lets in whom `admit` lets in, and closes all sockets at its end."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from http import HTTPStatus

import structlog
from websockets.frames import CloseCode
from websockets.http11 import Request
from websockets.typing import Subprotocol

from csms.gateway.deadlines import TICK_S, Deadlines
from csms.gateway.handshake import Turned
from csms.gateway.house import GatewaySettings
from csms.gateway.socket import StationSocket

log = structlog.get_logger()

Admit = Callable[[StationSocket, Request], Awaitable[None]]
Serve = Callable[[StationSocket], object]

BACKLOG = 4096  # a herd knocks at once; asyncio's own 100 would have most of it try again


class Listener:
    """Accepts stations while it is open. `subprotocols` are in our order of preference.

    `admit` calls `socket.let_in(station)` or raises `Turned`; `serve` is called once the upgrade is answered.
    """

    def __init__(
        self, settings: GatewaySettings, subprotocols: Sequence[str], admit: Admit, serve: Serve
    ) -> None:
        self.settings = settings
        self.subprotocols = [Subprotocol(name) for name in subprotocols]
        self.deadlines = Deadlines()
        self._admit = admit
        self._serve = serve
        self._sockets: dict[StationSocket, None] = {}
        self._anteroom: dict[StationSocket, None] = {}  # who has not proved who it is
        self._handshakes: dict[StationSocket, asyncio.Task[None]] = {}
        self._empty = asyncio.Event()
        self._closing = False

    @asynccontextmanager
    async def open(self) -> AsyncIterator[int]:
        """Listen while inside; the port. At the end all sockets get 1001 and the time of one close."""
        settings, loop = self.settings, asyncio.get_running_loop()
        async with asyncio.TaskGroup() as self._tasks:
            server = await loop.create_server(
                lambda: StationSocket(self), settings.host, settings.port, backlog=BACKLOG
            )
            try:
                yield server.sockets[0].getsockname()[1]
            finally:
                self._closing = True
                server.close()
                await self._close()

    def arrived(self, socket: StationSocket) -> bool:
        """Somebody has connected; False if too many wait who have not said who they are (2.2 row 5)."""
        self._sockets[socket] = None
        if self._closing or len(self._anteroom) >= self.settings.max_unauthenticated:
            return False
        self._anteroom[socket] = None
        return True

    def knocked(self, socket: StationSocket, request: Request) -> None:
        """A peer asks for the upgrade."""
        self._handshakes[socket] = self._tasks.create_task(self._shake_hands(socket, request))

    def let_in(self, socket: StationSocket) -> None:
        """A peer has proved who it is."""
        self._anteroom.pop(socket, None)

    def left(self, socket: StationSocket) -> None:
        """A peer is gone: what it asked for is nobody's wish any more."""
        self._anteroom.pop(socket, None)
        self._sockets.pop(socket, None)
        handshake = self._handshakes.pop(socket, None)
        if handshake is not None:
            handshake.cancel()
        if self._closing and not self._sockets:
            self._empty.set()

    async def _shake_hands(self, socket: StationSocket, request: Request) -> None:
        try:
            await self._admit(socket, request)  # the socket's deadline ends this wait
        except Turned as turned:
            socket.turn_away(turned.status, turned.text, _headers(turned))
            return
        except Exception:
            log.exception("handshake failed", address=socket.address)
            socket.turn_away(HTTPStatus.INTERNAL_SERVER_ERROR, "Something is wrong here.\n", {})
            return
        finally:
            self._handshakes.pop(socket, None)
        socket.welcome(request)
        if socket.is_open:
            self._serve(socket)

    async def _close(self) -> None:
        for socket in list(self._sockets):
            socket.end(CloseCode.GOING_AWAY, "the server stops")
        if self._sockets:
            try:
                async with asyncio.timeout(self.settings.close_timeout_s + 2 * TICK_S):
                    await self._empty.wait()
            except TimeoutError:
                log.warning("sockets left behind", count=len(self._sockets))
        for socket in list(self._sockets):
            socket.cut_off()


def _headers(turned: Turned) -> dict[str, str]:
    headers = {}
    if turned.status is HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = 'Basic realm="OCPP", charset="UTF-8"'
    if turned.retry_after_s is not None:
        headers["Retry-After"] = str(turned.retry_after_s)
    return headers
