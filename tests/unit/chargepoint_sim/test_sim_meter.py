"""The station's meter: registers only grow and are never netted."""

from hypothesis import given
from hypothesis import strategies as st

from chargepoint_sim.meter import Context, Measurand, Meter

FLOWS = st.lists(st.tuples(st.floats(-22_000, 22_000), st.floats(0, 3600)), max_size=50)


@given(FLOWS)
def test_each_register_only_grows_and_takes_its_own_direction(flows: list[tuple[float, float]]) -> None:
    meter = Meter()
    for power_w, seconds in flows:
        before = (meter.import_wh, meter.export_wh)
        meter.flow(power_w, seconds)
        energy = power_w * seconds / 3600
        assert meter.import_wh == before[0] + max(0.0, energy)
        assert meter.export_wh == before[1] + max(0.0, -energy)


def test_samples_are_never_negative_and_the_state_of_charge_is_the_vehicles() -> None:
    meter = Meter(import_wh=1_000.0, export_wh=250.5)
    samples = {one.measurand: one for one in meter.sample(-7_000.0, 55.55, list(Measurand), Context.PERIODIC)}
    assert samples[Measurand.POWER_IMPORT].value == 0
    assert samples[Measurand.POWER_EXPORT].value == 7_000
    assert samples[Measurand.ENERGY_IMPORT].value == 1_000
    assert samples[Measurand.ENERGY_EXPORT].value == 250.5
    assert (samples[Measurand.SOC].value, samples[Measurand.SOC].location) == (55.55, "EV")


def test_only_what_is_wanted_and_no_state_of_charge_that_is_not_known() -> None:
    samples = Meter().sample(5.0, None, {Measurand.POWER_IMPORT, Measurand.SOC}, Context.BEGIN)
    assert [(one.measurand, one.value) for one in samples] == [(Measurand.POWER_IMPORT, 5.0)]
