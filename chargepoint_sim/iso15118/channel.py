"""What lies between vehicle and station. Above it the same messages and state machines, whatever it is.

Here: in memory, no bytes. `wire.WireChannel` is the same over TCP or TLS.
"""

import asyncio
from collections import deque
from typing import Protocol

from chargepoint_sim.clock import Clock, deadline
from chargepoint_sim.iso15118.exi.vocabulary import Element


class ChannelClosed(Exception):
    """The other end is gone."""


class Undecodable(Exception):
    """The other end sent bytes that are no message of the protocol."""


class Channel(Protocol):
    """One end of a vehicle-to-station connection."""

    async def send(self, message: Element) -> None:
        """Send a message; `ChannelClosed` if the other end is gone."""

    async def recv(self, timeout_s: float) -> Element:
        """The next message; `TimeoutError`, `ChannelClosed` or `Undecodable` if there is none."""

    async def pause(self, seconds: float) -> None:
        """Wait before the next request, less long if the other end nudges."""

    def nudge(self) -> None:
        """Ask the other end not to wait longer. A wire cannot do that and does nothing."""

    def close(self) -> None:
        """Hang up; the other end notices at once."""


class MemoryChannel:
    """A channel between two tasks of one process."""

    def __init__(self, clock: Clock, message_clock: Clock) -> None:
        self._clock = clock
        self._message_clock = message_clock
        self._inbox: deque[Element] = deque()
        self._arrived = asyncio.Event()
        self._nudged = asyncio.Event()
        self._closed = False
        self._peer = self

    @classmethod
    def pair(cls, clock: Clock, message_clock: Clock) -> tuple["MemoryChannel", "MemoryChannel"]:
        """Both ends. Pauses run on `clock`, message time-outs on `message_clock`."""
        one, other = cls(clock, message_clock), cls(clock, message_clock)
        one._peer, other._peer = other, one
        return one, other

    async def send(self, message: Element) -> None:
        """Hand a message to the other end."""
        if self._closed or self._peer._closed:
            raise ChannelClosed
        self._peer._inbox.append(message)
        self._peer._arrived.set()

    async def recv(self, timeout_s: float) -> Element:
        """The next message; what was sent before a close is still delivered."""
        if not self._inbox:
            async with deadline(self._message_clock, timeout_s):
                while not self._inbox and not self._closed and not self._peer._closed:
                    self._arrived.clear()
                    await self._arrived.wait()
        if not self._inbox:
            raise ChannelClosed
        return self._inbox.popleft()

    async def pause(self, seconds: float) -> None:
        """Wait, but not after a nudge or a hang-up."""
        if not (self._nudged.is_set() or self._closed or self._peer._closed):
            timer = self._clock.call_later(seconds, self._nudged.set)
            try:
                await self._nudged.wait()
            finally:
                timer.cancel()
        self._nudged.clear()

    def nudge(self) -> None:
        """Cut the other end's pause short."""
        self._peer._nudged.set()

    def close(self) -> None:
        """Hang up."""
        self._closed = True
        for end in (self, self._peer):
            end._arrived.set()
            end._nudged.set()
