"""Every place with limits: sites within each other, and the stations and EVSEs that somebody limits."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from csms.domain.site import SiteLimit, around, evse_place, names_around, station_place
from csms.grid.external import Bound, bound_of
from csms.grid.pace import Steps, slices, walk
from csms.store import external_limits, stations
from csms.store import places as stored
from csms.store.database import Database
from csms.store.external_limits import ChargingLimitRow
from csms.store.places import StationLimitRow
from csms.store.stations import SiteRow, StationRow
from csms.store.transactions import FleetRow


async def places(db: Database, now: datetime) -> dict[str, SiteLimit]:
    """All places by name. Raises `StoreUnavailable`."""
    told = await walk(_told(await external_limits.in_force(db), now))
    limited = await stored.limited(db, told)
    sites = {row.site_id: site_limit(row) for row in await stations.sites(db)}
    return _counted(sites, await stored.evse_counts(db)) | placed(limited, told)


async def places_around(db: Database, station: StationRow) -> tuple[SiteLimit, ...]:
    """The station as a place and all sites around it; reads those alone. Raises `StoreUnavailable`.

    Without what others say: that comes and goes, and the station keeps it by itself.
    """
    bounds = station.import_limit_w, station.export_limit_w
    own = StationLimitRow(station.identity, station.site_id, *bounds, evses=0)
    found = await _outwards(db, station.site_id) | placed([own], {})
    return tuple(around(found, station_place(station.identity)))


async def _outwards(db: Database, site_id: str | None) -> dict[str, SiteLimit]:
    found: dict[str, SiteLimit] = {}
    while site_id is not None and site_id not in found:
        row = await stations.get_site(db, site_id)
        if row is None:
            break
        found[site_id] = site_limit(row)
        site_id = row.within_id
    return found


Told = Mapping[str, Mapping[int, Sequence[Bound]]]
"""What others say: station -> EVSE (0: all of it) -> its bounds."""


def _told(external: Sequence[ChargingLimitRow], now: datetime) -> Steps[Told]:
    told: dict[str, dict[int, list[Bound]]] = {}
    for part in slices(external):
        for row in part:
            told.setdefault(row.identity, {}).setdefault(row.evse_id, []).append(bound_of(row, now))
        yield
    return told


def placed(limited: Iterable[StationLimitRow], told: Told) -> dict[str, SiteLimit]:
    """The stations and EVSEs that are places of their own.

    What others limit only takes: where neither the station nor a site around it has a limit of ours, nothing
    flows out (V-15).
    """
    found: dict[str, SiteLimit] = {}
    for station in limited:
        parts = told.get(station.identity, {})
        unknown = station.site_id is None and station.export_limit_w is None
        own = Bound(station.import_limit_w, math.nan if unknown else station.export_limit_w)
        name = station_place(station.identity)
        whole = _bounded(name, [own, *parts.get(0, ())], station.site_id)
        found[name] = replace(whole, evses=station.evses)
        for evse_id, bounds in parts.items():
            if evse_id:
                inner = evse_place(station.identity, evse_id)
                found[inner] = replace(_bounded(inner, bounds, name), evses=1)
    return found


def _counted(sites: Mapping[str, SiteLimit], evses: Mapping[str, int]) -> dict[str, SiteLimit]:
    """Each site with the EVSEs at it and at all sites within it."""
    totals: dict[str, int] = {}
    for site_id, count in evses.items():
        for name in names_around(sites, site_id):
            totals[name] = totals.get(name, 0) + count
    return {name: replace(site, evses=totals.get(name, 0)) for name, site in sites.items()}


def innermost(places: Mapping[str, SiteLimit], row: FleetRow) -> str | None:
    """The smallest place with limits that an EVSE is in; None if it is in none."""
    for name in (evse_place(row.station_id, row.evse_id), station_place(row.station_id)):
        if name in places:
            return name
    return row.site_id


def site_limit(row: SiteRow) -> SiteLimit:
    """A site as a place."""
    import_w = math.inf if row.import_limit_w is None else row.import_limit_w
    export_w = math.nan if row.export_limit_w is None else row.export_limit_w
    return SiteLimit(row.site_id, import_w, export_w, row.within_id)


def _bounded(name: str, bounds: Iterable[Bound], within: str | None) -> SiteLimit:
    told = list(bounds)
    export_w = [one.export_w for one in told if one.export_w is not None]
    return SiteLimit(
        name,
        min((one.import_w for one in told if one.import_w is not None), default=math.inf),
        math.nan if any(map(math.isnan, export_w)) else min(export_w, default=math.inf),
        within,
    )
