"""The station's socket, with everything that a bad line or bad firmware does to whole frames.

It knows OCPP-J frames and no OCPP version: `[2,` asks, `[3,` and `[4,` answer.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass

from websockets.asyncio.client import ClientConnection

from chargepoint_sim.station import draft_v2x
from chargepoint_sim.station.knobs import Knob, Knobs

_NONSENSE = '{"this": "is no frame"'


@dataclass
class Traffic:
    """What went over a station's line. Seconds are real ones; `waiting_since` is of an open question."""

    sent: int = 0
    received: int = 0
    answers: int = 0
    answers_s: float = 0.0
    slowest_s: float = 0.0
    waiting_since: float | None = None

    def hung_up(self) -> None:
        """Nobody answers over this line any more."""
        self.waiting_since = None

    def asked(self) -> None:
        """A question is on its way."""
        self.sent += 1
        self.waiting_since = time.monotonic()

    def answered(self) -> None:
        """The answer is there."""
        if self.waiting_since is None:
            return
        took = time.monotonic() - self.waiting_since
        self.waiting_since = None
        self.answers += 1
        self.answers_s += took
        self.slowest_s = max(self.slowest_s, took)


class Wire:
    """A `Socket`: one connection, with the station's misbehaviour in it."""

    def __init__(self, connection: ClientConnection, knobs: Knobs, traffic: Traffic) -> None:
        self._connection = connection
        self._knobs = knobs
        self._traffic = traffic
        self._frozen = False

    async def send(self, message: str) -> None:
        """Send a frame, or what becomes of it."""
        if self._knobs:
            await self._send_badly(message, _asks(message))
            return
        self._count(_asks(message))
        await self._connection.send(message)

    def _count(self, question: bool) -> None:
        """A frame leaves now: what this station does to it before is no time of the server's."""
        if question:
            self._traffic.asked()
        else:
            self._traffic.sent += 1

    async def _send_badly(self, message: str, question: bool) -> None:
        knobs = self._knobs
        if knobs.on(Knob.HALF_OPEN) or (not question and knobs.on(Knob.ANSWER_NOTHING)):
            return
        delay_s = knobs.number(Knob.DELAY_MESSAGES if question else Knob.DELAY_ANSWERS)
        if delay_s is not None:
            await asyncio.sleep(delay_s)
        self._count(question)
        if knobs.on(Knob.CUT_IN_MESSAGE):
            knobs.off(Knob.CUT_IN_MESSAGE)
            await self._connection.send(self._half(message))
            return
        if knobs.on(Knob.DRAFT_V2X) and question:
            message = draft_v2x.written(message)
        await self._connection.send(message)
        if knobs.happens(Knob.REPEAT_FRAMES):
            await self._connection.send(message)
        if knobs.happens(Knob.NONSENSE):
            await self._connection.send(_NONSENSE)

    async def _half(self, message: str) -> AsyncIterator[str]:
        """Half a message, then nothing any more."""
        yield message[: len(message) // 2]
        await asyncio.sleep(0)
        self._connection.transport.abort()

    async def recv(self) -> str:
        """The next frame that gets through."""
        while True:
            slow_s = self._knobs.number(Knob.SLOW_READER)
            if slow_s is not None:
                await self._look_away(slow_s)
            message = str(await self._connection.recv())
            if not self._knobs or await self._arrives(message):
                self._traffic.received += 1
                if not _asks(message):
                    self._traffic.answered()
                return draft_v2x.read(message) if self._knobs.on(Knob.DRAFT_V2X) else message

    async def _look_away(self, seconds: float) -> None:
        """Read nothing from the line for a while."""
        transport = self._connection.transport
        transport.pause_reading()
        await asyncio.sleep(seconds)
        if not self._frozen:
            transport.resume_reading()

    async def _arrives(self, message: str) -> bool:
        """Whether a frame reaches the station; one that is answered here does not."""
        knobs = self._knobs
        if knobs.on(Knob.HALF_OPEN):
            return False
        if not _asks(message):
            return not knobs.happens(Knob.LOSE_ANSWERS)
        code = knobs.word(Knob.ANSWER_ERROR)
        if code is None and (action := knobs.word(Knob.NOT_IMPLEMENTED)) is not None:
            code = "NotImplemented" if json.loads(message)[2] == action else None
        if code is None:
            return True
        await self.send(json.dumps([4, json.loads(message)[1], code, "so it was wanted", {}]))
        return False

    async def close(self) -> None:
        """Hang up."""
        await self._connection.close()

    def freeze(self) -> None:
        """From now on nothing comes through, in neither direction, and nobody is told."""
        self._frozen = True
        self._connection.transport.pause_reading()
        if self._connection.keepalive_task is not None:
            self._connection.keepalive_task.cancel()

    def abort(self) -> None:
        """The line is gone, without a word."""
        self._connection.transport.abort()


def _asks(message: str) -> bool:
    """Whether a frame is a CALL."""
    return message[:2] == "[2" or message.lstrip("[ \t\r\n").startswith("2")
