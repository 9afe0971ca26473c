"""The WebSocket of one station: RFC 6455 between a transport and plain calls, without a task or a timer.

What stations send all day is one text in one frame, whole and uncompressed: it is read straight from the
bytes that came. All else (the opening handshake, fragments, control frames, compression, frames in parts, bad
bytes) is left to a `Machine`, which lives only while it has something to remember.
"""

import asyncio
from collections.abc import Callable
from http import HTTPStatus
from typing import Protocol, cast

import structlog
from websockets.frames import CloseCode
from websockets.http11 import Request, Response
from websockets.protocol import State
from websockets.speedups import apply_mask
from websockets.typing import Subprotocol

from csms.gateway.deadlines import Deadlines, spread
from csms.gateway.house import GatewaySettings
from csms.gateway.machine import Machine
from csms.gateway.tls import ClientCertificate
from csms.store.stations import StationRow

log = structlog.get_logger()

Hear = Callable[[str | bytes], None]

EARLY_MAX = 16  # messages that wait for somebody to attach; then we stop reading
_TEXT, _PING, _PONG = 0x81, 0x89, 0x8A  # each the first byte of a whole, uncompressed frame
_SHORT, _LONG = 126, 127  # lengths that mean: the length follows, in two bytes or in eight
_MASKED = 0x80
_MASK = 4  # bytes of a masking key


class Host(Protocol):
    """What a socket needs of its listener."""

    settings: GatewaySettings
    deadlines: Deadlines
    subprotocols: list[Subprotocol]

    def arrived(self, socket: "StationSocket") -> bool:
        """Somebody has connected; False if there is no room for one more who has not said who it is."""

    def knocked(self, socket: "StationSocket", request: Request) -> None:
        """It asks to be let in."""

    def let_in(self, socket: "StationSocket") -> None:
        """It has proved who it is."""

    def left(self, socket: "StationSocket") -> None:
        """It is gone."""


class StationSocket(asyncio.Protocol):
    """`station` and `subprotocol` are set by the handshake, once the peer has proved to be that station."""

    __slots__ = (
        "_deflates",
        "_early",
        "_gone",
        "_hear",
        "_host",
        "_limit",
        "_machine",
        "_ping_interval_s",
        "_pinged",
        "_probe",
        "_silent",
        "_state",
        "_transport",
        "address",
        "due",
        "station",
        "subprotocol",
    )
    _transport: asyncio.Transport

    def __init__(self, host: Host) -> None:
        self.station: StationRow | None = None
        self.subprotocol: str | None = None
        self.address = ""
        self.due = 0
        self._ping_interval_s = host.settings.ping_interval_s
        self._host = host
        self._limit = host.settings.max_message_before_accepted_bytes
        self._machine: Machine | None = Machine(self, self._limit, host.subprotocols)
        self._state = State.CONNECTING
        self._deflates = False
        self._silent = self._pinged = False
        self._hear: Hear | None = None
        self._gone: Callable[[], None] | None = None
        self._early: list[str | bytes] | None = None
        self._probe: asyncio.Future[bool] | None = None

    # Towards the connection.

    @property
    def is_open(self) -> bool:
        """Whether the handshake is done and nobody has begun to close."""
        return self._state is State.OPEN

    @property
    def certificate(self) -> ClientCertificate | None:
        """The peer's, verified by TLS (security profile 3)."""
        certificate: ClientCertificate | None = self._transport.get_extra_info("certificate")
        return certificate

    @property
    def profile(self) -> int:
        """The security profile that the peer uses: 1 plain, 2 TLS, 3 TLS with a certificate of its own."""
        if not self._transport.get_extra_info("tls"):
            return 1
        return 2 if self.certificate is None else 3

    def attach(self, hear: Hear, gone: Callable[[], None]) -> None:
        """`hear` gets every whole message, in order, those from before now at once; `gone` is called once.

        Neither may raise; if `hear` does, the socket is closed with 1011.
        """
        self._hear, early, self._early = hear, self._early, None
        for message in early or ():
            self.message(message)
        if self._state is State.CLOSED:
            gone()
            return
        self._gone = gone
        if early is not None and len(early) > EARLY_MAX:
            self._transport.resume_reading()

    def send(self, text: str) -> None:
        """One text frame. Nothing happens if the socket is closing; a peer that does not read is cut off."""
        if self._state is not State.OPEN:
            return
        data = text.encode()
        if self._deflates:
            assert self._machine is not None
            self._machine.send_text(data)
            self._flush(self._machine)
            return
        size = len(data)
        if size < _SHORT:
            head = bytes((_TEXT, size))
        elif size < 1 << 16:
            head = bytes((_TEXT, _SHORT, size >> 8, size & 255))
        else:
            head = bytes((_TEXT, _LONG)) + size.to_bytes(8, "big")
        self._transport.write(head + data)

    def end(self, code: int, reason: str) -> None:
        """Start the closing handshake; nothing more is heard, and who does not finish in time is cut off."""
        if self._state is State.OPEN:
            machine = self._machine = self._machine or Machine(self, self._limit)
            machine.send_close(code, reason)
            self._moved(machine)
        elif self._state is State.CONNECTING:
            self.cut_off()

    def cut_off(self) -> None:
        """End it here and now, whatever is still to be sent."""
        self._state = State.CLOSED
        self._machine = None
        self._transport.abort()

    async def answers_ping(self, within_s: float) -> bool:
        """Whether a pong comes within so many real seconds."""
        if self._state is not State.OPEN:
            return False
        if self._probe is None or self._probe.done():
            self._probe = asyncio.get_running_loop().create_future()
        self._ping()
        answered, _ = await asyncio.wait([self._probe], timeout=within_s)
        return any(probe.result() for probe in answered)

    def allow_messages_of(self, size: int) -> None:
        """Take messages of so many bytes from now on (row 27)."""
        self._limit = size
        if self._machine is not None:
            self._machine.max_message_size = size

    # Towards the listener.

    def let_in(self, station: StationRow) -> None:
        """The peer is this station."""
        self.station = station
        self._ping_interval_s = station.ping_interval_s or self._host.settings.ping_interval_s  # row 28
        self._host.let_in(self)

    def turn_away(self, status: HTTPStatus, text: str, headers: dict[str, str]) -> None:
        """Answer the request with an error and hang up."""
        if self._state is State.CONNECTING and self._machine is not None:
            response = self._machine.reject(status, text)
            response.headers.update(headers)
            self._respond(self._machine, response)

    def welcome(self, request: Request) -> None:
        """Answer the request with 101, or with what is wrong with it as an upgrade."""
        if self._state is State.CONNECTING and self._machine is not None:
            self._respond(self._machine, self._machine.accept(request))

    def come_due(self) -> None:
        """A deadline is over: of the handshake, of a ping, of the end; or it is time for the next ping."""
        if self._state is not State.OPEN:
            self.cut_off()
        elif not self._pinged:
            self._pinged = self._silent = True
            self._host.deadlines.put(self, self._host.settings.ping_timeout_s)
            self._ping()
        elif self._silent:
            log.info("ping not answered", address=self.address)
            self.end(CloseCode.INTERNAL_ERROR, "ping not answered")
            self._transport.close()  # not worth waiting for
        else:
            self._pinged = False
            rest_s = self._ping_interval_s - self._host.settings.ping_timeout_s
            self._host.deadlines.put(self, max(rest_s, 0.0))

    # Towards the transport.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A peer has connected."""
        settings = self._host.settings
        self._transport = transport = cast(asyncio.Transport, transport)  # uvloop's own is no subclass
        transport.set_write_buffer_limits(settings.write_buffer_bytes)
        peer = transport.get_extra_info("peername")
        self.address = str(peer[0]) if peer else ""
        if self._host.arrived(self):
            self._host.deadlines.put(self, settings.upgrade_timeout_s)
        else:
            self.cut_off()

    def data_received(self, data: bytes) -> None:
        """Bytes from the peer."""
        self._silent = False
        if self._machine is None:
            taken = self._ordinary(data)
            if taken == len(data) or self._state is State.CLOSED:
                return
            data = data[taken:]
            self._machine = self._machine or Machine(self, self._limit)
        machine = self._machine
        machine.receive_data(data)
        for request in machine.events_received():
            assert isinstance(request, Request)
            self._host.knocked(self, request)
        if self._machine is not None:
            self._moved(machine)

    def eof_received(self) -> None:
        """The peer has hung up; so does the transport, for there is nobody to talk to."""
        self._state = State.CLOSED

    def pause_writing(self) -> None:
        """The peer does not read and the write buffer is full: drop the session, not our memory (row 14)."""
        log.info("does not read", address=self.address)
        self.cut_off()

    def connection_lost(self, exc: Exception | None) -> None:
        """It is over."""
        self._state = State.CLOSED
        self._machine = None
        self._host.deadlines.drop(self)
        self._host.left(self)
        gone, self._gone, self._hear = self._gone, None, None
        if self._probe is not None and not self._probe.done():
            self._probe.set_result(False)
        if gone is not None:
            gone()

    # What comes.

    def _ordinary(self, data: bytes) -> int:
        """Take whole text frames and pongs from the front while nothing else is under way; how many bytes."""
        at, size = 0, len(data)
        while self._state is State.OPEN and size - at > 1 + _MASK:
            length = data[at + 1] - _MASKED
            start = at + 2 + _MASK
            if length == _SHORT and size - at > 3:
                length = data[at + 2] << 8 | data[at + 3]
                start += 2
            elif not 0 <= length < _SHORT:
                break
            end = start + length
            if end > size or length > self._limit:
                break
            payload = apply_mask(data[start:end], data[start - _MASK : start])
            if data[at] == _TEXT:
                try:
                    text = payload.decode()
                except UnicodeDecodeError:
                    break
                self.message(text)
            elif data[at] == _PONG and length < _SHORT:
                self.pong(payload)
            else:
                break
            at = end
        return at

    def message(self, message: str | bytes) -> None:
        """A whole message has come."""
        if self._machine is not None:
            self._flush(self._machine)
        if self._state is not State.OPEN:
            return
        if self._hear is None:
            self._wait(message)
            return
        try:
            self._hear(message)
        except Exception:
            log.exception("a message was not handled", address=self.address)
            self.end(CloseCode.INTERNAL_ERROR, "")

    def pong(self, payload: bytes) -> None:
        """A pong has come; any is a sign of life."""
        if self._probe is not None and not self._probe.done():
            self._probe.set_result(True)

    def _wait(self, message: str | bytes) -> None:
        """Nobody listens yet."""
        if self._early is None:
            self._early = []
        self._early.append(message)
        if len(self._early) == EARLY_MAX + 1:
            self._transport.pause_reading()

    # What goes.

    def _ping(self) -> None:
        self._transport.write(bytes((_PING, 0)))

    def _respond(self, machine: Machine, response: Response) -> None:
        machine.send_response(response)
        if machine.state is State.OPEN:
            self._state = State.OPEN
            self.subprotocol = machine.subprotocol
            self._deflates = bool(machine.extensions)
            assert self.station is not None
            part = 0.5 + spread(self.station.identity) / 2  # a herd is not pinged at one moment
            self._host.deadlines.put(self, self._ping_interval_s * part)
        self._moved(machine)

    def _moved(self, machine: Machine) -> None:
        """The machine has taken something in or given something out."""
        if self._state is State.OPEN and machine.state is not State.OPEN:
            self._state = State.CLOSING
            self._host.deadlines.put(self, self._host.settings.close_timeout_s)
        self._flush(machine)
        if machine.at_rest:
            self._machine = None

    def _flush(self, machine: Machine) -> None:
        for data in machine.data_to_send():
            if self._transport.is_closing():
                return
            if data:
                self._transport.write(data)
            elif (
                machine.close_sent is None
                or machine.close_rcvd is not None
                or not self._transport.can_write_eof()
            ):
                self._transport.close()
            else:  # while the peer is still sending, closing would reset the connection and lose our code
                self._transport.write_eof()
