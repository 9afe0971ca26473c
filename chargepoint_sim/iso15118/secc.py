"""The station's end of ISO 15118: answers, never asks.

Here is what all protocols share: agreeing on one, waiting for requests, refusing what is out of order, how
it all ends. Which requests a state takes, and who answers them, is a `Dialect`: `v20.station`, `v2.station`.
Anything else gets the matching response with FAILED_SequenceError, an open contactor and the end of the
session. A new setpoint or a wish reaches the vehicle with the next response.
"""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeVar, cast

from chargepoint_sim.clock import Clock
from chargepoint_sim.ev.vehicle import PowerLimits
from chargepoint_sim.iso15118.appprotocol.messages import (
    AppProtocolType,
    responseCodeType,
    supportedAppProtocolReq,
    supportedAppProtocolRes,
)
from chargepoint_sim.iso15118.channel import Channel, ChannelClosed, Undecodable
from chargepoint_sim.iso15118.exi.vocabulary import Element
from chargepoint_sim.iso15118.outlet import Ending, Outlet
from chargepoint_sim.iso15118.services import SERVICES, Control, Service, Wish

NO_SESSION = bytes(8)
_FIRST_REQUEST_S = 20.0
_NEXT_REQUEST_S = 60.0
_STOP_GRACE_S = 60.0


@dataclass(frozen=True)
class Hardware:
    """What is fixed in this outlet. A cable check takes `cable_check_s`."""

    evse_id: str
    services: frozenset[int] = frozenset(SERVICES)
    voltage_v: float = 400.0
    cable_check_s: float = 0.0
    may_pause: bool = True
    controls: frozenset[Control] = frozenset(Control)


class Refused(Exception):
    """A handler's failure code for a request."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True)
class Answer:
    """A response and the state it leads to."""

    state: StrEnum
    response: Element


Handler = Callable[["Secc", Element], Answer]
_Request = TypeVar("_Request", bound=Element)


def on(kind: type[_Request], handler: Callable[["Secc", _Request], Answer]) -> tuple[type[Element], Handler]:
    """A row of a state's table: who answers a request; it gets nothing but that request's class."""
    return kind, cast("Handler", handler)


@dataclass(frozen=True)
class Dialect:
    """A protocol as a station speaks it.

    `namespaces` of the handshake with their major and minor version; `read` gives a request's body and
    session id, None for what is no request of the protocol; `refuse` the response with a failure code,
    None where the protocol has none; `lasting` says whether a session id is needed for a request.
    """

    namespaces: Callable[[Hardware], Mapping[str, tuple[int, int]]]
    first: StrEnum
    end: StrEnum
    allowed: Mapping[StrEnum, Mapping[type[Element], Handler]]
    anywhere: Mapping[type[Element], Handler]
    read: Callable[[Element], tuple[Element, bytes] | None]
    refuse: Callable[["Secc", Element, str], Element | None]


@dataclass
class Memory:
    """What an outlet keeps of a paused session until the vehicle goes on with it."""

    session_id: bytes = NO_SESSION
    new_session_id: Callable[[], bytes] = field(default=lambda: secrets.token_bytes(8))

    def session_for(self, asked: bytes) -> tuple[bytes, bool]:
        """The id of a session, and whether it is the paused one: a paused one is gone on with only once."""
        paused, self.session_id = self.session_id, NO_SESSION
        joined = any(asked) and asked == paused
        return (paused if joined else self.new_session_id()), joined


class Secc:
    """One session at one outlet."""

    def __init__(
        self,
        channel: Channel,
        outlet: Outlet,
        clock: Clock,
        hardware: Hardware,
        dialects: tuple[Dialect, ...],
        memory: Memory | None = None,
    ) -> None:
        self.outlet = outlet
        self.clock = clock
        self.hardware = hardware
        self.memory = memory or Memory()
        self.state: StrEnum | None = None
        self.session_id = NO_SESSION
        self.service: Service | None = None
        self.control = Control.DYNAMIC
        self.evccid = ""
        self.rating = PowerLimits(0.0, 0.0)
        self.wish = Wish.GO_ON
        self.paused = False
        self.energised = False
        self.asked_again = False  # it was put off with its needs: they are known
        self.since = clock.monotonic()
        self.failure = ""
        self._dialects = dialects
        self._dialect: Dialect | None = None
        self._channel = channel
        self._terminate_by: float | None = None
        self._over = False

    def terminate(self) -> None:
        """Ask the vehicle to end the session; it hears it with the next response."""
        if self._terminate_by is None:
            self._terminate_by = self.clock.monotonic() + _STOP_GRACE_S
            self.wish = Wish.STOP
            self._channel.nudge()

    def want(self, wish: Wish) -> None:
        """Ask the vehicle to pause or to renegotiate; it hears it with the next response."""
        if self._terminate_by is None:
            self.wish = wish
            self._channel.nudge()

    def nudge(self) -> None:
        """Have the vehicle ask again soon, because something has changed."""
        self._channel.nudge()

    async def run(self) -> Ending:
        """Answer until the session is over; the contactor is open afterwards."""
        timeout_s = _FIRST_REQUEST_S
        try:
            while not self._over:
                request = await self._channel.recv(timeout_s)
                await self._channel.send(self.answer(request))
                timeout_s = _NEXT_REQUEST_S
                if self._terminate_by is not None and self.clock.monotonic() > self._terminate_by:
                    return Ending.BY_STATION
        except (TimeoutError, ChannelClosed):
            return Ending.LOST
        except Undecodable as bytes_:
            self.failure = str(bytes_)
            return Ending.BROKEN
        finally:
            self.outlet.set_contactor(False)
            self._channel.close()
        if self.failure:
            return Ending.BROKEN
        if self.paused:
            return Ending.PAUSED
        return Ending.BY_STATION if self._terminate_by is not None else Ending.BY_VEHICLE

    @property
    def failed(self) -> bool:
        """Whether a request was refused, which ends the session."""
        return bool(self.failure)

    def answer(self, request: Element) -> Element:
        """The response to a request, with the step to the next state. `Undecodable` if there is none."""
        if isinstance(request, supportedAppProtocolReq):
            return self._agree(request)
        dialect, body, session_id = self._understood(request)
        fresh = self._dialect is not None and self.state is self._dialect.first
        if not fresh and self._dialect is not None and session_id != self.session_id:
            return self._refuse(dialect, body, "FAILED_UnknownSession")
        rows = dialect.allowed.get(self.state, {}) if self.state is not None and self._dialect else {}
        handler = rows.get(type(body))
        if handler is None and self._dialect is not None and not fresh:
            handler = dialect.anywhere.get(type(body))
        if handler is None:
            return self._refuse(dialect, body, "FAILED_SequenceError")
        if fresh:
            self.session_id = session_id  # the id of a session to go on with, which the handler judges
        try:
            answer = handler(self, body)
        except Refused as refused:
            return self._refuse(dialect, body, refused.code)
        if answer.state is not self.state:
            self.since = self.clock.monotonic()
        self.state = answer.state
        self._over = answer.state is dialect.end
        return answer.response

    def _understood(self, request: Element) -> tuple[Dialect, Element, bytes]:
        """A request in the agreed protocol, or in any before one is agreed on."""
        for dialect in self._dialects if self._dialect is None else (self._dialect,):
            if (found := dialect.read(request)) is not None:
                return dialect, *found
        raise self._closed(f"{type(request).__name__} is no request of the protocol")

    def _closed(self, why: str) -> Exception:
        self.failure, self._over = why, True
        self.outlet.set_contactor(False)
        return Undecodable(why)

    def _agree(self, request: supportedAppProtocolReq) -> supportedAppProtocolRes:
        """The handshake: of what the vehicle offers, the first by its own priority that is known here."""
        candidates = () if self._dialect is not None else self._dialects  # there is no second handshake
        for offer in sorted(request.AppProtocol, key=lambda offer: offer.Priority):
            for dialect in candidates:
                if (code := _fit(offer, dialect.namespaces(self.hardware))) is not None:
                    self._dialect, self.state = dialect, dialect.first
                    return supportedAppProtocolRes(ResponseCode=code, SchemaID=offer.SchemaID)
        self.outlet.set_contactor(False)
        self.failure, self._over = "no protocol in common", True
        return supportedAppProtocolRes(ResponseCode="Failed_NoNegotiation")

    def _refuse(self, dialect: Dialect, body: Element, code: str) -> Element:
        """Refuse, open the contactor, be done."""
        self.outlet.set_contactor(False)
        self.failure, self._over = f"{type(body).__name__}: {code}", True
        response = dialect.refuse(self, body, code)
        if response is None:
            raise self._closed(f"{self.failure}, which has no negative response here")
        return response


def _fit(offer: AppProtocolType, known: Mapping[str, tuple[int, int]]) -> responseCodeType | None:
    """How well an offered protocol fits: another minor version will do, another major one will not."""
    major, minor = known.get(offer.ProtocolNamespace, (-1, -1))
    if offer.VersionNumberMajor != major:
        return None
    same = offer.VersionNumberMinor == minor
    return "OK_SuccessfulNegotiation" if same else "OK_SuccessfulNegotiationWithMinorDeviation"
