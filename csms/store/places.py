"""What the grid loop reads of places: limits of stations, EVSEs at sites (sites themselves: `stations`)."""

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import func, or_, select

from csms.store.database import Database
from csms.store.stations import EVSE, SITE, STATION

_NAMES = 500  # in one statement


@dataclass(frozen=True, slots=True)
class StationLimitRow:
    """What bounds all EVSEs of a station together, magnitudes in W; None: nothing of its own."""

    identity: str
    site_id: str | None
    import_limit_w: float | None
    export_limit_w: float | None
    evses: int


async def limited(db: Database, also: Collection[str] = ()) -> list[StationLimitRow]:
    """The stations that have a limit of their own, and these."""
    evses = select(func.count()).where(EVSE.c.identity == STATION.c.identity).scalar_subquery()
    bounds = (STATION.c.import_limit_w, STATION.c.export_limit_w)
    columns = (STATION.c.identity, STATION.c.site_id, *bounds, evses.label("evses"))
    own = or_(STATION.c.import_limit_w.is_not(None), STATION.c.export_limit_w.is_not(None))
    found = [*await db.all(select(*columns).where(own))]
    names = sorted(also)
    for start in range(0, len(names), _NAMES):
        named = STATION.c.identity.in_(names[start : start + _NAMES])
        found += await db.all(select(*columns).where(~own, named))
    return [StationLimitRow(**row._mapping) for row in found]


async def evse_counts(db: Database) -> dict[str, int]:
    """How many EVSEs stand at each site, plugged in or not."""
    joined = STATION.join(EVSE, EVSE.c.identity == STATION.c.identity)
    query = select(STATION.c.site_id, func.count().label("evses")).select_from(joined)
    query = query.where(STATION.c.site_id.is_not(None)).group_by(STATION.c.site_id)
    return {row.site_id: row.evses for row in await db.all(query)}


async def sites_within(db: Database, site_id: str) -> list[str]:
    """The site and all sites within it."""
    found, inner = {site_id: None}, [site_id]
    while inner:
        query = select(SITE.c.site_id).where(SITE.c.within_id.in_(inner[:_NAMES])).order_by(SITE.c.site_id)
        named = [row.site_id for row in await db.all(query) if row.site_id not in found]
        found |= dict.fromkeys(named)
        inner = [*inner[_NAMES:], *named]
    return [*found]
