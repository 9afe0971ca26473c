"""PostgreSQL goes away and comes back: stations are cut off, told to come later, queue, and lose nothing."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from reliability.cable import Cable, cable
from reliability.crowd import Crowd, Experience
from reliability.databases import Postgres, PostgresStore, postgres
from reliability.server import Server
from reliability.station import Habits

STOPPED, KILLED, PAUSED, SILENT = "stopped", "killed", "paused", "network silent"
KINDS = (STOPPED, KILLED, PAUSED, SILENT)
CALM_S = 1.0
BACK_S = 60.0


@dataclass(frozen=True, slots=True)
class Plan:
    """One outage of each kind."""

    outage_s: float
    stations: int = 24
    seed: int = 20261122
    kinds: tuple[str, ...] = KINDS


class Outages:
    """One server, one PostgreSQL, one outage after the other."""

    def __init__(self, plan: Plan, crowd: Crowd, database: Postgres, line: Cable) -> None:
        self._plan = plan
        self._crowd = crowd
        self._postgres = database
        self._line = line

    async def run(self, tell: Callable[[str], None]) -> list[Experience]:
        """All kinds of the plan."""
        told = []
        for kind in self._plan.kinds:
            tell(kind)
            told.append(await self._outage(kind))
        return told

    async def _outage(self, kind: str) -> Experience:
        crowd, experience = self._crowd, Experience(kind)
        async with crowd.at_work():
            await asyncio.sleep(CALM_S)
            parted = crowd.parted()
            await self._hurt(kind)
            begun = time.perf_counter()
            cut_at = await crowd.cut_since(parted, begun + self._plan.outage_s)
            if cut_at is not None:
                experience.cut_s = cut_at - begun
            await asyncio.sleep(max(0.0, begun + self._plan.outage_s - time.perf_counter()))
            experience.longest_queue = crowd.queued()
            await self._mend(kind)
            mended = time.perf_counter()
            if cut_at is not None:
                await crowd.all_connected(BACK_S)
                experience.back_s = time.perf_counter() - mended
            await asyncio.sleep(CALM_S)
        return await crowd.judged_apart(experience, parted)

    async def _hurt(self, kind: str) -> None:
        if kind == STOPPED:
            await self._postgres.stop()
        elif kind == KILLED:
            await self._postgres.kill()
        elif kind == PAUSED:
            self._postgres.pause()
        else:
            self._line.silence()

    async def _mend(self, kind: str) -> None:
        if kind in (STOPPED, KILLED):
            await self._postgres.start()
        elif kind == PAUSED:
            self._postgres.resume()
        else:
            self._line.mend()


async def outages(folder: Path, plan: Plan, tell: Callable[[str], None]) -> list[Experience]:
    """Run the plan in this folder. Raises `NotReady` or `TimeoutError` if something does not come back."""
    async with postgres() as database:
        await database.create("outage")
        async with cable(database.socket) as line:
            via = f"postgresql://postgres@127.0.0.1:{line.port}/outage"
            store = PostgresStore(database, "outage", via)
            server = Server(folder, store.url)
            try:
                await server.start()
                crowd = Crowd(server, store, plan.stations, plan.seed, Habits(pause_s=0.1))
                await crowd.register()
                told = await Outages(plan, crowd, database, line).run(tell)
                code, _ = await server.stop()
                if code != 0:
                    told[-1].faults.append(f"the server stopped with {code}")
                told[-1].faults += server.complaints()
                return told
            finally:
                await server.kill()
