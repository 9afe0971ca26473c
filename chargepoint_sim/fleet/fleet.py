"""A fleet: its stations, and the vehicles that come and go by a timetable."""

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from chargepoint_sim.clock import ScaledClock
from chargepoint_sim.dice import dice
from chargepoint_sim.ev.vehicle import PowerLimits
from chargepoint_sim.fleet.catalogue import Catalogue
from chargepoint_sim.fleet.guest import Arrival, Guest, Wish, arriving_guest, invented_stay, make_guest
from chargepoint_sim.fleet.registration import Registrar, Site
from chargepoint_sim.fleet.sessions import Stay, busiest, read_sessions, timetable
from chargepoint_sim.station.equipment import Observe
from chargepoint_sim.station.station import Behaviour, Station
from chargepoint_sim.station.variables import Fixed
from chargepoint_sim.station.visit import Visit
from chargepoint_sim.station.words import Version

_T = TypeVar("_T")

_STAGGER_S = 0.01  # real, between two stations' first connects
_HORIZON_S = 24 * 3600.0
_READY_TIMEOUT_S = 120.0  # real
_EVSE_ID = 1


@dataclass(frozen=True)
class Plan:
    """What fleet is wanted. Powers in W; `meter_interval_s` in simulated seconds.

    Without a `password` for all each station has its own. Shares of `versions` and `vehicles` (parts of names
    in the catalogue) fall to the stations in order. `soc` is where vehicles begin, percent, instead of what
    their stays lead to. With `arrivals` nobody else comes.
    """

    url: str
    count: int
    prefix: str = "SIM"
    seed: str = "1"
    speed: float = 1.0
    meter_interval_s: int = 30
    rating: PowerLimits = field(default_factory=lambda: PowerLimits(11_000.0, 11_000.0))
    site_limits: PowerLimits | None = None
    sessions: Path | None = None
    session_time: datetime | None = None
    password: str | None = None
    evses: int = 1
    versions: Mapping[Version, float] = field(default_factory=dict)
    vehicles: Mapping[str, float] = field(default_factory=dict)
    soc: tuple[float, float] | None = None
    reserve_soc: float | None = None
    arrivals: tuple[Arrival, ...] = ()
    behaviour: Behaviour = field(default_factory=lambda: Behaviour(compress=False, validate_every=20))

    def site(self) -> Site:
        """Where it stands; by default the grid connection takes all stations at once."""
        whole = PowerLimits(self.count * self.rating.charge_w, self.count * self.rating.discharge_w)
        return Site(f"{self.prefix}-SITE", self.site_limits or whole)

    def with_site(self, import_w: float | None, export_w: float | None) -> "Plan":
        """The same with other limits of its grid connection, W; None keeps one."""
        now = self.site().limits
        charge_w = now.charge_w if import_w is None else import_w
        discharge_w = now.discharge_w if export_w is None else export_w
        return replace(self, site_limits=PowerLimits(charge_w, discharge_w))

    def fixed(self, index: int) -> Fixed:
        """One station. Its password follows from seed and name, so that a second run gets in as well."""
        identity = f"{self.prefix}-{index:04d}"
        password = (
            self.password or hashlib.sha256(f"{self.seed}/{identity}/password".encode()).hexdigest()[:32]
        )
        return Fixed(
            identity=identity,
            password=password,
            serial_number=f"{self.prefix}{index:06d}"[:25],
            evses=self.evses,
            rating=self.rating,
            meter_interval_s=self.meter_interval_s,
            version=spread(self.versions, index, self.count) or Version.V201,
        )

    def guests(self, index: int, stays: Sequence[Stay], catalogue: Catalogue) -> list[Guest]:
        """Who comes to station number `index`."""
        name = f"{self.prefix}-{index:04d}"
        if self.arrivals:
            coming = (one for one in self.arrivals if one.station == index)
            return [
                arriving_guest(f"{name}-{visit:02d}", one, catalogue, self.seed)
                for visit, one in enumerate(sorted(coming, key=lambda one: one.at_s), start=1)
            ]
        kind = spread(self.vehicles, index, self.count)
        model = None if kind is None else catalogue.named(kind)
        wish = Wish(model, self.soc, self.reserve_soc)
        return [
            make_guest(f"{name}-{visit:02d}", stay, catalogue, self.seed, wish)
            for visit, stay in enumerate(stays, start=1)
        ]

    def stays(self) -> list[list[Stay]]:
        """Who comes to which station when."""
        if self.sessions is None:
            draw = dice(self.seed, "stays")
            return [[invented_stay(draw)] for _ in range(self.count)]
        sessions = read_sessions(self.sessions)
        return timetable(sessions, self.session_time or busiest(sessions), self.count, _HORIZON_S)


def spread(shares: Mapping[_T, float], index: int, count: int) -> _T | None:
    """Whose turn is number `index` (from 1) of `count`: the first share's stations come first."""
    position = (index - 0.5) / count * sum(shares.values())
    for kind, share in shares.items():
        position -= share
        if position <= 0.0:
            return kind
    return None


class Fleet:
    """A running fleet. `observe` hears everything that happens; `guests` are the truth.

    `ready` is set when all are there, or when it is too `late` for whoever is not.
    """

    def __init__(self, plan: Plan, observe: Observe, registrar: Registrar | None) -> None:
        self.plan = plan
        self.clock = ScaledClock(plan.speed)
        behaviour = replace(plan.behaviour, seed=plan.seed)
        self.stations = [
            Station(plan.fixed(index), plan.url, ScaledClock(plan.speed), observe, behaviour)
            for index in range(1, plan.count + 1)
        ]
        self.guests: list[Guest] = []
        self.ready = asyncio.Event()
        self.late = False
        self._observe = observe
        self._registrar = registrar
        self._present: dict[str, Guest] = {}
        self._first_visits: dict[str, asyncio.Future[Visit]] = {}
        self._start_s = 0.0

    async def run(self, stop: asyncio.Event) -> None:
        """Register, connect, let vehicles come and go until `stop`."""
        living, stopping = asyncio.create_task(self._live()), asyncio.create_task(stop.wait())
        try:
            await asyncio.wait({living, stopping}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (living, stopping):
                task.cancel()
            await asyncio.gather(living, stopping, return_exceptions=True)
            self._read_meters()
        if not living.cancelled():
            living.result()

    async def _live(self) -> None:
        expected = self._expected()
        await self._register(expected)
        self._start_s = self.clock.monotonic()
        self._first_visits = {
            station.identity: asyncio.get_running_loop().create_future()
            for station, guests in zip(self.stations, expected, strict=True)
            if _there_at_start(guests)
        }
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._tell_ready())
            for index, station in enumerate(self.stations):
                tasks.create_task(self._operate(station, index * _STAGGER_S))
                tasks.create_task(self._host(station, expected[index]))

    def _expected(self) -> list[list[Guest]]:
        """Who comes to which station."""
        catalogue = Catalogue()
        rows = enumerate(self.plan.stays(), start=1)
        return [self.plan.guests(index, stays, catalogue) for index, stays in rows]

    async def _register(self, expected: list[list[Guest]]) -> None:
        """Make the stations known, and who is there from the beginning."""
        if self._registrar is None:
            return
        site = self.plan.site()
        await self._registrar.site(site)
        async with asyncio.TaskGroup() as tasks:
            for index in range(1, self.plan.count + 1):
                tasks.create_task(self._registrar.station(self.plan.fixed(index), site))
        async with asyncio.TaskGroup() as tasks:
            for guests in expected:
                if _there_at_start(guests):
                    tasks.create_task(self._registrar.guest(guests[0]))
        self._observe("registered", {"stations": self.plan.count})

    async def _operate(self, station: Station, delay_s: float) -> None:
        """Switch a station on, some real time after the others."""
        await asyncio.sleep(delay_s)
        await station.run()

    async def _host(self, station: Station, guests: list[Guest]) -> None:
        """One vehicle after the other at one station."""
        await station.booted.wait()
        for guest in guests:
            await self.clock.sleep(self._start_s + guest.stay.arrives_s - self.clock.monotonic())
            if guest.stay.arrives_s > 0.0 and self._registrar is not None:
                await self._registrar.guest(guest)
            await station.booted.wait()
            guest.arrive(station.cabinet.evses[_EVSE_ID].meter, self._start_s)
            self.guests.append(guest)
            self._present[station.identity] = guest
            visit = station.cabinet.plug(_EVSE_ID, guest.vehicle)
            first = self._first_visits.get(station.identity)
            if first is not None and not first.done():
                first.set_result(visit)
            await self.clock.sleep(self._start_s + guest.stay.leaves_s - self.clock.monotonic())
            await visit.leave()
            await visit.over.wait()
            guest.read(station.cabinet.evses[_EVSE_ID].meter)
            del self._present[station.identity]

    async def _tell_ready(self) -> None:
        """Say when all stations are there and all vehicles of the beginning charge."""
        charging = 0
        try:
            async with asyncio.timeout(_READY_TIMEOUT_S):
                for station in self.stations:
                    await station.booted.wait()
                for arrival in self._first_visits.values():
                    await (await arrival).charging.wait()
                    charging += 1
        except TimeoutError:
            self.late = True
            self._observe("late", {"booted": self.booted()})
        self.ready.set()
        self._observe("ready", {"stations": len(self.stations), "vehicles": charging})

    def booted(self) -> int:
        """How many stations the server has taken."""
        return sum(one.booted.is_set() for one in self.stations)

    def _read_meters(self) -> None:
        for station in self.stations:
            if station.identity in self._present:
                self._present[station.identity].read(station.cabinet.evses[_EVSE_ID].meter)

    def summary(self) -> dict[str, object]:
        """What the meters say, and how close any vehicle came to its reserve while giving."""
        meters = [evse.meter for station in self.stations for evse in station.cabinet.evses.values()]
        margins = [margin for margin in (guest.margin() for guest in self.guests) if margin is not None]
        return {
            "stations": len(self.stations),
            "vehicles": len(self.guests),
            "imported_wh": round(sum(meter.import_wh for meter in meters), 1),
            "exported_wh": round(sum(meter.export_wh for meter in meters), 1),
            "lowest_soc_margin": round(min(margins), 2) if margins else None,
            "below_reserve": sum(margin < 0.0 for margin in margins),
        }


def _there_at_start(guests: list[Guest]) -> bool:
    """Whether the first vehicle of a station is plugged in from the beginning."""
    return bool(guests) and guests[0].stay.arrives_s <= 0.0
