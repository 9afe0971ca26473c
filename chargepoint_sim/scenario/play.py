"""Plays a scenario against a server: faults and grid events at their times, expectations all along."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial

from chargepoint_sim.faults import FaultOrder, end, inject
from chargepoint_sim.fleet.fleet import Fleet
from chargepoint_sim.fleet.registration import Registrar
from chargepoint_sim.scenario.measures import Ear, measured
from chargepoint_sim.scenario.story import Around, Expectation, GridEvent, Happening, Measure, Scenario
from chargepoint_sim.station.equipment import Observe
from chargepoint_sim.station.station import Station

_SAMPLES = 300  # over the whole scenario
_LEAST_GAP_S = 0.02  # real seconds between two samples


@dataclass(frozen=True)
class Check:
    """An expectation and what came of it. `value` is the last one seen, or the first that was wrong."""

    expectation: Expectation
    value: float | None
    held: bool

    @property
    def sentence(self) -> str:
        """What was expected and what was found."""
        found = "nothing measured" if self.value is None else f"{self.value:g}"
        return f"{self.expectation.sentence}; it was {found}"


@dataclass(frozen=True)
class Sample:
    """The fleet at a moment: W, stations online, Wh in and out so far."""

    at_s: float
    power_w: float
    online: float
    imported_wh: float
    exported_wh: float


@dataclass
class Outcome:
    """What came of each expectation, and the course of it all. `ready`: some of the fleet got so far."""

    checks: list[Check] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)
    ready: bool = False

    @property
    def passed(self) -> bool:
        """Whether all held."""
        return self.ready and all(check.held for check in self.checks)


async def play(scenario: Scenario, observe: Observe, registrar: Registrar | None) -> Outcome:
    """Run a scenario to its end."""
    ear, stop = Ear(observe), asyncio.Event()
    fleet = Fleet(scenario.plan, ear.observe, registrar)
    director = _Director(scenario, fleet, ear, registrar)
    await director.prepare()
    async with asyncio.TaskGroup() as tasks:
        living = tasks.create_task(fleet.run(stop))
        ready = tasks.create_task(fleet.ready.wait())
        await asyncio.wait({living, ready}, return_when=asyncio.FIRST_COMPLETED)
        if not fleet.ready.is_set() or (fleet.late and not fleet.booted()):
            ready.cancel()
            stop.set()
            return director.outcome
        direction = tasks.create_task(director.direct())
        await asyncio.wait({living, direction}, return_when=asyncio.FIRST_COMPLETED)
        stop.set()
    return director.outcome


class _Director:
    """Lets everything happen at its time and watches."""

    def __init__(self, scenario: Scenario, fleet: Fleet, ear: Ear, registrar: Registrar | None) -> None:
        self.outcome = Outcome()
        self._scenario = scenario
        self._fleet = fleet
        self._ear = ear
        self._registrar = registrar
        self._began = 0.0
        self._wrong: dict[Expectation, float | None] = {}

    async def prepare(self) -> None:
        """Faults that are there from the beginning."""
        for one in self._scenario.happenings:
            if one.from_s is None:
                await self._each(one, inject)

    async def direct(self) -> None:
        """From the moment that the fleet is ready to the scenario's end."""
        self.outcome.ready = True
        self._began = self._fleet.clock.monotonic()
        async with asyncio.TaskGroup() as tasks:
            watching = tasks.create_task(self._watch())
            for at_s, act in sorted(self._acts(), key=lambda act: act[0]):
                await self._until(at_s)
                await act()
            await self._until(self._scenario.duration_s)
            watching.cancel()
            await asyncio.wait({watching})
        self._sample()

    def _acts(self) -> list[tuple[float, Callable[[], Awaitable[None]]]]:
        acts: list[tuple[float, Callable[[], Awaitable[None]]]] = []
        for one in self._scenario.happenings:
            if one.from_s is not None:
                acts.append((one.from_s, partial(self._each, one, inject)))
            if one.until_s is not None:
                acts.append((one.until_s, partial(self._each, one, end)))
        acts += [(one.at_s, partial(self._surround, one)) for one in self._scenario.around]
        acts += [(event.at_s, partial(self._call, event)) for event in self._scenario.events]
        acts += [(one.at_s, partial(self._check, one)) for one in self._scenario.expectations]
        return acts

    async def _until(self, at_s: float) -> None:
        await self._fleet.clock.sleep(self._began + at_s - self._fleet.clock.monotonic())

    async def _each(self, one: Happening, act: Callable[[Station, FaultOrder], Awaitable[None]]) -> None:
        for station in self._meant(one.stations):
            await act(station, one.order)

    def _meant(self, numbers: tuple[int, ...] | None) -> list[Station]:
        stations = self._fleet.stations
        return stations if numbers is None else [stations[number - 1] for number in numbers]

    async def _surround(self, one: Around) -> None:
        for station in self._meant(one.stations):
            station.cabinet.equipment.surround(one.change)

    async def _call(self, event: GridEvent) -> None:
        """Have the server call a grid event for this fleet's site, by the time of its own clock."""
        if self._registrar is None:
            return
        start = self._fleet.stations[0].clock.now() + timedelta(seconds=event.lead_s)
        made = await self._registrar.grid_event(
            self._fleet.plan.site(),
            {
                "programId": event.program or self._scenario.program or "default",
                "targetW": event.power_w,
                "durationS": round(event.for_s),
                "start": start.isoformat() if event.lead_s else None,
                "minSoc": event.min_soc,
            },
        )
        self._ear.observe("grid_event", {"id": made, "power_w": event.power_w})

    def _value(self, expectation: Expectation) -> float | None:
        stations = self._fleet.stations
        if expectation.station is not None:
            stations = [stations[expectation.station - 1]]
        return measured(expectation.measure, self._fleet, stations, self._ear)

    async def _check(self, expectation: Expectation) -> None:
        value = self._value(expectation)
        held = expectation.holds(value) and expectation not in self._wrong
        self.outcome.checks.append(Check(expectation, self._wrong.get(expectation, value), held))

    async def _watch(self) -> None:
        """Sample the fleet, and look after what has to hold all along."""
        gap_s = max(self._scenario.duration_s / _SAMPLES, _LEAST_GAP_S * self._scenario.plan.speed)
        while True:
            now_s = self._sample()
            for one in self._scenario.expectations:
                if one.from_s is not None and one.from_s <= now_s <= one.at_s and one not in self._wrong:
                    value = self._value(one)
                    if not one.holds(value):
                        self._wrong[one] = value
            await self._fleet.clock.sleep(gap_s)

    def _sample(self) -> float:
        names = (Measure.POWER_W, Measure.ONLINE, Measure.IMPORTED_WH, Measure.EXPORTED_WH)
        values = (measured(one, self._fleet, self._fleet.stations, self._ear) or 0.0 for one in names)
        now_s = self._fleet.clock.monotonic() - self._began
        self.outcome.samples.append(Sample(now_s, *values))
        return now_s
