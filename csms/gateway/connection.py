"""One station's connection: pumps text between socket and session, and says when it begins and ends.

Two tasks: one reads, and gives answers to those who wait for them; the other answers the station's calls in
their order. So a handler may ask its own station and is not waiting for itself (row 23).
"""

import asyncio
from collections import deque
from contextlib import suppress

import structlog
from websockets.exceptions import ConnectionClosed

from csms.blocks.live import LiveTransactions
from csms.domain.facts import StationConnected, StationDisconnected
from csms.domain.station import Registration, StationRef
from csms.errors import StationError, StoreUnavailable
from csms.gateway.frame_log import Recorder
from csms.gateway.gate import Gate
from csms.gateway.house import House
from csms.gateway.inbound import Inbound, Talk
from csms.gateway.outbound import Line, Outbound
from csms.gateway.skew import SkewEstimate
from csms.gateway.socket import StationSocket
from csms.store import stations
from csms.store.stations import StationRow
from csms.store.writer import Change
from csms.wire import words
from csms.wire.dialect import Dialect
from csms.wire.session import Answered, BadFrame, CallReceived, Event, Overrun, Refused, RepeatedCall, Session

log = structlog.get_logger()

GOING_AWAY, POLICY_VIOLATION, TRY_AGAIN_LATER = 1001, 1008, 1013
PRESENCE_TIMEOUT_S = 10.0


class Connection:
    """One accepted socket of an authenticated station."""

    def __init__(
        self, house: House, socket: StationSocket, station: StationRow, dialect: Dialect, recorder: Recorder
    ) -> None:
        self.identity = station.identity
        self._house = house
        self._socket = socket
        self._note = recorder.note
        self._station = station
        self._dialect = dialect
        self._session = Session(dialect.rules)
        accepted = station.registration == station.boot_answer == Registration.ACCEPTED
        self._gate = Gate(Registration.ACCEPTED if accepted else None)
        self._calls: deque[CallReceived] = deque()
        self._called = asyncio.Event()
        self._outbound: Outbound | None = None
        self._tasks: asyncio.TaskGroup | None = None  # while we talk
        self._worker: asyncio.Task[None] | None = None
        self._evicted = False
        self._invited = False
        if accepted:
            self._accepted()

    async def alive(self, within_s: float) -> bool:
        """Whether the other end answers a ping within so many real seconds."""
        return await self._socket.answers_ping(within_s)

    def evict(self) -> None:
        """Another connection of this station takes over: no call is handled behind its back from now on.

        What is on its way to the disk already is there before the newcomer's first word is.
        """
        self._evicted = True
        if self._worker is not None:
            self._worker.cancel()
        self.end(GOING_AWAY, "replaced by a newer connection")

    def end(self, code: int, reason: str) -> None:
        """Close the socket; returns at once."""
        self._socket.end(code, reason)

    def look_again(self, station: StationRow | None) -> None:
        """A person has changed the station: end what the new terms would not have let in."""
        old = self._station
        if (
            station is None
            or station.password_hash != old.password_hash
            or station.security_profile != old.security_profile
            or (station.registration != old.registration and station.registration != Registration.ACCEPTED)
        ):
            self.end(POLICY_VIOLATION, "registration changed")
            return
        self._station = station
        if (
            station.registration == Registration.ACCEPTED
            and self._gate.registration is Registration.PENDING
            and self._tasks is not None
        ):
            self._tasks.create_task(self._invite_boot())  # F06: it need not wait for its interval

    async def run(self, epoch: int) -> None:
        """Talk until the socket is closed. Never raises for what a station or the store does."""
        house, identity = self._house, self.identity
        try:
            now = house.clock.now()
            await house.writer.commit([stations.connected(identity, epoch, self._dialect.version, now)])
            # Whoever changed the station while it was shaking hands did not find this connection.
            self.look_again(await stations.get(house.db, identity))
            house.bus.publish(StationConnected(now, identity, epoch))
            await self._talk(epoch)
        except StoreUnavailable:
            self.end(TRY_AGAIN_LATER, "store unavailable")

    async def gone(self, epoch: int, *, newest: bool) -> None:
        """Say that this connection is over; the store minds the epoch, the fact only goes out if `newest`."""
        house = self._house
        now = house.clock.now()
        await self._keep_presence(stations.disconnected(self.identity, epoch, now))
        if newest:
            house.bus.publish(StationDisconnected(now, self.identity, epoch))

    async def _keep_presence(self, change: Change) -> None:
        try:
            async with asyncio.timeout(PRESENCE_TIMEOUT_S):
                await self._house.writer.commit([change])
        except (StoreUnavailable, TimeoutError):  # a node that starts again says so for all its stations
            log.warning("presence not kept", station_id=self.identity)

    async def _talk(self, epoch: int) -> None:
        outbound = self._outbound = Outbound(
            Line(
                station_id=self.identity,
                epoch=epoch,
                dialect=self._dialect,
                session=self._session,
                send=self._say,
                gate=self._gate,
                message_timeout_s=self._station.message_timeout_s,
            )
        )
        silence = self._silence()
        inbound = self._inbound(silence)
        try:
            async with self._house.bus.answer(self.identity, outbound.serve), asyncio.TaskGroup() as group:
                self._tasks = group
                self._worker = group.create_task(self._work(inbound, group))
                if self._evicted:
                    self._worker.cancel()
                try:
                    await self._read(outbound)
                finally:
                    self._tasks = None
                    outbound.close()
                    self._worker.cancel()
        finally:
            silence.cancel()

    def _silence(self) -> asyncio.TimerHandle:
        """Who comes to boot and does not is closed; an accepted station may be idle until its heartbeat."""
        timer = asyncio.get_running_loop().call_later(
            self._house.settings.first_message_timeout_s, self.end, POLICY_VIOLATION, "silent"
        )
        if self._gate.registration is Registration.ACCEPTED:
            timer.cancel()
        return timer

    def _inbound(self, silence: asyncio.TimerHandle) -> Inbound:
        station = self._station
        ref = StationRef(
            station.identity, Registration(station.registration), self._dialect.version, station.serial_number
        )
        talk = Talk(
            station=ref,
            dialect=self._dialect,
            session=self._session,
            gate=self._gate,
            live=LiveTransactions(self._house.db, station.identity),
            skew=SkewEstimate(station.clock_skew_s),
            send=self._send,
            heard=silence.cancel,
            accepted=self._accepted,
        )
        return Inbound(self._house, talk)

    def _accepted(self) -> None:
        self._socket.allow_messages_of(self._house.settings.max_message_bytes)

    def _say(self, text: str) -> None:
        if self._tasks is not None:
            self._tasks.create_task(self._said(text))

    async def _said(self, text: str) -> None:
        with suppress(ConnectionClosed):
            await self._send(text)

    async def _send(self, text: str) -> None:
        self._note("out", text)
        await self._socket.send(text)

    async def _read(self, outbound: Outbound) -> None:
        receive, recv = self._session.receive, self._socket.recv
        try:
            while True:
                text = await recv()
                self._note("in", text)
                for event in receive(text):
                    if isinstance(event, CallReceived):
                        self._calls.append(event)
                        self._called.set()
                    elif isinstance(event, Answered | Refused):
                        outbound.answered(event)
                    else:
                        await self._odd(event)
        except ConnectionClosed:
            return

    async def _odd(self, event: Event) -> None:
        """What a sound station seldom sends."""
        if isinstance(event, RepeatedCall):  # row 12
            await self._send(event.answer)
        elif isinstance(event, Overrun):  # row 21
            self.end(POLICY_VIOLATION, "too many calls at once")
        elif isinstance(event, BadFrame):
            log.debug("bad frame", station_id=self.identity, reason=event.reason)
            if event.answer is not None:
                await self._send(event.answer)

    async def _work(self, inbound: Inbound, group: asyncio.TaskGroup) -> None:
        try:
            while True:
                while not self._calls:
                    self._called.clear()
                    await self._called.wait()
                await inbound.answer(self._calls.popleft())
                if self._gate.registration is None and not self._invited:
                    self._invited = True
                    group.create_task(self._invite_boot())
        except StoreUnavailable:  # row 31
            self.end(TRY_AGAIN_LATER, "store unavailable")

    async def _invite_boot(self) -> None:
        """What the station believes of its registration is not so, or no longer: let it boot (B02, F06)."""
        assert self._outbound is not None
        try:
            trigger = words.TriggerMessageRequest(requested_message="BootNotification")
            await self._outbound.serve(trigger, self._station.message_timeout_s)
        except StationError as error:
            log.info("boot not triggered", station_id=self.identity, reason=type(error).__name__)
