"""What may flow at each place, whatever its stations make of our orders (V-05, V-06).

Each EVSE counts with the worst that it may be doing: every lease it might follow, acknowledged or not, the
fallback under it, and what its meter shows. So power that one EVSE gives up is given to another only after
the first has taken its new lease and its meter shows it. Charging never makes room for discharging, nor the
other way round.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from csms.domain.flexibility import fresh_power
from csms.domain.site import SiteLimit, Sites, around
from csms.domain.units import finite
from csms.grid.leases import EvseKey, Fallback, Line
from csms.grid.places import innermost
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


@dataclass(slots=True)
class _Sums:
    """The same for all EVSEs at one place together."""

    out_w: float = 0.0
    in_w: float = 0.0
    plugged_in: int = 0

    def add(self, bounds: _Bounds) -> None:
        """Count one more."""
        self.out_w += bounds.out_w
        self.in_w += bounds.in_w


class Envelope:
    """One tick's account of every place; each EVSE is added before anything is granted.

    What flows at an EVSE flows at every place around it. `grant` cuts an order to what all of these have left
    and books it.
    """

    def __init__(
        self,
        lines: Mapping[EvseKey, Line],
        fallbacks: Mapping[EvseKey, Fallback],
        sites: Sites,
        now: datetime,
    ) -> None:
        self._lines = lines
        self._fallbacks = fallbacks
        self._now = now
        self._sites = sites
        self._around: dict[str | None, tuple[SiteLimit, ...]] = {}
        self._places: dict[EvseKey, tuple[SiteLimit, ...]] = {}
        self._bounds: dict[EvseKey, _Bounds] = {}
        self._sums: dict[str, _Sums] = {}

    def export_room(self, key: EvseKey) -> tuple[float | None, float]:
        """Of all places around the one with the least left: its export limit, None if it is not known, and
        what its other EVSEs may be giving. W, magnitudes."""
        own_w = self._bounds[key].out_w
        rooms = [
            (place.export_w, max(0.0, self._sums[place.site_id].out_w - own_w))
            for place in self._places[key]
            if not math.isinf(place.export_w)
        ]
        if not rooms or any(math.isnan(limit_w) for limit_w, _ in rooms):
            return None, 0.0
        return min(rooms, key=_left)

    def import_room(self, key: EvseKey) -> tuple[float | None, float]:
        """The same for what flows in; None: no limit is known, which stops nobody's charging (V-15)."""
        own_w = self._bounds[key].in_w
        rooms = [
            (place.import_w, max(0.0, self._sums[place.site_id].in_w - own_w))
            for place in self._places[key]
            if finite(place.import_w)
        ]
        return min(rooms, key=_left, default=(None, 0.0))

    def fallback_w(self, key: EvseKey, wanted_w: float) -> float:
        """What a fallback may allow here, so that no place passes its import limit if all leases end at once.

        Every EVSE at a place gets the same part of its limit, plugged in or not: who asks first gets no more.
        """
        parts = [
            place.import_w / max(place.evses, self._sums[place.site_id].plugged_in)
            for place in self._places[key]
            if finite(place.import_w)
        ]
        return max(0.0, min([wanted_w, *parts]))

    def rest_w(self, own: Iterable[EvseKey]) -> dict[str, tuple[float, float]]:
        """What may flow (out, in) at each place around these EVSEs without them."""
        mine: dict[str, _Sums] = {}
        for key in own:
            for place in self._places[key]:
                mine.setdefault(place.site_id, _Sums()).add(self._bounds[key])
        return {
            name: (max(0.0, all_.out_w - own_.out_w), max(0.0, all_.in_w - own_.in_w))
            for name, own_ in mine.items()
            for all_ in (self._sums[name],)
        }

    def increases_import(self, key: EvseKey, setpoint_w: float) -> bool:
        """Whether this setpoint may bring more charging than there may be already."""
        return setpoint_w > self._bounds[key].before_in_w

    def grant(self, key: EvseKey, setpoint_w: float) -> float:
        """The setpoint, or the part of it that all places around have room for; booked."""
        bounds = self._bounds[key]
        if setpoint_w < 0:
            limit_w, others_w = self.export_room(key)
            setpoint_w = max(setpoint_w, -(0.0 if limit_w is None else max(0.0, limit_w - others_w)))
        elif self.increases_import(key, setpoint_w):
            limit_w, others_w = self.import_room(key)
            room_w = math.inf if limit_w is None else max(0.0, limit_w - others_w)
            setpoint_w = min(setpoint_w, max(bounds.before_in_w, room_w))
        self._raise(key, max(bounds.out_w, -setpoint_w), max(bounds.in_w, setpoint_w))
        return setpoint_w

    def add(self, row: FleetRow) -> None:
        """Count an EVSE with the worst that it may be doing, now or when its lease ends."""
        key = (row.station_id, row.evse_id)
        line = self._lines.get(key)
        # An old reading says nothing of discharge: what is not ordered any more has ended by itself.
        known_w = fresh_power(row, self._now, METER_AGE_S)
        measured_w = known_w or 0.0
        lowest_w, highest_w = (0.0, None) if line is None else (line.lowest_w(), line.highest_w())
        if not math.isfinite(lowest_w):
            lowest_w = -(row.max_discharge_w or 0.0)
        self._places[key] = self._within(innermost(self._sites, row))
        bounds = self._bounds[key] = _Bounds()
        for place in self._places[key]:
            self._sums.setdefault(place.site_id, _Sums()).plugged_in += 1
        # A lease limits only who obeys it: some take a negative limit for none. Who is neither limited nor
        # measured may be taking all it can.
        unknown = known_w is None and highest_w is None
        in_w = max(0.0, measured_w, highest_w or 0.0, (row.max_charge_w or 0.0) if unknown else 0.0)
        bounds.before_in_w = in_w
        self._raise(key, max(-lowest_w, -measured_w, 0.0), max(in_w, self._fallen_back_w(key)))

    def _fallen_back_w(self, key: EvseKey) -> float:
        """What the EVSE may take when its lease has ended (V-05)."""
        fallback = self._fallbacks.get(key)
        return 0.0 if fallback is None or fallback.until <= self._now else fallback.limit_w

    def _within(self, name: str | None) -> tuple[SiteLimit, ...]:
        if name not in self._around:
            self._around[name] = tuple(around(self._sites, name))
        return self._around[name]

    def _raise(self, key: EvseKey, out_w: float, in_w: float) -> None:
        bounds = self._bounds[key]
        for place in self._places[key]:
            sums = self._sums[place.site_id]
            sums.out_w += out_w - bounds.out_w
            sums.in_w += in_w - bounds.in_w
        bounds.out_w, bounds.in_w = out_w, in_w


def _left(room: tuple[float, float]) -> float:
    return room[0] - room[1]
