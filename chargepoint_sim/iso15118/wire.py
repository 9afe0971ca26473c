"""The channel on the wire: EXI in V2GTP frames over TCP or TLS."""

import asyncio
import ssl
from collections import deque
from collections.abc import Callable
from typing import cast

from chargepoint_sim.clock import Clock, deadline
from chargepoint_sim.iso15118.channel import ChannelClosed, Undecodable
from chargepoint_sim.iso15118.exi.bits import ExiError
from chargepoint_sim.iso15118.exi.vocabulary import Element
from chargepoint_sim.iso15118.protocols import ends_handshake, from_frame, to_frame
from chargepoint_sim.iso15118.v2gtp import BadFrame, Frames

_LOOPBACK = "127.0.0.1"
_CONNECT_S = 20.0  # the standard's time for setting up a communication
_MOST_WAITING = 8  # frames of a peer that does not wait for answers, before it is not read any more


class WireChannel(asyncio.Protocol):
    """One end of a connection. Pauses run on `clock`, message time-outs on `message_clock`."""

    def __init__(
        self,
        clock: Clock,
        message_clock: Clock,
        opened: Callable[["WireChannel"], None] = lambda channel: None,
    ) -> None:
        self._clock = clock
        self._message_clock = message_clock
        self._opened = opened
        self._frames = Frames()
        self._inbox: deque[tuple[int, bytes]] = deque()
        self._bad: BadFrame | None = None
        self._agreed = False
        self._arrived = asyncio.Event()
        self._rested = asyncio.Event()
        self._up = asyncio.Event()
        self._gone = False
        self._closed = False
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """TCP, and TLS if there is any, are up."""
        self._transport = cast("asyncio.Transport", transport)
        self._up.set()
        self._opened(self)
        if self._closed:
            self._transport.close()

    def data_received(self, data: bytes) -> None:
        """Keep whole frames; after bytes that are none nothing is read any more."""
        try:
            self._inbox.extend(self._frames.feed(data))
        except BadFrame as bad:
            self._bad = bad
        if self._transport is not None and (self._bad or len(self._inbox) > _MOST_WAITING):
            self._transport.pause_reading()
        self._arrived.set()

    def connection_lost(self, exc: Exception | None) -> None:
        """The other end is gone."""
        self._gone = True
        self._arrived.set()
        self._rested.set()

    async def send(self, message: Element) -> None:
        """Write a message. A peer that reads nothing also gets nothing: every answer needs a question."""
        if self._transport is None or self._transport.is_closing():
            raise ChannelClosed
        self._transport.write(to_frame(message))
        self._agreed = self._agreed or ends_handshake(message)

    async def recv(self, timeout_s: float) -> Element:
        """The next message; what came before a close is still delivered."""
        if not self._inbox:
            async with deadline(self._message_clock, timeout_s):
                while not (self._inbox or self._bad or self._gone):
                    self._arrived.clear()
                    await self._arrived.wait()
        if not self._inbox:
            raise ChannelClosed if self._bad is None else Undecodable(str(self._bad))
        payload_type, payload = self._inbox.popleft()
        if self._transport is not None and self._bad is None:
            self._transport.resume_reading()
        try:
            message = from_frame(payload_type, payload, self._agreed)
        except ExiError as refused:
            raise Undecodable(str(refused)) from None
        self._agreed = self._agreed or ends_handshake(message)
        return message

    async def pause(self, seconds: float) -> None:
        """Wait, but not for a peer that is gone."""
        rested = asyncio.Event()
        timer = self._clock.call_later(seconds, rested.set)
        self._rested = rested
        try:
            if not self._gone:
                await rested.wait()
        finally:
            timer.cancel()

    def nudge(self) -> None:
        """There is no way to hurry the other end: it is the vehicle that asks."""

    def close(self) -> None:
        """Hang up, after what is written has left; a connection that is still to come is cut at once."""
        self._closed = True
        if self._transport is not None:
            self._transport.close()


async def connect(
    host: str, port: int, clocks: tuple[Clock, Clock], tls: ssl.SSLContext | None = None
) -> WireChannel:
    """A vehicle's end; `OSError` where nobody listens or TLS is refused. Clocks: for pauses, for messages."""
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(_CONNECT_S):
        _, channel = await loop.create_connection(lambda: WireChannel(*clocks), host, port, ssl=tls)
    return channel


async def listen(
    host: str,
    port: int,
    clocks: tuple[Clock, Clock],
    opened: Callable[[WireChannel], None],
    tls: ssl.SSLContext | None = None,
) -> asyncio.Server:
    """A station's socket; `opened` gets a channel for every vehicle that has connected."""
    loop = asyncio.get_running_loop()
    return await loop.create_server(lambda: WireChannel(*clocks, opened), host, port, ssl=tls)


async def join(
    vehicle_end: WireChannel, station_end: WireChannel, tls: tuple[ssl.SSLContext, ssl.SSLContext] | None
) -> None:
    """Connect two ends of one process through the loopback interface; contexts: station's, vehicle's.

    `OSError` or `TimeoutError` where that does not succeed.
    """
    loop, (of_station, of_vehicle) = asyncio.get_running_loop(), tls or (None, None)
    server = await loop.create_server(lambda: station_end, _LOOPBACK, 0, ssl=of_station)
    try:
        async with asyncio.timeout(_CONNECT_S):
            port = server.sockets[0].getsockname()[1]
            await loop.create_connection(lambda: vehicle_end, _LOOPBACK, port, ssl=of_vehicle)
            await station_end._up.wait()
    finally:
        server.close()
