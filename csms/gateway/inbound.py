"""One call of the station: decode, gate, handle, keep, answer, publish. The order is written here.

What goes wrong becomes, here and nowhere else, an OCPP error code; but what our own store cannot keep is
never refused (row 31): `StoreUnavailable` leaves this file and ends the connection, so that the station goes
offline and queues.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog
from websockets.exceptions import ConnectionClosed

from csms.blocks.context import Context
from csms.blocks.live import LiveTransactions
from csms.domain.facts import Fact
from csms.domain.station import Registration, StationRef
from csms.domain.transaction import TransactionEvent
from csms.errors import ChangeRefused, OcppError, StoreUnavailable
from csms.gateway.gate import Gate
from csms.gateway.house import House
from csms.gateway.skew import SkewEstimate
from csms.store import stations
from csms.store.writer import Change
from csms.wire import words
from csms.wire.dialect import Dialect
from csms.wire.session import CallReceived, Session

log = structlog.get_logger()

SEEN_EVERY_S = 60.0


@dataclass(slots=True)
class Talk:
    """The connection that an `Inbound` works for."""

    station: StationRef
    dialect: Dialect
    session: Session
    gate: Gate
    live: LiveTransactions
    skew: SkewEstimate
    send: Callable[[str], Awaitable[None]]
    heard: Callable[[], None]
    """Called at the first call that is sound and allowed."""
    accepted: Callable[[], None]
    """Called when a boot was answered with Accepted."""


class Inbound:
    """Answers the calls of one station, one after the other."""

    def __init__(self, house: House, talk: Talk) -> None:
        self._house = house
        self._talk = talk
        self._silent = True
        self._seen_at = 0.0

    async def answer(self, call: CallReceived) -> None:
        """Answer one call. Raises `StoreUnavailable` and nothing else."""
        kept: list[Change] = []
        facts: list[Fact] = []
        talk = self._talk
        try:
            reply, payload = await self._handled(call, kept, facts)
            if kept:
                await self._house.writer.commit(kept)
        except OcppError as refusal:
            await self._refuse(call, refusal)
            return
        except StoreUnavailable:
            raise
        except Exception as error:  # row 20
            log.error("handler failed", station_id=talk.station.id, action=call.action, exc_info=_safe(error))
            await self._refuse(call, OcppError("InternalError"))
            return
        text = talk.session.answer(call.id, payload)
        if isinstance(reply, words.BootNotificationResponse):
            self._booted(reply)
        await self._send(text)
        for fact in facts:
            self._house.bus.publish(fact)

    async def _handled(
        self, call: CallReceived, kept: list[Change], facts: list[Fact]
    ) -> tuple[object, bytes]:
        talk, house = self._talk, self._house
        talk.gate.check(call.action)
        request = talk.dialect.read_call(call.action, call.payload)
        if self._silent:
            self._silent = False
            talk.heard()
        handler = house.router.handler(type(request))
        now = house.clock.now()
        ctx = Context(
            station=talk.station,
            db=house.db,
            live=talk.live,
            now=now,
            policy=house.policy,
            keep=kept.append,
            emit=facts.append,
        )
        reply = await handler(request, ctx)
        payload = talk.dialect.write_answer(call.action, reply)
        self._notice(request, ctx)
        return reply, payload

    def _notice(self, request: object, ctx: Context) -> None:
        """What every message tells: the station is there (row 29), and its clock (row 41)."""
        at = asyncio.get_running_loop().time()
        if at - self._seen_at >= SEEN_EVERY_S:
            self._seen_at = at
            ctx.keep(stations.seen(ctx.station.id, ctx.now))
        if isinstance(request, TransactionEvent) and not request.offline:
            skew_s = self._talk.skew.sample(request.at, ctx.now)
            if skew_s is not None:
                ctx.keep(stations.clock_skew(ctx.station.id, skew_s))

    def _booted(self, reply: words.BootNotificationResponse) -> None:
        registration = Registration(reply.status)
        self._talk.gate.booted(registration)
        if registration is Registration.ACCEPTED:
            self._talk.accepted()

    async def _refuse(self, call: CallReceived, refusal: OcppError) -> None:
        self._talk.live.forget()  # what the handler has folded in was not kept
        await self._send(self._talk.session.refuse(call.id, refusal))

    async def _send(self, text: str) -> None:
        try:
            await self._talk.send(text)
        except ConnectionClosed:  # it asks again on its next connection
            log.debug("answer not sent", station_id=self._talk.station.id)


def _safe(error: Exception) -> Exception | bool:
    """A refused change may quote the station's own words: its reason is enough."""
    return not isinstance(error, ChangeRefused)
