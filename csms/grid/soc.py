"""Whether a state of charge can be true, given the one before it and the energy that has flowed since."""

from dataclasses import dataclass
from datetime import datetime

from csms.domain.flexibility import plausible
from csms.store.transactions import FleetRow

_SAME_MOMENT_S = 10.0


@dataclass(frozen=True, slots=True)
class _Anchor:
    soc: float
    at: datetime
    net_wh: float
    believed: bool = True


class SocWatch:
    """Remembers for each transaction the last SoC that was believed.

    A SoC that rises by more than what flowed in is not believed, and nothing after it until it fits again: a
    vehicle that claims to be full is discharged below its reserve. One that falls is always believed, because
    that only takes from what we may order. After a restart the first SoC seen is the new beginning.
    """

    def __init__(self) -> None:
        self._anchors: dict[tuple[str, str], _Anchor] = {}

    def refuses(self, row: FleetRow) -> bool:
        """Whether this row's SoC is not to be believed."""
        net_wh = _net_wh(row)
        if row.soc is None or row.soc_at is None or row.last_at is None or net_wh is None:
            return False
        key = (row.station_id, row.transaction_id)
        anchor = self._anchors.get(key)
        if anchor is not None and row.soc_at <= anchor.at:
            return not anchor.believed
        if anchor is None or row.soc <= anchor.soc:
            self._anchors[key] = _Anchor(row.soc, row.soc_at, net_wh)
            return False
        if abs((row.soc_at - row.last_at).total_seconds()) > _SAME_MOMENT_S:
            return not anchor.believed  # registers of another moment cannot judge it
        capacity_wh = row.ev_capacity_wh or row.vehicle_capacity_wh
        if capacity_wh is not None and not plausible(
            anchor.soc, net_wh - anchor.net_wh, capacity_wh, row.soc
        ):
            self._anchors[key] = _Anchor(anchor.soc, row.soc_at, anchor.net_wh, believed=False)
            return True
        self._anchors[key] = _Anchor(row.soc, row.soc_at, net_wh)
        return False

    def forget(self, rows: list[FleetRow]) -> None:
        """Drop the transactions that are over."""
        open_now = {(row.station_id, row.transaction_id) for row in rows}
        self._anchors = {key: anchor for key, anchor in self._anchors.items() if key in open_now}


def _net_wh(row: FleetRow) -> float | None:
    if row.last_import_wh is None:
        return None
    return row.last_import_wh - (row.last_export_wh or 0.0)
