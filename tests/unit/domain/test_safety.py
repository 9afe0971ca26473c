"""The last gate. Each invariant is broken alone; then anything at all is thrown at it."""

import math
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from csms.domain import safety
from csms.domain.dialect_record import UNKNOWN, Discharge, declared
from csms.domain.flexibility import EvseView, offer
from csms.domain.grid_event import GridEvent
from csms.domain.profile import (
    ChargingProfile,
    CurvePoint,
    Period,
    ProfileKind,
    Purpose,
    SignalPoint,
    fallback_profile,
    lease_profile,
)
from csms.domain.program import Need, Terms
from csms.domain.safety import ManualOrder, Order, check_manual, check_order
from csms.domain.setpoint import OperationMode
from csms.domain.site import SiteLimit
from csms.errors import Unsafe

NOW = datetime(2026, 7, 1, 17, 0, tzinfo=UTC)
LEASE = lease_profile(7, "tx1", -7000.0, NOW, 300)
GOOD = Order(
    profile=LEASE,
    evse_id=1,
    transaction_id="tx1",
    record=declared(Discharge.NEGATIVE_LIMIT),
    vehicle_bidirectional=True,
    max_discharge_w=10_000.0,
    vehicle_max_discharge_w=7000.0,
    soc=60.0,
    soc_age_s=20.0,
    meter_age_s=20.0,
    capacity_wh=60_000.0,
    reserve_soc=30.0,
    margin_soc=1.0,
    site_export_w=50_000.0,
    site_export_committed_w=43_000.0,
    site_import_w=50_000.0,
    site_import_committed_w=0.0,
    fallback_acknowledged=True,
    enrolled=True,
    opted_out=False,
    faulted=False,
    not_following=False,
    plan_age_s=5.0,
    clock_skew_s=-3.0,
)

NATIVE = replace(declared(Discharge.NATIVE_2_1), dynamic=True)
NATIVE_LEASE = lease_profile(7, "tx1", -7000.0, NOW, 300, NATIVE)
LEASE_2_1 = lease_profile(7, "tx1", -7000.0, NOW, 300, replace(NATIVE, dynamic=False))


def limited(*limits_w: float, **changes: Any) -> ChargingProfile:
    periods = tuple(Period(60 * index, limit_w) for index, limit_w in enumerate(limits_w))
    return replace(LEASE, periods=periods, **changes)


def broken(order: Order) -> str | None:
    """The rule that an order breaks."""
    try:
        check_order(order, NOW)
    except Unsafe as unsafe:
        return unsafe.rule
    return None


def broken_detail(order: Order) -> str:
    """What is said of an order that is refused."""
    with pytest.raises(Unsafe) as caught:
        check_order(order, NOW)
    return caught.value.detail


def test_an_order_that_lacks_nothing_passes() -> None:
    check_order(GOOD, NOW)
    check_order(replace(GOOD, vehicle_max_discharge_w=None), NOW)
    check_order(replace(GOOD, profile=limited(-7000, -3000, 0)), NOW)
    check_order(replace(GOOD, record=NATIVE, profile=NATIVE_LEASE), NOW)
    still = replace(NATIVE, dynamic=False)
    check_order(replace(GOOD, record=still, profile=lease_profile(7, "tx1", -7000.0, NOW, 300, still)), NOW)


@pytest.mark.parametrize("mode", sorted(safety.DECIDED_ELSEWHERE))
def test_what_others_decide_counts_as_all_that_can_flow(mode: OperationMode) -> None:
    """A mode without any negative number of ours discharges all the same."""
    order = replace(GOOD, profile=replace(limited(0.0), mode=mode))
    assert order.lowest_w == -7000.0
    check_order(order, NOW)
    assert broken(replace(order, opted_out=True)) == "V-07"
    deeper = replace(order, profile=replace(order.profile, periods=(Period(0, 0.0, -7100.0),)))
    assert broken(deeper) == (None if deeper.profile.lowest_w == -math.inf else "V-05")
    assert broken(replace(order, profile=replace(order.profile, purpose=Purpose.TX_DEFAULT))) == "V-02"
    assert replace(order, max_discharge_w=None).lowest_w == -math.inf


BREACHES: list[tuple[str, dict[str, Any]]] = [
    ("V-01", {"soc": None}),
    ("V-01", {"soc": math.nan}),
    ("V-01", {"soc": 100.1}),
    ("V-01", {"soc": -1.0}),
    ("V-01", {"soc_age_s": None}),
    ("V-01", {"soc_age_s": math.nan}),
    ("V-01", {"soc_age_s": -10.1}),
    ("V-01", {"soc_age_s": 301.0}),
    ("V-01", {"soc_age_s": 901.0, "max_soc_age_s": 1e9}),
    ("V-10", {"max_soc_age_s": math.nan}),
    ("V-01", {"soc": 32.0}),
    ("V-01", {"soc": 0.0, "reserve_soc": 0.0}),
    ("V-01", {"margin_soc": 40.0}),
    ("V-02", {"profile": replace(LEASE, duration_s=None)}),
    ("V-02", {"profile": replace(LEASE, valid_to=None)}),
    ("V-02", {"profile": replace(LEASE, duration_s=10**12)}),
    ("V-02", {"profile": replace(LEASE, duration_s=0, valid_to=NOW)}),
    ("V-02", {"profile": replace(LEASE, valid_to=NOW + timedelta(seconds=901))}),
    ("V-02", {"profile": lease_profile(7, "tx1", -7000.0, NOW, 901)}),
    ("V-02", {"profile": replace(LEASE, start=NOW + timedelta(seconds=1))}),
    ("V-02", {"profile": replace(LEASE, purpose=Purpose.TX_DEFAULT)}),
    ("V-02", {"profile": replace(LEASE, purpose=Purpose.STATION_MAX)}),
    ("V-02", {"evse_id": 0}),
    ("V-02", {"profile": replace(LEASE, periods=(Period(5, -1.0),))}),
    ("V-02", {"profile": replace(LEASE, periods=(Period(0, -1.0), Period(0, -2.0)))}),
    ("V-02", {"profile": replace(LEASE, transaction_id=None)}),
    ("V-02", {"transaction_id": None}),
    ("V-02", {"transaction_id": "tx2"}),
    ("V-04", {"fallback_acknowledged": False}),
    ("V-05", {"max_discharge_w": None}),
    ("V-05", {"max_discharge_w": 6990.0}),
    ("V-05", {"max_discharge_w": math.nan}),
    ("V-05", {"vehicle_max_discharge_w": 6990.0}),
    ("V-05", {"vehicle_max_discharge_w": math.inf}),
    ("V-05", {"site_export_w": None}),
    ("V-05", {"site_export_w": 0.0, "site_export_committed_w": 0.0}),
    ("V-05", {"site_export_w": math.nan}),
    ("V-05", {"site_export_committed_w": None}),
    ("V-05", {"site_export_committed_w": 43_002.0}),
    ("V-05", {"site_export_w": 6000.0, "site_export_committed_w": -9000.0}),
    ("V-05", {"profile": limited(-7000, 8000), "site_import_committed_w": 43_000.0}),
    ("V-07", {"opted_out": True}),
    ("V-12", {"faulted": True}),
    ("V-10", {"not_following": True}),
    ("V-10", {"not_following": True, "plan_age_s": None}),
    ("V-10", {"meter_age_s": None, "plan_age_s": None}),
    ("V-10", {"meter_age_s": math.nan}),
    ("V-10", {"meter_age_s": -10.1}),
    ("V-10", {"meter_age_s": 301.0}),
    ("V-10", {"meter_age_s": 901.0, "max_soc_age_s": 1e9}),
    ("V-09", {"plan_age_s": None}),
    ("V-09", {"plan_age_s": 120.1}),
    ("V-09", {"plan_age_s": math.nan}),
    ("V-03", {"profile": replace(LEASE, kind=ProfileKind.RELATIVE)}),
    ("V-03", {"profile": replace(LEASE, kind=ProfileKind.DYNAMIC)}),
    ("V-03", {"record": NATIVE}),
    ("V-03", {"record": NATIVE, "profile": replace(NATIVE_LEASE, max_offline_s=None)}),
    ("V-03", {"record": NATIVE, "profile": replace(NATIVE_LEASE, max_offline_s=0)}),
    ("V-03", {"record": NATIVE, "profile": replace(NATIVE_LEASE, max_offline_s=61)}),
    ("V-03", {"record": NATIVE, "profile": replace(NATIVE_LEASE, invalid_after_offline=False)}),
    ("V-03", {"record": NATIVE, "profile": replace(LEASE_2_1, kind=ProfileKind.RELATIVE)}),
    ("V-02", {"record": NATIVE, "profile": replace(NATIVE_LEASE, duration_s=None)}),
    ("V-02", {"record": NATIVE, "profile": replace(NATIVE_LEASE, duration_s=901)}),
    ("V-02", {"record": NATIVE, "profile": replace(NATIVE_LEASE, duration_s=0)}),
    ("V-13", {"profile": replace(LEASE, curve=(CurvePoint(math.nan, -1.0),))}),
    ("V-13", {"profile": replace(LEASE, curve=(CurvePoint(50.0, math.inf),))}),
    ("V-13", {"profile": replace(LEASE, signal_curve=(SignalPoint(1, math.nan),))}),
    ("V-13", {"profile": replace(LEASE, periods=(Period(0, 0.0, math.nan),))}),
    ("V-05", {"profile": replace(LEASE, curve=(CurvePoint(50.0, -10.0),))}),
    ("V-05", {"profile": replace(LEASE, periods=(Period(0, 0.0, -7010.0),))}),
    ("V-05", {"profile": replace(LEASE, mode=OperationMode.EXTERNAL_LIMITS), "max_discharge_w": None}),
    ("V-13", {"profile": limited()}),
    ("V-13", {"profile": limited(math.nan)}),
    ("V-13", {"profile": limited(-7000, -math.inf)}),
    ("V-14", {"clock_skew_s": None}),
    ("V-14", {"clock_skew_s": 10.1}),
    ("V-14", {"clock_skew_s": math.nan}),
    ("V-15", {"enrolled": False}),
    ("V-15", {"record": UNKNOWN}),
    ("V-15", {"vehicle_bidirectional": None}),
    ("V-15", {"vehicle_bidirectional": False}),
    ("V-15", {"capacity_wh": None}),
    ("V-15", {"capacity_wh": 0.0}),
    ("V-15", {"reserve_soc": None}),
    ("V-15", {"reserve_soc": -1.0}),
    ("V-15", {"reserve_soc": 101.0}),
    ("V-15", {"margin_soc": math.nan}),
    ("V-15", {"margin_soc": -1.0}),
]


@pytest.mark.parametrize(("rule", "change"), BREACHES)
def test_each_invariant_stops_an_order_by_itself(rule: str, change: dict[str, Any]) -> None:
    assert broken(replace(GOOD, **change)) == rule


def test_an_order_made_of_defaults_may_only_stop_or_charge() -> None:
    """V-15: whatever is not known says no to discharge, and only to that."""
    bare = Order(profile=LEASE, evse_id=1, transaction_id="tx1")
    assert broken(bare) is not None
    for limit_w in (0.0, 11_000.0):
        check_order(replace(bare, profile=limited(limit_w)), NOW)


@pytest.mark.parametrize(
    ("rule", "change"),
    [
        ("V-13", {"profile": limited(math.inf)}),
        ("V-02", {"profile": limited(4000, transaction_id="tx9")}),
        ("V-02", {"profile": limited(4000, duration_s=None)}),
        ("V-05", {"profile": limited(4000), "site_import_committed_w": 47_000.0}),
        ("V-05", {"profile": limited(4000), "site_import_committed_w": None}),
        ("V-05", {"profile": limited(4000), "site_import_w": math.nan}),
        (None, {"profile": limited(4000), "site_import_w": None}),
        (None, {"profile": limited(0), "site_import_committed_w": 99_000.0}),
        (None, {"profile": limited(4000), "faulted": True, "opted_out": True, "soc": None}),
        (None, {"profile": replace(limited(4000), kind=ProfileKind.RELATIVE, duration_s=None)}),
        ("V-02", {"profile": replace(limited(4000), kind=ProfileKind.RELATIVE, valid_to=None)}),
        (None, {"profile": fallback_profile(1, 0.0, NOW), "evse_id": 0}),
        (None, {"profile": fallback_profile(1, 3680.0, NOW), "transaction_id": None}),
    ],
)
def test_charging_orders_need_little(rule: str | None, change: dict[str, Any]) -> None:
    assert broken(replace(GOOD, **change)) == rule


def test_a_lease_ends_by_its_later_word() -> None:
    late = replace(LEASE, valid_to=NOW + timedelta(seconds=600))
    assert replace(GOOD, profile=late).lasts_s(NOW) == 600
    assert GOOD.lasts_s(NOW) == 300
    # Seven kilowatts for ten minutes pass the reserve that five minutes would keep.
    close = replace(GOOD, soc=33.0)
    check_order(close, NOW)
    assert broken(replace(close, profile=late)) == "V-01"


# 7 kW for 324 s take 700 Wh out of the battery: one percent of 70 kWh.
EDGE = replace(
    GOOD,
    profile=replace(LEASE, duration_s=384, valid_to=NOW + timedelta(seconds=324)),
    capacity_wh=70_000.0,
    soc=32.0,
    soc_age_s=-5.0,
)
NATIVE_GOOD = replace(GOOD, record=NATIVE, profile=NATIVE_LEASE)


@pytest.mark.parametrize(
    "order",
    [
        EDGE,
        replace(EDGE, soc=32.5, margin_soc=1.5),
        replace(EDGE, soc=31.5, margin_soc=0.5),
        replace(EDGE, soc=31.0, margin_soc=0.0),
        replace(GOOD, profile=replace(LEASE, start=NOW, duration_s=300)),
        replace(GOOD, profile=replace(LEASE, duration_s=60, valid_to=NOW + timedelta(seconds=0.5))),
        replace(GOOD, profile=lease_profile(7, "tx1", -7000.0, NOW, 900)),
        replace(NATIVE_GOOD, profile=replace(NATIVE_LEASE, max_offline_s=1)),
        replace(GOOD, plan_age_s=120.0),
        replace(GOOD, max_discharge_w=6999.0),
        replace(GOOD, clock_skew_s=10.0),
        replace(GOOD, clock_skew_s=-10.0),
        replace(GOOD, soc_age_s=-10.0),
        replace(GOOD, soc_age_s=300.0),
        replace(GOOD, soc_age_s=900.0, max_soc_age_s=900.0),
        replace(GOOD, meter_age_s=-10.0),
        replace(GOOD, meter_age_s=300.0),
        replace(GOOD, meter_age_s=900.0, max_soc_age_s=900.0),
        replace(GOOD, soc=100.0),
        replace(GOOD, site_export_w=6999.0, site_export_committed_w=0.0),
        replace(GOOD, site_export_w=6999.0, site_export_committed_w=-9000.0),
        replace(GOOD, profile=limited(8000), site_import_w=7999.0, site_import_committed_w=0.0),
    ],
)
def test_at_the_very_edge_an_order_passes(order: Order) -> None:
    check_order(order, NOW)


@pytest.mark.parametrize(
    ("order", "detail"),
    [
        (replace(EDGE, soc=31.9999), "The lease could take the vehicle below its reserve."),
        (replace(GOOD, soc=0.0, reserve_soc=0.0), "The lease could take the vehicle below its reserve."),
        (replace(GOOD, soc=0.5, reserve_soc=0.0), "The lease could take the vehicle below its reserve."),
        (replace(GOOD, capacity_wh=0.5), "The lease could take the vehicle below its reserve."),
        (replace(GOOD, reserve_soc=100.0), "The lease could take the vehicle below its reserve."),
        (
            replace(GOOD, profile=limited(0.5), site_import_w=0.0, site_import_committed_w=5.0),
            "The site's import limit would be passed.",
        ),
    ],
)
def test_beyond_the_edge_it_does_not(order: Order, detail: str) -> None:
    assert broken_detail(order) == detail


def test_when_a_lease_has_surely_ended() -> None:
    assert GOOD.ends_at(NOW) == NOW + timedelta(seconds=300)
    late = replace(LEASE, valid_to=NOW + timedelta(seconds=600))
    assert replace(GOOD, profile=late).ends_at(NOW) == NOW + timedelta(seconds=600)
    native = replace(GOOD, profile=NATIVE_LEASE)
    assert native.ends_at(NOW + timedelta(seconds=7)) == NOW + timedelta(seconds=307)


def mostly(low: float, high: float) -> st.SearchStrategy[float | None]:
    return st.one_of(*[st.floats(low, high)] * 4, st.none(), st.floats())


profiles = st.builds(
    lambda limits, lease_s, purpose: replace(
        lease_profile(7, "tx1", 0.0, NOW, lease_s),
        purpose=purpose,
        periods=tuple(Period(30 * index, limit_w) for index, limit_w in enumerate(limits)),
    ),
    st.lists(st.one_of(*[st.floats(-8000, 2000)] * 9, st.floats()), max_size=3),
    st.integers(-10, 1000),
    st.sampled_from([Purpose.TX, Purpose.TX, Purpose.TX, Purpose.TX_DEFAULT]),
)
FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "profile": profiles,
    "evse_id": st.integers(0, 4),
    "transaction_id": st.sampled_from(["tx1", "tx2", None]),
    "record": st.sampled_from(Discharge).map(declared),
    "vehicle_bidirectional": st.sampled_from([True, False, None]),
    "max_discharge_w": mostly(5000, 12_000),
    "vehicle_max_discharge_w": mostly(5000, 12_000),
    "soc": mostly(20, 100),
    "soc_age_s": mostly(-12, 320),
    "meter_age_s": mostly(-12, 320),
    "capacity_wh": mostly(5000, 100_000),
    "reserve_soc": mostly(0, 60),
    "margin_soc": st.floats(0, 30),
    "site_export_w": mostly(40_000, 60_000),
    "site_export_committed_w": mostly(0, 50_000),
    "site_import_w": mostly(5000, 50_000),
    "site_import_committed_w": mostly(0, 60_000),
    "fallback_acknowledged": st.booleans(),
    "enrolled": st.booleans(),
    "opted_out": st.booleans(),
    "faulted": st.booleans(),
    "not_following": st.booleans(),
    "plan_age_s": mostly(0, 130),
    "clock_skew_s": mostly(-12, 12),
}
# A sound order with a few things changed: so that many pass and every rule is met.
orders = (
    st.lists(st.sampled_from(sorted(FIELDS)), max_size=5, unique=True)
    .flatmap(lambda names: st.fixed_dictionaries({name: FIELDS[name] for name in names}))
    .map(lambda changes: replace(GOOD, **changes))
)


@settings(max_examples=500)
@given(orders)
@example(GOOD)
def test_an_accepted_order_keeps_every_invariant(order: Order) -> None:
    if broken(order) is not None:
        return
    limits = [period.limit_w for period in order.profile.periods]
    assert limits
    assert all(map(math.isfinite, limits))
    if min(limits) >= 0:
        return
    ordered_w = -min(limits)
    assert order.profile.purpose is Purpose.TX
    assert order.evse_id > 0
    assert order.transaction_id == order.profile.transaction_id is not None
    assert order.profile.valid_to is not None
    lease_s = (order.profile.valid_to - NOW).total_seconds()
    assert 0 < lease_s <= 900
    assert order.fallback_acknowledged
    assert order.enrolled
    assert not order.opted_out
    assert not order.faulted
    assert not order.not_following
    assert order.plan_age_s is not None
    assert order.plan_age_s <= 120
    assert order.meter_age_s is not None
    assert -10 <= order.meter_age_s <= 300
    assert order.record.may_discharge
    assert order.vehicle_bidirectional is True
    known = (
        order.soc,
        order.soc_age_s,
        order.capacity_wh,
        order.reserve_soc,
        order.max_discharge_w,
        order.site_export_w,
        order.site_export_committed_w,
        order.clock_skew_s,
    )
    soc, age_s, capacity_wh, reserve_soc, rated_w, export_w, committed_w, skew_s = (
        each or 0.0 for each in known
    )
    assert None not in known
    assert all(
        map(math.isfinite, (soc, age_s, capacity_wh, reserve_soc, rated_w, export_w, committed_w, skew_s))
    )
    assert 0 <= soc <= 100
    assert -10 <= age_s <= 300
    assert abs(skew_s) <= 10
    assert committed_w + ordered_w <= export_w + 1
    assert ordered_w <= min(rated_w, order.vehicle_max_discharge_w or rated_w) + 1
    # The words of V-01, with Pmax as what is ordered.
    assert (
        soc - 100 * ordered_w * (max(0.0, age_s) + lease_s) / 3600 / capacity_wh
        >= reserve_soc + order.margin_soc - 1e-3
    )


@given(orders, st.floats(0, 100))
def test_more_charge_never_forbids_what_less_allowed(order: Order, more: float) -> None:
    if broken(order) is None and order.soc is not None and order.soc + more <= 100:
        check_order(replace(order, soc=order.soc + more), NOW)


@example(soc=20.0, age=1, capacity=5000.0, reserve=0.0, rating=12645.0, delay=30)
@given(
    soc=st.floats(20, 100),
    age=st.integers(0, 270),
    capacity=st.floats(5000, 100_000),
    reserve=st.floats(0, 60),
    rating=st.floats(600, 22_000),
    delay=st.integers(0, 30),
)
def test_what_is_offered_may_be_ordered(
    view: Callable[..., EvseView],
    event: Callable[..., GridEvent],
    soc: float,
    age: int,
    capacity: float,
    reserve: float,
    rating: float,
    delay: int,
) -> None:
    """The planner's bounds are inside the gate's, even when the order goes out half a minute later."""
    seen = view(
        soc=soc,
        soc_at=NOW - timedelta(seconds=age),
        capacity_wh=capacity,
        need=Need(reserve_soc=reserve),
        max_discharge_w=rating,
        vehicle_max_discharge_w=None,
    )
    made = offer(seen, event(), Terms(), {"depot": SiteLimit("depot", 1e5, 5e4)}, NOW, 300)
    assert made is not None
    if made.min_w < 0:
        later = NOW + timedelta(seconds=delay)
        order = replace(
            GOOD,
            profile=lease_profile(7, "tx1", made.min_w, later, 300),
            soc=soc,
            soc_age_s=float(age + delay),
            capacity_wh=capacity,
            reserve_soc=reserve,
            max_discharge_w=rating,
            vehicle_max_discharge_w=None,
            site_export_committed_w=0.0,
        )
        check_order(order, later)


def test_the_gate_knows_none_of_the_planners() -> None:
    """V-16."""
    assert not {"allocate", "offer", "correct", "GridEvent"} & set(vars(safety))


MANUAL = ManualOrder(
    reason="commissioning",
    profile=True,
    purpose="TxProfile",
    kind="Absolute",
    evse_id=1,
    valid_to=NOW + timedelta(seconds=900),
    durations_s=(900, 1),
)


@pytest.mark.parametrize(
    "change",
    [
        {"reason": None},
        {"reason": "   short "},
        {"reason": "1234567"},
        {"profile": False},
        {"purpose": None},
        {"purpose": "TxDefaultProfile"},
        {"evse_id": None},
        {"evse_id": 0},
        {"evse_id": -1},
        {"kind": "Relative"},
        {"kind": "Recurring"},
        {"kind": None},
        {"valid_to": None},
        {"valid_to": NOW},
        {"valid_to": NOW + timedelta(seconds=901)},
        {"durations_s": ()},
        {"durations_s": (300, None)},
        {"durations_s": (300, 0)},
        {"durations_s": (901,)},
    ],
)
def test_v_02_a_persons_own_discharge_is_a_lease_with_a_reason(change: dict[str, Any]) -> None:
    check_manual(MANUAL, NOW)
    check_manual(replace(MANUAL, kind="Dynamic", reason="12345678"), NOW)
    with pytest.raises(Unsafe) as caught:
        check_manual(replace(MANUAL, **change), NOW)
    assert caught.value.rule == "V-02"
    assert caught.value.detail.endswith(".")


def test_each_rule_says_why_in_its_own_words() -> None:
    """Who is refused reads the sentence: no two rules share one, and each names what is missing."""
    rules = [*safety._ALWAYS, *safety._TRANSACTION, *safety._DISCHARGE]
    details = [detail for _, _, detail in rules] + [detail for _, detail in safety._MANUAL]
    assert len(set(details)) == len(details)
    said = {broken_detail(replace(GOOD, **change)) for _, change in BREACHES}
    assert {detail for _, _, detail in rules} <= said | {safety._TRANSACTION[2][2]}
