"""The device model: every way to read and write it wrongly has its own verdict."""

import pytest

from chargepoint_sim.station.device_model import DeviceModel, Inventory, Mutability, Place, Verdict
from chargepoint_sim.station.variables import Fixed, standard_variables

PASSWORD = "a1" * 12


@pytest.fixture
def model() -> DeviceModel:
    return DeviceModel(standard_variables(Fixed("CS001", PASSWORD, evses=2)))


@pytest.mark.parametrize(
    ("place", "name", "instance", "attribute", "verdict", "value"),
    [
        (Place("SampledDataCtrlr"), "TxUpdatedInterval", None, "Actual", Verdict.ACCEPTED, "30"),
        (Place("sampleddatactrlr"), "txupdatedinterval", None, "Actual", Verdict.ACCEPTED, "30"),
        (Place("EVSE", 2), "AvailabilityState", None, "Actual", Verdict.ACCEPTED, "Available"),
        (Place("Connector", 2, 1), "SupplyPhases", None, "Actual", Verdict.ACCEPTED, "3"),
        (Place("OCPPCommCtrlr"), "MessageAttempts", "TransactionEvent", "Actual", Verdict.ACCEPTED, "3"),
        (Place("OCPPCommCtrlr"), "MessageAttempts", None, "Actual", Verdict.UNKNOWN_VARIABLE, None),
        (Place("EVSE", 3), "AvailabilityState", None, "Actual", Verdict.UNKNOWN_COMPONENT, None),
        (Place("Toaster"), "Slots", None, "Actual", Verdict.UNKNOWN_COMPONENT, None),
        (Place("TxCtrlr"), "Slots", None, "Actual", Verdict.UNKNOWN_VARIABLE, None),
        (Place("TxCtrlr"), "TxStartPoint", None, "Target", Verdict.NOT_SUPPORTED_ATTRIBUTE, None),
        (Place("SecurityCtrlr"), "BasicAuthPassword", None, "Actual", Verdict.REJECTED, None),
    ],
)
def test_reading(
    model: DeviceModel,
    place: Place,
    name: str,
    instance: str | None,
    attribute: str,
    verdict: Verdict,
    value: str | None,
) -> None:
    assert model.get(place, name, instance, attribute) == (verdict, value)


@pytest.mark.parametrize(
    ("component", "name", "value", "verdict"),
    [
        ("SampledDataCtrlr", "TxUpdatedInterval", "15", Verdict.ACCEPTED),
        ("SampledDataCtrlr", "TxUpdatedInterval", "-1", Verdict.REJECTED),
        ("SampledDataCtrlr", "TxUpdatedInterval", "soon", Verdict.REJECTED),
        ("SampledDataCtrlr", "TxUpdatedMeasurands", "SoC,Power.Active.Export", Verdict.ACCEPTED),
        ("SampledDataCtrlr", "TxUpdatedMeasurands", "SoC,Temperature", Verdict.REJECTED),
        ("SampledDataCtrlr", "Enabled", "TRUE", Verdict.ACCEPTED),
        ("SampledDataCtrlr", "Enabled", "yes", Verdict.REJECTED),
        ("TxCtrlr", "TxStartPoint", "Authorized,EVConnected", Verdict.ACCEPTED),
        ("TxCtrlr", "TxStartPoint", "FullMoon", Verdict.REJECTED),
        ("SmartChargingCtrlr", "ProfileStackLevel", "3", Verdict.REJECTED),
        ("SecurityCtrlr", "BasicAuthPassword", "b2" * 10, Verdict.ACCEPTED),
        ("SecurityCtrlr", "BasicAuthPassword", "short", Verdict.REJECTED),
        ("Toaster", "Slots", "2", Verdict.UNKNOWN_COMPONENT),
        ("TxCtrlr", "Slots", "2", Verdict.UNKNOWN_VARIABLE),
    ],
)
def test_writing(model: DeviceModel, component: str, name: str, value: str, verdict: Verdict) -> None:
    before = {one.key(): one.value for one in model.variables}
    assert model.set(Place(component), name, None, value, "Actual") is verdict
    if verdict is Verdict.ACCEPTED:
        assert model.text(component, name) == value
    else:
        assert {one.key(): one.value for one in model.variables} == before


def test_other_attributes_cannot_be_written(model: DeviceModel) -> None:
    verdict = model.set(Place("TxCtrlr"), "TxStartPoint", None, "Authorized", "MaxSet")
    assert verdict is Verdict.NOT_SUPPORTED_ATTRIBUTE


def test_reports(model: DeviceModel) -> None:
    full, configuration = model.report(Inventory.FULL), model.report(Inventory.CONFIGURATION)
    summary = model.report(Inventory.SUMMARY)
    assert {one.place.component for one in full} >= {
        "SmartChargingCtrlr",
        "EVSE",
        "Connector",
        "SecurityCtrlr",
    }
    assert all(one.mutability is not Mutability.READ_ONLY for one in configuration)
    assert {one.name for one in summary} == {"AvailabilityState", "Problem"}
    assert len(summary) < len(configuration) < len(full)


def test_every_variable_stands_once(model: DeviceModel) -> None:
    keys = [(one.place.key(), one.key()) for one in model.variables]
    assert len(keys) == len(set(keys))
