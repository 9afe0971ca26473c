"""A vehicle's state of charge as somebody beside its station tells it: telematics, or a person.

AC vehicles tell their station none. A word from elsewhere has an age, a source and a trust: how far off it
may be, and for how long it says anything. What counts is the least that it leaves in the battery now.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from csms.domain.safety import CLOCK_SKEW_MAX_S, DISCHARGE_EFFICIENCY
from csms.domain.units import finite
from csms.errors import Invalid

_CAPACITY_DOUBT = 1.25


class SocSource(StrEnum):
    """Where a word on a state of charge comes from."""

    TELEMATICS = "telematics"
    MANUAL = "manual"


@dataclass(frozen=True, slots=True)
class Trust:
    """How a source is believed: `accuracy` at best (percent either way), validity in seconds if it says none
    and at most. Where several words are valid the higher `rank` counts."""

    rank: int
    accuracy: float
    valid_s: float
    valid_max_s: float


TRUST: Mapping[SocSource, Trust] = {
    SocSource.TELEMATICS: Trust(2, 2.0, 1800.0, 4 * 3600.0),
    SocSource.MANUAL: Trust(1, 10.0, 3600.0, 12 * 3600.0),
}
"""A vehicle's own telematics rounds and lags; a person reads a dashboard at some time or other."""


@dataclass(frozen=True, slots=True)
class SocReport:
    """One word: `soc` and `accuracy` in percent, true at `told_at`, worth something until `valid_until`."""

    vehicle_id: str
    source: SocSource
    soc: float
    accuracy: float
    told_at: datetime
    valid_until: datetime


@dataclass(frozen=True, slots=True)
class Since:
    """What may have left the battery since a word was told.

    `exported_wh` by the meter; `unread_s` is the time in between for which no register was read. `rating_w`
    is the most that can flow out, `capacity_wh` the least that the battery holds; None: not known.
    """

    exported_wh: float
    unread_s: float
    rating_w: float | None
    capacity_wh: float | None


@dataclass(frozen=True, slots=True)
class Said:
    """A word as it comes in; None is what was not said: now, and as the source is trusted."""

    soc: float
    at: datetime | None = None
    accuracy: float | None = None
    valid_for_s: float | None = None


def soc_report(vehicle_id: str, source: SocSource, said: Said, now: datetime) -> SocReport:
    """A word that may be kept. No source is believed better, or for longer, than its trust allows.

    Raises `Invalid` naming `soc`, `accuracy`, `at` (in the future, or over already) or `valid_for_s`.
    """
    trust, at, soc, accuracy = TRUST[source], said.at or now, said.soc, said.accuracy
    if not finite(soc) or not 0 <= soc <= 100:
        raise Invalid("soc", "A state of charge is 0 to 100 percent.")
    if accuracy is not None and not (finite(accuracy) and 0 <= accuracy <= 50):
        raise Invalid("accuracy", "An accuracy is 0 to 50 percent.")
    if said.valid_for_s is not None and not (finite(said.valid_for_s) and said.valid_for_s > 0):
        raise Invalid("valid_for_s", "A validity is a number of seconds above 0.")
    if (at - now).total_seconds() > CLOCK_SKEW_MAX_S:
        raise Invalid("at", "This time has not come yet.")
    valid_s = min(trust.valid_max_s, trust.valid_s if said.valid_for_s is None else said.valid_for_s)
    until = at + timedelta(seconds=valid_s)
    if until <= now:
        raise Invalid("at", "This is too long ago to say anything now.")
    return SocReport(vehicle_id, source, soc, max(trust.accuracy, accuracy or 0.0), at, until)


def better(one: SocReport, other: SocReport) -> SocReport:
    """Of two valid words on a vehicle the one that counts: the better source, of the same the newer."""
    return max(one, other, key=lambda word: (TRUST[word.source].rank, word.told_at))


def least_now(report: SocReport, since: Since) -> float | None:
    """The least percent that can be in the battery now by this word; None if that cannot be known.

    What flowed in is not counted: only a new word does that.
    """
    if not finite(since.capacity_wh) or since.capacity_wh <= 0:
        return None
    if since.unread_s > 0 and not finite(since.rating_w):
        return None
    unread_wh = (since.rating_w or 0.0) * max(0.0, since.unread_s) / 3600
    spent_wh = (max(0.0, since.exported_wh) + unread_wh) / DISCHARGE_EFFICIENCY
    return max(0.0, report.soc - report.accuracy - 100 * spent_wh / since.capacity_wh)


def highest_soc(before: float, import_wh: float, export_wh: float, capacity_wh: float) -> float:
    """The most percent that can be in a battery after so much has flowed at the meter (both magnitudes).

    A battery gains at most what flowed in and loses at least what flowed out; a quarter either way is left
    for a capacity that is not known exactly.
    """
    return _moved(before, import_wh * _CAPACITY_DOUBT - export_wh / _CAPACITY_DOUBT, capacity_wh)


def lowest_soc(before: float, import_wh: float, export_wh: float, capacity_wh: float) -> float:
    """The least of the same: what is lost on the way in and out fits into that quarter."""
    return _moved(before, import_wh / _CAPACITY_DOUBT - export_wh * _CAPACITY_DOUBT, capacity_wh)


def _moved(before: float, energy_wh: float, capacity_wh: float) -> float:
    return min(100.0, max(0.0, before + 100 * energy_wh / capacity_wh))
