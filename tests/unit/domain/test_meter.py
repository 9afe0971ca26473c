"""Sampled values to readings."""

import math
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csms.domain.meter import Reading, SampledValue, reading

AT = datetime(2026, 11, 22, 10, tzinfo=UTC)
IMPORT_W, EXPORT_W = "Power.Active.Import", "Power.Active.Export"
IMPORT_WH, EXPORT_WH = "Energy.Active.Import.Register", "Energy.Active.Export.Register"


def power(value: float, measurand: str = IMPORT_W, **more: object) -> SampledValue:
    return SampledValue(value, measurand, **more)  # type: ignore[arg-type]


def power_w(*values: SampledValue) -> float | None:
    return reading(AT, values).power_w


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ((power(7000),), 7000),
        ((power(7, unit="kW"),), 7000),
        ((power(7, multiplier=3),), 7000),
        ((power(70, unit="kW", multiplier=-1),), 7000),
        ((power(5000, EXPORT_W),), -5000),
        ((power(-5000),), -5000),
        ((power(-5000), power(5000, EXPORT_W)), -5000),
        ((power(0), power(5000, EXPORT_W)), -5000),
        ((power(3000), power(0, EXPORT_W)), 3000),
        ((power(3000), power(1000, EXPORT_W)), 2000),
        ((power(0, EXPORT_W),), None),
        ((power(-5000, EXPORT_W),), None),
        ((power(0),), 0),
        ((power(7000, unit="kvar"),), None),
        ((power(7000, unit="Wh"),), None),
        ((power(math.nan),), None),
        ((power(math.inf),), None),
        ((power(1, multiplier=400),), None),
        ((), None),
    ],
)
def test_power_is_signed_and_in_watts(values: tuple[SampledValue, ...], expected: float | None) -> None:
    assert power_w(*values) == expected


def test_phases_are_summed_when_there_is_no_total() -> None:
    phases = [power(1000, phase=phase) for phase in ("L1", "L2", "L3")]
    assert power_w(*phases) == 3000
    assert power_w(*phases, power(2900)) == 2900
    assert power_w(*[power(-1000, phase=f"{phase}-N") for phase in ("L1", "L2", "L3")]) == -3000


def test_a_phase_that_cannot_be_read_spoils_the_sum() -> None:
    assert power_w(power(1000, phase="L1"), power(math.nan, phase="L2")) is None


def test_line_to_line_and_neutral_say_nothing_of_the_total() -> None:
    assert power_w(power(1000, phase="L1-L2"), power(5, phase="N")) is None


def test_the_outlet_is_believed_before_other_places() -> None:
    assert power_w(power(6900, location="EV", phase=None), power(7000)) == 7000
    assert power_w(power(6900, location="EV", phase="L1"), power(7100, location="Inlet", phase="L1")) == 7100


def test_registers_are_kept_apart() -> None:
    taken = reading(
        AT, [power(12.5, IMPORT_WH, unit="kWh"), power(300, EXPORT_WH), power(12200, "Energy.Active.Net")]
    )
    assert (taken.import_wh, taken.export_wh) == (12500, 300)
    assert taken.power_w is None


def test_a_register_below_zero_is_not_believed() -> None:
    assert reading(AT, [power(-1, IMPORT_WH)]).import_wh is None


@pytest.mark.parametrize("soc", [math.nan, math.inf, -math.inf, -1, 100.01, 101])
def test_impossible_soc_is_refused(soc: float) -> None:
    taken = reading(AT, [SampledValue(soc, "SoC", unit="Percent")])
    assert taken.soc is None
    assert taken.soc_refused


@pytest.mark.parametrize("soc", [0, 0.5, 61, 100])
def test_soc_is_taken(soc: float) -> None:
    taken = reading(AT, [SampledValue(soc, "SoC", location="EV")])
    assert (taken.soc, taken.soc_refused) == (soc, False)


def test_nothing_known_is_an_empty_reading() -> None:
    assert reading(AT, [SampledValue(230, "Voltage", context="Trigger")]) == Reading(AT, context="Trigger")


@given(
    st.lists(
        st.builds(
            SampledValue,
            value=st.floats(),
            measurand=st.sampled_from([IMPORT_W, EXPORT_W, IMPORT_WH, EXPORT_WH, "SoC", "Voltage"]),
            unit=st.sampled_from([None, "W", "kW", "Wh", "kWh", "Percent", "A"]),
            multiplier=st.integers(-400, 400),
            phase=st.sampled_from([None, "L1", "L2", "L3", "L1-N", "N"]),
            location=st.sampled_from(["Outlet", "EV", "Inlet"]),
        )
    )
)
def test_v_13_nothing_but_finite_numbers_comes_out(values: list[SampledValue]) -> None:
    taken = reading(AT, values)
    for number in (taken.power_w, taken.import_wh, taken.export_wh, taken.soc):
        assert number is None or math.isfinite(number)
    assert taken.soc is None or 0 <= taken.soc <= 100
    assert not (taken.soc_refused and taken.soc is not None)
