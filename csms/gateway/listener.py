"""The stations' listener: it binds, lets in whom it is told to let in, and closes all sockets at its end.

A herd that knocks at once waits in line, in memory that is bounded: peers that have not asked for anything
yet are so many at most (the oldest goes first), credentials of so many are looked up at a time, so many
requests wait for that, and what is more is sent away with 503 before it has cost anything.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from http import HTTPStatus
from socket import SO_SNDBUF, SOL_SOCKET
from typing import NamedTuple

import structlog
from websockets.frames import CloseCode
from websockets.http11 import Request
from websockets.typing import Subprotocol

from csms.gateway.deadlines import TICK_S, Deadlines
from csms.gateway.handshake import Claim, Turned, busy
from csms.gateway.house import GatewaySettings
from csms.gateway.socket import StationSocket
from csms.gateway.tls import Tls
from csms.gateway.tls_transport import TlsTransport, Turnstile

log = structlog.get_logger()

Screen = Callable[[StationSocket, Request], Claim]
Admit = Callable[[StationSocket, Claim], Awaitable[None]]
Serve = Callable[[StationSocket], object]

KERNEL_BUFFER = 128 * 1024  # bytes; else a peer that does not read holds 4 MiB before we know of it (row 14)
BACKLOG = 4096  # a herd knocks at once; asyncio's own 100 would have most of it try again


class Ports(NamedTuple):
    """Where a listener listens; None: it does not."""

    plain: int | None
    tls: int | None


class Listener:
    """Accepts stations while it is open. `subprotocols` are in our order of preference.

    `screen` says at once what it can and `admit` the rest, and calls `socket.let_in(station)`; both may raise
    `Turned`. `serve` is called once the upgrade is answered.
    """

    def __init__(
        self,
        settings: GatewaySettings,
        subprotocols: Sequence[str],
        screen: Screen,
        admit: Admit,
        serve: Serve,
        tls: Tls | None = None,
    ) -> None:
        self.settings = settings
        self.subprotocols = [Subprotocol(name) for name in subprotocols]
        self.deadlines = Deadlines()
        self._screen = screen
        self._admit = admit
        self._serve = serve
        self._tls = tls
        self._sockets: dict[StationSocket, None] = {}
        self._speechless: dict[StationSocket, None] = {}  # have asked for nothing yet, the oldest first
        self._line: deque[tuple[StationSocket, Request, Claim]] = deque()
        self._unproved: set[StationSocket] = set()  # whose credentials are being looked up
        self._handshakes: dict[StationSocket, asyncio.Task[None]] = {}
        self._empty = asyncio.Event()
        self._closing = False

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Ports]:
        """Listen while inside. At the end all sockets get 1001 and the time of one close."""
        async with asyncio.TaskGroup() as self._tasks:
            servers: list[asyncio.Server] = []
            try:
                yield Ports(await self._bind_plain(servers), await self._bind_tls(servers))
            finally:
                self._closing = True
                for server in servers:
                    server.close()
                await self._close()

    async def _bind_plain(self, servers: list[asyncio.Server]) -> int | None:
        if not self.settings.plain:
            return None
        return await _bind(servers, lambda: StationSocket(self), self.settings.host, self.settings.port)

    async def _bind_tls(self, servers: list[asyncio.Server]) -> int | None:
        tls, turnstile = self._tls, Turnstile()
        if tls is None:
            return None

        def secured() -> TlsTransport:
            return TlsTransport(tls, turnstile, StationSocket(self))

        return await _bind(servers, secured, tls.settings.host, tls.settings.port)

    # What sockets tell.

    def arrived(self, socket: StationSocket) -> bool:
        """Somebody has connected; False at the end. The longest silent makes room (section 2.2, row 5)."""
        self._sockets[socket] = None
        if self._closing:
            return False
        self._speechless[socket] = None
        if len(self._speechless) > self.settings.max_unauthenticated:
            oldest = next(iter(self._speechless))
            del self._speechless[oldest]
            oldest.cut_off()
        return True

    def knocked(self, socket: StationSocket, request: Request) -> None:
        """A peer asks for the upgrade."""
        self._speechless.pop(socket, None)
        try:
            claim = self._screen(socket, request)
            if len(self._line) >= self.settings.max_waiting_handshakes:
                raise busy(claim.identity, self.settings)
        except Turned as turned:
            _turn_away(socket, turned)
            return
        self._line.append((socket, request, claim))
        self._next()

    def let_in(self, socket: StationSocket) -> None:
        """A peer has proved who it is: what is still to be done is not for strangers to use up."""
        self._unproved.discard(socket)
        self._next()

    def left(self, socket: StationSocket) -> None:
        """A peer is gone: what it asked for is nobody's wish any more."""
        self._speechless.pop(socket, None)
        self._sockets.pop(socket, None)
        handshake = self._handshakes.pop(socket, None)
        if handshake is not None:
            handshake.cancel()
            self._unproved.discard(
                socket
            )  # a task that is cancelled before its first step does nothing at all
            self._next()
        if self._closing and not self._sockets:
            self._empty.set()

    def _next(self) -> None:
        while self._line and len(self._unproved) < self.settings.max_handshakes and not self._closing:
            socket, request, claim = self._line.popleft()
            if socket in self._sockets:
                self._unproved.add(socket)
                self._handshakes[socket] = self._tasks.create_task(self._shake_hands(socket, request, claim))

    async def _shake_hands(self, socket: StationSocket, request: Request, claim: Claim) -> None:
        try:
            await self._admit(socket, claim)  # the socket's deadline ends this wait
        except Turned as turned:
            _turn_away(socket, turned)
        except Exception:
            log.exception("handshake failed", address=socket.address)
            socket.turn_away(HTTPStatus.INTERNAL_SERVER_ERROR, "Something is wrong here.\n", {})
        else:
            socket.welcome(request)
            if socket.is_open:
                self._serve(socket)
        finally:
            self._handshakes.pop(socket, None)
            self._unproved.discard(socket)
            self._next()

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


def _turn_away(socket: StationSocket, turned: Turned) -> None:
    headers = {}
    if turned.status is HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = 'Basic realm="OCPP", charset="UTF-8"'
    if turned.retry_after_s is not None:
        headers["Retry-After"] = str(turned.retry_after_s)
    socket.turn_away(turned.status, turned.text, headers)


async def _bind(
    servers: list[asyncio.Server], factory: Callable[[], asyncio.Protocol], host: str, port: int
) -> int:
    server = await asyncio.get_running_loop().create_server(factory, host, port, backlog=BACKLOG)
    servers.append(server)
    for listening in server.sockets:  # those it accepts have it from there
        listening.setsockopt(SOL_SOCKET, SO_SNDBUF, KERNEL_BUFFER)
    bound: int = server.sockets[0].getsockname()[1]
    return bound
