"""Crash audit: one database, many lives of the server, each ended by SIGKILL at a moment that a seed chose.

In some rounds the server dies while it starts, and PostgreSQL dies as well, or alone. After every death what
was acknowledged is looked for in the database before any station is let in again.
"""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from reliability.audit import Finding, audit, audit_rest
from reliability.crowd import Crowd
from reliability.databases import Postgres, PostgresStore, SqliteStore, Store, postgres
from reliability.server import Server
from reliability.station import Habits

START_S = 0.3
RECOVERY_S = 120.0
DRAIN_S = 120.0
SERVER, AT_START, DATABASE, BOTH = "server", "server at its start", "database", "server and database"


@dataclass(frozen=True, slots=True)
class Plan:
    """How hard and how long."""

    rounds: int
    seed: int = 20261122
    stations: int = 24
    load_s: float = 0.8
    """The longest load before the death, from the moment at which the stations begin to connect."""
    minutes: float = 24 * 60.0
    """No round begins after these."""


@dataclass
class Outcome:
    """Of all rounds on one database."""

    store: str
    plan: Plan
    rounds: int = 0
    """Those that were run."""
    deaths: Counter[str] = field(default_factory=Counter)
    finding: Finding = field(default_factory=Finding)
    """The last audit, of everything."""
    faults: list[str] = field(default_factory=list)
    acknowledged: int = 0
    repeats: int = 0
    in_doubt: int = 0
    """Messages that a death left without their answer, each of them once for every such death."""
    attempts_max: int = 0
    discarded: int = 0
    booted: int = 0
    start_s: list[float] = field(default_factory=list)
    seconds: float = 0.0


class CrashAudit:
    """The rounds on one database. `tell` is called after each with the faults so far."""

    def __init__(self, folder: Path, store: Store, plan: Plan, database: Postgres | None, name: str) -> None:
        self._store = store
        self._plan = plan
        self._postgres = database
        self._server = Server(folder, store.url, warm=True)
        self._crowd = Crowd(self._server, store, plan.stations, plan.seed, Habits(patience_s=0.5))
        self._stations = self._crowd.stations
        self.outcome = Outcome(name, plan)

    async def run(self, tell: Callable[[int, int], None]) -> Outcome:
        """All rounds and the last audit."""
        begun = time.perf_counter()
        try:
            for number in range(self._plan.rounds):
                if time.perf_counter() - begun > 60 * self._plan.minutes:
                    break
                await self._round(number)
                self.outcome.rounds += 1
                tell(number + 1, len(self.outcome.faults))
            await self._end()
        finally:
            await self._server.close()
        self.outcome.seconds = time.perf_counter() - begun
        return self.outcome

    async def _round(self, number: int) -> None:
        chance = random.Random(f"{self._plan.seed} round {number}")
        kind = self._kind(chance) if number else SERVER
        self.outcome.deaths[kind] += 1
        if kind == AT_START:
            await self._server.spawn()
            await asyncio.sleep(chance.uniform(0.0, START_S))
            await self._server.kill()
        await self._server.start()
        if not number:
            await self._crowd.register()
        moment_s = chance.uniform(0.02, self._plan.load_s)
        if kind == DATABASE:
            await self._database_dies(moment_s)
        else:
            await self._server_dies(moment_s, with_database=kind == BOTH)
        self.outcome.in_doubt += sum(bool(s.queue and s.queue[0].attempts) for s in self._stations)
        self._note(f"round {number}", await audit(self._store, self._stations, touched_only=True))

    def _kind(self, chance: random.Random) -> str:
        if self._postgres is None:
            return chance.choices((SERVER, AT_START), (85, 15))[0]
        return chance.choices((SERVER, AT_START, DATABASE, BOTH), (60, 10, 15, 15))[0]

    async def _server_dies(self, moment_s: float, *, with_database: bool) -> None:
        async with asyncio.TaskGroup() as group:
            for station in self._stations:
                group.create_task(self._crowd.until_cut(station))
            await asyncio.sleep(moment_s)
            if with_database and self._postgres is not None:
                await self._postgres.kill()
            await self._server.kill()
        if with_database and self._postgres is not None:
            await self._postgres.start()

    async def _database_dies(self, moment_s: float) -> None:
        """The server lives on and has to come back by itself; only then it is killed, too."""
        assert self._postgres is not None
        never = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            lives = [group.create_task(station.live(self._server.ocpp, never)) for station in self._stations]
            await asyncio.sleep(moment_s)
            await self._postgres.kill()
            await self._postgres.start()
            await self._crowd.all_connected(RECOVERY_S)
            await self._server.kill()
            for life in lives:
                life.cancel()

    async def _end(self) -> None:
        """Everybody gets rid of what is in the queue; then everything is looked at, from both sides."""
        await self._server.start()
        quiet = asyncio.Event()
        quiet.set()
        async with asyncio.timeout(DRAIN_S), asyncio.TaskGroup() as group:
            for station in self._stations:
                group.create_task(station.live(self._server.ocpp, quiet))
        outcome = self.outcome
        outcome.finding = await audit(self._store, self._stations)
        self._note("at the end", outcome.finding)
        async with self._server.rest() as rest:
            self._note("over REST", await audit_rest(rest, self._stations))
        code, _ = await self._server.stop()
        if code != 0:
            outcome.faults.append(f"at the end: the server stopped with {code}")
        if isinstance(self._store, SqliteStore) and not await self._store.sound():
            outcome.faults.append("at the end: the file is damaged")
        outcome.faults += self._server.complaints()
        outcome.start_s = self._server.starts
        self._sum_up()

    def _sum_up(self) -> None:
        outcome = self.outcome
        for station in self._stations:
            ledger = station.ledger
            outcome.acknowledged += ledger.count
            outcome.repeats += ledger.repeats
            outcome.attempts_max = max(outcome.attempts_max, ledger.attempts_max)
            outcome.discarded += ledger.discarded
            outcome.booted += station.booted
            outcome.faults += ledger.refused

    def _note(self, when: str, finding: Finding) -> None:
        self.outcome.faults += [f"{when}: {text}" for text in finding.faults]


async def on_sqlite(folder: Path, plan: Plan, tell: Callable[[int, int], None]) -> Outcome:
    """The crash audit on a SQLite file in this folder."""
    return await CrashAudit(folder, SqliteStore(folder), plan, None, "SQLite").run(tell)


async def on_postgresql(folder: Path, plan: Plan, tell: Callable[[int, int], None]) -> Outcome:
    """The crash audit on a PostgreSQL of its own in this folder."""
    async with postgres() as database:
        await database.create("crash")
        store = PostgresStore(database, "crash")
        return await CrashAudit(folder, store, plan, database, "PostgreSQL").run(tell)
