"""Composite schedules of OCPP 2.1: setpoints, offline times, phases by themselves (vectors W1 to W9)."""

from dataclasses import replace
from datetime import timedelta

import pytest

from csms.domain.composite import Spell
from csms.domain.standing_profile import Kind, Phases, Recurrence, Unit
from tests.unit.domain.standing import (
    DAILY,
    DAY,
    DEFAULT,
    HOUR,
    MAX,
    RELATIVE,
    SIX,
    TX,
    A,
    W,
    ask,
    hourly,
    limits,
    per_phase,
    period,
    profile,
    t,
)

OFFLINE = (
    profile(TX, [period(limit=2000)], stack_level=1, start=SIX),
    profile(TX, [period(limit=2000, setpoint=-2000)], stack_level=2, start=SIX, max_offline_s=600),
)


@pytest.mark.parametrize(
    ("offline_s", "setpoint"), [(None, (-2000.0,)), (300, (-2000.0,)), (600, None), (900, None)]
)
def test_w1_a_profile_does_not_outlive_its_time_without_us(
    offline_s: int | None, setpoint: Phases | None
) -> None:
    now = SIX + timedelta(hours=1)
    spells = () if offline_s is None else (Spell(now - timedelta(seconds=offline_s)),)
    (found,) = ask(OFFLINE, "2024-01-17 19:00", 0, offline=spells)
    assert (found.limit, found.setpoint) == ((2000.0,), setpoint)


@pytest.mark.parametrize(("gone_for_good", "setpoint"), [(False, (-2000.0,)), (True, None)])
def test_w1_w2_online_again(gone_for_good: bool, setpoint: Phases | None) -> None:
    profiles = [OFFLINE[0], replace(OFFLINE[1], invalid_after_offline=gone_for_good)]
    spell = Spell(SIX, SIX + timedelta(seconds=900))
    (found,) = ask(profiles, "2024-01-17 19:00", 0, offline=(spell,))
    assert (found.limit, found.setpoint) == ((2000.0,), setpoint)


def test_w1_the_end_of_patience_is_seen_ahead() -> None:
    found = ask(OFFLINE, "2024-01-17 18:05", 900, offline=(Spell(SIX),))
    assert [(one.start_s, one.setpoint) for one in found] == [(0, (-2000.0,)), (300, None)]


def test_w3_setpoints_stay_within_their_limits() -> None:
    profiles = [
        profile(TX, [period(0, 1500, -2000, 1800, 1)], stack_level=1, start=SIX, duration_s=1080),
        profile(
            TX,
            [
                period(0, 11000, -10000, -8000, 1),
                period(14000, 6000, -5000, -6000, 1),
                period(28000, 15000, None, -4000, 1),
            ],
            start=SIX,
            duration_s=DAY,
            **DAILY,
        ),
    ]
    assert ask(profiles, "2024-01-17 18:00", 12 * HOUR) == (
        period(0, 1500, -2000, 1500, 1),
        period(1080, 11000, -10000, -8000, 1),
        period(14000, 6000, -5000, -5000, 1),
        period(28000, 15000, None, -4000, 1),
    )


def test_w4_a_station_maximum_caps_setpoints() -> None:
    profiles = [
        profile(MAX, hourly(10, 10, 1), unit=A, start=t("2024-01-17 00:00"), duration_s=DAY, **DAILY),
        profile(
            TX,
            [period(0, None, -23, 25, 3), period(7200, None, None, 28, 3)],
            unit=A,
            start=t("2024-01-17 00:00"),
            duration_s=14_400,
        ),
    ]
    assert ask(profiles, "2024-01-17 00:00", 4 * HOUR, A) == (
        period(0, 10, -23, 10, 1),
        period(3600, 20, -23, 20, 1),
        period(7200, 30, None, 28, 1),
        period(10800, 40, None, 28, 1),
    )


W5 = (
    profile(DEFAULT, "0:2000", stack_level=1, start=t("2020-01-01 17:00"), duration_s=10_800, **DAILY),
    profile(
        DEFAULT,
        "0:999999",
        stack_level=2,
        kind=Kind.RECURRING,
        recurrence=Recurrence.WEEKLY,
        start=t("2020-01-05 00:00"),  # a Sunday
        duration_s=DAY,
    ),
    profile(
        DEFAULT,
        "0:999999",
        stack_level=3,
        start=t("2020-12-25 00:00"),
        duration_s=DAY,
        valid_from=t("2020-01-01 00:00"),
        valid_to=t("2021-01-01 00:00"),
    ),
)


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        ("2025-03-24", "0:55612 3600:2000 14400:55612"),
        ("2025-03-23", "0:999999"),
        ("2025-12-25", "0:55612 3600:2000 14400:55612"),
        ("2020-12-25", "0:999999"),
    ],
)
def test_w5_stacks_of_days_and_weeks(day: str, expected: str) -> None:
    assert limits(ask(W5, f"{day} 16:00", 5 * HOUR)) == expected


def test_w6_a_period_that_says_nothing_is_passed_over() -> None:
    profiles = [profile(TX, [period()], unit=A, start=SIX)]
    assert limits(ask(profiles, "2024-01-17 18:00", HOUR, A)) == "0:57"


def test_w7_units_and_phases_are_combined() -> None:
    profiles = [
        profile(MAX, per_phase(10, 20, 30), unit=A, start=t("2024-01-17 00:00"), duration_s=DAY, **DAILY),
        profile(TX, [period(0, 1500, -3000, 1800, 3)], stack_level=1, start=SIX, duration_s=2400),
        profile(TX, [period(0, 1200, -900, (1800.0, 900.0, 950.0), 3)], start=SIX, duration_s=3000),
    ]
    found = ask(profiles, "2024-01-17 18:00", 3 * HOUR)
    assert [replace(one, phases=None) for one in found] == [
        period(0, (500.0,) * 3, (-1000.0,) * 3, (500.0,) * 3),
        period(2400, (400.0,) * 3, (-300.0,) * 3, (400.0,) * 3),
        period(3000, (43_700.0, 87_400.0, 131_100.0)),
        period(3600, (46_000.0, 92_000.0, 138_000.0)),
        period(7200, (48_300.0, 96_600.0, 144_900.0)),
    ]


W8 = (
    profile(MAX, hourly(10, 10, 1), unit=A, start=t("2024-01-17 00:00"), duration_s=DAY, **DAILY),
    profile(
        TX,
        [period(0, (180.0, 170.0, 160.0), -900, (1800.0, 900.0, 950.0), 3)],
        unit=A,
        start=SIX,
        duration_s=3000,
    ),
)


@pytest.mark.parametrize(("unit", "volts"), [(A, 1), (W, 230)])
def test_w8_three_phases_on_one(unit: Unit, volts: float) -> None:
    assert ask(W8, "2024-01-17 18:00", 3 * HOUR, unit) == (
        period(0, 160 * volts, -900 * volts, 160 * volts, 1),
        period(3000, 190 * volts, phases=1),
        period(3600, 200 * volts, phases=1),
        period(7200, 210 * volts, phases=1),
    )


@pytest.mark.parametrize("evse_id", [0, 1])
def test_w9_a_station_limit_for_each_phase(evse_id: int) -> None:
    profiles = [
        profile(MAX, per_phase(10_000, 20_000, 30_000), start=t("2024-01-17 00:00"), duration_s=DAY, **DAILY),
        profile(
            DEFAULT,
            [
                period(0, (12_420.0, 12_430.0, 12_440.0)),
                period(300, (8_280.0, 8_290.0, 8_300.0)),
                period(600, 6210),
                period(900, 4140),
                period(1200, 2070),
            ],
            evse_id=0,
            duration_s=3600,
            **RELATIVE,
        ),
    ]
    assert ask(profiles, "2024-01-17 19:00", 2 * HOUR, evse_id=evse_id) == (
        period(0, (12_420.0, 12_430.0, 12_440.0)),
        period(300, (8_280.0, 8_290.0, 8_300.0)),
        period(600, (2070.0,) * 3),
        period(900, (1380.0,) * 3),
        period(1200, (690.0,) * 3),
        period(3600, (210_000.0, 420_000.0, 630_000.0)),
    )
