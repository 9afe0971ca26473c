"""One station's connection: what comes from its socket goes to the session, and on to who deals with it.

No task belongs to it while it is quiet: the socket calls `hear` with each message, `Inbound` answers the
station's calls, `Outbound` sends ours. A handler may ask its own station: it does not wait for itself
(row 23).
"""

import asyncio
from collections.abc import Callable
from datetime import datetime

import structlog
from msgspec import Struct

from csms.blocks.live import LiveTransactions
from csms.domain.facts import SecurityAlarmRaised, StationConnected, StationDisconnected
from csms.domain.station import Registration, StationRef
from csms.errors import CsmsError, OcppError, StationError, StoreUnavailable
from csms.gateway.frame_log import Recorder
from csms.gateway.gate import Gate
from csms.gateway.house import House
from csms.gateway.inbound import Inbound
from csms.gateway.outbound import Line, Outbound
from csms.gateway.skew import SkewEstimate
from csms.gateway.socket import StationSocket
from csms.store import stations
from csms.store.stations import StationRow
from csms.wire import words
from csms.wire.dialect import Dialect
from csms.wire.session import (
    Answered,
    AnswerRefused,
    BadFrame,
    CallReceived,
    Event,
    Overrun,
    Refused,
    RepeatedCall,
    SendReceived,
    Session,
)

log = structlog.get_logger()

GOING_AWAY, POLICY_VIOLATION, TRY_AGAIN_LATER = 1001, 1008, 1013
_ANSWERS = (Answered, Refused)  # a union would be asked three times as slowly


class Terms(Struct, frozen=True):
    """On what terms a station was let in; a change that would not have let it in ends the connection.

    `since`: when it was registered. One that was removed and registered anew is another one.
    """

    since: datetime
    password_hash: str
    security_profile: int
    registration: str
    message_timeout_s: float


def terms_of(station: StationRow) -> Terms:
    """The terms of a station as it is registered."""
    return Terms(
        station.created_at,
        station.password_hash,
        station.security_profile,
        station.registration,
        station.message_timeout_s,
    )


class Connection:
    """One accepted socket of an authenticated station. `tasks` is where what must wait runs."""

    __slots__ = (
        "_certified",
        "_house",
        "_inbound",
        "_invited",
        "_note",
        "_outbound",
        "_over",
        "_silence",
        "_socket",
        "_terms",
        "_unserve",
        "dialect",
        "gate",
        "live",
        "session",
        "skew",
        "station",
        "tasks",
    )

    def __init__(
        self,
        house: House,
        socket: StationSocket,
        station: StationRow,
        dialect: Dialect,
        recorder: Recorder,
        tasks: asyncio.TaskGroup,
    ) -> None:
        registration = Registration(station.registration)
        self.station = StationRef(station.identity, registration, dialect.version, station.serial_number)
        self.dialect = dialect
        self.session = Session(dialect.rules)
        self.gate = Gate(None)
        self.live = LiveTransactions(house.db, station.identity)
        self.skew = SkewEstimate(station.clock_skew_s)
        self.tasks = tasks
        self._house = house
        self._socket = socket
        self._certified = None if socket.certificate is None else socket.certificate.serial_number
        self._note = recorder.note
        self._terms = terms_of(station)
        self._inbound = Inbound(house, self)
        self._outbound: Outbound | None = None  # while we talk
        self._over: Callable[[], None] | None = None
        self._silence: asyncio.TimerHandle | None = None
        self._unserve: Callable[[], None] | None = None
        self._invited = False
        if registration == station.boot_answer == Registration.ACCEPTED:
            self.gate.booted(registration)
            self.accepted()

    @property
    def identity(self) -> str:
        """The station's canonical identity."""
        return self.station.id

    async def alive(self, within_s: float) -> bool:
        """Whether the other end answers a ping within so many real seconds."""
        return await self._socket.answers_ping(within_s)

    def evict(self) -> None:
        """Another connection of this station takes over: no call is handled behind its back from now on.

        What is on its way to the disk already is there before the newcomer's first word is.
        """
        self._inbound.close()
        self.end(GOING_AWAY, "replaced by a newer connection")

    def end(self, code: int, reason: str) -> None:
        """Close the socket; returns at once."""
        self._socket.end(code, reason)

    def look_again(self, station: StationRow | None) -> None:
        """A person has changed the station: end what the new terms would not have let in."""
        old = self._terms
        if (
            station is None
            or station.created_at != old.since
            or station.password_hash != old.password_hash
            or station.security_profile != old.security_profile
            or (station.registration != old.registration and station.registration != Registration.ACCEPTED)
        ):
            self.end(POLICY_VIOLATION, "registration changed")
            return
        self._terms = terms_of(station)
        if (
            station.registration == Registration.ACCEPTED
            and self.gate.registration is Registration.PENDING
            and self._outbound is not None
        ):
            self.tasks.create_task(self._invite_boot())  # F06: it need not wait for its interval

    async def begin(self, epoch: int, over: Callable[[], None]) -> None:
        """Say that the station is here and talk; `over` is called once when the socket is gone."""
        house, identity = self._house, self.identity
        self._over = over
        try:
            now = house.clock.now()
            await house.writer.commit([stations.connected(identity, epoch, self.dialect.version, now)])
            # Whoever changed the station while it was shaking hands did not find this connection.
            self.look_again(await stations.get(house.db, identity))
        except StoreUnavailable:
            self.unavailable()
        outbound = self._outbound = Outbound(self._line(epoch))
        self._unserve = house.bus.serve(identity, outbound.serve)
        house.bus.publish(StationConnected(house.clock.now(), identity, epoch))
        if self.gate.registration is not Registration.ACCEPTED:
            # Who comes to boot and does not is closed; an accepted station may be idle until its heartbeat.
            self._silence = asyncio.get_running_loop().call_later(
                house.settings.first_message_timeout_s, self.end, POLICY_VIOLATION, "silent"
            )
        self._socket.attach(self._hear, self._gone)

    def _line(self, epoch: int) -> Line:
        return Line(
            station_id=self.identity,
            epoch=epoch,
            dialect=self.dialect,
            session=self.session,
            send=self.send,
            gate=self.gate,
            message_timeout_s=self._terms.message_timeout_s,
        )

    def tell_gone(self, epoch: int, *, newest: bool) -> None:
        """Say that this connection is over; the store minds the epoch, the fact only goes out if `newest`."""
        house, identity = self._house, self.identity
        now = house.clock.now()

        def kept(error: CsmsError | None) -> None:
            if error is not None:  # a node that starts again says so for all its stations
                log.warning("presence not kept", station_id=identity)
            if newest:
                house.bus.publish(StationDisconnected(now, identity, epoch))

        try:
            house.writer.submit([stations.disconnected(identity, epoch, now)], kept)
        except StoreUnavailable as error:
            kept(error)

    # ---- what `Inbound` needs

    def send(self, text: str) -> None:
        """Send one frame; into a socket that closes it is lost, and the station asks again."""
        self._note("out", text)
        self._socket.send(text)

    def check_boot(self, boot: words.BootNotificationRequest) -> None:
        """B01.FR.11, B01.FR.12: who came by a certificate boots with its serial number or is gone (C-04)."""
        if self._certified is None or boot.charging_station.serial_number == self._certified:
            return
        house = self._house
        house.bus.publish(SecurityAlarmRaised(house.clock.now(), self.identity, "serial number differs"))
        self.end(POLICY_VIOLATION, "serial number differs")
        raise OcppError("SecurityError", "The serial number is not the certificate's.")

    def heard(self) -> None:
        """The first call that is sound and allowed has come."""
        if self._silence is not None:
            self._silence.cancel()
            self._silence = None

    def unknown(self) -> None:
        """What the station believes of its registration is not known here: let it boot (B02)."""
        if not self._invited:
            self._invited = True
            self.tasks.create_task(self._invite_boot())

    def accepted(self) -> None:
        """It may send messages of full size from now on."""
        self._socket.allow_messages_of(self._house.settings.max_message_bytes)

    def unavailable(self) -> None:
        """The store does not keep what it says: it must go offline and queue (row 31)."""
        self.end(TRY_AGAIN_LATER, "store unavailable")

    # ---- what the socket says

    def _hear(self, text: str | bytes) -> None:
        self._note("in", text)
        event = self.session.receive(text)
        if isinstance(event, CallReceived):
            self._inbound.take(event)
        elif isinstance(event, _ANSWERS):
            assert self._outbound is not None
            self._outbound.answered(event)
        else:
            self._odd(event)

    def _odd(self, event: Event) -> None:
        """What a sound station seldom sends."""
        if isinstance(event, RepeatedCall):  # row 12
            self.send(event.answer)
        elif isinstance(event, SendReceived):
            self._inbound.take(event)
        elif isinstance(event, Overrun):  # row 21
            self.end(POLICY_VIOLATION, "too many calls at once")
        elif isinstance(event, AnswerRefused):  # row 25
            log.warning("answer refused", station_id=self.identity, message_id=event.id, code=event.code)
        elif isinstance(event, BadFrame):
            log.debug("bad frame", station_id=self.identity, reason=event.reason)
            if event.answer is not None:
                self.send(event.answer)

    def _gone(self) -> None:
        self.heard()
        self._inbound.close()
        assert self._outbound is not None
        assert self._unserve is not None
        assert self._over is not None
        self._unserve()
        self._outbound.close()
        self._over()

    async def _invite_boot(self) -> None:
        """Ask the station to boot (B02, F06)."""
        assert self._outbound is not None
        try:
            trigger = words.TriggerMessageRequest(requested_message="BootNotification")
            await self._outbound.serve(trigger, self._terms.message_timeout_s)
        except StationError as error:
            log.info("boot not triggered", station_id=self.identity, reason=type(error).__name__)
