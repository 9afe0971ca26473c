"""What is measured of a fleet while a scenario is played."""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from chargepoint_sim.fleet.fleet import Fleet
from chargepoint_sim.scenario.story import Measure
from chargepoint_sim.station.equipment import Observe
from chargepoint_sim.station.station import Station

_COUNTED = {
    Measure.BOOTS: "boot",
    Measure.PROFILES_ACCEPTED: "profile_accepted",
    Measure.PROFILES_REJECTED: "profile_rejected",
    Measure.MESSAGES_FAILED: "message_failed",
    Measure.CONNECTIONS_FAILED: "connection_failed",
}


class Ear:
    """Counts what stations observe, and passes it on."""

    def __init__(self, further: Observe) -> None:
        self._further = further
        self._heard: Counter[tuple[str, object]] = Counter()

    def observe(self, event: str, fields: dict[str, object]) -> None:
        """Something has happened."""
        self._heard[event, fields.get("station")] += 1
        self._further(event, fields)

    def count(self, event: str, stations: Sequence[Station]) -> int:
        """How often it happened to these stations."""
        return sum(self._heard[event, station.identity] for station in stations)


def measured(measure: Measure, fleet: Fleet, stations: Sequence[Station], ear: Ear) -> float | None:
    """A measure now, None where there is no value."""
    if measure in _COUNTED:
        return ear.count(_COUNTED[measure], stations)
    return _MEASURES[measure](stations, fleet)


def _sum_meters(stations: Sequence[Station], read: Callable[[Any], float]) -> float:
    """A sum over all EVSEs, with the meters up to date."""
    evses = [evse for station in stations for evse in station.cabinet.evses.values()]
    for evse in evses:
        evse.settle()
    return round(sum(read(evse) for evse in evses), 1)


def _margin(stations: Sequence[Station], fleet: Fleet) -> float | None:
    margins = [margin for margin in (guest.margin() for guest in fleet.guests) if margin is not None]
    return round(min(margins), 2) if margins else None


def _transactions(stations: Sequence[Station], fleet: Fleet) -> float:
    visits = (visit for station in stations for visit in station.cabinet.visits.values())
    return sum(visit.transaction is not None for visit in visits)


def _slowest(stations: Sequence[Station], fleet: Fleet) -> float:
    now, slowest = time.monotonic(), 0.0
    for traffic in (station.link.traffic for station in stations):
        open_s = 0.0 if traffic.waiting_since is None else now - traffic.waiting_since
        slowest = max(slowest, traffic.slowest_s, open_s)
    return round(slowest, 3)


_MEASURES: dict[Measure, Callable[[Sequence[Station], Fleet], float | None]] = {
    Measure.ONLINE: lambda stations, fleet: sum(station.outbox.online for station in stations),
    Measure.OFFLINE: lambda stations, fleet: sum(not station.outbox.online for station in stations),
    Measure.TRANSACTIONS: _transactions,
    Measure.POWER_W: lambda stations, fleet: _sum_meters(stations, lambda evse: evse.power_w),
    Measure.IMPORTED_WH: lambda stations, fleet: _sum_meters(stations, lambda evse: evse.meter.import_wh),
    Measure.EXPORTED_WH: lambda stations, fleet: _sum_meters(stations, lambda evse: evse.meter.export_wh),
    Measure.MESSAGES_WAITING: lambda stations, fleet: sum(len(station.outbox) for station in stations),
    Measure.PROFILES: lambda stations, fleet: sum(
        len(station.cabinet.equipment.profiles.installed) for station in stations
    ),
    Measure.LOWEST_SOC_MARGIN: _margin,
    Measure.SLOWEST_ANSWER_S: _slowest,
}
