"""One seed: a house, a network, stations, people and mishaps; then calm; then the end, and the accounts."""

import gc
import random as global_random
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from datetime import timedelta
from hashlib import blake2b
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

from sqlalchemy.ext.asyncio import AsyncConnection

from csms.domain.facts import StationRegistered
from csms.errors import Conflict, CsmsError, NotFound
from csms.gateway.house import GatewaySettings
from csms.store import stations as rows
from tests.simulation.disk import Disk
from tests.simulation.house import LIFE, START, House, furnish
from tests.simulation.ledger import Ledger
from tests.simulation.loop import VirtualLoop
from tests.simulation.network import Link, Network, Weather
from tests.simulation.stations import Manners, Station
from tests.simulation.tap import Conversation

if TYPE_CHECKING:
    from asyncio import Task

LOCKOUT_S = 6.0
STOP_S = 10.0
ANSWER_S = 10.0


@dataclass(frozen=True, slots=True)
class Plan:
    """What a seed is about: which mishaps and which manners there are, and how often."""

    stations: int
    length_s: float
    mishap_every_s: float
    settings: GatewaySettings


@dataclass
class World:
    """Everything of one run."""

    seed: int
    loop: VirtualLoop
    path: Path
    echo: Callable[[str], None] | None = None
    calm: bool = False
    ending: bool = False
    violations: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    ledger: Ledger = field(default_factory=Ledger)
    stations: list[Station] = field(default_factory=list)
    conversations: list[Conversation] = field(default_factory=list)
    twins: Counter[str] = field(default_factory=Counter)
    conflicts_allowed: set[str] = field(default_factory=set)
    removed: set[str] = field(default_factory=set)
    jobs: "set[Task[None]]" = field(default_factory=set)

    def __post_init__(self) -> None:
        global_random.seed(self.seed)
        self.random = Random(f"world {self.seed}")
        self.network = Network(self.loop, Random(f"network {self.seed}"))
        self.network.on_link = self._tapped
        self.loop.doors = self.network
        self.disk = Disk(Random(f"disk {self.seed}"))
        self.plan = self._planned()
        self.house = House(self.disk, self.plan.settings, self.path)
        self.house.blame = self.blame
        self.changed_at: dict[str, float] = {}
        self.house_at = 0.0
        self._served: dict[str, Conversation] = {}
        self._hash = blake2b(digest_size=12)

    def _planned(self) -> Plan:
        random = self.random
        settings = GatewaySettings(
            write_buffer_bytes=random.choice((4096, 512 * 1024)),
            frames_kept=random.choice((0, 0, 50)),
            failed_per_identity=random.choice((3, 10)),
            max_unauthenticated=random.choice((8, 2000)),
        )
        length_s, every_s = random.choice((60.0, 180.0, 600.0)), random.choice((5.0, 20.0, 60.0))
        return Plan(random.randint(1, 5), length_s, every_s, settings)

    async def furnish(self) -> None:
        """Stations in the database and in the world."""
        registered = []
        for number in range(self.plan.stations):
            random = Random(f"station {self.seed} {number}")
            identity, password = f"cs{number}", f"password of {number}"
            onboarding = random.choice(("full", "none"))
            registered.append(
                (identity, password, random.choice(("Accepted", "Accepted", "Pending")), onboarding)
            )
            weather = Weather(
                random.choice((0.001, 0.05, 0.4)), random.choice((0.0, 0.02, 0.5)), random.choice((0.0, 0.2))
            )
            self.stations.append(
                Station(
                    self,
                    identity,
                    password,
                    random,
                    _manners(random),
                    weather,
                    pause_s=random.choice((3.0, 15.0)),
                )
            )
        async with self.house.borrowed() as db:
            await furnish(db, registered)

    async def changed(self, station: Station, **fields: object) -> bool:
        """A person changes a station; whether it worked."""
        return await self.edited(station, lambda conn: rows.change(conn, station.identity, **fields))

    async def edited(self, station: Station, edit: Callable[[AsyncConnection], Awaitable[None]]) -> bool:
        """A person changes a station as the API does; whether it worked, by now or before."""
        house, identity = self.house, station.identity
        db, bus = house.db, house.bus
        if db is None or bus is None:
            return False
        self.house.blame = self.blame
        self.changed_at[identity] = self.now
        try:
            try:
                async with db.begin() as conn:
                    await edit(conn)
            except (NotFound, Conflict):
                pass  # it has worked before, and the answer was lost
            bus.publish(StationRegistered(house.clock.now(), identity))
        except CsmsError as error:
            self.note("unchanged", identity, type(error).__name__)
            return False
        finally:
            self.house.blame = self.blame
        self.changed_at[identity] = self.now
        self.note("changed", identity)
        return True

    async def stop_house(self) -> None:
        """SIGTERM. It must end in time, with its disk as it is."""
        self.house_at = begun = self.now
        await self.house.stop()
        gc.collect()  # a process that has ended lets go of its files, whatever its last tasks left
        self.disk.power_off()
        self.house_at = self.now
        self.note("stopped", f"{self.now - begun:.3f}")
        if self.now - begun > STOP_S and self.disk.troubled_at < begun - 60:
            self.blame(f"the stop took {self.now - begun:.1f} s")

    # ---- what everybody uses

    @property
    def now(self) -> float:
        """Seconds since the beginning."""
        return self.loop.time()

    def stamp(self, later_s: float = 0.0) -> str:
        """The time of day as stations write it."""
        at = START + timedelta(seconds=self.now + later_s)
        return at.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"

    def note(self, what: str, *about: object) -> None:
        """For the trace and its hash."""
        line = f"{self.now:11.4f} {what:10} {' '.join(map(str, about))}"
        self._hash.update(line.encode())
        self.counts[what] += 1
        if self.echo is not None:
            self.echo(line)

    def blame(self, text: str) -> None:
        """Something that must never be."""
        self.note("VIOLATION", text)
        self.violations.append(f"{self.now:.3f} {text}")

    @property
    def trace_hash(self) -> str:
        """Of all that was noted."""
        return self._hash.hexdigest()

    def logged(self, level: str, event: str, fields: dict[str, object]) -> None:
        """What the house logs. An error of a living house is a violation, but for those that we cause."""
        if LIFE.get() not in (self.disk.life, -1):
            return
        self.note("log", level, event, sorted((key, str(value)) for key, value in fields.items()))
        if level not in ("error", "critical") or event in _EXPECTED:
            return
        if event == "handler failed" and fields.get("action") == "StatusNotification":  # poison
            return
        self.blame(f"the house logs: {event} {fields}")

    def job(self, work: Coroutine[Any, Any, None]) -> None:
        """Something that goes on by itself until it ends or the world does."""
        task = self.loop.create_task(work)
        self.jobs.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: "Task[None]") -> None:
        self.jobs.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.blame(f"the simulation itself: {error!r}")
            raise error

    # ---- what the taps tell

    def _tapped(self, link: Link) -> Conversation:
        tap = Conversation(self, link, len(self.conversations) + 1)
        self.conversations.append(tap)
        return tap

    def upgraded(self, tap: Conversation, status: int) -> None:
        """The server has answered an upgrade."""
        self.note("upgrade", tap, status)

    def served(self, tap: Conversation) -> None:
        """The server says something on this conversation: it must be the newest that it has served."""
        newest = self._served.get(tap.identity)
        if newest is None or tap.number == newest.number or tap.asked_at >= newest.asked_at:
            self._served[tap.identity] = tap
        else:
            self.blame(f"{tap} is served though {newest} has come after it")

    def check_waits(self) -> None:
        """No call waits for long for its answer, unless something is wrong."""
        for tap in self.conversations:
            if tap.waited_s > ANSWER_S and self.now - self.disk.troubled_at > ANSWER_S:
                self.blame(f"{tap}: {tap.unanswered} not answered for {tap.waited_s:.1f} s")

    def dialled(self, station: Station, begun: float, status: int) -> None:
        """A true station has knocked and was answered, 0: not at all. It has no other line that works."""
        self.note("dialled", station, status)
        if status == 401:
            self.note("guess")
        link, identity = station.link, station.identity
        if link is None or link.touched or self.twins[identity] or station.in_doubt:
            return
        if (
            min(
                begun - self.disk.troubled_at,
                begun - self.house_at,
                begun - self.changed_at.get(identity, -1e9),
            )
            < 1.0
        ):
            return
        if status == 429 and self.counts["guess"]:
            return
        took_s = self.now - begun
        if status != 101:
            self.blame(f"{station} is turned away with {status}, and nothing is wrong with it")
        elif took_s > LOCKOUT_S + 4 * (station.weather.latency_s + station.weather.jitter_s):
            self.blame(f"{station} was locked out for {took_s:.1f} s")


def _manners(random: Random) -> Manners:
    """Half of them sound, the others with a few bad habits."""
    if random.random() < 0.4:
        return Manners()

    def some(chance: float) -> float:
        return chance if random.random() < 0.3 else 0.0

    return Manners(
        repeats=some(0.1),
        reorders=some(0.2),
        conflicts=some(0.05),
        nonsense=some(1.0),
        unsolicited=some(1.0),
        floods=some(1.0),
        bad_answers=some(0.3),
        slow_answers=some(0.3),
        same_id=random.choice((0.0, 0.5, 1.0)),
        deflate=random.random() < 0.3,
        poison=some(0.2),
    )


_EXPECTED = {"store failed, closing all stations", "duplicate identity"}
