"""Good stations' latency while others misbehave: bad upgrades by the thousand, sockets that are slow or mute.

Calm and flooded windows take turns in one run, so that whatever else the machine does hits both alike.
"""

import asyncio
import itertools
import statistics
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.processes import Child, Cores, python, running
from reliability.copies import clone
from reliability.crowd import PASSWORD
from reliability.herd import fleet
from reliability.link import Link, Refused, upgrade
from reliability.restart import BOOT
from reliability.server import ROOT, Server

BAD_FROM, SLOW_FROM = tuple(f"127.1.0.{number}" for number in range(1, 17)), "127.2.0.3"
"""Other addresses than the good stations': who fails too often is answered 429. Many, for an address has only
28,000 ports, and each is of no use for a minute."""
KINDS = ("half a header", "silent after its upgrade", "not reading")
SETTLE_S = 1.0
AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class Plan:
    """Sizes of the crowd and of the flood."""

    good: int = 1_000
    rate: float = 300.0
    bad_per_s: float = 1_000.0
    slow: int = 2_000
    window_s: float = 6.0
    windows: int = 4


@dataclass
class Flood:
    """Latencies in ms, calm and flooded by turns, and what became of the flood."""

    plan: Plan
    calm: list[tuple[float, float]] = field(default_factory=list)
    flooded: list[tuple[float, float]] = field(default_factory=list)
    bad: Counter[str] = field(default_factory=Counter)
    slow: Counter[str] = field(default_factory=Counter)
    bad_rate: float = 0.0
    resident_calm_mib: float = 0.0
    resident_flooded_mib: float = 0.0
    cpu_calm: float = 0.0
    """CPU seconds of the server a second."""
    cpu_flooded: float = 0.0
    faults: list[str] = field(default_factory=list)

    def ratio(self, place: int) -> float:
        """Flooded over calm, of the medians over the windows; 0: p50, 1: p99."""
        calm = statistics.median(each[place] for each in self.calm)
        return statistics.median(each[place] for each in self.flooded) / calm if calm else 0.0


async def flood(folder: Path, plan: Plan, tell: Callable[[str], None]) -> Flood:
    """Run the windows. A good station that loses its socket, or is answered wrongly, is a fault."""
    server, _ = await fleet(folder, plan.good + plan.slow)
    cores = Cores.found()
    told = Flood(plan)
    environment = {"PYTHONPATH": str(ROOT)}
    try:
        await server.start()
        async with running("load", python("benchmarks.load"), cores.load, folder, environment) as load:
            tell(f"{plan.good} good stations connect")
            good = [(clone(number), PASSWORD) for number in range(1, plan.good + 1)]
            await load.ask(
                do="connect", set="good", url=server.ocpp, stations=good, at_once=50, echo=False, boot=True
            )
            for number in range(plan.windows):
                tell(f"window {number + 1}")
                await _calm(server, load, told)
                await _flooded(server, load, told)
            await load.ask(do="close", set="good")
        await server.stop()
        told.faults += server.complaints()
    finally:
        await server.kill()
    return told


async def _window(server: Server, load: Child, plan: Plan) -> tuple[tuple[float, float], float]:
    begun, cpu_s = time.perf_counter(), server.cpu_s()
    answer = await load.ask(do="open", set="good", kind="event", rate=plan.rate, seconds=plan.window_s)
    spent = (server.cpu_s() - cpu_s) / (time.perf_counter() - begun)
    return (answer["p50"], answer["p99"]), spent


async def _calm(server: Server, load: Child, told: Flood) -> None:
    measured, told.cpu_calm = await _window(server, load, told.plan)
    told.calm.append(measured)
    told.resident_calm_mib = max(told.resident_calm_mib, server.resident_mib())


async def _flooded(server: Server, load: Child, told: Flood) -> None:
    attack = _Attack(server, told)
    async with asyncio.TaskGroup() as group:
        bad = group.create_task(attack.bad_upgrades())
        slow = group.create_task(attack.slow_sockets())
        await attack.at_strength.wait()
        await asyncio.sleep(SETTLE_S)
        measured, told.cpu_flooded = await _window(server, load, told.plan)
        told.resident_flooded_mib = max(told.resident_flooded_mib, server.resident_mib())
        bad.cancel()
        slow.cancel()
    told.flooded.append(measured)
    await attack.end()
    await asyncio.sleep(SETTLE_S)


class _Attack:
    """One wave."""

    def __init__(self, server: Server, told: Flood) -> None:
        self.at_strength = asyncio.Event()
        self._server = server
        self._plan = told.plan
        self._told = told
        self._place = urlsplit(server.ocpp)
        self._room = asyncio.Semaphore(AT_ONCE)
        self._links: list[tuple[str, Link]] = []
        self._halves: list[asyncio.StreamWriter] = []

    async def bad_upgrades(self) -> None:
        """Wrong passwords and unknown identities, at the plan's rate."""
        plan, begun = self._plan, time.perf_counter()
        async with asyncio.TaskGroup() as group:
            sent = 0
            try:
                while True:
                    due = int((time.perf_counter() - begun) * plan.bad_per_s)
                    for number in range(sent, due):
                        identity = clone(1 + number % plan.good) if number % 2 else f"nobody-{number}"
                        source = BAD_FROM[number % len(BAD_FROM)]
                        group.create_task(self._bad(identity, source))
                    sent = max(sent, due)
                    await asyncio.sleep(0.005)
            finally:
                self._told.bad_rate = sent / (time.perf_counter() - begun)

    async def _bad(self, identity: str, source: str) -> None:
        ended = "let in"
        try:
            link = await Link.connect(
                self._server.ocpp, identity, "not-the-password", within_s=5.0, source=source
            )
            link.cut()
            self._told.faults.append(f"{identity} was let in with a wrong password")
        except Refused as refused:
            ended = str(refused.status)
        except TimeoutError:
            ended = "no answer"
        except OSError as error:
            ended = "cut" if isinstance(error, ConnectionError) else type(error).__name__
        self._told.bad[ended] += 1

    async def slow_sockets(self) -> None:
        """All kinds, kept up until the wave is over: whoever is cut off comes again."""
        kinds = itertools.cycle(KINDS)
        first = self._plan.good + 1
        async with asyncio.TaskGroup() as group:
            ready = [
                group.create_task(self._slow(next(kinds), clone(first + number)))
                for number in range(self._plan.slow)
            ]
            await asyncio.wait(ready)
            self.at_strength.set()

    async def _slow(self, kind: str, identity: str) -> None:
        async with self._room:
            try:
                if kind == KINDS[0]:
                    await self._half(identity)
                else:
                    await self._quiet(kind, identity)
            except OSError as error:
                self._told.slow[f"{kind}: {type(error).__name__}"] += 1
            else:
                self._told.slow[f"{kind}: stands"] += 1

    async def _half(self, identity: str) -> None:
        _, writer = await asyncio.open_connection(
            self._place.hostname, self._place.port, local_addr=(SLOW_FROM, 0)
        )
        request = upgrade(self._place.path, identity, PASSWORD)
        writer.write(request[: len(request) // 2])
        self._halves.append(writer)

    async def _quiet(self, kind: str, identity: str) -> None:
        link = await Link.connect(self._server.ocpp, identity, PASSWORD, within_s=20.0, source=SLOW_FROM)
        self._links.append((kind, link))
        if kind == KINDS[2]:
            await link.ask("boot", f'[2,"boot","BootNotification",{BOOT}]', 20.0)
            link.stop_reading()
            link.send('[2,"h","Heartbeat",{}]')

    async def end(self) -> None:
        """All attackers leave; those whom the server has cut off by then are counted."""
        for kind, link in self._links:
            if link.over.done():
                self._told.slow[f"{kind}: cut off"] += 1
            link.cut()
        for writer in self._halves:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()
