"""`Schedule`: signed power as a step function of time."""

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise


@dataclass(frozen=True, slots=True)
class Schedule:
    """From `times[i]` on the power is `powers_w[i]`, until `times[i + 1]`; the last step has no end.

    Before the first time nothing is known.
    """

    times: tuple[datetime, ...] = ()
    powers_w: tuple[float, ...] = ()

    @classmethod
    def of(cls, points: Iterable[tuple[datetime, float]]) -> "Schedule":
        """Out of (time, W) in any order; of two at the same time the later given counts."""
        steps = dict(sorted(points, key=lambda point: point[0]))
        return cls(tuple(steps), tuple(steps.values()))

    def at(self, time: datetime) -> float | None:
        """Power in W at a time; None before the first step."""
        index = bisect_right(self.times, time) - 1
        return self.powers_w[index] if index >= 0 else None

    def energy_wh(self, start: datetime, end: datetime) -> float | None:
        """Signed Wh from `start` to `end`; None if the schedule does not reach back to `start`."""
        first = bisect_right(self.times, start) - 1
        if first < 0:
            return None
        last = bisect_right(self.times, end)
        borders = [start, *self.times[first + 1 : last], end]
        hours = [(after - before).total_seconds() / 3600 for before, after in pairwise(borders)]
        return sum(power * span for power, span in zip(self.powers_w[first:last], hours, strict=True))
