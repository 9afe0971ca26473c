"""Powers and durations as people write them."""

import contextlib
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csms.domain.units import finite, format_energy, format_power, parse_duration, parse_energy, parse_power
from csms.errors import Invalid


@pytest.mark.parametrize(
    ("text", "watts"),
    [
        ("-300kW", -300_000.0),
        ("1.5 MW", 1_500_000.0),
        ("7000 W", 7000.0),
        ("-7kW", -7000.0),
        ("+.5kw", 500.0),
        (" 3e2 kW ", 300_000.0),
        ("\N{MINUS SIGN}2kW", -2000.0),
        ("0W", 0.0),
    ],
)
def test_powers_are_read_with_sign_and_unit(text: str, watts: float) -> None:
    assert parse_power(text) == watts


@pytest.mark.parametrize(
    "text",
    [
        "",
        "300",
        "kW",
        "nan kW",
        "inf W",
        "1e400 W",
        "5 mW",
        "1,5 kW",
        "--3kW",
        "3 kWh",
        "1_0W",
        "9" * 50 + "W",
    ],
)
def test_a_power_without_a_clear_meaning_is_refused(text: str) -> None:
    with pytest.raises(Invalid) as refused:
        parse_power(text, field="targetW")
    assert refused.value.field == "targetW"


def test_energies_are_read_with_their_unit() -> None:
    assert parse_energy("60kWh") == 60_000
    assert parse_energy("900 Wh") == 900
    for text in ("60", "60kW", "nan kWh", ""):
        with pytest.raises(Invalid):
            parse_energy(text)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("15m", 900),
        ("1h30m", 5400),
        ("90s", 90),
        ("PT15M", 900),
        ("P1DT1H", 90_000),
        ("1.5h", 5400),
        ("2min", 120),
    ],
)
def test_durations_are_read_short_and_iso(text: str, seconds: int) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "15", "P", "PT", "P1DT", "-5m", "m15", "1.0001s", "1y", "nan", "5m1h", "9" * 60]
)
def test_a_duration_without_a_clear_meaning_is_refused(text: str) -> None:
    with pytest.raises(Invalid) as refused:
        parse_duration(text)
    assert refused.value.field == "duration"


@given(st.text(max_size=60))
def test_any_text_is_read_as_a_number_or_refused(text: str) -> None:
    for parse in (parse_power, parse_duration):
        with contextlib.suppress(Invalid):
            assert math.isfinite(parse(text))


@pytest.mark.parametrize(
    ("watts", "text"),
    [
        (-300_000, "-300 kW"),
        (1_500_000, "1.5 MW"),
        (500, "500 W"),
        (0, "0 W"),
        (-0.4, "-0.4 W"),
        (999.96, "1 kW"),
        (12_345, "12.3 kW"),
        (math.nan, "? W"),
    ],
)
def test_powers_are_written_short(watts: float, text: str) -> None:
    assert format_power(watts) == text


def test_energies_are_written_short() -> None:
    assert format_energy(12_345) == "12.3 kWh"
    assert format_energy(-900) == "-900 Wh"


@given(st.floats(min_value=-1e9, max_value=1e9))
def test_what_is_written_can_be_read(watts: float) -> None:
    assert parse_power(format_power(watts)) == pytest.approx(watts, rel=0.006, abs=0.006)


def test_only_real_numbers_are_finite() -> None:
    assert finite(0.0)
    assert not any(map(finite, (None, math.nan, math.inf, -math.inf)))
