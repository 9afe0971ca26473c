"""A station that keeps the rules of OCPP 2.0.1 for messages that must not be lost, and a ledger beside them.

What is not acknowledged stays at the head of its queue, over any number of connections (E04, E12). A message
that the server answers with an error, or not at all, is told again after a wait that grows, and given up
after three attempts (E13, TransactionMessageAttempts and TransactionMessageRetryInterval): the ledger counts
those, and there should be none.
"""

import asyncio
import json
import random
from collections import deque
from dataclasses import dataclass

from reliability.ledger import Ledger
from reliability.link import Gone, Link, Refused, back_off_s
from reliability.story import Story, Told

ATTEMPTS = 3
RETRY_S = 60.0
MESSAGE_TIMEOUT_S = 30.0
RECENT = 20
QUEUE_MAX = 400
_BOOT = json.dumps({"reason": "PowerUp", "chargingStation": {"vendorName": "Witness", "model": "W1"}})


class Unaccepted(Exception):
    """The server has not accepted a boot: no test can go on from there."""


@dataclass(frozen=True, slots=True)
class Habits:
    """How a station behaves. `pause_s` is between two messages; chances are for each message."""

    pause_s: float = 0.0
    repeats: float = 0.04
    conflicts: float = 0.005
    patience_s: float = 1.0
    """The longest wait before it connects again: a test has no time for Retry-After."""


@dataclass(slots=True)
class Waiting:
    """A message that is not acknowledged."""

    told: Told
    message_id: str = ""
    attempts: int = 0
    failures: int = 0


class Witness:
    """One station. `session` is one connection, `live` many."""

    def __init__(self, identity: str, password: str, seed: int, habits: Habits | None = None) -> None:
        self.identity = identity
        self.ledger = Ledger()
        self.habits = habits or Habits()
        self.endings: list[Gone | Refused] = []
        self.booted = 0
        self.connected = False
        self.queue: deque[Waiting] = deque()
        self._password = password
        self._story = Story(identity, seed)
        self._chance = random.Random(f"{seed} {identity} habits")
        self._messages = 0
        self._lies: deque[Told] = deque(maxlen=RECENT)
        self._recent: deque[tuple[Told, str]] = deque(maxlen=RECENT)

    async def live(self, url: str, quiet: asyncio.Event) -> None:
        """Connect again and again; while offline, go on with what happens. Returns once `quiet` and empty."""
        while True:
            try:
                await self.session(url, quiet)
            except TimeoutError:
                continue
            except OSError as parted:
                self.happens(offline=True)
                await asyncio.sleep(back_off_s(self._chance, parted, self.habits.patience_s))
            else:
                return

    async def session(self, url: str, quiet: asyncio.Event) -> None:
        """One connection: boot, empty the queue, then tell what happens until `quiet` (returns) or cut off.

        Raises `Gone`, `Refused`, `TimeoutError` or another `OSError`.
        """
        link = await self._connected(url)
        try:
            await self._boot(link)
            while self.queue or not quiet.is_set():
                await self._tell(link)
                if self.habits.pause_s:
                    await asyncio.sleep(self.habits.pause_s * self._chance.uniform(0.5, 1.5))
        except Gone as gone:
            self.endings.append(gone)
            raise
        finally:
            self.connected = False
            link.close()

    def happens(self, *, offline: bool, most: int = 6) -> None:
        """Some messages join the queue."""
        for _ in range(self._chance.randint(0, most)):
            if len(self.queue) < QUEUE_MAX:
                self.queue.append(Waiting(self._story.next(offline=offline)))

    async def _connected(self, url: str) -> Link:
        try:
            return await Link.connect(url, self.identity, self._password)
        except (Gone, Refused) as parted:
            self.endings.append(parted)
            raise

    async def _boot(self, link: Link) -> None:
        frame = await link.ask("boot", f'[2,"boot","BootNotification",{_BOOT}]')
        if frame[0] != 3 or frame[2]["status"] != "Accepted":
            raise Unaccepted(f"{self.identity}: {frame}")
        self.booted += 1
        self.connected = True

    async def _tell(self, link: Link) -> None:
        if self._recent and self._chance.random() < self.habits.repeats:
            await self._repeat(link)
        if self._recent and self._chance.random() < self.habits.conflicts:
            await self._lie(link)
        if not self.queue:
            self.queue.append(Waiting(self._story.next()))
        waiting = self.queue[0]
        if not waiting.message_id or self._chance.random() < 0.5:  # a retry may have its old id, or a new one
            waiting.message_id = self._new_id()
        waiting.attempts += 1
        self.ledger.sends(waiting.told)
        if await self._acknowledged(link, waiting.told, waiting.message_id):
            self.ledger.hears(waiting.told, waiting.attempts)
            self._recent.append((waiting.told, waiting.message_id))
            self.queue.popleft()
            return
        await self._try_later(waiting)

    async def _try_later(self, waiting: Waiting) -> None:
        waiting.failures += 1
        if waiting.failures >= ATTEMPTS:
            self.ledger.discarded += 1
            self.queue.popleft()
            return
        await asyncio.sleep(RETRY_S * waiting.failures)

    async def _repeat(self, link: Link) -> None:
        """What is acknowledged is told once more, under its old message id or a new one (rows 12 and 33)."""
        told, message_id = self._chance.choice(self._recent)
        self.ledger.repeats += 1
        await self._acknowledged(link, told, self._chance.choice((message_id, self._new_id())))

    async def _lie(self, link: Link) -> None:
        """Another content under a number that is taken: kept beside the first (row 34)."""
        told, _ = self._chance.choice(self._recent)
        if not told.key[0]:
            return
        if self._lies and self._chance.random() < 0.5:  # the same once more, whatever became of it
            other = self._chance.choice(self._lies)
        else:
            other = self._story.conflicting(told)
            self._lies.append(other)
        self.ledger.sends_conflict(other)
        if await self._acknowledged(link, other, self._new_id()):
            self.ledger.hears_conflict(other)

    async def _acknowledged(self, link: Link, told: Told, message_id: str) -> bool:
        try:
            frame = await link.ask(message_id, told.frame(message_id), MESSAGE_TIMEOUT_S)
        except TimeoutError:
            self.ledger.refused.append(f"{told.key}: no answer in {MESSAGE_TIMEOUT_S:g} s")
            return False
        if frame[0] == 3:
            return True
        self.ledger.refused.append(f"{told.key}: {frame}")
        return False

    def _new_id(self) -> str:
        self._messages += 1
        return f"{self.identity}-{self._messages}"
