"""Energy registers of one EVSE over time: what flowed between two instants, in and out apart."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from csms.domain.meter import Reading
from csms.domain.units import finite


@dataclass(frozen=True, slots=True)
class Flow:
    """Energies in Wh, both magnitudes."""

    import_wh: float
    export_wh: float


@dataclass(frozen=True, slots=True)
class Registers:
    """Register readings in order of time; only those that said both registers."""

    times: tuple[datetime, ...]
    import_wh: tuple[float, ...]
    export_wh: tuple[float, ...]

    @classmethod
    def of(cls, readings: Iterable[Reading], bidirectional: bool = True) -> "Registers":
        """From readings in any order; of two at the same time the higher counts (a register only grows).

        A missing register is missing: the reading does not count. Only an EVSE that cannot export
        (`bidirectional` False) has no export register, and its export is 0.
        """
        kept: dict[datetime, tuple[float, float]] = {}
        for reading in readings:
            export_wh = reading.export_wh if bidirectional else reading.export_wh or 0.0
            if finite(reading.import_wh) and finite(export_wh):
                import_before, export_before = kept.get(reading.at, (0.0, 0.0))
                kept[reading.at] = (max(import_before, reading.import_wh), max(export_before, export_wh))
        times = tuple(sorted(kept))
        return cls(times, tuple(kept[at][0] for at in times), tuple(kept[at][1] for at in times))

    @property
    def first(self) -> datetime | None:
        """The earliest reading's time."""
        return self.times[0] if self.times else None

    @property
    def last(self) -> datetime | None:
        """The latest reading's time."""
        return self.times[-1] if self.times else None

    def between(self, start: datetime, end: datetime, max_gap: timedelta) -> Flow | None:
        """What flowed from `start` to `end`; None if the registers do not tell.

        At each border the registers are read off between the two neighbouring readings, which may be at most
        `max_gap` apart. A register that goes back in between tells nothing (a meter was reset or exchanged).
        """
        first, last = bisect_right(self.times, start) - 1, bisect_left(self.times, end)
        if first < 0 or last >= len(self.times):
            return None
        for values in (self.import_wh, self.export_wh):
            if any(values[i] > values[i + 1] for i in range(first, last)):
                return None
        before, after = self._at(start, max_gap), self._at(end, max_gap)
        if before is None or after is None:
            return None
        return Flow(after.import_wh - before.import_wh, after.export_wh - before.export_wh)

    def _at(self, time: datetime, max_gap: timedelta) -> Flow | None:
        right = bisect_left(self.times, time)
        if self.times[right] == time:
            return Flow(self.import_wh[right], self.export_wh[right])
        left = right - 1
        gap = self.times[right] - self.times[left]
        if gap > max_gap:
            return None
        part = (time - self.times[left]) / gap
        return Flow(
            self.import_wh[left] + part * (self.import_wh[right] - self.import_wh[left]),
            self.export_wh[left] + part * (self.export_wh[right] - self.export_wh[left]),
        )
