"""Composite schedules against vectors worked out elsewhere (V, W) and by the rules themselves (N).

V and W restate the inputs and results of the test suite of EVerest's libocpp (Apache-2.0), written anew as
plain numbers; V26 is OCTT's TC_K_41. `default` is 57 A or 55,612 W, three phases, 230 V.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csms.domain.standing_profile import (
    Kind,
    Layer,
    Recurrence,
    StandingProfile,
    Unit,
)
from tests.unit.domain.standing import (
    DAILY,
    DAY,
    DEFAULT,
    EXTERNAL,
    HOUR,
    MAX,
    NOW,
    RELATIVE,
    SIX,
    TX,
    A,
    W,
    ask,
    bound,
    hourly,
    limits,
    order,
    period,
    periods,
    profile,
    t,
    with_phases,
)

V2 = profile(
    DEFAULT,
    "0:32 1800:31 2700:30",
    evse_id=0,
    stack_level=5,
    unit=A,
    start=t("2024-01-01 12:02"),
    duration_s=3600,
    valid_from=t("2024-01-01 12:00"),
    valid_to=t("2024-01-01 14:00"),
)
GRID = profile(TX, hourly(1, 1, 1), start=t("2024-01-17 00:00"), duration_s=DAY, **DAILY)
EVENING = profile(TX, "0:2000/1", stack_level=1, start=t("2024-01-17 18:04"), duration_s=1080)
EVENINGS = replace(EVENING, kind=Kind.RECURRING, recurrence=Recurrence.DAILY)
V8 = (
    profile(TX, "0:2000/1", stack_level=1, start=t("2024-01-17 18:00"), duration_s=1080, **DAILY),
    profile(TX, "0:11000/3 28800:6000/3 72000:12000/3", start=t("2023-01-17 17:00"), duration_s=DAY, **DAILY),
)
V9 = (
    profile(TX, "0:2000/1", stack_level=1, start=t("2024-01-17 18:00"), duration_s=1080),
    profile(TX, "0:11000/1 28800:6000/1 72000:12000/1", start=t("2023-01-17 17:00"), duration_s=DAY, **DAILY),
)
V10 = (
    profile(TX, "0:2000/1", stack_level=1, duration_s=3601, **RELATIVE),
    GRID,
)
V11_MAX = profile(MAX, hourly(10, 10), start=t("2024-01-17 00:00"), duration_s=DAY, **DAILY)
V11 = (
    V11_MAX,
    profile(TX, "0:2000", start=t("2024-01-17 00:00"), duration_s=HOUR),
    profile(TX, "0:10", stack_level=1, start=t("2024-01-17 23:00"), duration_s=HOUR),
)
V12 = (
    replace(V11_MAX, layer=EXTERNAL),
    profile(MAX, "0:2000", start=t("2024-01-17 00:00"), duration_s=HOUR),
    V11[2],
)
V13_START = t("2024-08-21 12:24:36")
V13 = (
    profile(MAX, "0:10/3", unit=A, start=V13_START, duration_s=86_404),
    profile(
        DEFAULT,
        "0:6/3 60:10/3 120:8/3 180:15/3 260:8/3",
        unit=A,
        start=V13_START,
        duration_s=304,
        valid_to=t("2024-08-21 12:31:25"),
    ),
    profile(TX, "0:8/3 50:11/3 140:16/3 200:6/3 240:12/3", unit=A, start=V13_START, duration_s=264),
)
V14 = profile(
    MAX, "0:24/1 900:28/1 1800:30/1 2700:32/1", unit=A, start=t("2024-01-17 08:00"), duration_s=DAY, **DAILY
)
V15 = profile(DEFAULT, "0:16/3 1800:15/3 2700:14/3", evse_id=0, unit=A, **RELATIVE)
V16 = profile(DEFAULT, "0:12420 300:8280 600:6210 900:4140 1200:2070", evse_id=0, **RELATIVE)
V17_RELATIVE = replace(V15, periods=periods("0:16 1800:15 2700:14"))
V18 = (
    profile(DEFAULT, "0:16 1800:15 2700:14", unit=A, start=t("2024-01-17 08:00"), duration_s=3600, **DAILY),
    replace(V17_RELATIVE, evse_id=2),
)
V19 = (
    profile(
        MAX,
        "0:16/1 3600:16/3 7200:10/1 10800:10/3",
        unit=A,
        start=t("2024-01-17 00:00"),
        duration_s=DAY,
        **DAILY,
    ),
    replace(V16, evse_id=1),
)
V21_RELATIVE = profile(DEFAULT, "0:16/3 1800:15/1 2700:14/3", unit=A, **RELATIVE)
V22 = (
    profile(
        DEFAULT, "0:16/1 1800:15/1 2700:14/3", unit=A, start=t("2024-01-17 08:00"), duration_s=DAY, **DAILY
    ),
    replace(V21_RELATIVE, evse_id=2),
)
V23 = (
    profile(DEFAULT, "0:16", unit=A, start=t("2024-01-17 08:00"), duration_s=300, **DAILY),
    profile(DEFAULT, "0:12", unit=A, start=t("2024-01-17 08:05"), duration_s=300, **DAILY),
)
V24 = profile(DEFAULT, "0:1000 70:7000 140:0 210:6000 280:1500 350:5000", evse_id=0, **RELATIVE)
TWO: dict[str, object] = {"evses": (1, 2)}
AT_EIGHT: dict[str, object] = {"evses": (1, 2), "transactions": {1: t("2024-01-17 08:00")}}

VECTORS: dict[str, tuple[Sequence[StandingProfile], str, int, Unit, int, dict[str, object], str]] = {
    "V1": ((), "2024-01-02 00:00", HOUR, A, 1, {}, "0:57"),
    "V2": ((V2,), "2024-01-01 12:01:59", 3602, A, 1, {}, "0:57 1:32 1801:31 2701:30 3601:57"),
    "V3 a second": ((V2,), "2024-01-01 12:02", 1, A, 1, {}, "0:32"),
    "V3 no time": ((V2,), "2024-01-01 12:02", 0, A, 1, {}, "0:32"),
    "V3 less than none": ((V2,), "2024-01-01 12:02", -1, A, 1, {}, "0:32"),
    "V4": (
        (GRID,),
        "2024-01-17 00:00",
        DAY,
        W,
        1,
        {},
        " ".join(f"{hour * HOUR}:{hour + 1}" for hour in range(24)),
    ),
    "V5 a": ((GRID, EVENING), "2024-01-18 18:04", 1080, W, 1, {}, "0:19"),
    "V5 b": ((GRID, EVENING), "2024-01-17 18:04", 29 * 60, W, 1, {}, "0:2000 1080:19"),
    "V5 c": ((GRID, EVENING), "2024-01-17 18:04", HOUR, W, 1, {}, "0:2000 1080:19 3360:20"),
    "V6 a": ((GRID, EVENINGS), "2024-02-17 18:04", 60, W, 1, {}, "0:2000"),
    "V6 b": ((GRID, EVENINGS), "2024-02-19 18:00", 64 * 60, W, 1, {}, "0:19 240:2000 1320:19 3600:20"),
    "V7": ((EVENING,), "2024-01-17 18:00", 300, W, 1, {}, "0:55612 240:2000"),
    "V9 the 17th": (V9, "2024-01-17 18:00", 12 * HOUR, W, 1, {}, "0:2000 1080:11000 25200:6000"),
    "V9 the 19th": (V9, "2024-01-19 18:00", 12 * HOUR, W, 1, {}, "0:11000 25200:6000"),
    "V10 an hour": (
        V10,
        "2024-05-17 05:00",
        HOUR,
        W,
        1,
        {"transactions": {1: t("2024-05-17 05:00")}},
        "0:2000",
    ),
    "V10 a minute more": (
        V10,
        "2024-05-17 05:00",
        3660,
        W,
        1,
        {"transactions": {1: t("2024-05-17 05:00")}},
        "0:2000 3601:7",
    ),
    "V11 night": (V11, "2024-01-17 00:00", 2 * HOUR, W, 1, {}, "0:10 3600:20"),
    "V11 evening": (V11, "2024-01-17 22:00", 2 * HOUR, W, 1, {}, "0:230 3600:10"),
    "V12 night": (V12, "2024-01-17 00:00", 2 * HOUR, W, 1, {}, "0:10 3600:20"),
    "V12 evening": (V12, "2024-01-17 22:00", 2 * HOUR, W, 1, {}, "0:230 3600:10"),
    "V13": (
        V13,
        "2024-08-21 12:24:40",
        400,
        A,
        1,
        {},
        "0:8 46:10 196:6 236:10 260:8 300:10",
    ),
    "V14": ((V14,), "2024-01-17 08:00", HOUR, A, 0, {}, "0:24 900:28 1800:30 2700:32"),
    "V15 one": ((V15,), "2024-01-17 08:00", HOUR, A, 0, {}, "0:16 1800:15 2700:14"),
    "V15 two": ((V15,), "2024-01-17 08:00", HOUR, A, 0, TWO, "0:32 1800:30 2700:28"),
    "V16": ((V16,), "2024-01-17 08:00", HOUR, A, 0, TWO, "0:36 300:24 600:18 900:12 1200:6"),
    "V17 one": ((V14, V17_RELATIVE), "2024-01-17 08:01", HOUR, A, 0, {}, "0:16 1800:15 2700:14"),
    "V17 two": ((V14, V17_RELATIVE), "2024-01-17 08:01", HOUR, A, 0, TWO, "0:24 840:28 1740:30 2700:28"),
    "V18": (
        V18,
        "2024-01-17 08:01",
        HOUR,
        A,
        0,
        TWO,
        "0:32 1740:31 1800:30 2640:29 2700:28 3540:71",
    ),
    "V20 two": (V19, "2024-01-17 02:00", HOUR, W, 1, {}, "0:2300 1200:2070"),
    "V20 three": (V19, "2024-01-17 03:00", HOUR, W, 1, {}, "0:6900 600:6210 900:4140 1200:2070"),
    "V23": (V23, "2024-01-17 08:00", 20 * 60, A, 1, {}, "0:16 300:12 600:57"),
    "V24 one": (
        (V24,),
        "2024-01-17 08:00",
        400,
        W,
        1,
        TWO,
        "0:1000 70:7000 140:0 210:6000 280:1500 350:5000",
    ),
    "V24 two": (
        (V24,),
        "2024-01-17 08:00",
        400,
        W,
        0,
        TWO,
        "0:2000 70:14000 140:0 210:12000 280:3000 350:10000",
    ),
    "V25 one": ((V24,), "2024-01-17 08:03", 1020, W, 1, AT_EIGHT, "0:0 30:6000 100:1500 170:5000"),
    "V25 both": (
        (V24,),
        "2024-01-17 08:03",
        1020,
        W,
        0,
        AT_EIGHT,
        "0:1000 30:7000 70:13000 100:8500 140:1500 170:5000 210:11000 280:6500 350:10000",
    ),
}


@pytest.mark.parametrize("name", VECTORS)
def test_limits_of_2_0_1(name: str) -> None:
    profiles, start, duration_s, unit, evse_id, more, expected = VECTORS[name]
    assert limits(ask(profiles, start, duration_s, unit, evse_id, **more)) == expected


PHASES: dict[str, tuple[Sequence[StandingProfile], str, int, Unit, int, dict[str, object], str]] = {
    "V8": (
        V8,
        "2024-01-17 18:01",
        43_140,
        W,
        1,
        {},
        "0:2000/1 1020:11000/3 25140:6000/3",
    ),
    "V14": ((V14,), "2024-01-17 08:00", HOUR, A, 0, {}, "0:24/1 900:28/1 1800:30/1 2700:32/1"),
    "V15": ((V15,), "2024-01-17 08:00", HOUR, A, 0, TWO, "0:32/3 1800:30/3 2700:28/3"),
    "V17": ((V14, V17_RELATIVE), "2024-01-17 08:01", HOUR, A, 0, {}, "0:16/1 1800:15/1 2700:14/1"),
    "V19 0": (V19, "2024-01-17 00:00", HOUR, A, 1, {}, "0:16/1 1200:9/1"),
    "V19 1": (V19, "2024-01-17 01:00", HOUR, A, 1, {}, "0:16/3 300:12/3 600:9/3 900:6/3 1200:3/3"),
    "V19 2": (V19, "2024-01-17 02:00", HOUR, A, 1, {}, "0:10/1 1200:9/1"),
    "V19 3": (V19, "2024-01-17 03:00", HOUR, A, 1, {}, "0:10/3 600:9/3 900:6/3 1200:3/3"),
    "V21": (
        (V19[0], V21_RELATIVE),
        "2024-01-17 00:40",
        HOUR,
        A,
        1,
        {},
        "0:16/1 1200:16/3 1800:15/1 2700:14/3",
    ),
    "V22": (V22, "2024-01-17 08:00", HOUR, A, 0, TWO, "0:32/3 1800:30/1 2700:28/3"),
}


@pytest.mark.parametrize("name", PHASES)
def test_phases_of_2_0_1(name: str) -> None:
    profiles, start, duration_s, unit, evse_id, more, expected = PHASES[name]
    assert with_phases(ask(profiles, start, duration_s, unit, evse_id, **more)) == expected


@pytest.mark.parametrize("passed_s", [0, 10, 45, 100])
def test_v26_octt_tc_k_41(passed_s: int) -> None:
    at = (V13_START + timedelta(seconds=passed_s)).replace(tzinfo=None).isoformat(" ")
    expected = [(0, 8), (50, 10), (200, 6), (240, 10)]
    told = [(max(0, start - passed_s), limit) for start, limit in expected]
    if passed_s >= 50:
        told = told[1:]
    found = ask(V13, at, 264 - passed_s, A)
    assert limits(found) == " ".join(f"{start}:{limit}" for start, limit in told)


# ---- below zero


NEGATIVE: dict[str, tuple[Sequence[StandingProfile], str]] = {
    "N1": ((bound(MAX, 11_000), order(-7000)), "0:-7000"),
    "N2 a maximum does not hold a discharge back": ((bound(MAX, -3000), order(-7000)), "0:-7000"),
    "N3 a negative maximum forces one": ((bound(MAX, -3000), order(7000)), "0:-3000"),
    "N4": ((bound(DEFAULT, -5000, stack_level=9), order(2000)), "0:2000"),
    "N5": ((order(-7000, stack_level=1, duration_s=300), order(0)), "0:-7000 300:0"),
    "N6": ((order(-7000, duration_s=300), bound(DEFAULT, 3680)), "0:-7000 300:3680"),
    "N7 nothing underneath is no limit": ((order(-7000, duration_s=300),), "0:-7000 300:55612"),
    "N8": ((bound(EXTERNAL, 0), order(-7000)), "0:-7000"),
    "N10": (
        (order(-7000, valid_to=SIX + timedelta(seconds=300)), bound(DEFAULT, 3680)),
        "0:-7000 300:3680",
    ),
}


@pytest.mark.parametrize("name", NEGATIVE)
def test_limits_below_zero(name: str) -> None:
    profiles, expected = NEGATIVE[name]
    assert limits(ask(profiles, NOW, HOUR)) == expected


@pytest.mark.parametrize(("phases", "amperes"), [(3, -10), (1, -30)])
def test_n9_below_zero_in_amperes(phases: int, amperes: float) -> None:
    profiles = [profile(TX, [period(0, -6900, phases=phases)], start=SIX)]
    assert limits(ask(profiles, NOW, HOUR, A)) == f"0:{amperes}"


def test_n11_who_takes_a_negative_limit_for_none_charges_at_the_maximum() -> None:
    """What libocpp makes of N1: such a station is told apart by its composite schedule."""
    ours = limits(ask([bound(MAX, 11_000), order(-7000)], NOW, HOUR))
    theirs = limits(ask([bound(MAX, 11_000)], NOW, HOUR))
    assert (ours, theirs) == ("0:-7000", "0:11000")


def test_n12_discharge_is_counted_off_in_the_sum() -> None:
    profiles = [order(-7000), order(11_000, evse_id=2), bound(MAX, 5000)]
    assert limits(ask(profiles, NOW, HOUR, evse_id=0, evses=(1, 2))) == "0:4000"


# ---- what the rules say beyond the vectors


def test_a_dynamic_profile_ends_by_itself_and_an_update_revives_it() -> None:
    dynamic = profile(
        TX, [period(setpoint=-5000)], kind=Kind.DYNAMIC, start=SIX, updated_at=SIX, duration_s=60
    )
    assert [one.setpoint for one in ask([dynamic], NOW, 120)] == [(-5000.0,), None]
    later = replace(dynamic, updated_at=SIX + timedelta(seconds=60))
    assert [one.setpoint for one in ask([later], "2024-01-17 18:01", 60)] == [(-5000.0,)]


def test_a_boost_displaces_the_order() -> None:
    boost = bound(Layer.PRIORITY, 22_000)
    assert limits(ask([order(-7000), boost], NOW, HOUR)) == "0:-7000"
    assert limits(ask([order(-7000), boost], NOW, HOUR, boosted=frozenset({1}))) == "0:22000"


def test_local_generation_never_loosens_a_limit() -> None:
    assert limits(ask([order(3000), bound(Layer.LOCAL_GENERATION, 9000)], NOW, HOUR)) == "0:3000"


def test_several_setpoints_give_the_gentlest() -> None:
    outside = profile(EXTERNAL, [period(setpoint=-1000)], start=SIX)
    ours = profile(TX, [period(setpoint=-5000)], start=SIX)
    assert [one.setpoint for one in ask([ours, outside], NOW, HOUR)] == [(-1000.0,)]


def test_a_recurring_profile_does_not_go_back_before_its_start() -> None:
    assert limits(ask([EVENINGS], "2024-01-16 18:00", HOUR)) == "0:55612"


LIMITS = st.floats(-20_000, 20_000, allow_nan=False).map(lambda one: round(one, 1))
STANDING = st.builds(
    lambda layer, level, limit, start, length: profile(
        layer,
        [period(0, limit)],
        stack_level=level,
        start=SIX + timedelta(seconds=start),
        duration_s=length,
    ),
    st.sampled_from([EXTERNAL, MAX, DEFAULT, TX]),
    st.integers(0, 3),
    LIMITS,
    st.integers(-100, 100),
    st.integers(1, 200),
)


@given(st.lists(STANDING, max_size=8), st.integers(0, 250))
def test_a_schedule_says_at_each_instant_what_the_instant_says(
    profiles: list[StandingProfile], offset_s: int
) -> None:
    found = ask(profiles, NOW, 300)
    then = [one for one in found if one.start_s <= offset_s][-1]
    at = (SIX + timedelta(seconds=offset_s)).replace(tzinfo=None).isoformat(" ")
    (instant,) = ask(profiles, at, 0)
    assert replace(then, start_s=0) == instant


@given(st.lists(STANDING, max_size=8), STANDING)
def test_a_bound_never_loosens(profiles: list[StandingProfile], more: StandingProfile) -> None:
    bounded = replace(more, layer=EXTERNAL, stack_level=9)
    (before,) = ask([one for one in profiles if one.layer is not EXTERNAL], NOW, 0)
    (after,) = ask([*(one for one in profiles if one.layer is not EXTERNAL), bounded], NOW, 0)
    assert before.limit is not None
    assert after.limit is not None
    assert after.limit <= before.limit or before.limit == (55_612.0,)
