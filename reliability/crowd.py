"""Stations at work while something is done to their server, and what they made of it."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from reliability.audit import Finding, audit, audit_rest
from reliability.databases import Store
from reliability.link import Gone
from reliability.server import Server
from reliability.station import Habits, Witness

PASSWORD = "a-witness-needs-a-password-2026"
TRY_AGAIN_LATER = 1013
UNAVAILABLE = 503
LOOK_S = 0.02
_OFFLINE = {f"closed {TRY_AGAIN_LATER}", f"{UNAVAILABLE}"}


@dataclass
class Experience:
    """What happened to the stations during one disturbance."""

    name: str
    cut_s: float | None = None
    """From its begin until the last station was cut off; None: some never were."""
    back_s: float | None = None
    """From its end until every station was connected again; None: none had to be."""
    acknowledged: int = 0
    endings: Counter[str] = field(default_factory=Counter)
    attempts_max: int = 0
    longest_queue: int = 0
    faults: list[str] = field(default_factory=list)


class Crowd:
    """Stations of one server and one database."""

    def __init__(self, server: Server, store: Store, count: int, seed: int, habits: Habits) -> None:
        self.server = server
        self.store = store
        self.stations = [Witness(f"witness-{n}", PASSWORD, seed, habits) for n in range(count)]
        self.quiet = asyncio.Event()

    async def register(self) -> None:
        """Make all known to the server."""
        await self.server.register([station.identity for station in self.stations], PASSWORD)

    @asynccontextmanager
    async def at_work(self) -> AsyncIterator[None]:
        """All are connected and have booted inside; at the end every queue is emptied."""
        self.quiet.clear()
        async with asyncio.TaskGroup() as group:
            for station in self.stations:
                group.create_task(station.live(self.server.ocpp, self.quiet))
            await self.all_connected(30.0)
            yield
            self.quiet.set()

    async def until_cut(self, station: Witness) -> None:
        """One connection of one station, whatever ends it; what happens then goes into its queue."""
        try:
            await station.session(self.server.ocpp, self.quiet)
        except OSError:
            station.happens(offline=True)

    def parted(self) -> list[int]:
        """How often each has lost its socket or been refused."""
        return [len(station.endings) for station in self.stations]

    def acknowledged(self) -> int:
        """Messages acknowledged to all of them."""
        return sum(station.ledger.count for station in self.stations)

    def queued(self) -> int:
        """The longest queue."""
        return max(len(station.queue) for station in self.stations)

    async def all_connected(self, within_s: float) -> None:
        """Return when each has a socket and has booted on it. Raises `TimeoutError`."""
        async with asyncio.timeout(within_s):
            while not all(station.connected for station in self.stations):
                await asyncio.sleep(LOOK_S)

    async def cut_since(self, before: Sequence[int], until: float) -> float | None:
        """When the last one had been cut off; None if some have not until that time (`perf_counter`)."""
        while time.perf_counter() < until:
            if all(now > was for now, was in zip(self.parted(), before, strict=True)):
                return time.perf_counter()
            await asyncio.sleep(LOOK_S)
        return None

    async def judged(self, experience: Experience) -> Experience:
        """Add the audit, and the rules: no message refused or left without an answer, none discarded."""
        finding = await audit(self.store, self.stations)
        async with self.server.rest() as rest:
            finding.faults += (await audit_rest(rest, self.stations)).faults
        return self.summed(experience, finding)

    def summed(self, experience: Experience, finding: Finding) -> Experience:
        """See `judged`."""
        experience.faults += finding.faults
        experience.acknowledged = self.acknowledged()
        for station in self.stations:
            ledger = station.ledger
            experience.faults += ledger.refused
            experience.attempts_max = max(experience.attempts_max, ledger.attempts_max)
            if ledger.discarded:
                experience.faults.append(f"{station.identity}: {ledger.discarded} messages given up")
        return experience

    async def judged_apart(self, experience: Experience, before: Sequence[int]) -> Experience:
        """`judged`, and that stations were only sent offline since then, as their events need it (row 31)."""
        experience.endings = self.endings_since(before)
        strange = experience.endings.keys() - _OFFLINE
        if strange:
            experience.faults.append(f"stations were parted with {sorted(strange)}")
        return await self.judged(experience)

    def endings_since(self, before: Sequence[int]) -> Counter[str]:
        """How sockets ended and upgrades were refused."""
        told: Counter[str] = Counter()
        for station, was in zip(self.stations, before, strict=True):
            for parted in station.endings[was:]:
                if isinstance(parted, Gone):
                    told["cut" if parted.code is None else f"closed {parted.code}"] += 1
                else:
                    told[f"{parted.status}" + ("" if parted.retry_after_s else " without Retry-After")] += 1
        return told
