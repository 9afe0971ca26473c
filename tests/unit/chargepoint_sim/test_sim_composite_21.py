"""Composite schedules of 2.1: setpoints, discharge limits, phases, offline durations, Dynamic (W)."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from chargepoint_sim.profiles.composite import Local, Step, Window
from chargepoint_sim.profiles.profile import (
    Amount,
    Kind,
    Mode,
    Period,
    Profile,
    Purpose,
    RateUnit,
    Recurrency,
    Schedule,
    Values,
)
from chargepoint_sim.profiles.store import Criteria, Installed, ProfileStore
from tests.unit.chargepoint_sim.profile_texts import NOW, TX, A, W, at, made, since

AMPLE = Local(w=1e9, a=1e6)
"""Vectors of EVerest know no bound of the EVSE itself where a profile speaks."""


def period(
    start_s: int, limit: float | None = None, discharge: float | None = None, setpoint: float | None = None
) -> Period:
    """A period with what it says."""
    mode = Mode.CHARGING_ONLY if discharge is None and setpoint is None else Mode.CENTRAL_SETPOINT
    return Period(start_s, limit, discharge=_one(discharge), setpoint=_one(setpoint), mode=mode)


def _one(value: float | None) -> Amount | None:
    return None if value is None else (value,)


def profile(
    number: int, stack: int, *periods: Period, start: str = "2024-01-17 18:00", **more: Any
) -> Profile:
    """An Absolute TxProfile in W, or what `more` makes of it."""
    schedule = Schedule(1, W, periods, at(start))
    options = {key: more.pop(key) for key in ("unit", "duration_s") if key in more}
    schedule = replace(schedule, **options)
    built = Profile(number, stack, Purpose.TX, Kind.ABSOLUTE, (schedule,), transaction_id="tx")
    return replace(built, **more)


def daily(number: int, stack: int, *periods: Period, **more: Any) -> Profile:
    """The same every day."""
    return profile(number, stack, *periods, kind=Kind.RECURRING, recurrency=Recurrency.DAILY, **more)


def store(*profiles: Profile, local: Local = AMPLE) -> ProfileStore:
    """A station with one EVSE."""
    made = ProfileStore({1: local})
    made.installed = [Installed(0 if one.purpose is Purpose.MAX else 1, one) for one in profiles]
    return made


def composite(
    held: ProfileStore, start: str, seconds: int, unit: RateUnit = W, evse_id: int = 1
) -> list[Step]:
    """The composite schedule."""
    return held.composite(evse_id, Window(at(start), seconds), {}, unit)


def rows(steps: list[Step]) -> list[tuple[object, ...]]:
    """Start, limit, discharge limit and setpoint of each step; one value or one for each phase."""
    return [(step.start_s, *(_told(one) for one in _said(step))) for step in steps]


def _said(step: Step) -> tuple[Amount | None, ...]:
    return step.values.limit, step.values.discharge, step.values.setpoint


def _told(amount: Amount | None) -> object:
    if amount is None:
        return None
    rounded = tuple(round(one, 6) for one in amount)
    return rounded[0] if len(rounded) == 1 else rounded


BASE = profile(1, 1, period(0, 2000))
LEASE = profile(2, 2, period(0, 2000, setpoint=-2000), max_offline_s=600)
W1 = "2024-01-17 18:20"


def test_w1_offline_longer_than_allowed_the_lower_level_holds_until_the_connection_is_back() -> None:
    held = store(BASE, LEASE)
    assert rows(composite(held, W1, 1)) == [(0, 2000, None, -2000)]
    held.went_offline(at(W1) - timedelta(seconds=300))
    assert rows(composite(held, W1, 1)) == [(0, 2000, None, -2000)]
    held.offline_since = at(W1) - timedelta(seconds=900)
    assert rows(composite(held, W1, 1)) == [(0, 2000, None, None)]
    held.came_online(at(W1))
    assert rows(composite(held, W1, 1)) == [(0, 2000, None, -2000)]


def test_w2_or_it_is_gone_for_good() -> None:
    held = store(BASE, replace(LEASE, invalid_after_offline=True))
    held.went_offline(at(W1) - timedelta(seconds=900))
    held.came_online(at(W1))
    assert rows(composite(held, W1, 1)) == [(0, 2000, None, None)]
    assert [one.profile.id for one in held.installed] == [1]


def test_w2_a_short_outage_takes_nothing() -> None:
    held = store(BASE, replace(LEASE, invalid_after_offline=True))
    held.went_offline(at(W1) - timedelta(seconds=599))
    held.came_online(at(W1))
    assert len(held.installed) == 2


def test_the_end_of_an_offline_duration_is_a_step_of_the_schedule() -> None:
    held = store(BASE, LEASE)
    held.went_offline(at(W1))
    assert rows(composite(held, W1, 900)) == [(0, 2000, None, -2000), (600, 2000, None, None)]


def test_w3_setpoints_stay_within_their_limits() -> None:
    short = profile(1, 1, period(0, 1500, -2000, 1800), duration_s=1080)
    long = daily(
        2,
        0,
        period(0, 11_000, -10_000, -8000),
        period(14_000, 6000, -5000, -6000),
        period(28_000, 15_000, setpoint=-4000),
    )
    steps = composite(store(short, long), "2024-01-17 18:00", 43_200)
    assert rows(steps) == [
        (0, 1500, -2000, 1500),
        (1080, 11_000, -10_000, -8000),
        (14_000, 6000, -5000, -5000),
        (28_000, 15_000, None, -4000),
    ]
    assert {step.mode for step in steps} == {Mode.CENTRAL_SETPOINT}


def hourly(step: Amount, phases: int | None, unit: RateUnit) -> Profile:
    """A station maximum that grows with each hour of the day."""
    periods = tuple(
        Period(3600 * hour, step[0] * (hour + 1), phases, tuple(one * (hour + 1) for one in step[1:]))
        for hour in range(24)
    )
    built = daily(9, 0, *periods, start="2024-01-01 00:00", unit=unit, duration_s=86_400)
    return replace(built, purpose=Purpose.MAX, transaction_id=None)


def test_w4_a_maximum_caps_a_setpoint_above_zero() -> None:
    first, second = period(0, None, -23, 25), period(7200, setpoint=28)
    order = profile(
        1,
        0,
        replace(first, phases=3),
        replace(second, phases=3),
        start="2024-01-17 00:00",
        unit=A,
        duration_s=14_400,
    )
    steps = composite(store(hourly((10,), 1, A), order), "2024-01-17 00:00", 14_400, A)
    assert rows(steps) == [
        (0, 10, -23, 10),
        (3600, 20, -23, 20),
        (7200, 30, None, 28),
        (10_800, 40, None, 28),
    ]
    assert {step.phases for step in steps} == {1}


STACK = (
    replace(
        made(
            Purpose.TX_DEFAULT,
            "0:2000",
            kind=Kind.RECURRING,
            start="2020-01-01 17:00",
            duration=10_800,
            stack=1,
        ),
        id=1,
    ),
    replace(
        made(Purpose.TX_DEFAULT, "0:999999", start="2020-01-05 00:00", duration=86_400, stack=2),
        id=2,
        kind=Kind.RECURRING,
        recurrency=Recurrency.WEEKLY,
    ),
    replace(
        made(Purpose.TX_DEFAULT, "0:999999", start="2020-12-25 00:00", duration=86_400, stack=3),
        id=3,
        valid_from=at("2020-01-01 00:00"),
        valid_to=at("2021-01-01 00:00"),
    ),
)


@pytest.mark.parametrize(
    ("start", "expected"),
    [
        ("2025-03-24 16:00", [(0, 55_612), (3600, 2000), (14_400, 55_612)]),
        ("2025-03-23 16:00", [(0, 999_999)]),
        ("2025-12-25 16:00", [(0, 55_612), (3600, 2000), (14_400, 55_612)]),
        ("2020-12-25 16:00", [(0, 999_999)]),
    ],
)
def test_w5_levels_of_defaults(start: str, expected: list[tuple[int, float]]) -> None:
    held = store(*STACK, local=Local(w=55_612, a=57))
    if expected[0][1] == 999_999:  # the EVSE itself can do less than the profile allows
        held.local[1] = AMPLE
    assert [(step.start_s, step.limit) for step in composite(held, start, 18_000)] == expected


def test_w6_a_period_without_a_limit_says_nothing() -> None:
    held = store(profile(1, 0, Period(0, None)), local=Local(w=55_612, a=57))
    assert rows(composite(held, W1, 3600, A)) == [(0, 57, None, None)]


def test_w7_watts_and_amperes_phase_by_phase() -> None:
    first = profile(1, 1, replace(period(0, 1500, -3000, 1800), phases=3), duration_s=2400)
    second = replace(period(0, 1200, -900, 0), phases=3, setpoint=(1800, 900, 950))
    held = store(hourly((10, 20, 30), None, A), first, profile(2, 0, second, duration_s=3000))
    assert rows(composite(held, "2024-01-17 18:00", 10_800)) == [
        (0, (500, 500, 500), (-1000, -1000, -1000), (500, 500, 500)),
        (2400, (400, 400, 400), (-300, -300, -300), (400, 400, 400)),
        (3000, (43_700, 87_400, 131_100), None, None),
        (3600, (46_000, 92_000, 138_000), None, None),
        (7200, (48_300, 96_600, 144_900), None, None),
    ]


def test_w8_one_phase_is_left() -> None:
    apart = replace(period(0, 180, -900, 0), phases=3, further=(170, 160), setpoint=(1800, 900, 950))
    held = store(hourly((10,), 1, A), profile(1, 0, apart, unit=A, duration_s=3000))
    steps = composite(held, "2024-01-17 18:00", 10_800, A)
    assert rows(steps) == [
        (0, 160, -900, 160),
        (3000, 190, None, None),
        (3600, 200, None, None),
        (7200, 210, None, None),
    ]
    assert {step.phases for step in steps} == {1}
    first, *_ = composite(held, "2024-01-17 18:00", 10_800)
    assert rows([first]) == [(0, 160 * 230, -900 * 230, 160 * 230)]


def test_w9_the_whole_station_phase_by_phase() -> None:
    periods = (
        Period(0, 12_420, None, (12_430, 12_440)),
        Period(300, 8280, None, (8290, 8300)),
        *(Period(start, limit) for start, limit in ((600, 6210), (900, 4140), (1200, 2070))),
    )
    schedule = Schedule(1, W, periods, duration_s=3600)
    default = Profile(1, 0, Purpose.TX_DEFAULT, Kind.RELATIVE, (schedule,))
    held = store(hourly((10_000, 20_000, 30_000), None, W), default)
    limits = [
        (step.start_s, _told(step.values.limit)) for step in composite(held, "2024-01-17 18:00", 10_800, W, 0)
    ]
    assert limits == [
        (0, (12_420, 12_430, 12_440)),
        (300, (8280, 8290, 8300)),
        (600, (2070, 2070, 2070)),
        (900, (1380, 1380, 1380)),
        (1200, (690, 690, 690)),
        (3600, (200_000, 400_000, 600_000)),
        (7200, (210_000, 420_000, 630_000)),
    ]


def dynamic(updated_at: datetime, duration_s: int | None = None) -> Profile:
    """A setpoint that may change at any time."""
    schedule = Schedule(1, W, (period(0, setpoint=-5000),), duration_s=duration_s)
    return Profile(5, 3, TX, Kind.DYNAMIC, (schedule,), transaction_id="tx", updated_at=updated_at)


def test_k28_a_dynamic_profile_ends_so_long_after_its_last_update_and_comes_back_with_the_next() -> None:
    held = store(dynamic(NOW, 60), since(TX, 3000))
    held.capability = replace(held.capability, dynamic=True, modes=frozenset(Mode))

    def now(seconds: int) -> object:
        return _told(held.limit_at(1, NOW + timedelta(seconds=seconds), None).values.setpoint)

    assert (now(0), now(59), now(60)) == (-5000, -5000, None)
    assert held.limit_at(1, NOW + timedelta(seconds=60), None).limit_w == 3000
    assert held.update(5, Values(setpoint=(-6000,)), NOW + timedelta(seconds=100)) is None
    assert (now(100), now(159), now(160)) == (-6000, -6000, None)


def test_k28_fr_11_only_dynamic_profiles_are_updated() -> None:
    held = store(profile(1, 0, period(0, 2000)))
    refusal = held.update(1, Values(limit=(1000,)), NOW)
    assert refusal is not None
    assert refusal.reason == "InvalidProfile"
    unknown = held.update(7, Values(limit=(1000,)), NOW)
    assert unknown is not None
    assert unknown.reason == "InvalidProfile"


def test_k21_priority_charging_silences_the_order_but_not_the_maximum() -> None:
    boost = Profile(3, 0, Purpose.PRIORITY, Kind.ABSOLUTE, (Schedule(1, W, (Period(0, 11_000),), NOW),))
    most = replace(since(Purpose.MAX, 9000), id=4)
    order = profile(1, 0, period(0, setpoint=-5000), start="2024-01-01 12:00")
    held = store(order, boost, most)
    moment = NOW + timedelta(seconds=1)
    assert held.limit_at(1, moment, None).values.setpoint == (-5000,)
    held.priority.add(1)
    found = held.limit_at(1, moment, None)
    assert (found.values.setpoint, found.limit_w) == (None, 9000)
    held.priority.clear()
    assert held.limit_at(1, moment, None).values.setpoint == (-5000,)
    assert len(held.matching(Criteria(purpose=Purpose.PRIORITY))) == 1


@pytest.mark.parametrize(("soc", "expected"), [(None, 8000), (79.9, 8000), (80.0, 2000)])
def test_k01_fr_100_a_full_battery_has_another_limit(soc: float | None, expected: float) -> None:
    order = profile(1, 0, period(0, 8000), start="2024-01-01 12:00")
    tapered = replace(order, schedules=(replace(order.schedules[0], at_soc=(80, 2000.0)),))
    assert store(tapered).limit_at(1, NOW, None, soc).limit_w == expected


def test_two_discharge_limits_leave_the_tighter_one() -> None:
    grid = Profile(8, 0, Purpose.EXTERNAL, Kind.ABSOLUTE, (Schedule(1, W, (period(0, 4000, -1500),), NOW),))
    order = profile(1, 0, period(0, None, None, -5000), start="2024-01-01 12:00")
    found = store(order, grid).limit_at(1, NOW, None)
    assert found.values.setpoint == (-1500,)
