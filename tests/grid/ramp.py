"""`python -m tests.grid.ramp`: how much of a fleet's power moves within a minute after a fault (V-11).

By the product's own lengths and renewals of leases: a fleet that discharges evenly, ticks of 10 s, and a
server that dies at any of them.
"""

import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from csms.domain.dialect_record import UNKNOWN, DialectRecord, Discharge, declared
from csms.domain.grid_event import EventState, GridEvent
from csms.domain.program import Terms
from csms.grid.leases import Lease, Line, fallback_until, lease_seconds

START = datetime(2026, 1, 1, tzinfo=UTC)
EVENT = GridEvent("e", "p", -1.0, START, 7200, state=EventState.ACTIVE, created_at=START)
STATIONS, HOUR_S, TICK_S, WINDOW_S = 500, 3600, 10, 60.0


def moves(at_s: Iterable[float], window_s: float = WINDOW_S) -> float:
    """The largest share of these moments that lies within any window."""
    times, first, most = sorted(at_s), 0, 0
    for count, last in enumerate(times, 1):
        while last - times[first] >= window_s:
            first += 1
        most = max(most, count - first)
    return most / len(times)


def lease_ends(station_id: str, terms: Terms, record: DialectRecord = UNKNOWN) -> Iterator[float]:
    """For each tick of an hour when the lease in force then ends by itself, in seconds from the start."""
    line = Line()
    for at_s in range(0, HOUR_S, TICK_S):
        now = START + timedelta(seconds=at_s)
        line.pass_time(now, now)
        until = now + timedelta(seconds=lease_seconds(station_id, EVENT, terms, now, record))
        if line.due(-5000.0, "tx", until, now):
            line.accepted(Lease(-5000.0, until, "tx", now), now)
        assert line.lease is not None
        yield (line.lease.until - START).total_seconds()


def after_deaths(terms: Terms, record: DialectRecord = UNKNOWN) -> list[float]:
    """For each moment at which the server may die: what share of the discharge ends within a minute."""
    fleet = [lease_ends(f"cs{number}", terms, record) for number in range(STATIONS)]
    return [moves(ends) for ends in zip(*fleet, strict=True)]


def after_fallbacks(terms: Terms) -> float:
    """What share of the fleet's charging comes back within a minute, after an event that nobody ended."""
    return moves(fallback_until(f"cs{number}", EVENT, terms).timestamp() for number in range(STATIONS))


def _told(name: str, shares: Sequence[float]) -> None:
    told = f"{name:42} at most {max(shares):4.0%}, on average {sum(shares) / len(shares):4.0%}"
    sys.stdout.write(told + "\n")


def main() -> None:
    """Print the figures of docs/safety.md."""
    for lease_s in (300, 600, 840):
        _told(f"the server dies, leases of {lease_s} s", after_deaths(Terms(lease_s=lease_s)))
    dynamic = replace(declared(Discharge.NATIVE_2_1), dynamic=True)
    _told("the same, Dynamic leases of 300 s", after_deaths(Terms(), dynamic))
    for return_s in (30, 300, 600):
        _told(f"fallbacks end, returnS {return_s}", [after_fallbacks(Terms(return_s=return_s))])


if __name__ == "__main__":
    main()
