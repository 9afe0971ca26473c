"""What may flow at each site, whatever its stations make of our orders (V-05, V-06).

Each EVSE counts with the worst that it may be doing: every lease it might follow, acknowledged or not, and
what its meter shows. So power that one EVSE gives up is given to another only after the first has taken its
new lease and its meter shows it. Charging never makes room for discharging, nor the other way round.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from csms.domain.flexibility import SiteLimit, fresh_power
from csms.domain.units import finite
from csms.grid.leases import EvseKey, Line
from csms.store.transactions import FleetRow

METER_AGE_S = 120.0


@dataclass(slots=True)
class _Bounds:
    """The most that may flow out and in at one EVSE, `before_in_w` before this tick's orders.

    Magnitudes in W.
    """

    out_w: float = 0.0
    in_w: float = 0.0
    before_in_w: float = 0.0


class Envelope:
    """One tick's account of every site; each EVSE is added before anything is granted.

    `grant` cuts an order to what its site has left and books it.
    """

    def __init__(self, lines: Mapping[EvseKey, Line], sites: Mapping[str, SiteLimit], now: datetime) -> None:
        self._lines = lines
        self._now = now
        self._sites = sites
        self._site_of: dict[EvseKey, str | None] = {}
        self._bounds: dict[EvseKey, _Bounds] = {}
        self._out_w: dict[str | None, float] = {}
        self._in_w: dict[str | None, float] = {}

    def export_limit_w(self, key: EvseKey) -> float | None:
        """The site's export limit; None if not known."""
        site = self._site(key)
        return site.export_w if site is not None and finite(site.export_w) else None

    def import_limit_w(self, key: EvseKey) -> float | None:
        """The site's import limit; None if there is none."""
        site = self._site(key)
        return site.import_w if site is not None and finite(site.import_w) else None

    def others_out_w(self, key: EvseKey) -> float:
        """What the site's other EVSEs may be giving."""
        return max(0.0, self._out_w[self._site_of[key]] - self._bounds[key].out_w)

    def others_in_w(self, key: EvseKey) -> float:
        """What the site's other EVSEs may be taking."""
        return max(0.0, self._in_w[self._site_of[key]] - self._bounds[key].in_w)

    def rest_w(self, site_id: str, own: Iterable[EvseKey]) -> tuple[float, float]:
        """What may flow (out, in) at all of a site's EVSEs but these."""
        mine = [self._bounds[key] for key in own]
        out_w = self._out_w.get(site_id, 0.0) - sum(bounds.out_w for bounds in mine)
        in_w = self._in_w.get(site_id, 0.0) - sum(bounds.in_w for bounds in mine)
        return max(0.0, out_w), max(0.0, in_w)

    def increases_import(self, key: EvseKey, setpoint_w: float) -> bool:
        """Whether this setpoint may bring more charging than there may be already."""
        return setpoint_w > self._bounds[key].before_in_w

    def grant(self, key: EvseKey, setpoint_w: float) -> float:
        """The setpoint, or the part of it that the site has room for; booked."""
        bounds, site = self._bounds[key], self._site_of[key]
        if setpoint_w < 0:
            limit_w = self.export_limit_w(key)
            room_w = 0.0 if limit_w is None else max(0.0, limit_w - self.others_out_w(key))
            setpoint_w = max(setpoint_w, -room_w)
        elif self.increases_import(key, setpoint_w):
            limit_w = self.import_limit_w(key)
            room_w = math.inf if limit_w is None else max(0.0, limit_w - self.others_in_w(key))
            setpoint_w = min(setpoint_w, max(bounds.before_in_w, room_w))
        self._raise(site, bounds, max(bounds.out_w, -setpoint_w), max(bounds.in_w, setpoint_w))
        return setpoint_w

    def _site(self, key: EvseKey) -> SiteLimit | None:
        return self._sites.get(self._site_of[key] or "")

    def add(self, row: FleetRow) -> None:
        """Count an EVSE with the worst that it may be doing."""
        key, site = (row.station_id, row.evse_id), row.site_id
        line = self._lines.get(key)
        # An old reading says nothing of discharge: what is not ordered any more has ended by itself.
        known_w = fresh_power(row, self._now, METER_AGE_S)
        measured_w = known_w or 0.0
        lowest_w, highest_w = (0.0, None) if line is None else (line.lowest_w(), line.highest_w())
        if not math.isfinite(lowest_w):
            lowest_w = -(row.max_discharge_w or 0.0)
        bounds = _Bounds()
        self._site_of[key], self._bounds[key] = site, bounds
        # A lease limits only who obeys it: some take a negative limit for none. Who is neither limited nor
        # measured may be taking all it can.
        unknown = known_w is None and highest_w is None
        in_w = max(0.0, measured_w, highest_w or 0.0, (row.max_charge_w or 0.0) if unknown else 0.0)
        self._raise(site, bounds, max(-lowest_w, -measured_w, 0.0), in_w)
        bounds.before_in_w = in_w

    def _raise(self, site: str | None, bounds: _Bounds, out_w: float, in_w: float) -> None:
        self._out_w[site] = self._out_w.get(site, 0.0) + out_w - bounds.out_w
        self._in_w[site] = self._in_w.get(site, 0.0) + in_w - bounds.in_w
        bounds.out_w, bounds.in_w = out_w, in_w
