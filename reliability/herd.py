"""A herd: all stations of a server that was away come back at one moment, without any back-off.

Obedient ones wait as long as `Retry-After` says when they are sent away, hostile ones knock again at once.
"""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.load.loops import percentile
from reliability.copies import TEMPLATE, clone, copies
from reliability.crowd import PASSWORD
from reliability.databases import SqliteStore
from reliability.link import Gone, Link, Refused
from reliability.restart import BOOT
from reliability.server import Server

OBEDIENT, HOSTILE = "obedient", "hostile"
HERD_S = 180.0
KNOCK_S = 5.0
"""A hostile station does not wait longer than this for an answer to its upgrade."""
AGAIN_S = 0.05
SAMPLE_S = 0.1


@dataclass(frozen=True, slots=True)
class Plan:
    """How many come back."""

    stations: int = 5_000
    seed: int = 20261122


@dataclass
class Herd:
    """What became of one herd."""

    manner: str
    stations: int
    booted: int = 0
    seconds: float = 0.0
    """Until the last one had booted."""
    p50_s: float = 0.0
    p99_s: float = 0.0
    knocks: Counter[str] = field(default_factory=Counter)
    """How upgrades ended."""
    cpu_s: float = 0.0
    resident_before_mib: float = 0.0
    resident_peak_mib: float = 0.0
    resident_after_mib: float = 0.0
    faults: list[str] = field(default_factory=list)


async def fleet(folder: Path, stations: int) -> tuple[Server, SqliteStore]:
    """A server, not running, that knows so many stations; none of them is connected."""
    store = SqliteStore(folder)
    server = Server(folder, store.url)
    await server.start()
    await server.register([TEMPLATE], PASSWORD)
    await server.stop()
    await store.change(copies("station", await store.columns("station"), stations + 1, connected=False))
    return server, store


async def herds(folder: Path, plan: Plan, tell: Callable[[str], None]) -> list[Herd]:
    """An obedient and a hostile herd, each on a server that was just started."""
    server, _ = await fleet(folder, plan.stations)
    told = []
    try:
        for manner in (OBEDIENT, HOSTILE):
            tell(f"{manner} herd of {plan.stations}")
            await server.start()
            told.append(await _Coming(server, plan, manner).run())
            await server.stop()
        told[-1].faults += server.complaints()
    finally:
        await server.kill()
    return told


class _Coming:
    """One herd on its way."""

    def __init__(self, server: Server, plan: Plan, manner: str) -> None:
        self._server = server
        self._plan = plan
        self._herd = Herd(manner, plan.stations)
        self._chance = random.Random(plan.seed)
        self._links: list[Link] = []
        self._times: list[float] = []

    async def run(self) -> Herd:
        herd, server = self._herd, self._server
        herd.resident_before_mib, cpu_s = server.resident_mib(), server.cpu_s()
        begun = time.perf_counter()
        watching = asyncio.create_task(self._watch())
        try:
            async with asyncio.timeout(HERD_S), asyncio.TaskGroup() as group:
                for number in range(1, self._plan.stations + 1):
                    group.create_task(self._come(clone(number), begun))
        except TimeoutError:
            herd.faults.append(f"{herd.stations - herd.booted} have not booted in {HERD_S:g} s")
        finally:
            watching.cancel()
        herd.seconds = time.perf_counter() - begun
        herd.cpu_s = server.cpu_s() - cpu_s
        ordered = sorted(self._times)
        herd.p50_s, herd.p99_s = percentile(ordered, 0.5), percentile(ordered, 0.99)
        herd.resident_after_mib = server.resident_mib()
        gone = sum(link.over.done() for link in self._links)
        if gone:
            herd.faults.append(f"{gone} lost their socket after the boot")
        for link in self._links:
            link.cut()
        return herd

    async def _come(self, identity: str, begun: float) -> None:
        while True:
            try:
                link = await Link.connect(self._server.ocpp, identity, PASSWORD, within_s=self._patience)
                answer = await link.ask("boot", f'[2,"boot","BootNotification",{BOOT}]')
                break
            except Refused as refused:
                self._herd.knocks[str(refused.status)] += 1
                await asyncio.sleep(self._wait_s(refused))
            except TimeoutError:
                self._herd.knocks["no answer"] += 1
            except OSError as error:
                self._herd.knocks["cut" if isinstance(error, Gone) else type(error).__name__] += 1
                await asyncio.sleep(AGAIN_S)
        self._herd.knocks["101"] += 1
        self._links.append(link)
        if answer[0] == 3 and answer[2]["status"] == "Accepted":
            self._herd.booted += 1
            self._times.append(time.perf_counter() - begun)
        else:
            self._herd.faults.append(f"{identity}: {answer}")

    @property
    def _patience(self) -> float:
        return KNOCK_S if self._herd.manner == HOSTILE else 60.0

    def _wait_s(self, refused: Refused) -> float:
        if self._herd.manner == HOSTILE or refused.retry_after_s is None:
            return AGAIN_S
        return refused.retry_after_s * self._chance.uniform(1.0, 1.3)

    async def _watch(self) -> None:
        while True:
            self._herd.resident_peak_mib = max(self._herd.resident_peak_mib, self._server.resident_mib())
            await asyncio.sleep(SAMPLE_S)
