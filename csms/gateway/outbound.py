"""Asks to one station: one CALL in flight, the others wait their turn.

A newer profile for the same EVSE and purpose takes the place of an older one that is not yet sent. An ask
whose time is over is dropped, never sent late. The slot is free again when the answer or the message time-out
comes, not when the asker loses patience: the station may still be at work (row 22).
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from websockets.exceptions import ConnectionClosed

from csms.domain.profile import InstallProfile
from csms.errors import (
    AskSuperseded,
    BadAnswer,
    NotSupportedByDialect,
    OcppError,
    StationOffline,
    StationRefused,
    StationTimeout,
)
from csms.gateway.gate import Gate
from csms.wire.dialect import Dialect
from csms.wire.session import Answered, Refused, Session

WAITING_MAX = 64

Send = Callable[[str], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Line:
    """What the asks of one connection go through."""

    station_id: str
    epoch: int
    dialect: Dialect
    session: Session
    send: Send
    gate: Gate
    message_timeout_s: float


@dataclass(eq=False, slots=True)
class _Waiting:
    """An ask that is not yet sent; `turn` is done when it may go."""

    key: tuple[int, str] | None
    turn: asyncio.Future[None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


@dataclass(eq=False, slots=True)
class _Flight:
    """The CALL in flight. `ended` brings its answer, or None if there will be none."""

    id: str
    ended: asyncio.Future[Answered | Refused | None]
    timer: asyncio.TimerHandle


class Outbound:
    """The asks of one connection."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._waiting: deque[_Waiting] = deque()
        self._flight: _Flight | None = None
        self._busy = False
        self._closed = False
        self._count = 0

    async def serve(self, ask: object, timeout_s: float) -> object:
        """Ask the station. Raises a `StationError`, or `Invalid` for values that no station can be sent."""
        line = self._line
        deadline = asyncio.get_running_loop().time() + timeout_s
        self._check_open()
        line.gate.check_ask(line.station_id, ask)
        try:
            action, payload = line.dialect.write_ask(ask)
        except NotSupportedByDialect as error:
            raise NotSupportedByDialect(line.station_id, error.reason) from None
        await self._turn(_key(ask), deadline)
        flight = self._start()
        text = line.session.call(flight.id, action, payload)
        line.gate.sent(action, ask)
        answer = await self._exchange(flight, text, deadline)
        return self._read(ask, answer)

    def answered(self, event: Answered | Refused) -> None:
        """The station's answer to the call in flight has come."""
        self._land(event.id, event)

    def close(self) -> None:
        """The connection is over: all who wait fail with `StationOffline`."""
        self._closed = True
        for waiting in self._waiting:
            if not waiting.turn.done():
                waiting.turn.set_exception(StationOffline(self._line.station_id))
        self._waiting.clear()
        if self._flight is not None:
            self._land(self._flight.id, None)

    def _check_open(self) -> None:
        if self._closed:
            raise StationOffline(self._line.station_id)

    async def _turn(self, key: tuple[int, str] | None, deadline: float) -> None:
        if not self._busy:
            self._busy = True
            return
        waiting = _Waiting(key)
        self._enqueue(waiting)
        try:
            async with asyncio.timeout_at(deadline):
                await waiting.turn
        except BaseException as error:
            self._give_up(waiting)
            if isinstance(error, TimeoutError):
                raise StationTimeout(self._line.station_id, "not sent") from None
            raise
        if asyncio.get_running_loop().time() >= deadline:
            self._next()
            raise StationTimeout(self._line.station_id, "not sent")

    def _enqueue(self, waiting: _Waiting) -> None:
        if waiting.key is not None:
            for place, older in enumerate(self._waiting):
                if older.key == waiting.key and not older.turn.done():
                    self._waiting[place] = waiting
                    older.turn.set_exception(AskSuperseded(self._line.station_id))
                    return
        if len(self._waiting) >= WAITING_MAX:
            raise StationTimeout(self._line.station_id, "too many asks wait")
        self._waiting.append(waiting)

    def _give_up(self, waiting: _Waiting) -> None:
        """An ask leaves without being sent; if its turn had just come, the next one has it."""
        if waiting in self._waiting:
            self._waiting.remove(waiting)
        elif waiting.turn.done() and not waiting.turn.cancelled() and waiting.turn.exception() is None:
            self._next()

    def _next(self) -> None:
        while self._waiting:
            waiting = self._waiting.popleft()
            if not waiting.turn.done():
                waiting.turn.set_result(None)
                return
        self._busy = False

    def _start(self) -> _Flight:
        if self._closed:
            raise StationOffline(self._line.station_id)
        loop = asyncio.get_running_loop()
        self._count += 1
        id = f"{self._line.epoch:x}-{self._count:x}"  # unique over all connections of a station
        timer = loop.call_later(self._line.message_timeout_s, self._expire, id)
        self._flight = _Flight(id, loop.create_future(), timer)
        return self._flight

    async def _exchange(self, flight: _Flight, text: str, deadline: float) -> Answered | Refused:
        station_id = self._line.station_id
        try:
            async with asyncio.timeout_at(deadline):
                await self._line.send(text)
                answer = await flight.ended
        except TimeoutError:
            raise StationTimeout(station_id) from None
        except ConnectionClosed:
            raise StationOffline(station_id) from None
        if answer is None:
            raise StationOffline(station_id) if self._closed else StationTimeout(station_id)
        return answer

    def _read(self, ask: object, answer: Answered | Refused) -> object:
        station_id = self._line.station_id
        if isinstance(answer, Refused):
            raise StationRefused(station_id, answer.code, answer.description)
        try:
            return self._line.dialect.read_answer(ask, answer.payload)
        except OcppError as error:  # row 24
            raise BadAnswer(station_id, error.description) from None

    def _expire(self, id: str) -> None:
        self._line.session.expire(id)
        self._land(id, None)

    def _land(self, id: str, answer: Answered | Refused | None) -> None:
        flight = self._flight
        if flight is None or flight.id != id:
            return
        self._flight = None
        flight.timer.cancel()
        if not flight.ended.done():
            flight.ended.set_result(answer)
        self._next()


def _key(ask: object) -> tuple[int, str] | None:
    if isinstance(ask, InstallProfile):
        return ask.evse_id, ask.profile.purpose
    return None
