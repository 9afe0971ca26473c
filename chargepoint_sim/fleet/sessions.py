"""Real charging sessions (ACN-Data format) as a timetable for simulated stations.

A simulated station follows a real one, perhaps some days apart when there are more simulated
stations than real ones: time of day and weekday pattern stay true.
"""

import csv
import gzip
import math
import zlib
from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib.resources import as_file, files
from itertools import count
from pathlib import Path

_USUAL_POWER_W = 6_200.0  # what the recorded stations gave a vehicle that took all it could get


@dataclass(frozen=True)
class Session:
    """One recorded session. `expected` is the departure the driver announced, None if none."""

    station: str
    arrival: datetime
    departure: datetime
    requested_wh: float
    delivered_wh: float
    expected: datetime | None

    def delivered_by(self, moment: datetime) -> float:
        """How much of its energy had been delivered at a moment, Wh."""
        hours = max(0.0, (moment - self.arrival).total_seconds() / 3600.0)
        return min(self.delivered_wh, hours * _USUAL_POWER_W)


@dataclass(frozen=True)
class Stay:
    """A session in a simulated station. Seconds from the start of the simulation; past is negative."""

    arrives_s: float
    leaves_s: float
    expected_s: float | None
    requested_wh: float
    delivered_wh: float
    delivered_before_wh: float


class BadSessions(Exception):
    """The file does not hold sessions."""


SHIPPED = ("acn-jpl", "acn-caltech")
"""Recorded sessions that come with the simulator."""


def read_sessions(path: Path) -> list[Session]:
    """Read a CSV or CSV.GZ file, or one of those that come with the simulator."""
    if str(path) in SHIPPED:
        with as_file(files("chargepoint_sim") / "data" / f"{str(path).replace('-', '_')}.csv.gz") as shipped:
            return read_sessions(shipped)
    opened = gzip.open if path.suffix == ".gz" else open
    try:
        with opened(path, "rt", encoding="utf-8", newline="") as file:
            found = [_session(row) for row in csv.DictReader(file)]
    except KeyError as missing:
        raise BadSessions(f"{path.name}: there is no column {missing}") from missing
    except (OSError, ValueError, TypeError, EOFError, csv.Error, zlib.error) as failure:
        raise BadSessions(f"{path.name}: {failure}") from failure
    if not found:
        raise BadSessions(f"{path.name}: no sessions")
    return found


def _session(row: dict[str, str]) -> Session:
    expected = row["estimated_departure"]
    arrival, departure = datetime.fromisoformat(row["arrival"]), datetime.fromisoformat(row["departure"])
    if arrival.tzinfo is None or departure.tzinfo is None:
        raise ValueError("a time without zone")
    return Session(
        station=row["station_id"],
        arrival=arrival,
        departure=departure,
        requested_wh=_wh(row["requested_energy (kWh)"]),
        delivered_wh=_wh(row["delivered_energy (kWh)"]),
        expected=datetime.fromisoformat(expected) if expected else None,
    )


def _wh(written: str) -> float:
    """An energy in kWh; nothing is none. `ValueError` for what no vehicle takes."""
    energy_wh = 1000.0 * float(written or 0.0)
    if not 0.0 <= energy_wh < math.inf:
        raise ValueError(f"{written} is no energy")
    return energy_wh


def busiest(sessions: list[Session]) -> datetime:
    """The instant with the most sessions in progress."""
    changes = sorted([(one.arrival, 1) for one in sessions] + [(one.departure, -1) for one in sessions])
    most, now, at = 0, 0, sessions[0].arrival
    for moment, step in changes:
        now += step
        if now > most:
            most, at = now, moment
    return at


def timetable(sessions: list[Session], start: datetime, stations: int, horizon_s: float) -> list[list[Stay]]:
    """For each simulated station its stays, in order; stations with a vehicle at `start` come first."""
    by_station: dict[str, list[Session]] = defaultdict(list)
    for session in sorted(sessions, key=lambda session: session.arrival):
        by_station[session.station].append(session)
    busy: list[list[Stay]] = []
    idle: list[list[Stay]] = []
    for shift in _day_shifts(sessions, start):
        for name in sorted(by_station):
            stays = _stays(by_station[name], start + shift, horizon_s)
            (busy if stays and stays[0].arrives_s <= 0.0 else idle).append(stays)
        if len(busy) >= stations:
            break
    chosen = (busy + idle)[:stations]
    return chosen + [[] for _ in range(stations - len(chosen))]


def _day_shifts(sessions: list[Session], start: datetime) -> list[timedelta]:
    """Whole weeks first, then other days, near before far, as long as there is data."""
    first, last = min(one.arrival for one in sessions), max(one.departure for one in sessions)
    inside: list[int] = []
    for days in count():
        near = [day for day in {days, -days} if first <= start + timedelta(days=day) <= last]
        inside += sorted(near, reverse=True)
        if start + timedelta(days=days) > last and start - timedelta(days=days) < first:
            break
    same_weekday = [day for day in inside if day % 7 == 0]
    return [timedelta(days=day) for day in same_weekday + [day for day in inside if day % 7]]


def _stays(sessions: list[Session], start: datetime, horizon_s: float) -> list[Stay]:
    """The sessions of one real station that touch the time from `start` to the horizon."""
    found: list[Stay] = []
    for one in sessions:
        arrives_s, leaves_s = (one.arrival - start).total_seconds(), (one.departure - start).total_seconds()
        if leaves_s <= 60.0 or arrives_s > horizon_s or (found and arrives_s < found[-1].leaves_s):
            continue
        expected_s = None if one.expected is None else (one.expected - start).total_seconds()
        found.append(
            Stay(
                arrives_s=arrives_s,
                leaves_s=leaves_s,
                expected_s=expected_s,
                requested_wh=one.requested_wh,
                delivered_wh=one.delivered_wh,
                delivered_before_wh=one.delivered_by(start) if arrives_s < 0.0 else 0.0,
            )
        )
    return found
