"""What one EVSE can offer, and every reason why it may not discharge."""

import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csms.domain.dialect_record import Discharge
from csms.domain.flexibility import (
    EvseView,
    NoDischarge,
    Offer,
    excluded,
    fresh_power,
    offer,
)
from csms.domain.grid_event import GridEvent
from csms.domain.program import Need, Terms
from csms.domain.site import SiteLimit

LEASE_S = 300
TERMS = Terms()
SITES = {"depot": SiteLimit("depot", 100_000, 100_000), "shut": SiteLimit("shut", 100_000, 0)}

Views = Callable[..., EvseView]
Events = Callable[..., GridEvent]
Ask = Callable[..., Offer]


@pytest.fixture(scope="session")
def ask(view: Views, event: Events, now: datetime) -> Ask:
    def offered(target_w: float = -300_000, min_soc: float | None = None, **changes: Any) -> Offer:
        made = offer(view(**changes), event(target_w=target_w, min_soc=min_soc), TERMS, SITES, now, LEASE_S)
        assert made is not None
        return made

    return offered


def test_a_vehicle_that_lacks_nothing_offers_its_rating_both_ways(ask: Ask) -> None:
    made = ask()
    assert (made.min_w, made.max_w, made.must_w, made.why_not) == (-10_000, 11_000, 0, None)
    assert made.soc_margin == 50
    assert made.steerable
    # 49 % of 60 kWh above reserve and margin, less what may have left in 50 s, less losses.
    assert made.available_wh == pytest.approx((29_400 - 10_000 * 50 / 3600 / 0.9) * 0.9)


@pytest.mark.parametrize("change", [{"enrolled": False}, {"opted_out": True}])
def test_who_takes_no_part_gets_no_setpoint_at_all(
    view: Views, event: Events, now: datetime, change: dict[str, bool]
) -> None:
    assert offer(view(**change), event(), TERMS, SITES, now, LEASE_S) is None
    assert excluded(view(**change)) in (NoDischarge.NOT_ENROLLED, NoDischarge.OPTED_OUT)
    assert excluded(view()) is None


REASONS: list[tuple[NoDischarge, dict[str, Any]]] = [
    (NoDischarge.OFFLINE, {"online": False}),
    (NoDischarge.FAULTED, {"faulted": True}),
    (NoDischarge.FAULTED, {"held": True}),
    (NoDischarge.REFUSED, {"refused": True}),
    (NoDischarge.NOT_FOLLOWING, {"not_following": True}),
    (NoDischarge.STATION_CANNOT, {"discharge": Discharge.NONE}),
    (NoDischarge.VEHICLE_CANNOT, {"vehicle_bidirectional": False}),
    (NoDischarge.VEHICLE_CANNOT, {"vehicle_bidirectional": None}),
    (NoDischarge.RATING_UNKNOWN, {"max_discharge_w": None}),
    (NoDischarge.RATING_UNKNOWN, {"max_discharge_w": math.nan}),
    (NoDischarge.RATING_UNKNOWN, {"vehicle_max_discharge_w": 0.0}),
    (NoDischarge.SITE_LIMIT_UNKNOWN, {"site_id": None}),
    (NoDischarge.SITE_LIMIT_UNKNOWN, {"site_id": "elsewhere"}),
    (NoDischarge.SITE_NO_EXPORT, {"site_id": "shut"}),
    (NoDischarge.CLOCK_SKEW, {"clock_skew_s": None}),
    (NoDischarge.CLOCK_SKEW, {"clock_skew_s": -10.5}),
    (NoDischarge.CLOCK_SKEW, {"clock_skew_s": math.nan}),
    (NoDischarge.NO_FALLBACK, {"fallback_acknowledged": False}),
    (NoDischarge.SOC_IMPOSSIBLE, {"soc_refused": True}),
    (NoDischarge.SOC_IMPOSSIBLE, {"soc": 100.5}),
    (NoDischarge.SOC_IMPOSSIBLE, {"soc": math.nan}),
    (NoDischarge.SOC_UNKNOWN, {"soc": None}),
    (NoDischarge.SOC_STALE, {"soc_at": None}),
    (NoDischarge.METER_SILENT, {"power_at": None}),
    (NoDischarge.METER_SILENT, {"power_at": datetime(2026, 7, 1, 16, 54, tzinfo=UTC)}),
    (NoDischarge.CAPACITY_UNKNOWN, {"capacity_wh": None}),
    (NoDischarge.CAPACITY_UNKNOWN, {"capacity_wh": 0.0}),
    (NoDischarge.RESERVE_UNKNOWN, {"need": Need()}),
    (NoDischarge.RESERVE_UNKNOWN, {"need": Need(reserve_soc=math.nan)}),
    (NoDischarge.AT_RESERVE, {"soc": 31.0}),
    (NoDischarge.AT_RESERVE, {"soc": 0.0}),
]


@pytest.mark.parametrize(("reason", "change"), REASONS)
def test_anything_missing_means_no_discharge(ask: Ask, reason: NoDischarge, change: dict[str, Any]) -> None:
    made = ask(**change)
    assert made.why_not is reason
    assert made.min_w == 0
    assert made.available_wh == 0


def test_every_reason_is_reached() -> None:
    elsewhere = {NoDischarge.DEPARTURE, NoDischarge.OPTED_OUT, NoDischarge.NOT_ENROLLED}
    assert {reason for reason, _ in REASONS} | elsewhere == set(NoDischarge)


@pytest.mark.parametrize("reason", list(NoDischarge))
def test_a_fault_of_discharging_never_blocks_charging(ask: Ask, reason: NoDischarge) -> None:
    hands_off = {NoDischarge.OFFLINE, NoDischarge.FAULTED, NoDischarge.REFUSED, NoDischarge.NOT_FOLLOWING}
    for change in [change for each, change in REASONS if each is reason]:
        made = ask(**change)
        assert made.steerable is (reason not in hands_off)
        assert made.max_w == (11_000 if made.steerable else 0)


def test_soc_goes_stale_and_must_not_come_from_the_future(ask: Ask, now: datetime) -> None:
    assert ask(soc_at=now - timedelta(seconds=300)).why_not is None
    assert ask(soc_at=now - timedelta(seconds=301)).why_not is NoDischarge.SOC_STALE
    assert ask(soc_at=now + timedelta(seconds=9)).why_not is None
    assert ask(soc_at=now + timedelta(seconds=11)).why_not is NoDischarge.SOC_STALE


def test_the_events_floor_comes_on_top_of_the_drivers(ask: Ask) -> None:
    assert ask(min_soc=79.0).why_not is NoDischarge.AT_RESERVE
    assert ask(min_soc=60.0).soc_margin == 20
    assert ask(min_soc=10.0).soc_margin == 50


def test_near_the_reserve_the_discharge_gets_weaker(ask: Ask) -> None:
    powers = [-ask(soc=soc).min_w for soc in (80, 34, 32.5, 32, 31)]
    assert powers == sorted(powers, reverse=True)
    assert powers[0] == 10_000
    assert 0 < powers[2] < 10_000
    assert powers[-1] == 0


@pytest.mark.parametrize(
    ("rating", "vehicle", "site", "expected"),
    [(10_000, 7000, 1e5, -7000), (6000, None, 1e5, -6000), (10_000, 7000, 5000, -5000)],
)
def test_the_lowest_of_the_ratings_and_the_sites_limit_counts(
    view: Views,
    event: Events,
    now: datetime,
    rating: float,
    vehicle: float | None,
    site: float,
    expected: float,
) -> None:
    seen = view(max_discharge_w=rating, vehicle_max_discharge_w=vehicle)
    made = offer(seen, event(), TERMS, {"depot": SiteLimit("depot", 1e5, site)}, now, LEASE_S)
    assert made is not None
    assert made.min_w == expected


def test_an_unknown_charge_rating_stands_for_what_is_measured_now(ask: Ask, now: datetime) -> None:
    unknown = {"max_charge_w": None, "vehicle_max_charge_w": None}
    assert ask(**unknown, power_w=4200.0).max_w == 4200
    assert ask(**unknown, power_w=-4200.0).max_w == 0
    assert ask(max_charge_w=None).max_w == 11_000


def departing(now: datetime, hours: float, **need: float) -> dict[str, Any]:
    return {"need": Need(reserve_soc=30.0, departure=now + timedelta(hours=hours), **need)}


def test_a_departure_far_away_lets_everything_go(ask: Ask, now: datetime) -> None:
    made = ask(**departing(now, 12, target_soc=90.0))
    assert made.why_not is None
    assert made.available_wh == ask().available_wh


def test_a_departure_soon_keeps_what_cannot_be_charged_again(ask: Ask, now: datetime) -> None:
    made = ask(**departing(now, 2, target_soc=90.0))
    # The event ends in ten minutes, its fallback three minutes later.
    spare_wh = 11_000 * 0.85 * (2 - 780 / 3600) - 6000
    assert made.why_not is None
    assert made.available_wh == pytest.approx(spare_wh / (1 / 0.9 + 11_000 * 0.85 / 10_000))
    # The energy discharged and the time it took can be made up for at full power.
    hours = made.available_wh / 10_000
    assert made.available_wh / 0.9 + 6000 <= 11_000 * 0.85 * (2 - hours)


def test_a_departure_in_danger_forces_charging(ask: Ask, now: datetime) -> None:
    tight = ask(**departing(now, 0.75, target_soc=90.0))
    assert tight.why_not is NoDischarge.DEPARTURE
    assert 0 < tight.must_w < 11_000
    assert tight.min_w == tight.must_w
    assert ask(**departing(now, 0.25, target_soc=90.0)).must_w == 11_000
    assert ask(**departing(now, -1, target_soc=90.0)).must_w == 11_000
    assert ask(**departing(now, -1, target_soc=80.0)).must_w == 0
    assert ask(**departing(now, -1, target_soc=70.0)).why_not is None


def test_must_charge_keeps_the_departure_within_reach(ask: Ask, now: datetime) -> None:
    made = ask(**departing(now, 0.75, target_soc=90.0))
    window_h = 2 * LEASE_S / 3600
    reached = (made.must_w * window_h + made.max_w * (0.75 - 780 / 3600)) * 0.85
    assert reached == pytest.approx(6000)


def test_the_strictest_of_all_words_about_energy_counts(ask: Ask, now: datetime) -> None:
    soon = {"ev_departure": now + timedelta(hours=0.75)}
    full = {**soon, "ev_energy_request_wh": 6000.0}
    assert ask(**soon).why_not is None
    assert ask(**full).why_not is NoDischarge.DEPARTURE
    assert ask(**full, import_wh=6000.0).why_not is None
    # The EV asked at 70 %: at 80 % those 6 kWh are in already.
    assert ask(**full, ev_request_soc=70.0).why_not is None
    assert ask(**soon, need=Need(30.0, target_energy_wh=6000.0)).why_not is NoDischarge.DEPARTURE
    assert ask(**soon, need=Need(30.0, target_energy_wh=6000.0), soc=None).must_w > 0


def test_a_need_without_a_departure_is_guarded_by_the_reserve_alone(ask: Ask) -> None:
    made = ask(need=Need(reserve_soc=30.0, target_soc=100.0), ev_energy_request_wh=20_000.0)
    assert (made.why_not, made.must_w) == (None, 0)


def test_weights_follow_what_is_there_to_give_or_to_take(ask: Ask) -> None:
    assert ask(soc=80.0).weight > ask(soc=60.0).weight
    assert ask(300_000, soc=60.0).weight > ask(300_000, soc=80.0).weight == 12.0
    assert ask(300_000, soc=None).weight == 20.0


def test_measured_power_is_fresh_or_unknown(view: Views, now: datetime) -> None:
    assert fresh_power(view(power_w=5.0), now, 10) == 5
    assert fresh_power(view(power_w=5.0), now, 9) is None
    assert fresh_power(view(power_w=math.nan), now, 10) is None
    assert fresh_power(view(power_w=5.0, power_at=None), now, 10) is None


def mostly(low: float, high: float) -> st.SearchStrategy[float | None]:
    return st.one_of(*[st.floats(low, high)] * 8, st.none(), st.floats())


@given(
    soc=mostly(0, 100),
    capacity=mostly(1000, 200_000),
    reserve=mostly(0, 60),
    rating=mostly(100, 150_000),
    vehicle=mostly(100, 150_000),
    age=st.integers(-15, 400),
    lease=st.integers(30, 900),
    min_soc=st.none() | st.floats(0, 100),
    path=st.lists(st.floats(0, 1), min_size=1, max_size=20),
)
def test_no_power_path_within_the_setpoint_touches_the_reserve_within_the_lease(
    view: Views,
    event: Events,
    now: datetime,
    soc: float | None,
    capacity: float | None,
    reserve: float | None,
    rating: float | None,
    vehicle: float | None,
    age: int,
    lease: int,
    min_soc: float | None,
    path: list[float],
) -> None:
    seen = view(
        soc=soc,
        soc_at=now - timedelta(seconds=age),
        capacity_wh=capacity,
        need=Need(reserve_soc=reserve),
        max_discharge_w=rating,
        vehicle_max_discharge_w=vehicle,
    )
    made = offer(seen, event(min_soc=min_soc), TERMS, SITES, now, lease)
    assert made is not None
    assert all(map(math.isfinite, (made.min_w, made.max_w, made.available_wh, made.weight, made.must_w)))
    assert made.min_w <= made.max_w
    if made.min_w >= 0:
        return
    assert soc is not None
    assert capacity is not None
    assert reserve is not None
    assert rating is not None
    rated = rating if vehicle is None or math.isnan(vehicle) else min(rating, vehicle)
    left_wh = soc / 100 * capacity - rated * max(0, age) / 3600 / 0.9
    for part in path:
        left_wh -= -made.min_w * part * lease / len(path) / 3600 / 0.9
    assert left_wh / capacity * 100 >= max(reserve, min_soc or 0.0) + TERMS.soc_margin - 1e-6


@given(low=st.floats(0, 100), more=st.floats(0, 20))
def test_more_charge_never_means_less_to_offer(ask: Ask, low: float, more: float) -> None:
    poor, rich = ask(soc=low), ask(soc=min(100.0, low + more))
    assert rich.min_w <= poor.min_w
    assert rich.available_wh >= poor.available_wh


@given(hours=st.floats(0, 10), later=st.floats(0, 10), target=st.floats(0, 100))
def test_a_later_departure_never_demands_more_and_never_gives_less(
    ask: Ask, now: datetime, hours: float, later: float, target: float
) -> None:
    soon, late = (ask(**departing(now, time, target_soc=target)) for time in (hours, hours + later))
    assert late.must_w <= soon.must_w + 1e-6
    assert late.available_wh >= soon.available_wh - 1e-6
