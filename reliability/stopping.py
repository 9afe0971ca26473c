"""SIGTERM under load: the flush is finished, sockets are closed with 1001, the process ends in time."""

import asyncio
import random
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from reliability.audit import audit
from reliability.crowd import PASSWORD, Crowd, Experience
from reliability.databases import Postgres, PostgresStore, SqliteStore, Store, postgres
from reliability.link import Link
from reliability.server import Server
from reliability.station import Habits

ONCE, TERM_TWICE, TERM_THEN_INT, MUTE, PAUSED = (
    "SIGTERM",
    "SIGTERM twice",
    "SIGTERM, SIGINT",
    "SIGTERM, mute peers",
    "SIGTERM, database paused",
)
SECOND = {TERM_TWICE: signal.SIGTERM, TERM_THEN_INT: signal.SIGINT}
MUTE_PEERS = 8
STOP_S = 10.0
ENOUGH_S = 60.0


@dataclass(frozen=True, slots=True)
class Plan:
    """How often each kind is tried; the moment is chosen anew each time."""

    times: int
    stations: int = 24
    seed: int = 20261122
    load_s: float = 0.8


class Stops:
    """One database, one life of the server after the other, each ended politely."""

    def __init__(self, plan: Plan, server: Server, store: Store, database: Postgres | None) -> None:
        self._plan = plan
        self._server = server
        self._postgres = database
        self._chance = random.Random(plan.seed)
        self._crowd = Crowd(server, store, plan.stations, plan.seed, Habits(patience_s=0.5))
        self._known = False

    async def run(self, tell: Callable[[str], None]) -> list[Experience]:
        """All kinds, the slowest stop of each."""
        told = []
        for kind in (ONCE, TERM_TWICE, TERM_THEN_INT, MUTE, PAUSED):
            if kind == PAUSED and self._postgres is None:
                continue
            tell(kind)
            experience = Experience(kind)
            for _ in range(self._plan.times):
                await self._stop(kind, experience)
            told.append(experience)
        told[-1].faults += self._server.complaints()
        return told

    async def _stop(self, kind: str, experience: Experience) -> None:
        crowd = self._crowd
        await self._server.start()
        if not self._known:
            await crowd.register()
            await self._server.register([f"mute-{n}" for n in range(MUTE_PEERS)], PASSWORD)
            self._known = True
        parted = crowd.parted()
        mute: list[Link] = []
        async with asyncio.TaskGroup() as group:
            for station in crowd.stations:
                group.create_task(crowd.until_cut(station))
            await crowd.all_connected(ENOUGH_S)
            if kind == MUTE:
                mute = [await self._mute(number) for number in range(MUTE_PEERS)]
            await asyncio.sleep(self._chance.uniform(0.0, self._plan.load_s))
            if kind == PAUSED and self._postgres is not None:
                self._postgres.pause()
                await asyncio.sleep(0.2)
            await self._end(kind, experience)
        if kind == PAUSED and self._postgres is not None:
            self._postgres.resume()
        for link in mute:
            link.cut()
        self._judge(kind, experience, parted)
        crowd.summed(experience, await audit(crowd.store, crowd.stations, touched_only=True))

    async def _mute(self, number: int) -> Link:
        link = await Link.connect(self._server.ocpp, f"mute-{number}", PASSWORD)
        link.stop_reading()
        return link

    async def _end(self, kind: str, experience: Experience) -> None:
        begun = time.perf_counter()
        self._server.send(signal.SIGTERM)
        if kind in SECOND:
            await asyncio.sleep(self._chance.uniform(0.0, 0.3))
            self._server.send(SECOND[kind])
        try:
            async with asyncio.timeout(ENOUGH_S):
                code = await self._server.wait()
        except TimeoutError:
            experience.faults.append(f"it has not ended in {ENOUGH_S:g} s")
            await self._server.kill()
            return
        seconds = time.perf_counter() - begun
        experience.cut_s = max(experience.cut_s or 0.0, seconds)
        if code != (1 if kind == PAUSED else 0):  # it could not finish, and says so
            experience.faults.append(f"it ended with {code}")
        if seconds > STOP_S:
            experience.faults.append(f"it ended after {seconds:.1f} s")

    def _judge(self, kind: str, experience: Experience, parted: list[int]) -> None:
        endings = self._crowd.endings_since(parted)
        experience.endings += endings
        strange = endings.keys() - {"closed 1001"}
        if strange:
            experience.faults.append(f"stations were parted with {sorted(strange)}")


async def stops_on_sqlite(folder: Path, plan: Plan, tell: Callable[[str], None]) -> list[Experience]:
    """On a SQLite file in this folder."""
    store = SqliteStore(folder)
    return await _run(Server(folder, store.url, warm=True), plan, store, None, tell)


async def stops_on_postgresql(folder: Path, plan: Plan, tell: Callable[[str], None]) -> list[Experience]:
    """On a PostgreSQL of its own in this folder."""
    async with postgres() as database:
        await database.create("stopping")
        store = PostgresStore(database, "stopping")
        return await _run(Server(folder, store.url, warm=True), plan, store, database, tell)


async def _run(
    server: Server, plan: Plan, store: Store, database: Postgres | None, tell: Callable[[str], None]
) -> list[Experience]:
    try:
        return await Stops(plan, server, store, database).run(tell)
    finally:
        await server.close()
