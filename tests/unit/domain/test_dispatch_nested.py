"""The split inside places within places: no place passes its limit, and no room is left unused."""

import math
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csms.domain.dispatch import allocate
from csms.domain.flexibility import Offer
from csms.domain.site import SiteLimit, around


def offer(name: str, site: str | None, down_w: float = 10_000.0, up_w: float = 10_000.0) -> Offer:
    """One that can give and take so much."""
    return Offer(name, 1, f"tx-{name}", site, None, -down_w, up_w, 50_000.0, 0.0)


def given_by(
    offers: Iterable[Offer], powers: dict[str, float], sites: dict[str, SiteLimit], at: str
) -> float:
    """What flows at a place."""
    inside = [one for one in offers if at in {place.site_id for place in around(sites, one.site_id)}]
    return math.fsum(powers[one.station_id] for one in inside)


def split(target_w: float, offers: list[Offer], sites: dict[str, SiteLimit]) -> dict[str, float]:
    return {one.station_id: one.setpoint_w for one in allocate(target_w, offers, sites).setpoints}


def test_a_feeder_bounds_two_sites_together() -> None:
    sites = {
        "feeder": SiteLimit("feeder", 1e6, 12_000.0),
        "north": SiteLimit("north", 1e6, 9_000.0, "feeder"),
        "south": SiteLimit("south", 1e6, 9_000.0, "feeder"),
    }
    offers = [offer("a", "north"), offer("b", "south"), offer("c", "south")]
    found = allocate(-30_000.0, offers, sites)
    assert sum(one.setpoint_w for one in found.setpoints) == pytest.approx(-12_000.0)
    assert found.shortfall_w == pytest.approx(-18_000.0)


def test_room_that_one_site_cannot_use_is_left_to_the_other() -> None:
    sites = {
        "feeder": SiteLimit("feeder", 1e6, 12_000.0),
        "small": SiteLimit("small", 1e6, 2_000.0, "feeder"),
        "big": SiteLimit("big", 1e6, 50_000.0, "feeder"),
    }
    powers = split(-30_000.0, [offer("a", "small"), offer("b", "big")], sites)
    assert powers == {"a": pytest.approx(-2_000.0), "b": pytest.approx(-10_000.0)}


def test_who_stands_beside_the_tree_is_not_bounded_by_it() -> None:
    sites = {
        "feeder": SiteLimit("feeder", 1e6, 1_000.0),
        "in": SiteLimit("in", 1e6, 9_000.0, "feeder"),
        "out": SiteLimit("out", 1e6, 9_000.0),
    }
    powers = split(-20_000.0, [offer("a", "in"), offer("b", "out"), offer("c", None)], sites)
    assert powers == {"a": pytest.approx(-1_000.0), "b": pytest.approx(-9_000.0), "c": 0.0}


def test_what_departures_demand_is_cut_to_the_outer_limit_too() -> None:
    sites = {
        "feeder": SiteLimit("feeder", 6_000.0, 0.0),
        "depot": SiteLimit("depot", 50_000.0, 0.0, "feeder"),
    }
    must = [
        Offer(name, 1, f"tx-{name}", "depot", None, 5_000.0, 10_000.0, 0.0, 0.0, must_w=5_000.0)
        for name in "ab"
    ]
    assert sum(split(0.0, must, sites).values()) == pytest.approx(6_000.0)


NAMES = [f"s{number}" for number in range(6)]
LIMITS = st.one_of(st.floats(0, 60_000), st.just(math.nan), st.just(math.inf))


@st.composite
def trees(draw: st.DrawFn) -> dict[str, SiteLimit]:
    """Places of which each lies in an earlier one, or in none."""
    found = {}
    for number, name in enumerate(NAMES):
        within = draw(st.sampled_from([None, *NAMES[:number]]))
        found[name] = SiteLimit(name, draw(LIMITS), draw(LIMITS), within)
    return found


@given(
    trees(),
    st.lists(st.tuples(st.sampled_from([None, *NAMES]), st.floats(0, 20_000)), min_size=1, max_size=9),
    st.floats(-150_000, 150_000),
)
def test_no_place_passes_its_limit(
    sites: dict[str, SiteLimit], places: list[tuple[str | None, float]], target_w: float
) -> None:
    offers = [offer(f"c{number}", site, most, most) for number, (site, most) in enumerate(places)]
    powers = split(target_w, offers, sites)
    for name, place in sites.items():
        flow_w = given_by(offers, powers, sites, name)
        assert -place.export_room_w - 1e-3 <= flow_w <= place.import_room_w + 1e-3
    for one in offers:
        if one.site_id is None:
            assert powers[one.station_id] > -1e-6
    # greedy: nobody could do more towards the target without a limit being passed
    missing_w = target_w - math.fsum(powers.values())
    if missing_w < -1.0:
        for one in offers:
            room_w = min(
                [
                    place.export_room_w + given_by(offers, powers, sites, place.site_id)
                    for place in around(sites, one.site_id)
                ],
                default=0.0,
            )
            assert min(room_w, powers[one.station_id] - one.min_w) < 1.0
