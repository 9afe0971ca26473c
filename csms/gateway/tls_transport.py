"""TLS between a TCP transport and a socket, with small buffers.

asyncio's own keeps 256 KiB buffers for each connection, and does as many handshakes in one turn of the loop
as there are; here a connection keeps a few KiB, and handshakes take turns with the stations that talk.
"""

import asyncio
import ssl
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, cast

import structlog

from csms.gateway.tls import ClientCertificate, Tls, certificate_of

log = structlog.get_logger()

PORTION = 4096  # bytes that go into TLS at a time: OpenSSL's buffers keep the size they once had
RECORD = 16384  # the most that comes out of it at a time
HANDSHAKES_A_TURN = 4  # a handshake takes a millisecond


class Turnstile:
    """Lets a few handshakes through at each turn of the loop: a herd does not hold up who is inside."""

    def __init__(self) -> None:
        self._waiting: deque[TlsTransport] = deque()

    def wait(self, transport: "TlsTransport") -> None:
        """Its turn comes: `go_on` is called."""
        if not self._waiting:
            asyncio.get_running_loop().call_soon(self._turn)
        self._waiting.append(transport)

    def _turn(self) -> None:
        for _ in range(min(HANDSHAKES_A_TURN, len(self._waiting))):
            self._waiting.popleft().go_on()
        if self._waiting:
            asyncio.get_running_loop().call_soon(self._turn)


class TlsTransport(asyncio.Transport, asyncio.Protocol):
    """A protocol to the network, a transport to the socket inside, which minds how long it all takes."""

    __slots__ = (
        "_certificate",
        "_context",
        "_ended",
        "_held",
        "_incoming",
        "_inner",
        "_outgoing",
        "_tcp",
        "_tls",
        "_turnstile",
        "_up",
    )
    _tcp: asyncio.Transport
    _incoming: ssl.MemoryBIO
    _outgoing: ssl.MemoryBIO
    _tls: ssl.SSLObject

    def __init__(self, tls: Tls, turnstile: Turnstile, inner: asyncio.Protocol) -> None:
        self._context: ssl.SSLContext | None = tls.context
        self._turnstile = turnstile
        self._inner = inner
        self._held: bytes | None = None  # what has come and waits for its turn; None: it does not wait
        self._certificate: ClientCertificate | None = None
        self._up = self._ended = False

    # Towards the network.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A peer has connected; it is anybody until the socket inside says so."""
        self._tcp = cast(asyncio.Transport, transport)
        self._inner.connection_made(self)

    def data_received(self, data: bytes) -> None:
        """Bytes from the network."""
        if self._ended:
            return
        if self._up:
            self._take(data)
        elif self._held is None:
            self._held = data
            self._turnstile.wait(self)
        else:
            self._held += data
            if len(self._held) > 4 * RECORD:  # no handshake is so long
                self._tcp.abort()

    def go_on(self) -> None:
        """The handshake's turn."""
        data, self._held = self._held, None
        context, self._context = self._context, None
        if context is not None:  # its first turn: who only connects costs next to nothing
            self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
            self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        if data and not self._ended and not self._tcp.is_closing():
            self._take(data)

    def eof_received(self) -> None:
        """The peer has hung up."""
        self._inner.eof_received()

    def pause_writing(self) -> None:
        """The peer does not read."""
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        """It does again."""
        self._inner.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """It is over."""
        self._ended = True
        self._inner.connection_lost(exc)

    def _take(self, data: bytes) -> None:
        try:
            for start in range(0, len(data), PORTION):
                self._incoming.write(data[start : start + PORTION])
                if not self._up and not self._shaken():
                    continue
                for plain in self._read():
                    self._inner.data_received(plain)
                if self._ended:
                    return
        except ssl.SSLError as error:
            self._failed(error)
        self._flush()

    def _shaken(self) -> bool:
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            self._flush()
            return False
        self._up = True
        self._certificate = certificate_of(self._tls)
        return True

    def _read(self) -> Iterator[bytes]:
        while not self._ended and (self._incoming.pending or self._tls.pending()):
            try:
                plain = self._tls.read(RECORD)
            except ssl.SSLWantReadError:
                return
            except ssl.SSLZeroReturnError:
                plain = b""
            if not plain:
                self._inner.eof_received()
                self.close()
                return
            yield plain

    def _failed(self, error: ssl.SSLError) -> None:
        """TLS is broken: the peer is told by an alert, people by the log (A00.FR.408)."""
        reason = getattr(error, "verify_message", None) or error.reason
        invalid = isinstance(error, ssl.SSLCertVerificationError)
        event = "InvalidChargingStationCertificate" if invalid else "tls failed"
        log.warning(event, address=str((self._tcp.get_extra_info("peername") or ("",))[0]), reason=reason)
        self._ended = True
        self._flush()
        self._tcp.close()

    def _flush(self) -> None:
        if self._outgoing.pending and not self._tcp.is_closing():
            self._tcp.write(self._outgoing.read())

    # Towards the socket.

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Encrypt and send."""
        if self._ended or not self._up:
            return
        view = memoryview(data)
        try:
            while view:
                sent = self._tls.write(view[:PORTION])
                view = view[sent:]
                self._flush()
        except ssl.SSLError as error:
            self._failed(error)

    def write_eof(self) -> None:
        """Nothing more goes out, and what still comes is of no interest."""
        self._say_end()
        self._tcp.write_eof()

    def can_write_eof(self) -> bool:
        """As the network's."""
        return self._tcp.can_write_eof()

    def close(self) -> None:
        """Send what is to be sent, then hang up."""
        self._say_end()
        self._tcp.close()

    def abort(self) -> None:
        """Hang up at once."""
        self._ended = True
        self._tcp.abort()

    def is_closing(self) -> bool:
        """Whether nothing more goes out."""
        return self._ended or self._tcp.is_closing()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """`tls`: whether there is any; `certificate`: the peer's, verified; all else as the network's."""
        if name == "tls":
            return self._up
        if name == "certificate":
            return self._certificate
        return self._tcp.get_extra_info(name, default)

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """As the network's."""
        self._tcp.set_write_buffer_limits(high, low)

    def pause_reading(self) -> None:
        """As the network's."""
        self._tcp.pause_reading()

    def resume_reading(self) -> None:
        """As the network's."""
        self._tcp.resume_reading()

    def _say_end(self) -> None:
        if not self._ended and self._up:
            with suppress(ssl.SSLError):  # it wants to read the peer's, which is not worth waiting for
                self._tls.unwrap()
            self._flush()
        self._ended = True
