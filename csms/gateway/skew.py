"""How far a station's clock is off, from the time stamps of what it sends while online (row 41)."""

from datetime import datetime

WINDOW = 5
NOTICEABLE_S = 2.0
PLAUSIBLE_LAG_S = 10.0
ALARMING_S = 300.0  # somebody should look: no message is late by so much
LATE_SAMPLES = 3


class SkewEstimate:
    """Positive: the station's clock is ahead.

    A message can be late but never early, so the highest of the newest samples is nearest to the truth. A
    clock that seems far behind may be a message that waited: it is believed only when several say the same.
    """

    __slots__ = ("_samples", "_told")

    def __init__(self, known_s: float | None) -> None:
        self._samples: tuple[float, ...] = ()
        self._told = known_s

    def sample(self, station_time: datetime, now: datetime) -> float | None:
        """Take one in; the estimate in seconds if it has noticeably changed, else None."""
        samples = self._samples = (*self._samples[1 - WINDOW :], (station_time - now).total_seconds())
        estimate = max(samples)
        if estimate < -PLAUSIBLE_LAG_S and len(samples) < LATE_SAMPLES:
            return None
        if self._told is not None and abs(estimate - self._told) < NOTICEABLE_S:
            return None
        self._told = estimate
        return estimate
