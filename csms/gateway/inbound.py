"""The station's calls, one after the other: decode, gate, handle, keep, answer, publish. The order is here.

Nothing here waits: a call whose handler reads nothing goes in one step as far as the group commit, and from
there to its answer; the few that must read run as a task meanwhile, and the calls behind them stay in order.

    take ─> handle ──────────────────────────> keep ─────────────────> answer, publish ─> next call
              └─ reads: a task of its own ──────^ └─ nothing to keep ───^

What the station only tells (SEND, 2.1) goes the same way, and nobody is answered.

What goes wrong becomes, here and nowhere else, an OCPP error code; but what our own store cannot keep is
never refused (row 31): the connection is ended, so that the station goes offline and queues.
"""

import asyncio
from collections.abc import Coroutine
from datetime import datetime
from math import inf
from types import CoroutineType
from typing import Any, Protocol

import structlog
from msgspec import Struct

from csms.blocks.context import Context
from csms.blocks.live import LiveTransactions
from csms.domain.facts import Fact, SecurityAlarmRaised
from csms.domain.numbering import UnnumberedEvent
from csms.domain.station import Registration, StationRef
from csms.domain.transaction import TransactionEvent
from csms.errors import ChangeRefused, CsmsError, OcppError, StoreUnavailable
from csms.gateway.gate import Gate
from csms.gateway.house import House
from csms.gateway.skew import ALARMING_S, SkewEstimate
from csms.store import stations
from csms.store.writer import Change
from csms.wire import words
from csms.wire.dialect import Dialect
from csms.wire.session import CallReceived, SendReceived, Session

log = structlog.get_logger()

SEEN_EVERY_S = 60.0
SENDS_MAX = 64
"""What a station tells faster than it can be dealt with is lost, as SEND may be."""


class Talk(Protocol):
    """The connection that an `Inbound` works for."""

    station: StationRef
    dialect: Dialect
    session: Session
    gate: Gate
    live: LiveTransactions
    skew: SkewEstimate
    tasks: asyncio.TaskGroup  # where handlers that read run

    def send(self, text: str) -> None:
        """Send one frame."""

    def check_boot(self, boot: words.BootNotificationRequest) -> None:
        """Whether it boots as who it is. Raises `OcppError`."""

    def heard(self) -> None:
        """The first call that is sound and allowed has come."""

    def unknown(self) -> None:
        """A call was answered, and no boot of this station is known."""

    def accepted(self) -> None:
        """A boot was answered with Accepted."""

    def unavailable(self) -> None:
        """The store could not keep what the station said."""


class _Work(Struct):
    """The call in hand."""

    call: CallReceived | SendReceived
    kept: list[Change]
    facts: list[Fact]
    reply: object = None
    payload: bytes = b""


class Inbound:
    """Answers the calls of one station, one after the other."""

    __slots__ = (
        "_began_at",
        "_calls",
        "_closed",
        "_house",
        "_seen_at",
        "_silent",
        "_talk",
        "_task",
        "_time",
        "_work",
    )

    def __init__(self, house: House, talk: Talk) -> None:
        self._house = house
        self._talk = talk
        self._calls: list[CallReceived | SendReceived] = []
        self._work: _Work | None = None
        self._task: asyncio.Task[None] | None = None
        self._closed = False
        self._silent = True
        self._began_at = house.clock.now()
        self._seen_at = -inf
        self._time = asyncio.get_running_loop().time

    def take(self, call: CallReceived | SendReceived) -> None:
        """Answer this call, or hear what is only told, when its turn comes."""
        if self._work is not None:
            if len(self._calls) >= SENDS_MAX and isinstance(call, SendReceived):
                return
            self._calls.append(call)
        elif not self._closed:
            self._begin(call)

    def close(self) -> None:
        """The connection is over: no call is handled from now on, and none answered.

        What is on its way to the disk gets there, and what it tells of is published.
        """
        self._closed = True
        self._calls.clear()
        if self._task is not None:
            self._task.cancel()

    def _begin(self, call: CallReceived | SendReceived) -> None:
        work = self._work = _Work(call, [], [])
        try:
            request, ctx = self._opened(work)
            reply = self._house.router.handler(type(request))(request, ctx)
            if type(reply) is CoroutineType:
                self._task = self._talk.tasks.create_task(self._read(work, request, ctx, reply))
                return
            self._task = None
            self._handled(work, request, ctx, reply)
        except Exception as error:
            self._failed(work, error)

    def _opened(self, work: _Work) -> tuple[object, Context]:
        """The call as house word, if it may be said now, and what its handler is given."""
        talk, house, call = self._talk, self._house, work.call
        talk.gate.check(call.action)
        dialect = talk.dialect
        read = dialect.read_call if isinstance(call, CallReceived) else dialect.read_send
        request = read(call.action, call.payload)
        if type(request) is words.BootNotificationRequest:
            talk.check_boot(request)
        if self._silent:
            self._silent = False
            talk.heard()
        now = house.clock.now()
        keep, emit = work.kept.append, work.facts.append
        return request, Context(talk.station, house.db, talk.live, now, house.policy, keep, emit)

    async def _read(
        self, work: _Work, request: object, ctx: Context, reading: Coroutine[Any, Any, object]
    ) -> None:
        """A handler that reads. Never raises."""
        try:
            reply = await reading
        except asyncio.CancelledError:  # the connection is over
            return
        except Exception as error:
            self._failed(work, error)
            return
        try:
            self._handled(work, request, ctx, reply)
        except Exception as error:
            self._failed(work, error)

    def _handled(self, work: _Work, request: object, ctx: Context, reply: object) -> None:
        work.reply = reply
        if isinstance(work.call, CallReceived):
            work.payload = self._talk.dialect.write_answer(work.call.action, reply)
        self._notice(request, ctx)
        if work.kept:
            self._house.writer.submit(work.kept, self._committed)
        else:
            self._answer(work)

    def _committed(self, error: CsmsError | None) -> None:
        """The writer has spoken."""
        work = self._work
        assert work is not None
        if error is None:
            self._answer(work)
        else:
            self._failed(work, error)

    def _answer(self, work: _Work) -> None:
        talk = self._talk
        if type(work.reply) is words.BootNotificationResponse:
            self._booted(work.reply)
        if isinstance(work.call, CallReceived):
            talk.send(talk.session.answer(work.call.id, work.payload))
            talk.gate.heard = True
        publish = self._house.bus.publish
        for fact in work.facts:
            publish(fact)
        self._next()

    def _failed(self, work: _Work, error: Exception) -> None:
        """Refuse the call; but what our own store cannot keep is never refused (row 31)."""
        talk = self._talk
        talk.live.forget()  # what the handler has folded in was not kept
        if isinstance(error, StoreUnavailable):
            self.close()
            self._work = None
            talk.unavailable()
            return
        if not isinstance(error, OcppError):  # row 20
            log.error(
                "handler failed", station_id=talk.station.id, action=work.call.action, exc_info=_safe(error)
            )
            error = OcppError("InternalError")
        if isinstance(work.call, CallReceived):
            talk.send(talk.session.refuse(work.call.id, error))
        else:
            log.info("not heard", station_id=talk.station.id, action=work.call.action, code=error.code)
        self._next()

    def _next(self) -> None:
        self._work = None
        if self._talk.gate.registration is None and not self._closed:
            self._talk.unknown()
        if self._calls:
            self._begin(self._calls.pop(0))

    def _notice(self, request: object, ctx: Context) -> None:
        """What every message tells: the station is there (row 29), and its clock (row 41)."""
        at = self._time()
        if at - self._seen_at >= SEEN_EVERY_S:
            self._seen_at = at
            ctx.keep(stations.seen(ctx.station.id, ctx.now))
        if type(request) is TransactionEvent and not request.offline:
            self._look_at_clock(request.at, ctx)
        elif type(request) is UnnumberedEvent and request.event.at >= self._began_at:
            # what seems older than this connection may have waited for it: it does not say that it has
            self._look_at_clock(request.event.at, ctx)

    def _look_at_clock(self, told: datetime, ctx: Context) -> None:
        skew_s = self._talk.skew.sample(told, ctx.now)
        if skew_s is not None:
            ctx.keep(stations.clock_skew(ctx.station.id, skew_s))
            if abs(skew_s) > ALARMING_S:
                ctx.emit(SecurityAlarmRaised(ctx.now, ctx.station.id, "clock is off"))

    def _booted(self, reply: words.BootNotificationResponse) -> None:
        registration = Registration(reply.status)
        self._talk.gate.booted(registration)
        if registration is Registration.ACCEPTED:
            self._talk.accepted()


def _safe(error: Exception) -> Exception | bool:
    """A refused change may quote the station's own words: its reason is enough."""
    return not isinstance(error, ChangeRefused)
