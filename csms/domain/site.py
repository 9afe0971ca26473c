"""Places with limits of their own, one within another: feeder, transformer, site, station, EVSE."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from csms.errors import Invalid

DEPTH_MAX = 12
"""More places around each other than any grid has: what lies deeper is a mistake, and lets nothing out."""


@dataclass(frozen=True, slots=True)
class SiteLimit:
    """What may flow at a place, both magnitudes in W; `within` is the place around it.

    `import_w` is infinite where no limit is known: charging is never stopped by what nobody told (V-15).
    `export_w` is not a number where none is known: then nothing flows out. Infinite says that the place has
    no limit of its own, only those around it. `evses` counts all that are there, plugged in or not.
    """

    site_id: str
    import_w: float
    export_w: float
    within: str | None = None
    evses: int = 0

    @property
    def import_room_w(self) -> float:
        """What may flow in."""
        return math.inf if math.isnan(self.import_w) else max(0.0, self.import_w)

    @property
    def export_room_w(self) -> float:
        """What may flow out; nothing where it is not known."""
        return 0.0 if math.isnan(self.export_w) else max(0.0, self.export_w)


Sites = Mapping[str, SiteLimit]


def check_nesting(within: Mapping[str, str | None], site_id: str) -> None:
    """Raise `Invalid` for a site around it that is not there, lies within it, or is the last of too many."""
    seen = [site_id]
    outer = within[site_id]
    while outer is not None:
        if outer not in within:
            raise Invalid("within", f"There is no site {outer!r}.")
        if outer in seen:
            raise Invalid("within", f"The site {outer!r} would lie within itself.")
        if len(seen) == DEPTH_MAX:
            raise Invalid("within", f"At most {DEPTH_MAX} sites lie within each other.")
        seen.append(outer)
        outer = within[outer]


def station_place(identity: str) -> str:
    """The name of a station as a place; no site can be called so."""
    return f"#{identity}"


def evse_place(identity: str, evse_id: int) -> str:
    """The name of one EVSE as a place."""
    return f"#{identity}#{evse_id}"


def around(sites: Sites, site_id: str | None) -> Iterator[SiteLimit]:
    """The place and all around it, from the inside out; nothing for None.

    One that is not known, or that lies within itself, ends it with a place that lets nothing out.
    """
    steps = 0
    while site_id is not None:
        place = sites.get(site_id)
        if place is None or steps == DEPTH_MAX:
            yield SiteLimit(site_id, math.inf, math.nan)
            return
        yield place
        site_id, steps = place.within, steps + 1


def tightest(sites: Sites, site_id: str | None) -> SiteLimit | None:
    """What the place may do by its own limits and by all around it; None for no place."""
    import_w, export_w, name = math.inf, math.inf, None
    for place in around(sites, site_id):
        name = name or place.site_id
        import_w = min(import_w, place.import_room_w)
        # one that is not known outweighs all that are: min() would let it go by
        export_w = math.nan if math.isnan(place.export_w + export_w) else min(export_w, place.export_room_w)
    # places without limits of their own only, all the way out: nobody has told a limit
    return None if name is None else SiteLimit(name, import_w, math.nan if math.isinf(export_w) else export_w)


def names_around(sites: Sites, site_id: str | None) -> frozenset[str]:
    """A site and all sites around it: what is meant for any of these is meant for the site, too."""
    return frozenset(place.site_id for place in around(sites, site_id))
