"""The split of a target: named cases from files, and what holds for any fleet."""

import math
import tomllib
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csms.domain.dispatch import Allocation, allocate
from csms.domain.flexibility import DEAD_BAND_W, EvseView, Offer, offer
from csms.domain.grid_event import GridEvent
from csms.domain.program import Need, Terms
from csms.domain.site import SiteLimit
from csms.errors import Invalid

CASES = sorted((Path(__file__).parents[2] / "cases" / "dispatch").glob("*.toml"))

Views = Callable[..., EvseView]
Events = Callable[..., GridEvent]


def plain_offer(
    id: str,
    site: str | None = "depot",
    min_w: float = 0.0,
    max_w: float = 11_000.0,
    weight: float = 1.0,
    measured_w: float | None = None,
) -> Offer:
    return Offer(id, 1, f"tx-{id}", site, None, min_w, max_w, 0.0, measured_w, max(0.0, min_w), weight)


def seen(view: Views, now: datetime, vehicle: dict[str, Any]) -> EvseView:
    """A vehicle of a case file: what it does not say is as in the sound view."""
    departs_in = vehicle.get("departs_in_min")
    departure = None if departs_in is None else now + timedelta(minutes=departs_in)
    rating = vehicle.get("max_discharge_w", 10_000)
    same = {
        name: vehicle[name]
        for name in ("soc", "online", "enrolled", "opted_out", "refused")
        if name in vehicle
    }
    return view(
        station_id=vehicle["id"],
        need=Need(vehicle.get("reserve_soc", 30), departure, target_soc=vehicle.get("target_soc")),
        vehicle_bidirectional=vehicle.get("bidirectional", True),
        max_discharge_w=rating,
        vehicle_max_discharge_w=rating,
        **same,
    )


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_case(path: Path, view: Views, event: Events, now: datetime) -> None:
    case = tomllib.loads(path.read_text())
    sites = {name: SiteLimit(name, **limits) for name, limits in case.get("sites", {}).items()}
    offers = [plain_offer(**given) for given in case.get("offer", [])]
    asked = event(target_w=case["target_w"])
    for vehicle in case.get("vehicle", []):
        made = offer(seen(view, now, vehicle), asked, Terms(), sites, now, 300)
        offers += [] if made is None else [made]
    split = allocate(case["target_w"], offers, sites, case.get("site_load", {}))
    assert {each.station_id: each.setpoint_w for each in split.setpoints} == pytest.approx(
        case["expect"]["setpoints"]
    )
    assert split.shortfall_w == pytest.approx(case["expect"]["shortfall_w"], abs=1e-6)


def test_there_are_cases() -> None:
    assert len(CASES) >= 12


def test_nobody_there_means_all_is_missing() -> None:
    assert allocate(-5000.0, [], {}) == Allocation(-5000.0, (), -5000.0)


@pytest.mark.parametrize("target_w", [math.nan, math.inf])
def test_a_target_that_is_no_number_is_refused(target_w: float) -> None:
    with pytest.raises(Invalid):
        allocate(target_w, [plain_offer("a")], {})


def test_numbers_that_are_none_do_no_harm() -> None:
    sites = {"depot": SiteLimit("depot", math.nan, math.nan), "yard": SiteLimit("yard", 1e4, 1e4)}
    odd = [
        plain_offer("a", min_w=math.nan, max_w=math.inf),
        plain_offer("b", min_w=-7000, weight=math.nan),
        plain_offer("c", "yard", min_w=-7000, weight=-1, measured_w=math.nan),
        plain_offer("d", None, min_w=-math.inf),
    ]
    split = allocate(-9000.0, odd, sites)
    assert [each.setpoint_w for each in split.setpoints] == pytest.approx([0, 0, -7000, 0])


SITES = ["s1", "s2", "s3"]
watts = st.one_of(st.just(0.0), st.floats(-12_000, 12_000), st.sampled_from([-7000.0, 3000.0]))
one_offer = st.builds(
    lambda low, span, weight, site, measured: plain_offer(
        "?", site, low, max(0.0, low + span), weight, measured
    ),
    watts,
    st.floats(0, 22_000),
    st.one_of(st.just(1.0), st.floats(0.001, 100)),
    st.sampled_from([*SITES, "unknown", None]),
    st.one_of(st.none(), watts),
)
fleets = st.lists(one_offer, max_size=25).map(
    lambda offers: [replace(each, station_id=f"cs{index:03}") for index, each in enumerate(offers)]
)
limits = st.fixed_dictionaries(
    {name: st.builds(SiteLimit, st.just(name), st.floats(0, 60_000), st.floats(0, 60_000)) for name in SITES}
)
loads = st.dictionaries(st.sampled_from(SITES), st.floats(-20_000, 20_000))
targets = st.one_of(st.floats(-200_000, 200_000), st.floats(-3000, 3000))


def by_site(offers: Sequence[Offer], split: Allocation) -> dict[str | None, tuple[float, float]]:
    """What charging and what discharging EVSEs of each site add up to, both magnitudes."""
    sums: dict[str | None, tuple[float, float]] = defaultdict(lambda: (0.0, 0.0))
    for made, point in zip(offers, split.setpoints, strict=True):
        up, down = sums[made.site_id]
        sums[made.site_id] = (up + max(0.0, point.setpoint_w), down + max(0.0, -point.setpoint_w))
    return sums


@given(targets, fleets, limits, loads)
def test_no_bound_is_broken_and_every_watt_is_accounted_for(
    target_w: float, offers: list[Offer], sites: dict[str, SiteLimit], load: dict[str, float]
) -> None:
    split = allocate(target_w, offers, sites, load)
    total_w = sum(point.setpoint_w for point in split.setpoints)
    assert total_w + split.shortfall_w == pytest.approx(target_w, abs=1e-3)
    sums = by_site(offers, split)
    for name, (up, down) in sums.items():
        limit = sites.get(name or "", SiteLimit("", math.inf, 0.0))
        assert up <= max(0.0, limit.import_w - max(0.0, load.get(name or "", 0.0))) + 1e-3
        assert down <= max(0.0, limit.export_w + min(0.0, load.get(name or "", 0.0))) + 1e-3
    for made, point in zip(offers, split.setpoints, strict=True):
        assert point.setpoint_w <= made.max_w + 1e-6
        if made.min_w <= 0:
            assert point.setpoint_w >= made.min_w - 1e-6
        elif point.setpoint_w < made.min_w - 1e-3:
            # A departure gives way to its site's limit only.
            room_w = sites[made.site_id or ""].import_w - max(0.0, load.get(made.site_id or "", 0.0))
            assert sums[made.site_id][0] == pytest.approx(max(0.0, room_w), abs=1e-3)


@given(targets, fleets, limits)
def test_a_shortfall_means_that_nobody_has_anything_left(
    target_w: float, offers: list[Offer], sites: dict[str, SiteLimit]
) -> None:
    split = allocate(target_w, offers, sites)
    sums = by_site(offers, split)
    if abs(split.shortfall_w) < 1e-3:
        return
    for made, point in zip(offers, split.setpoints, strict=True):
        limit = sites.get(made.site_id or "", SiteLimit("", math.inf, 0.0))
        up, down = sums[made.site_id]
        if split.shortfall_w > 0:
            assert point.setpoint_w >= made.max_w - 1e-3 or up >= limit.import_w - 1e-3
        else:
            assert point.setpoint_w <= made.min_w + 1e-3 or down >= limit.export_w - 1e-3


@given(targets, fleets, limits, st.randoms(use_true_random=False))
def test_the_order_of_offers_does_not_matter(
    target_w: float, offers: list[Offer], sites: Any, random: Any
) -> None:
    shuffled = random.sample(offers, len(offers))
    one, other = (
        {each.station_id: each.setpoint_w for each in allocate(target_w, given, sites).setpoints}
        for given in (offers, shuffled)
    )
    assert other == pytest.approx(one, abs=1e-3)


@given(targets, fleets, limits)
def test_the_same_offers_give_the_same_split(target_w: float, offers: list[Offer], sites: Any) -> None:
    assert allocate(target_w, offers, sites) == allocate(target_w, offers, sites)


@given(targets, st.floats(0, 50_000), fleets, limits)
def test_asking_for_more_gives_more(target_w: float, more_w: float, offers: list[Offer], sites: Any) -> None:
    less, more = (
        sum(point.setpoint_w for point in allocate(asked, offers, sites).setpoints)
        for asked in (target_w, target_w + more_w)
    )
    assert more >= less - 1e-3


@given(st.integers(1, 40), st.floats(500, 100_000))
def test_equal_offers_are_never_split_below_the_dead_band(count: int, target_w: float) -> None:
    offers = [plain_offer(f"cs{index:02}", min_w=-7000) for index in range(count)]
    split = allocate(-target_w, offers, {"depot": SiteLimit("depot", 1e6, 1e6)})
    at_work = [-point.setpoint_w for point in split.setpoints if point.setpoint_w]
    assert min(at_work) >= DEAD_BAND_W - 1e-6
    assert max(at_work) - min(at_work) < 1e-6
