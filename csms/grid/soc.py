"""How much can be in a battery at most, by the SoC told before and the energy that has flowed since."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from csms.domain.soc import highest_soc, lowest_soc
from csms.domain.units import finite
from csms.grid.fleet import Snapshot
from csms.grid.leases import EvseKey
from csms.grid.pace import Steps, slices
from csms.grid.soc_sources import Told, told
from csms.store.readings import FirstSoc
from csms.store.transactions import FleetRow

TOLERANCE = 2.0
"""Percent: stations round, and the battery management corrects itself."""


@dataclass(frozen=True, slots=True)
class _Anchor:
    """The most that was in the battery when the registers were read, and when the SoC behind it was told.

    `least_soc` is the least since `told_soc` was told first.
    """

    soc: float
    told_soc: float
    least_soc: float
    told_at: datetime
    read_at: datetime
    import_wh: float | None
    export_wh: float | None
    believed: bool = True


class SocWatch:
    """Follows the energy in each vehicle at the meter.

    A SoC that is higher than the meter bears out (a jump, a slow creep, or one that stands still while the
    vehicle discharges) is not believed, and nothing after it until it fits again: such a vehicle would be
    discharged below its reserve. Within the tolerance the lower of the two counts, so that what is forgiven
    once is not forgiven again at each reading. One that falls is always believed, because that only takes
    from what we may order. While the same number is told again and again, the least that the meter leaves of
    it counts: one that stands still would gain on the battery with each turn of charging and discharging.
    After a restart it begins again with what each transaction has told first.
    """

    def __init__(self) -> None:
        self._anchors: dict[tuple[str, str], _Anchor] = {}

    def begin(self, firsts: Iterable[FirstSoc]) -> None:
        """Begin with what transactions have told first: what was told while nobody watched proves nothing."""
        self._anchors = {
            (one.identity, one.transaction_id): _anchor(one.soc, one.at, one.at, one.import_wh, one.export_wh)
            for one in firsts
        }

    def watch(self, snapshot: Snapshot) -> Steps[tuple[set[EvseKey], dict[EvseKey, float]]]:
        """Whose SoC is not believed, and the most percent that each believed one may be taken for."""
        kept: dict[tuple[str, str], _Anchor] = {}
        refused: set[EvseKey] = set()
        most: dict[EvseKey, float] = {}
        for part in slices(snapshot.rows):
            for row in part:
                name = (row.station_id, row.transaction_id)
                anchor = _followed(self._anchors.get(name), row, told(row, snapshot.words))
                if anchor is None:
                    continue
                kept[name] = anchor
                if anchor.believed:
                    most[row.station_id, row.evse_id] = min(anchor.soc, anchor.least_soc)
                else:
                    refused.add((row.station_id, row.evse_id))
            yield
        self._anchors = kept
        return refused, most


def _followed(before: _Anchor | None, row: FleetRow, word: Told | None) -> _Anchor | None:
    """The anchor after this row; None if no SoC was ever told."""
    if word is None or not finite(word.soc):
        return before
    soc, told_at, accuracy = word
    read_at = row.last_at or told_at
    known = [each for each in (row.ev_capacity_wh, row.vehicle_capacity_wh) if finite(each) and each > 0]
    if before is None or not known:  # without a capacity there is no discharge anyway
        return _anchor(soc, told_at, read_at, row.last_import_wh, row.last_export_wh)
    capacity_wh = min(known)
    import_wh, export_wh = _flowed(before, row, read_at)
    most = highest_soc(before.soc, import_wh, export_wh, capacity_wh)
    believed = before.believed
    if told_at > before.told_at:
        # Since the registers were read more may have flowed in than they say.
        unread_wh = _at_most_wh(row, read_at, told_at) or 0.0
        believed = soc <= highest_soc(most, unread_wh, 0.0, capacity_wh) + TOLERANCE + accuracy
        most = min(most, soc)
    least = soc if soc != before.told_soc else lowest_soc(before.least_soc, import_wh, export_wh, capacity_wh)
    return _Anchor(most, soc, least, told_at, read_at, row.last_import_wh, row.last_export_wh, believed)


def _anchor(
    soc: float, told_at: datetime, read_at: datetime, import_wh: float | None, export_wh: float | None
) -> _Anchor:
    return _Anchor(soc, soc, soc, told_at, read_at, import_wh, export_wh)


def _flowed(before: _Anchor, row: FleetRow, read_at: datetime) -> tuple[float, float]:
    """What the registers say has flowed in and out, no more than the ratings allow in the time.

    A register that went back (a meter was exchanged) or is not there says nothing.
    """
    limit_wh = _at_most_wh(row, before.read_at, read_at)
    import_wh = _grown(before.import_wh, row.last_import_wh)
    export_wh = _grown(before.export_wh, row.last_export_wh)
    if limit_wh is None:
        return import_wh, export_wh
    if row.last_import_wh is None:
        import_wh = limit_wh
    return min(import_wh, limit_wh), min(export_wh, limit_wh)


def _grown(before_wh: float | None, after_wh: float | None) -> float:
    return 0.0 if before_wh is None or after_wh is None else max(0.0, after_wh - before_wh)


def _at_most_wh(row: FleetRow, start: datetime, end: datetime) -> float | None:
    """What can flow in this time by the station's ratings; None if that is not known."""
    ratings = [each for each in (row.max_charge_w, row.max_discharge_w) if finite(each)]
    if not ratings:
        return None
    return max(ratings) * max(0.0, (end - start).total_seconds()) / 3600
