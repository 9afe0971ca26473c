"""The vehicle's battery: energy is conserved, limits hold, taper at both ends."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chargepoint_sim.ev.battery import Battery, BatteryModel
from chargepoint_sim.ev.climate import Climate, charge_share, discharge_share
from chargepoint_sim.ev.vehicle import DriverNeeds, Vehicle, VehicleModel

MODEL = BatteryModel(capacity_wh=60_000, max_charge_w=11_000, max_discharge_w=10_000)
STEPS = st.lists(st.tuples(st.floats(-30_000, 30_000), st.floats(0.1, 900)), min_size=1, max_size=60)


@given(soc=st.floats(0, 100), steps=STEPS)
def test_what_is_stored_is_what_has_flowed_less_the_losses(
    soc: float, steps: list[tuple[float, float]]
) -> None:
    battery = Battery.at(MODEL, soc)
    before, into, out_of = battery.energy_wh, 0.0, 0.0
    for power_w, seconds in steps:
        flowed = battery.step(power_w, seconds)
        assert abs(flowed) <= abs(power_w)
        assert flowed * power_w >= 0
        into += max(0.0, flowed) * seconds / 3600
        out_of += max(0.0, -flowed) * seconds / 3600
        assert -1e-6 <= battery.energy_wh <= MODEL.capacity_wh + 1e-6
    expected = before + into * MODEL.charge_efficiency - out_of / MODEL.discharge_efficiency
    assert battery.energy_wh == pytest.approx(expected, abs=1e-3)


@given(soc=st.floats(0, 100), floor=st.floats(0, 100), seconds=st.floats(1, 3600))
def test_discharge_never_goes_below_the_floor(soc: float, floor: float, seconds: float) -> None:
    battery = Battery.at(MODEL, soc)
    floor_wh = MODEL.capacity_wh * floor / 100
    battery.step(-10_000, seconds, floor_wh)
    assert battery.energy_wh >= min(floor_wh, MODEL.capacity_wh * soc / 100) - 1e-6


@pytest.mark.parametrize(
    ("soc", "charge_w", "discharge_w"),
    [
        (50, 11_000, 10_000),
        (90, 5_500, 10_000),
        (100, 0, 10_000),
        (99.9, 550, 10_000),
        (5, 11_000, 5_000),
        (0, 11_000, 0),
    ],
)
def test_taper_at_both_ends(soc: float, charge_w: float, discharge_w: float) -> None:
    battery = Battery.at(MODEL, soc)
    assert battery.charge_limit_w() == pytest.approx(charge_w)
    assert battery.discharge_limit_w() == pytest.approx(discharge_w)


def test_a_one_way_vehicle_gives_nothing() -> None:
    model = VehicleModel("one way", MODEL, bidirectional=False)
    vehicle = Vehicle("EV", model, Battery.at(MODEL, 80))
    assert vehicle.ability().discharge_w == 0
    assert vehicle.rating().discharge_w == 0


def test_needs_are_energies_to_each_bound() -> None:
    model = VehicleModel("both ways", MODEL, bidirectional=True)
    needs = DriverNeeds(target_soc=80, min_soc=20, max_soc=95, v2x_min_soc=30, v2x_max_soc=90)
    requests = Vehicle("EV", model, Battery.at(MODEL, 50), needs).requests()
    assert requests.target_wh == 18_000
    assert requests.maximum_wh == 27_000
    assert requests.minimum_wh == -18_000
    assert requests.v2x_maximum_wh == 24_000
    assert requests.v2x_minimum_wh == -12_000


def test_at_the_v2x_minimum_it_gives_nothing_more() -> None:
    model = VehicleModel("both ways", MODEL, bidirectional=True)
    needs = DriverNeeds(min_soc=10, v2x_min_soc=30)
    vehicle = Vehicle("EV", model, Battery.at(MODEL, 30.05), needs)
    vehicle.transfer(-10_000, 3600)
    assert vehicle.battery.soc == pytest.approx(30)
    assert vehicle.ability().discharge_w == 0
    assert vehicle.lowest_discharging_soc == pytest.approx(30)


@pytest.mark.parametrize(
    ("temperature_c", "charge", "discharge"),
    [
        (-40, 0.0, 0.0),
        (-10, 0.15, 0.6),
        (0, 0.35, 0.8),
        (15, 0.85, 1.0),
        (30, 1.0, 1.0),
        (50, 0.65, 1.0),
        (55, 0.3, 0.5),
        (70, 0.0, 0.0),
    ],
)
def test_cold_and_heat_take_power_away(temperature_c: float, charge: float, discharge: float) -> None:
    assert charge_share(temperature_c) == pytest.approx(charge)
    assert discharge_share(temperature_c) == pytest.approx(discharge)
    battery = Battery.at(MODEL, 50.0, Climate(outside_c=temperature_c))
    assert battery.charge_limit_w() == pytest.approx(charge * MODEL.max_charge_w)
    assert battery.discharge_limit_w() == pytest.approx(discharge * MODEL.max_discharge_w)
    assert battery.step(20_000, 1.0) == pytest.approx(charge * MODEL.max_charge_w)


def test_without_a_climate_temperature_plays_no_part() -> None:
    battery = Battery.at(MODEL, 50.0)
    battery.temperature_c = -40.0
    assert battery.charge_limit_w() == MODEL.max_charge_w
    assert battery.step(-5_000, 60.0) == -5_000


def test_losses_warm_a_battery_and_the_outside_cools_it() -> None:
    battery = Battery.at(MODEL, 30.0, Climate(outside_c=5.0))
    first_w = battery.step(11_000, 60.0)
    for _ in range(60):
        battery.step(11_000, 60.0)
    warm_c = battery.temperature_c
    # 5 percent of some 6 kWh is heat: 1.1 MJ in a pack of 360 kJ/K, less what the outside takes.
    assert 6.5 < warm_c < 8.0
    assert battery.step(11_000, 60.0) > first_w
    battery.step(0.0, 24 * 3600.0)
    assert battery.temperature_c == pytest.approx(5.0, abs=0.1)


@given(soc=st.floats(0, 100), outside_c=st.floats(-40, 70), steps=STEPS)
def test_energy_is_conserved_at_any_temperature(
    soc: float, outside_c: float, steps: list[tuple[float, float]]
) -> None:
    battery = Battery.at(MODEL, soc, Climate(outside_c))
    before, into, out_of = battery.energy_wh, 0.0, 0.0
    for power_w, seconds in steps:
        flowed = battery.step(power_w, seconds)
        assert abs(flowed) <= abs(power_w)
        into += max(0.0, flowed) * seconds / 3600
        out_of += max(0.0, -flowed) * seconds / 3600
    expected = before + into * MODEL.charge_efficiency - out_of / MODEL.discharge_efficiency
    assert battery.energy_wh == pytest.approx(expected, abs=1e-3)
    assert battery.temperature_c >= min(outside_c, 20.0) - 1e-6
