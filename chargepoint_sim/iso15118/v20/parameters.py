"""Namespaces and parameter sets of -20's services: what a station offers, what a vehicle reads there."""

from chargepoint_sim.ev.vehicle import Current
from chargepoint_sim.iso15118.services import Control, Service
from chargepoint_sim.iso15118.v20.messages import (
    ParameterSetType,
    ParameterType,
    ServiceParameterListType,
)

NAMESPACES = {
    Current.AC: "urn:iso:std:iso:15118:-20:AC",
    Current.DC: "urn:iso:std:iso:15118:-20:DC",
}
_CONNECTOR = {Current.AC: 2, Current.DC: 2}  # AC three-phase; DC extended
_NOMINAL_VOLTAGE_V = 230
_VEHICLE_TELLS_NEEDS, _NO_PRICING = 1, 0
_UNIFIED_CHANNEL, _GRID_FOLLOWING, _ACTIVE_ISLANDING_DETECTION = 1, 1, 1


def parameter_list(service: Service, controls: frozenset[Control]) -> ServiceParameterListType:
    """All sets of a service, one for each control mode; a set's number is its place, Dynamic first."""
    ordered = sorted(controls, reverse=True)
    sets = (_parameter_set(service, control, place) for place, control in enumerate(ordered, start=1))
    return ServiceParameterListType(ParameterSet=tuple(sets))


def _parameter_set(service: Service, control: Control, number: int) -> ParameterSetType:
    values = {
        "Connector": _CONNECTOR[service.current],
        "ControlMode": int(control),
        "MobilityNeedsMode": _VEHICLE_TELLS_NEEDS,
        "Pricing": _NO_PRICING,
    }
    if service.current is Current.AC:
        values["EVSENominalVoltage"] = _NOMINAL_VOLTAGE_V
    if service.bidirectional:
        values |= {"BPTChannel": _UNIFIED_CHANNEL, "GeneratorMode": _GRID_FOLLOWING}
        if service.current is Current.AC:
            values["GridCodeIslandingDetectionMethod"] = _ACTIVE_ISLANDING_DETECTION
    parameters = tuple(ParameterType(Name=name, intValue=value) for name, value in values.items())
    return ParameterSetType(ParameterSetID=number, Parameter=parameters)


def control_of(offered: ParameterSetType) -> Control | None:
    """The control mode of a set, None if it tells none that exists."""
    for parameter in offered.Parameter:
        if parameter.Name == "ControlMode" and parameter.intValue in set(Control):
            return Control(parameter.intValue)
    return None


def chosen_set(offered: ServiceParameterListType, wanted: Control) -> tuple[int, Control] | None:
    """The number and control of the set with the wanted control mode, else of any with a known one."""
    known = [
        (one.ParameterSetID, control)
        for one in offered.ParameterSet
        if (control := control_of(one)) is not None
    ]
    return next((one for one in known if one[1] is wanted), known[0] if known else None)
