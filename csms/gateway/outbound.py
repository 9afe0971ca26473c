"""Asks to one station: one CALL in flight, the others wait their turn.

A newer profile for the same EVSE and purpose takes the place of an older one that is not yet sent. An ask
whose time is over is dropped, never sent late. The slot is free again when the answer or the message time-out
comes, not when the asker loses patience: the station may still be at work (row 22).
"""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from csms.domain.profile import InstallProfile, UpdateSetpoint
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

Send = Callable[[str], None]
"""Text to the station; a connection that is going down drops it."""


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


class _Asked:
    """One ask: written down, then in flight under an `id`. `answer` is what its asker waits for.

    It has one timer at a time: for the asker's deadline or, if that comes first, the message time-out.
    """

    __slots__ = ("action", "answer", "ask", "deadline", "id", "payload", "timer")

    def __init__(
        self, ask: object, call: tuple[str, bytes], answer: asyncio.Future[object], deadline: float
    ) -> None:
        self.ask = ask
        self.action, self.payload = call
        self.answer = answer
        self.deadline = deadline
        self.id = ""
        self.timer: asyncio.TimerHandle | None = None

    @property
    def key(self) -> tuple[int, str] | None:
        """What a newer profile must share to take the place of this one; None if nothing can."""
        match self.ask:
            case InstallProfile(evse_id=evse_id, profile=profile):
                return evse_id, profile.purpose
            case UpdateSetpoint(profile_id=profile_id):
                return profile_id, "update"
        return None

    def fail(self, error: Exception) -> None:
        """Tell the asker, if it still waits."""
        if not self.answer.done():
            self.answer.set_exception(error)

    def rest(self) -> None:
        """Nothing more is due."""
        if self.timer is not None:
            self.timer.cancel()


class Outbound:
    """The asks of one connection. There is no task behind it: it moves when it is asked, answered or late."""

    __slots__ = ("_closed", "_count", "_flight", "_line", "_loop", "_waiting")

    def __init__(self, line: Line) -> None:
        self._line = line
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[_Asked] | None = None  # made when there is need: most stations never have any
        self._flight: _Asked | None = None
        self._closed = False
        self._count = 0

    def serve(self, ask: object, timeout_s: float) -> asyncio.Future[object]:
        """Ask the station; the future keeps the deadline by itself.

        Raises, or ends with, a `StationError`, or `Invalid` for values that no station can be sent.
        """
        line, loop = self._line, self._loop
        if self._closed:
            raise StationOffline(line.station_id)
        line.gate.check_ask(line.station_id, ask)
        try:
            call = line.dialect.write_ask(ask)
        except NotSupportedByDialect as error:
            raise NotSupportedByDialect(line.station_id, error.reason) from None
        asked = _Asked(ask, call, loop.create_future(), loop.time() + timeout_s)
        if self._flight is None:
            self._start(asked)
        else:
            self._enqueue(asked)
        return asked.answer

    def answered(self, event: Answered | Refused) -> None:
        """The station's answer to the call in flight has come."""
        asked = self._flight
        if asked is None or asked.id != event.id:
            return
        if not asked.answer.done():
            self._tell(asked, event)
        self._free()

    def close(self) -> None:
        """The connection is over: all who wait fail with `StationOffline`."""
        self._closed = True
        left = [*([self._flight] if self._flight else []), *(self._waiting or ())]
        self._flight, self._waiting = None, None
        for asked in left:
            asked.rest()
            asked.fail(StationOffline(self._line.station_id))

    def _enqueue(self, asked: _Asked) -> None:
        if self._waiting is None:
            self._waiting = deque()
        waiting, key, station_id = self._waiting, asked.key, self._line.station_id
        older = next((each for each in waiting if key and each.key == key and not each.answer.done()), None)
        if older is not None:
            waiting[waiting.index(older)] = asked
            older.rest()
            older.fail(AskSuperseded(station_id))
        else:
            if len(waiting) >= WAITING_MAX:
                self._waiting = waiting = deque(each for each in waiting if not each.answer.done())
            if len(waiting) >= WAITING_MAX:
                raise StationTimeout(station_id, "too many asks wait")
            waiting.append(asked)
        asked.timer = self._loop.call_at(asked.deadline, self._unsent, asked)

    def _unsent(self, asked: _Asked) -> None:
        """Its time is over before its turn has come: it is not sent any more."""
        asked.fail(StationTimeout(self._line.station_id, "not sent"))
        if self._waiting is not None and asked in self._waiting:
            self._waiting.remove(asked)

    def _start(self, asked: _Asked) -> None:
        """The slot is free: send."""
        line, loop = self._line, self._loop
        self._flight = asked
        self._count += 1
        asked.id = f"{line.epoch:x}-{self._count:x}"  # unique over all connections of a station
        expires = loop.time() + line.message_timeout_s
        late = self._expire if expires <= asked.deadline else self._impatient
        asked.timer = loop.call_at(min(expires, asked.deadline), late, asked, expires)
        text = line.session.call(asked.id, asked.action, asked.payload)
        line.gate.sent(asked.action, asked.ask)
        line.send(text)

    def _impatient(self, asked: _Asked, expires: float) -> None:
        """Its asker waits no longer; the station may, and has the slot until then."""
        asked.fail(StationTimeout(self._line.station_id))
        asked.timer = self._loop.call_at(expires, self._expire, asked, expires)

    def _expire(self, asked: _Asked, _expires: float) -> None:
        """The message has timed out: an answer that still comes is late (row 15)."""
        self._line.session.expire(asked.id)
        asked.fail(StationTimeout(self._line.station_id))
        self._free()

    def _free(self) -> None:
        """The flight is over: who waits longest may go, unless it has no time left."""
        if self._flight is not None:
            self._flight.rest()
            self._flight = None
        while self._waiting:
            asked = self._waiting.popleft()
            asked.rest()
            if asked.answer.done():
                continue
            if asked.deadline > self._loop.time():
                self._start(asked)
                return
            asked.fail(StationTimeout(self._line.station_id, "not sent"))

    def _tell(self, asked: _Asked, event: Answered | Refused) -> None:
        station_id = self._line.station_id
        if isinstance(event, Refused):
            asked.fail(StationRefused(station_id, event.code, event.description))
            return
        try:
            asked.answer.set_result(self._line.dialect.read_answer(asked.ask, event.payload))
        except OcppError as error:  # row 24
            told = self._line.session.reject_answer(asked.id, error)
            if told is not None:
                self._line.send(told)
            asked.fail(BadAnswer(station_id, error.description))
        except Exception as error:  # ours, and the asker's to hear of: the connection goes on
            asked.fail(error)
