"""The network between stations and server: bytes that take their time, arrive in pieces, or never.

A `Link` is one TCP connection with two `End`s, which are asyncio transports: the protocols above them are the
real ones. Each direction is a `Pipe`. What can happen to a link: it is cut (both ends learn of it), it goes
dark (no byte and no FIN passes any more, nobody is told), it stalls and goes on, an end does not read.
"""

import asyncio
import contextvars
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any, cast

PORT = 9000
TICK_S = 1e-6


class Tap:
    """Who listens in at one end."""

    def heard(self, data: bytes) -> None:
        """Bytes that this end is given."""

    def said(self, data: bytes) -> None:
        """Bytes that this end writes, whether or not they arrive."""

    def over(self) -> None:
        """The end is closed."""


@dataclass(slots=True)
class Weather:
    """How one link treats bytes. Times in seconds, `window` in bytes."""

    latency_s: float = 0.02
    jitter_s: float = 0.02
    split: float = 0.1
    join: float = 0.3
    window: int = 64 * 1024


class Pipe:
    """One direction of a link, in order and whole as far as it gets."""

    def __init__(self, sender: "End", receiver: "End", weather: Weather, random: Random) -> None:
        self.dark = False
        self.stalled_until = 0.0
        self.cut_after: int | None = None
        self._sender, self._receiver = sender, receiver
        self._weather, self._random = weather, random
        self._loop = sender.loop
        self._unsent = bytearray()
        self._closing = self._finished = False
        self._under_way: deque[bytearray] = deque()
        self._outstanding = 0
        self._arrival = 0.0

    @property
    def unsent(self) -> int:
        """Bytes that wait at the sender."""
        return len(self._unsent)

    def write(self, data: bytes) -> None:
        """Send, as far as the window lets."""
        self._unsent += data
        self._pump()

    def finish(self) -> None:
        """A FIN behind all that was written."""
        self._closing = True
        self._pump()

    def drop_unsent(self) -> None:
        """The sender has been cut off."""
        self._unsent.clear()

    def consumed(self, size: int) -> None:
        """The receiver has taken so many bytes: there is room for more."""
        self._outstanding -= size
        self._pump()

    def after(self, action: Callable[[], None]) -> None:
        """Do this at the other end, behind what is under way; never, if the pipe is dark."""
        if not self.dark:
            self._loop.call_at(self._when(), self._unless_dark, action)

    def _unless_dark(self, action: Callable[[], None]) -> None:
        if not self.dark:
            action()

    def _pump(self) -> None:
        room = self._weather.window - self._outstanding
        if self._unsent and room > 0:
            data = bytes(self._unsent[:room])
            del self._unsent[: len(data)]
            self._outstanding += len(data)
            self._launch(data)
            self._sender.drained()
        if self._closing and not self._unsent:
            if not self._finished:
                self._finished = True
                self.after(self._receiver.eof)
            self._sender.flushed()

    def _launch(self, data: bytes) -> None:
        if self.dark:
            return
        random, weather = self._random, self._weather
        if self._under_way and random.random() < weather.join:
            self._under_way[-1] += data
            return
        while len(data) > 1 and random.random() < weather.split:
            place = random.randrange(1, len(data))
            self._segment(data[:place])
            data = data[place:]
        self._segment(data)

    def _segment(self, data: bytes) -> None:
        self._under_way.append(bytearray(data))
        self._loop.call_at(self._when(), self._arrive)

    def _when(self) -> float:
        weather = self._weather
        at = self._loop.time() + weather.latency_s + weather.jitter_s * self._random.random()
        self._arrival = max(at, self._arrival + TICK_S, self.stalled_until)  # timers of one moment mix
        return self._arrival

    def _arrive(self) -> None:
        if not self._under_way:
            return
        if self._loop.time() < self.stalled_until:
            self._loop.call_at(self.stalled_until, self._arrive)
            return
        data = bytes(self._under_way.popleft())
        if self.dark:
            return
        if self.cut_after is not None:
            self.cut_after -= len(data)
            if self.cut_after <= 0:
                data = data[: self.cut_after or len(data)]
                self._receiver.take(data)
                self._receiver.link.cut()
                return
        self._receiver.take(data)


_NOBODY = asyncio.Protocol()


class End(asyncio.Transport):
    """One end of a link, as a transport."""

    def __init__(self, link: "Link", protocol: asyncio.Protocol, peer: tuple[str, int]) -> None:
        super().__init__({"peername": peer, "sockname": ("127.0.0.1", PORT), "socket": None})
        self.link = link
        self.loop = link.loop
        self.tap = Tap()
        self.pipe: Pipe  # what we write
        self.other: End
        self.gone = False
        self._protocol = protocol
        self._context = contextvars.copy_context()
        self._closing = False
        self._reading = True
        self._received = bytearray()
        self._eof = self._finished = False
        self._high, self._low = 64 * 1024, 16 * 1024
        self._paused = False

    # ---- what the protocol calls

    def write(self, data: Any) -> None:
        """Send; what is written after the end goes nowhere."""
        data = bytes(data)
        if self._finished:
            raise RuntimeError("Cannot call write() after write_eof()")
        if self._closing or self.gone or not data:
            return
        self.tap.said(data)
        self.pipe.write(data)
        if not self._paused and self.pipe.unsent > self._high:
            self._paused = True
            self._call(self._protocol.pause_writing)

    def writelines(self, list_of_data: Any) -> None:
        """Send all of them."""
        self.write(b"".join(list_of_data))

    def close(self) -> None:
        """Send what waits, then a FIN."""
        if not self._closing and not self.gone:
            self._closing = True
            self._received.clear()
            self.pipe.finish()

    def write_eof(self) -> None:
        """A FIN now; what comes is still read."""
        if not self._finished and not self._closing and not self.gone:
            self._finished = True
            self.pipe.finish()

    def abort(self) -> None:
        """Gone at once; the other end gets a reset, if anything gets through."""
        if not self.gone:
            self._closing = True
            self.pipe.drop_unsent()
            self.pipe.after(self.other.reset)
            self._lose(None)

    def is_closing(self) -> bool:
        """Whether it is over or about to be."""
        return self._closing or self.gone

    def pause_reading(self) -> None:
        """Give nothing more to the protocol."""
        self._reading = False

    def resume_reading(self) -> None:
        """Go on."""
        if not self._reading:
            self._reading = True
            self.loop.call_soon(self._give)

    def is_reading(self) -> bool:
        """Whether the protocol is given what comes."""
        return self._reading and not self._closing

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Another protocol from now on."""
        self._protocol = cast(asyncio.Protocol, protocol)

    def get_protocol(self) -> asyncio.BaseProtocol:
        """Who is above."""
        return self._protocol

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """When to pause the writer and when to let it go on."""
        self._high = high if high is not None else (4 * low if low is not None else 64 * 1024)
        self._low = low if low is not None else self._high // 4

    def get_write_buffer_size(self) -> int:
        """Bytes that wait."""
        return self.pipe.unsent

    def get_write_buffer_limits(self) -> tuple[int, int]:
        """Low and high water."""
        return self._low, self._high

    def can_write_eof(self) -> bool:
        """As TCP can."""
        return True

    # ---- what the network calls

    def begin(self) -> None:
        """Tell the protocol that it is connected."""
        self._call(self._protocol.connection_made, self)

    def take(self, data: bytes) -> None:
        """Bytes have come."""
        if self._closing or self.gone:  # nobody reads here any more: a reset goes back
            self.pipe.after(self.other.reset)
            return
        self._received += data
        self._give()

    def eof(self) -> None:
        """A FIN has come."""
        self._eof = True
        self._give()

    def reset(self) -> None:
        """A reset has come."""
        if not self.gone:
            self._closing = True
            self.pipe.drop_unsent()
            self._lose(ConnectionResetError("reset by peer"))

    def drained(self) -> None:
        """The network has taken some of what waits."""
        if self._paused and self.pipe.unsent <= self._low:
            self._paused = False
            self._call(self._protocol.resume_writing)

    def flushed(self) -> None:
        """All is sent, and the FIN."""
        if not self.gone and self._closing:
            self._lose(None)

    def _give(self) -> None:
        if not self._reading or self._closing or self.gone:
            return
        if self._received:
            data = bytes(self._received)
            self._received.clear()
            self.tap.heard(data)
            self.other.pipe.consumed(len(data))
            self._call(self._protocol.data_received, data)
        if self._eof and not self._closing and not self.gone:
            self._eof = False
            if not self._call(self._protocol.eof_received):
                self.close()

    def _lose(self, error: Exception | None) -> None:
        self.gone = True
        self.tap.over()
        self.loop.call_soon(self._call, self._protocol.connection_lost, error)
        self._protocol = _NOBODY

    def _call(self, function: Callable[..., Any], *args: Any) -> Any:
        try:
            return self._context.copy().run(function, *args)
        except Exception as error:
            self.loop.call_exception_handler({"message": "a protocol failed", "exception": error})
            self.abort()
            return None


class Link:
    """One TCP connection."""

    def __init__(self, loop: asyncio.AbstractEventLoop, weather: Weather, random: Random) -> None:
        self.loop = loop
        self.weather = weather
        self.random = random
        self.touched = False
        """Whether anything was done to it."""
        self.client: End
        self.server: End

    def join(self, client: End, server: End) -> None:
        """Both ends are there."""
        self.client, self.server = client, server
        client.other, server.other = server, client
        client.pipe = Pipe(client, server, self.weather, self.random)
        server.pipe = Pipe(server, client, self.weather, self.random)

    @property
    def answers_pings(self) -> bool:
        """Whether nothing keeps the station from it."""
        protocol = self.client.get_protocol()
        return not self.touched and not self.client.is_closing() and getattr(protocol, "pongs", False)

    @property
    def over(self) -> bool:
        """Whether both ends are closed."""
        return self.client.gone and self.server.gone

    def cut(self) -> None:
        """Both ends learn at once that it is over; what is under way is lost."""
        self.touched = True
        self.client.pipe.dark = self.server.pipe.dark = True
        self.client.reset()
        self.server.reset()

    def darken(self, *, up: bool = True, down: bool = True) -> None:
        """No byte passes any more, in one direction or both; nobody is told."""
        self.touched = True
        self.client.pipe.dark |= up
        self.server.pipe.dark |= down

    def stall(self, until: float) -> None:
        """Nothing passes before then."""
        self.touched = True
        for pipe in (self.client.pipe, self.server.pipe):
            pipe.stalled_until = max(pipe.stalled_until, until)


class _Address:
    def getsockname(self) -> tuple[str, int]:
        return "127.0.0.1", PORT

    def setsockopt(self, *_: object) -> None:
        """The network has buffers of its own."""


class Listener(asyncio.AbstractServer):
    """Takes connections until it is closed."""

    def __init__(self, network: "Network", factory: Callable[[], asyncio.BaseProtocol]) -> None:
        self.factory = factory
        self.context = contextvars.copy_context()
        self.sockets = (_Address(),)
        self._network = network
        self._closed = asyncio.Event()

    def close(self) -> None:
        """Take no more."""
        if self._network.listener is self:
            self._network.listener = None
        self._closed.set()

    def is_serving(self) -> bool:
        """Whether somebody would be taken."""
        return not self._closed.is_set()

    async def start_serving(self) -> None:
        """It does already."""

    async def serve_forever(self) -> None:
        """Until it is closed."""
        await self._closed.wait()

    async def wait_closed(self) -> None:
        """Until it is closed."""
        await self._closed.wait()

    def get_loop(self) -> asyncio.AbstractEventLoop:
        """The loop it was made in."""
        return asyncio.get_running_loop()


class Network:
    """All links, and the one listener."""

    def __init__(self, loop: asyncio.AbstractEventLoop, random: Random) -> None:
        self.listener: Listener | None = None
        self.links: list[Link] = []
        self.on_link: Callable[[Link], Tap] = lambda link: Tap()
        self._loop = loop
        self._random = random

    def listen(
        self, factory: Callable[[], asyncio.BaseProtocol], host: str, port: int
    ) -> asyncio.AbstractServer:
        """Open the listener."""
        assert self.listener is None
        self.listener = Listener(self, factory)
        return self.listener

    async def dial(self, protocol: asyncio.Protocol, address: str, weather: Weather) -> Link:
        """Connect. Raises `ConnectionRefusedError` if nobody listens."""
        await asyncio.sleep(weather.latency_s)
        listener = self.listener
        if listener is None:
            await asyncio.sleep(weather.latency_s)
            raise ConnectionRefusedError
        link = Link(self._loop, weather, self._random)
        server = listener.context.copy().run(self._server_end, link, listener, address)
        client = End(link, protocol, ("127.0.0.1", PORT))
        link.join(client, server)
        server.tap = self.on_link(link)
        self.links = [old for old in self.links if not old.over]
        self.links.append(link)
        server.begin()
        await asyncio.sleep(weather.latency_s)
        client.begin()
        return link

    def _server_end(self, link: Link, listener: Listener, address: str) -> End:
        return End(
            link,
            cast(asyncio.Protocol, listener.factory()),
            (address, 40_000 + self._random.randrange(20_000)),
        )

    def sever(self, *, told: bool) -> None:
        """The server's machine is gone: its ends are dead, the stations are told or not."""
        self.listener = None
        for link in self.links:
            link.touched = True
            link.server.pipe.dark = True
            link.client.pipe.dark = True
            link.server.reset()
            if told:
                self._loop.call_later(link.weather.latency_s, link.client.reset)
