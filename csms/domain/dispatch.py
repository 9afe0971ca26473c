"""This tick's split: a fleet target over offers, inside the limits of every site and of all around it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from operator import attrgetter
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from csms.domain.flexibility import DEAD_BAND_W, Offer
from csms.domain.site import SiteLimit, Sites, around
from csms.domain.units import finite
from csms.errors import Invalid

__all__ = ["Allocation", "Setpoint", "allocate"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]

_LEAST_WEIGHT = 1e-6
_UNBOUND = SiteLimit("#unbound", np.inf, np.inf)
_NOWHERE = SiteLimit("#nowhere", np.inf, 0.0)
_IN_NAMES_ORDER = attrgetter("station_id", "evse_id", "transaction_id")


class Setpoint(NamedTuple):
    """What one EVSE shall do: signed W. A tuple, because a hundred thousand are made in a tick."""

    station_id: str
    evse_id: int
    transaction_id: str
    setpoint_w: float


@dataclass(frozen=True, slots=True)
class Allocation:
    """One split. `shortfall_w` is target minus the sum of the setpoints: what the offers cannot do."""

    target_w: float
    setpoints: tuple[Setpoint, ...]
    shortfall_w: float


@dataclass(frozen=True, slots=True)
class _Side:
    """One direction of power: magnitudes up to `room_w`, shared by weight. `group` numbers each EVSE's site.

    `rank` is asked only where ties must be broken: sorting names is dear.
    """

    room_w: Floats
    weight: Floats
    active: npt.NDArray[np.bool_]
    rank: Callable[[], Ints]
    group: Ints


@dataclass(frozen=True, slots=True)
class _Ring:
    """Places of which none lies within another: each offer's, by number, and what each may take and give."""

    group: Ints
    import_w: Floats
    export_w: Floats

    def sums(self, values: Floats) -> Floats:
        """Sum at each place."""
        return _sums(self.group, values, len(self.import_w))


def allocate(
    target_w: float,
    offers: Sequence[Offer],
    sites: Sites,
    site_load: Mapping[str, float] | None = None,
) -> Allocation:
    """Split a target (signed W) over the offers that may be steered, in the order given.

    What departures demand comes first, then power shared in proportion to weight between each offer's bounds
    (water-filling). A site's import limit is planned on charging EVSEs alone and its export limit on
    discharging ones alone: one of them may drop out at any time, so neither is credited to the other.
    `site_load` (signed W, what else flows at a site and is not ours to steer) uses up room in its own
    direction only. Sites lie within each other (`domain.site`): none passes its limit. A site limit beats a
    departure. Where a share would be under `DEAD_BAND_W`, fewer EVSEs
    get more, those already at work first. The same offers give the same split. Raises `Invalid` if the target
    is not finite.
    """
    if not finite(target_w):
        raise Invalid("target_w", "The target is not a finite number.")
    chosen = [offer for offer in offers if offer.steerable]
    if not chosen:
        return Allocation(target_w, (), target_w)
    power_w = _split(target_w, chosen, sites, site_load or {})
    setpoints = tuple(
        map(
            Setpoint,
            [offer.station_id for offer in chosen],
            [offer.evse_id for offer in chosen],
            [offer.transaction_id for offer in chosen],
            power_w.tolist(),
        )
    )
    return Allocation(target_w, setpoints, target_w - float(power_w.sum()))


def _split(target_w: float, offers: Sequence[Offer], sites: Sites, site_load: Mapping[str, float]) -> Floats:
    low, high, weight, measured = _columns(offers)
    rings = _rings(offers, sites, site_load)
    must = np.clip(low, 0.0, high)
    for ring in rings:
        must *= _share_of(ring.import_w, ring.sums(must))[ring.group]
    base = float(must.sum())
    rank = cache(partial(_ranks, offers))
    if target_w >= base:
        side = _Side(high - must, weight, measured > DEAD_BAND_W / 2, rank, rings[0].group)
        for ring in rings:
            left_w = np.maximum(ring.import_w - ring.sums(must), 0.0)
            side = _within(replace(side, group=ring.group), left_w)
        return must + _fill(side, target_w - base)
    side = _Side(np.maximum(-low, 0.0), weight, measured < -DEAD_BAND_W / 2, rank, rings[0].group)
    for ring in rings:
        side = _within(replace(side, group=ring.group), ring.export_w)
    return must - _fill(side, base - target_w)


def _columns(offers: Sequence[Offer]) -> tuple[Floats, Floats, Floats, Floats]:
    """min, max, weight and measured as arrays; what is not finite becomes harmless (V-13)."""
    low, high, weight = (
        np.nan_to_num(
            np.fromiter(map(attrgetter(name), offers), np.float64, len(offers)), posinf=0.0, neginf=0.0
        )
        for name in ("min_w", "max_w", "weight")
    )
    measured = np.fromiter((offer.measured_w or 0.0 for offer in offers), np.float64, len(offers))
    high = np.maximum(high, 0.0)
    return np.minimum(low, high), high, np.maximum(weight, _LEAST_WEIGHT), measured


def _rings(offers: Sequence[Offer], sites: Sites, site_load: Mapping[str, float]) -> list[_Ring]:
    """The places around the offers, innermost ring first: what fits in all inner ones is cut to the outer.

    Each place is in one ring, by how many are around it; who has none there is bounded by nothing in it.
    """
    numbers: dict[str | None, int] = {}
    group = np.array([numbers.setdefault(offer.site_id, len(numbers)) for offer in offers], dtype=np.intp)
    chains = [tuple(around(sites, name))[::-1] for name in numbers]  # from the outside in
    deepest = max(max(map(len, chains)), 1)
    return [_ring(depth, chains, group, site_load) for depth in reversed(range(deepest))]


def _ring(
    depth: int, chains: Sequence[tuple[SiteLimit, ...]], group: Ints, site_load: Mapping[str, float]
) -> _Ring:
    """One ring. Who has no site at all may charge freely and not discharge (V-15)."""
    places: dict[str, int] = {}
    import_w, export_w, member = [], [], []
    for chain in chains:
        place = chain[depth] if depth < len(chain) else (_UNBOUND if chain else _NOWHERE)
        if place.site_id not in places:
            load_w = site_load.get(place.site_id, 0.0)
            places[place.site_id] = len(places)
            import_w.append(place.import_room_w - max(load_w, 0.0))
            export_w.append(place.export_room_w + min(load_w, 0.0))
        member.append(places[place.site_id])
    rooms = (np.maximum(np.array(values), 0.0) for values in (import_w, export_w))
    return _Ring(np.array(member, dtype=np.intp)[group], *rooms)


def _share_of(limit_w: Floats, wanted_w: Floats) -> Floats:
    """The part of what is wanted that fits, 0..1."""
    return np.divide(limit_w, wanted_w, out=np.ones_like(wanted_w), where=wanted_w > limit_w)


def _ranks(offers: Sequence[Offer]) -> Ints:
    """Place of each offer in the order of names: breaks ties, so the order of arrival does not matter."""
    order = sorted(range(len(offers)), key=list(map(_IN_NAMES_ORDER, offers)).__getitem__)
    rank = np.empty(len(offers), dtype=np.intp)
    rank[order] = np.arange(len(offers))
    return rank


def _within(side: _Side, limit_w: Floats) -> _Side:
    """The side with rooms cut so that no site can pass its limit, whatever the fleet's level."""
    wanted_w = _sums(side.group, side.room_w, len(limit_w))
    if not (wanted_w > limit_w).any():
        return side
    room_w = _shared(side, np.minimum(limit_w, wanted_w))
    return replace(side, room_w=room_w)


def _fill(side: _Side, total_w: float) -> Floats:
    """As much of `total_w` as the fleet's rooms hold."""
    fleet = _Side(side.room_w, side.weight, side.active, side.rank, np.zeros_like(side.group))
    return _shared(fleet, np.array([min(total_w, float(side.room_w.sum()))]))


def _shared(side: _Side, total_w: Floats) -> Floats:
    """Each group's total over its members, with no share under the dead band where fewer can do it."""
    share_w = _poured(side, total_w)
    tiny = (share_w > 0) & (share_w < np.minimum(DEAD_BAND_W, side.room_w))
    if not tiny.any():
        return share_w
    crowded = _sums(side.group, tiny, len(total_w)) > 0
    room_w = np.where(crowded[side.group], _concentrated(side, total_w), side.room_w)
    return _poured(_Side(room_w, side.weight, side.active, side.rank, side.group), total_w)


def _concentrated(side: _Side, total_w: Floats) -> Floats:
    """Rooms of the most fitting members of each group; the others get none.

    Members stand in line: first those with room for more than the dead band, of these the ones at work
    already (else a split that hardly changes would move from vehicle to vehicle), then by weight. So many are
    taken that the last still gets the dead band, but never fewer than the total needs.
    """
    ties = (side.rank(),) if len(np.unique(side.weight)) < len(side.weight) else ()
    order = np.lexsort((*ties, -side.weight, ~side.active, side.room_w < DEAD_BAND_W, side.group))
    group, weight, room_w = side.group[order], side.weight[order], side.room_w[order]
    start = np.searchsorted(group, np.arange(len(total_w)))
    before_w = _running(room_w, group, start) - room_w
    # With everyone up to here at work the lightest would get weight / sum of weights of the total, or more.
    lightest = _running_least(weight, group, start)
    enough = lightest * total_w[group] >= DEAD_BAND_W * _running(weight, group, start)
    first = np.zeros(len(group), dtype=bool)
    first[start[np.bincount(group, minlength=len(total_w)) > 0]] = True
    # A hair of the total may be missing from running sums: no further member is opened for it.
    taken = first | (enough & (room_w >= DEAD_BAND_W)) | (before_w < total_w[group] * (1 - 1e-12))
    kept = np.zeros_like(room_w)
    kept[order] = np.where(taken, room_w, 0.0)
    return kept


def _poured(side: _Side, total_w: Floats) -> Floats:
    """Water-filling in each group: min(weight * level, room), with the level that gives the group's total.

    Exact: the level is found between two neighbouring brims, sorted. `total_w` is at most the sum of rooms.
    """
    brim = side.room_w / side.weight
    order = np.lexsort((brim, side.group))
    group = side.group[order]
    start = np.searchsorted(group, np.arange(len(total_w)))
    weight, room_w = side.weight[order], side.room_w[order]
    full_w = _running(room_w, group, start)
    open_weight = _sums(group, weight, len(total_w))[group] - _running(weight, group, start)
    held_w = full_w + brim[order] * np.maximum(open_weight, 0.0)
    brimming = _sums(group, held_w < total_w[group], len(total_w)).astype(np.intp)
    # The first member that stays below its brim tells the slope; the last one at most.
    size = np.bincount(group, minlength=len(total_w))
    at = np.minimum(start + np.minimum(brimming, size - 1), len(group) - 1)
    slope = np.maximum(open_weight[at], 0.0) + weight[at]
    level = np.maximum(total_w - (full_w[at] - room_w[at]), 0.0) / slope
    return np.minimum(side.weight * level[side.group], side.room_w)


def _sums(group: Ints, values: npt.NDArray[np.generic], size: int) -> Floats:
    """Sum in each group, as many as there are groups."""
    return np.bincount(group, values, size).astype(np.float64)


def _running(values: Floats, group: Ints, start: Ints) -> Floats:
    """Running sums inside each group, the member itself included; sorted by group."""
    sums = np.cumsum(values)
    offset = np.concatenate(([0.0], sums))[start]
    inside: Floats = sums - offset[group]
    return inside


def _running_least(values: Floats, group: Ints, start: Ints) -> Floats:
    """Running minimum inside each group; sorted by group."""
    # Adding a step down from group to group makes one pass over all of them do.
    step = float(values.max(initial=0.0)) + 1.0
    least: Floats = np.minimum.accumulate(values - group * step) + group * step
    return least
