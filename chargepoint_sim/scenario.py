"""A scenario: a fleet, faults at times, expectations at times. Read from TOML, run against a server.

All times are simulated seconds after the fleet is ready.
"""

import asyncio
import tomllib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from chargepoint_sim.ev.vehicle import PowerLimits
from chargepoint_sim.faults import BadFault, FaultOrder, inject, parse_fault
from chargepoint_sim.fleet.fleet import Fleet, Plan
from chargepoint_sim.fleet.registration import Registrar
from chargepoint_sim.station.equipment import HighLevel, Observe
from chargepoint_sim.station.link import BackOff
from chargepoint_sim.station.station import Behaviour, Station


class BadScenario(Exception):
    """The file is not a scenario."""


class Measure(StrEnum):
    """What an expectation may be about; sums over the stations meant."""

    ONLINE = "online"
    """Stations that may talk."""
    TRANSACTIONS = "transactions"
    """Running transactions."""
    POWER_W = "power_w"
    """Power, W, + into the vehicles."""
    IMPORTED_WH = "imported_wh"
    EXPORTED_WH = "exported_wh"
    MESSAGES_WAITING = "messages_waiting"
    """News not told yet."""
    PROFILES = "profiles"
    """Installed charging profiles."""
    LOWEST_SOC_MARGIN = "lowest_soc_margin"
    """How far above its reserve each vehicle stayed while giving, percent; the whole fleet."""


@dataclass(frozen=True)
class Happening:
    """A fault at a time, at one station (counted from 1) or at all."""

    at_s: float
    order: FaultOrder
    station: int | None


@dataclass(frozen=True)
class Expectation:
    """What has to be true at a time (None: at the end)."""

    measure: Measure
    at_s: float | None
    station: int | None
    least: float | None
    most: float | None

    def holds(self, value: float | None) -> bool:
        """Whether a measured value is as expected; without a value nothing can be wrong."""
        if value is None:
            return True
        return (self.least is None or value >= self.least) and (self.most is None or value <= self.most)


@dataclass(frozen=True)
class Scenario:
    """What is to be played."""

    name: str
    duration_s: float
    plan: Plan
    program: str | None = None
    happenings: tuple[Happening, ...] = ()
    expectations: tuple[Expectation, ...] = ()


@dataclass
class Outcome:
    """What came of each expectation: a sentence and whether it held."""

    checks: list[tuple[str, bool]] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        """Whether all held."""
        return all(held for _, held in self.checks)


def read_scenario(path: Path, url: str | None) -> Scenario:
    """Read a scenario; `url` replaces the server in the file."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
        return Scenario(
            name=document.get("name", path.stem),
            duration_s=float(document["duration_s"]),
            plan=_plan(document["fleet"], path.parent, url),
            program=document.get("program"),
            happenings=tuple(_happening(row) for row in document.get("fault", [])),
            expectations=tuple(_expectation(row) for row in document.get("expect", [])),
        )
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, BadFault) as failure:
        raise BadScenario(f"{path}: {failure}") from failure
    except KeyError as missing:
        raise BadScenario(f"{path}: {missing} is missing") from missing
    except (TypeError, ValueError) as failure:
        raise BadScenario(f"{path}: {failure}") from failure


def _plan(fleet: dict[str, Any], folder: Path, url: str | None) -> Plan:
    sessions, session_time = fleet.get("sessions"), fleet.get("session_time")
    back_off = BackOff(fleet.get("back_off_s", 0.5), fleet.get("back_off_random_s", 0.5))
    behaviour = Behaviour(
        high_level=HighLevel(fleet.get("hlc", HighLevel.MEMORY)), back_off=back_off, compress=False
    )
    return Plan(
        url=url or fleet["url"],
        count=int(fleet["count"]),
        prefix=fleet.get("prefix", "SIM"),
        seed=str(fleet.get("seed", "1")),
        speed=float(fleet.get("speed", 1.0)),
        meter_interval_s=int(fleet.get("meter_interval_s", 30)),
        rating=PowerLimits(
            float(fleet.get("max_charge_w", 11_000)), float(fleet.get("max_discharge_w", 11_000))
        ),
        sessions=None if sessions is None else folder / sessions,
        session_time=None if session_time is None else datetime.fromisoformat(str(session_time)),
        behaviour=behaviour,
    )


def _happening(row: dict[str, Any]) -> Happening:
    return Happening(float(row["at_s"]), parse_fault(row["fault"]), row.get("station"))


def _expectation(row: dict[str, Any]) -> Expectation:
    at_s = row.get("at_s")
    return Expectation(
        measure=Measure(row["what"]),
        at_s=None if at_s is None else float(at_s),
        station=row.get("station"),
        least=row.get("min"),
        most=row.get("max"),
    )


async def play(scenario: Scenario, observe: Observe, registrar: Registrar | None) -> Outcome:
    """Run a scenario to its end."""
    fleet, outcome, stop = Fleet(scenario.plan, observe, registrar), Outcome(), asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        living = tasks.create_task(fleet.run(stop))
        ready = tasks.create_task(fleet.ready.wait())
        await asyncio.wait({living, ready}, return_when=asyncio.FIRST_COMPLETED)
        if not fleet.ready.is_set():
            ready.cancel()
            return outcome
        direction = tasks.create_task(_direct(scenario, fleet, outcome))
        await asyncio.wait({living, direction}, return_when=asyncio.FIRST_COMPLETED)
        stop.set()
    return outcome


async def _direct(scenario: Scenario, fleet: Fleet, outcome: Outcome) -> None:
    """Let everything happen at its time."""
    began = fleet.clock.monotonic()
    events: list[tuple[float, Happening | Expectation]] = [(one.at_s, one) for one in scenario.happenings]
    events += [(scenario.duration_s if one.at_s is None else one.at_s, one) for one in scenario.expectations]
    for at_s, event in sorted(events, key=lambda event: event[0]):
        await fleet.clock.sleep(began + at_s - fleet.clock.monotonic())
        if isinstance(event, Expectation):
            _check(event, at_s, fleet, outcome)
            continue
        for station in _meant(fleet, event.station):
            await inject(station, event.order)
    await fleet.clock.sleep(began + scenario.duration_s - fleet.clock.monotonic())


def _check(expectation: Expectation, at_s: float, fleet: Fleet, outcome: Outcome) -> None:
    value = _MEASURES[expectation.measure](_meant(fleet, expectation.station), fleet)
    where = "all stations" if expectation.station is None else f"station {expectation.station}"
    bounds = f"min {expectation.least}, max {expectation.most}"
    sentence = f"at {at_s:.0f} s, {where}: {expectation.measure} is {value} ({bounds})"
    outcome.checks.append((sentence, expectation.holds(value)))


def _meant(fleet: Fleet, station: int | None) -> list[Station]:
    return fleet.stations if station is None else [fleet.stations[station - 1]]


def _sum_meters(stations: list[Station], read: Callable[[Any], float]) -> float:
    """A sum over all EVSEs, with the meters up to date."""
    evses = [evse for station in stations for evse in station.cabinet.evses.values()]
    for evse in evses:
        evse.settle()
    return round(sum(read(evse) for evse in evses), 1)


def _margin(stations: list[Station], fleet: Fleet) -> float | None:
    margins = [margin for margin in (guest.margin() for guest in fleet.guests) if margin is not None]
    return round(min(margins), 2) if margins else None


def _transactions(stations: list[Station], fleet: Fleet) -> float:
    visits = (visit for station in stations for visit in station.cabinet.visits.values())
    return sum(visit.transaction is not None for visit in visits)


_MEASURES: dict[Measure, Callable[[list[Station], Fleet], float | None]] = {
    Measure.ONLINE: lambda stations, fleet: sum(station.outbox.online for station in stations),
    Measure.TRANSACTIONS: _transactions,
    Measure.POWER_W: lambda stations, fleet: _sum_meters(stations, lambda evse: evse.power_w),
    Measure.IMPORTED_WH: lambda stations, fleet: _sum_meters(stations, lambda evse: evse.meter.import_wh),
    Measure.EXPORTED_WH: lambda stations, fleet: _sum_meters(stations, lambda evse: evse.meter.export_wh),
    Measure.MESSAGES_WAITING: lambda stations, fleet: sum(len(station.outbox) for station in stations),
    Measure.PROFILES: lambda stations, fleet: sum(
        len(station.cabinet.equipment.profiles.installed) for station in stations
    ),
    Measure.LOWEST_SOC_MARGIN: _margin,
}
