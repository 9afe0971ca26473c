"""The parts of -20's messages that differ between AC and DC, one way and both, Scheduled and Dynamic.

Powers in W, energies in Wh, from and to neutral words. Limits are magnitudes; setpoints, currents and
wishes are signed, + into the vehicle.
"""

from chargepoint_sim.ev.vehicle import Current, EnergyRequests, PowerLimits
from chargepoint_sim.iso15118.exi.vocabulary import Element
from chargepoint_sim.iso15118.outlet import OutletState, VehicleState
from chargepoint_sim.iso15118.services import Control, Service
from chargepoint_sim.iso15118.v20 import messages as m
from chargepoint_sim.iso15118.v20.numbers import element_number, rational

_HIGHEST_VOLTAGE, _LOWEST_VOLTAGE = 1.25, 0.5  # shares of the nominal voltage
_FREQUENCY_HZ = 50
NO_REQUESTS = EnergyRequests(0.0, 0.0, 0.0, 0.0, 0.0)
_Numbers = dict[str, m.RationalNumberType]


def _powers(prefix: str, limits: PowerLimits, bidirectional: bool) -> _Numbers:
    """Power limits of the EV or the EVSE (the prefix)."""
    found = {
        f"{prefix}MaximumChargePower": rational(limits.charge_w),
        f"{prefix}MinimumChargePower": rational(0),
    }
    if bidirectional:
        found[f"{prefix}MaximumDischargePower"] = rational(limits.discharge_w)
        found[f"{prefix}MinimumDischargePower"] = rational(0)
    return found


def _dc_loop(prefix: str, limits: PowerLimits, voltage_v: float, bidirectional: bool) -> _Numbers:
    """What a DC charge loop tells of limits besides the powers."""
    found = _powers(prefix, limits, bidirectional)
    found[f"{prefix}MaximumChargeCurrent"] = rational(limits.charge_w / voltage_v)
    found[f"{prefix}MaximumVoltage"] = rational(voltage_v * _HIGHEST_VOLTAGE)
    if bidirectional:
        found[f"{prefix}MaximumDischargeCurrent"] = rational(limits.discharge_w / voltage_v)
    if bidirectional or prefix == "EV":
        found[f"{prefix}MinimumVoltage"] = rational(voltage_v * _LOWEST_VOLTAGE)
    return found


def _dc_discovery(prefix: str, limits: PowerLimits, voltage_v: float, bidirectional: bool) -> _Numbers:
    found = _dc_loop(prefix, limits, voltage_v, bidirectional)
    found[f"{prefix}MinimumVoltage"] = rational(voltage_v * _LOWEST_VOLTAGE)
    found[f"{prefix}MinimumChargeCurrent"] = rational(0)
    if bidirectional:
        found[f"{prefix}MinimumDischargeCurrent"] = rational(0)
    return found


def discovery_request(
    service: Service, header: m.MessageHeaderType, rating: PowerLimits, voltage_v: float, target_soc: float
) -> m.AC_ChargeParameterDiscoveryReq | m.DC_ChargeParameterDiscoveryReq:
    """The vehicle's hard limits for the session."""
    both = service.bidirectional
    if service.current is Current.AC:
        ac = m.BPT_AC_CPDReqEnergyTransferModeType if both else m.AC_CPDReqEnergyTransferModeType
        limits = ac(**_powers("EV", rating, both))
        return m.AC_ChargeParameterDiscoveryReq(Header=header, AC_CPDReqEnergyTransferMode=limits)
    dc = m.BPT_DC_CPDReqEnergyTransferModeType if both else m.DC_CPDReqEnergyTransferModeType
    told = dc(TargetSOC=round(target_soc), **_dc_discovery("EV", rating, voltage_v, both))
    return m.DC_ChargeParameterDiscoveryReq(Header=header, DC_CPDReqEnergyTransferMode=told)


def discovery_response(
    service: Service,
    header: m.MessageHeaderType,
    rating: PowerLimits,
    voltage_v: float,
    code: m.responseCodeType = "OK",
) -> m.AC_ChargeParameterDiscoveryRes | m.DC_ChargeParameterDiscoveryRes:
    """The station's hard limits for the session."""
    both = service.bidirectional
    if service.current is Current.AC:
        ac = m.BPT_AC_CPDResEnergyTransferModeType if both else m.AC_CPDResEnergyTransferModeType
        limits = ac(EVSENominalFrequency=rational(_FREQUENCY_HZ), **_powers("EVSE", rating, both))
        return m.AC_ChargeParameterDiscoveryRes(
            Header=header, ResponseCode=code, AC_CPDResEnergyTransferMode=limits
        )
    dc = m.BPT_DC_CPDResEnergyTransferModeType if both else m.DC_CPDResEnergyTransferModeType
    told = dc(**_dc_discovery("EVSE", rating, voltage_v, both))
    return m.DC_ChargeParameterDiscoveryRes(
        Header=header, ResponseCode=code, DC_CPDResEnergyTransferMode=told
    )


def read_limits(prefix: str, mode: Element, otherwise: PowerLimits = PowerLimits(0.0, 0.0)) -> PowerLimits:
    """Power limits out of a mode; what is absent is as before, no discharge in one-way classes."""
    charge, discharge = (
        element_number(mode, f"{prefix}Maximum{way}Power") for way in ("Charge", "Discharge")
    )
    both = type(mode).__name__.startswith("BPT")
    return PowerLimits(
        charge_w=otherwise.charge_w if charge is None else max(0.0, charge),
        discharge_w=(otherwise.discharge_w if both else 0.0) if discharge is None else abs(discharge),
    )


def energies(requests: EnergyRequests) -> _Numbers:
    """The three energy requests that every mode has."""
    return {
        "EVTargetEnergyRequest": rational(requests.target_wh),
        "EVMaximumEnergyRequest": rational(requests.maximum_wh),
        "EVMinimumEnergyRequest": rational(requests.minimum_wh),
    }


def v2x_energies(requests: EnergyRequests) -> _Numbers:
    """The two bounds of giving back."""
    return {
        "EVMaximumV2XEnergyRequest": rational(requests.v2x_maximum_wh),
        "EVMinimumV2XEnergyRequest": rational(requests.v2x_minimum_wh),
    }


def read_requests(mode: Element) -> EnergyRequests:
    """Energy requests out of a mode; without V2X bounds the ordinary ones hold, what is unknown is 0."""
    target, maximum, minimum = (
        element_number(mode, f"EV{bound}EnergyRequest") or 0.0 for bound in ("Target", "Maximum", "Minimum")
    )
    upper, lower = (element_number(mode, f"EV{bound}V2XEnergyRequest") for bound in ("Maximum", "Minimum"))
    return EnergyRequests(
        target_wh=target,
        maximum_wh=maximum,
        minimum_wh=minimum,
        v2x_maximum_wh=maximum if upper is None else upper,
        v2x_minimum_wh=minimum if lower is None else lower,
    )


def ac_loop_mode(
    service: Service, control: Control, state: VehicleState, power_w: float
) -> m.Dynamic_AC_CLReqControlModeType | m.Scheduled_AC_CLReqControlModeType:
    """The vehicle's part of an AC loop. `power_w` is what flows now."""
    both, needs = service.bidirectional, energies(state.requests)
    numbers = needs | _powers("EV", state.ability, both) | {"EVPresentActivePower": rational(power_w)}
    if control is Control.SCHEDULED:
        kind = m.BPT_Scheduled_AC_CLReqControlModeType if both else m.Scheduled_AC_CLReqControlModeType
        return kind(**numbers)
    numbers["EVPresentReactivePower"] = rational(0)
    if both:
        numbers |= v2x_energies(state.requests)
    dynamic = m.BPT_Dynamic_AC_CLReqControlModeType if both else m.Dynamic_AC_CLReqControlModeType
    return dynamic(DepartureTime=_seconds(state.departure_in_s), **numbers)


def dc_loop_mode(
    service: Service, control: Control, state: VehicleState, voltage_v: float
) -> m.Dynamic_DC_CLReqControlModeType | m.Scheduled_DC_CLReqControlModeType:
    """The vehicle's part of a DC loop; in Scheduled control its wish as a current."""
    both = service.bidirectional
    numbers = energies(state.requests) | _dc_loop("EV", state.ability, voltage_v, both)
    if control is Control.SCHEDULED:
        numbers["EVTargetCurrent"] = rational((state.wish_w or 0.0) / voltage_v)
        numbers["EVTargetVoltage"] = rational(voltage_v)
        kind = m.BPT_Scheduled_DC_CLReqControlModeType if both else m.Scheduled_DC_CLReqControlModeType
        return kind(**numbers)
    if both:
        numbers |= v2x_energies(state.requests)
    dynamic = m.BPT_Dynamic_DC_CLReqControlModeType if both else m.Dynamic_DC_CLReqControlModeType
    return dynamic(DepartureTime=_seconds(state.departure_in_s), **numbers)


def _seconds(value: float | None) -> int | None:
    return None if value is None else max(0, round(value))


def ac_loop_answer(
    service: Service, control: Control, state: OutletState
) -> m.Dynamic_AC_CLResControlModeType | m.Scheduled_AC_CLResControlModeType:
    """The station's part of an AC loop: the setpoint, negative for discharge."""
    both, target = service.bidirectional, rational(state.power_w)
    if control is Control.SCHEDULED:
        kind = m.BPT_Scheduled_AC_CLResControlModeType if both else m.Scheduled_AC_CLResControlModeType
        return kind(EVSETargetActivePower=target)
    dynamic = m.BPT_Dynamic_AC_CLResControlModeType if both else m.Dynamic_AC_CLResControlModeType
    return dynamic(EVSETargetActivePower=target)


def dc_loop_answer(
    service: Service, control: Control, state: OutletState, voltage_v: float
) -> m.Dynamic_DC_CLResControlModeType | m.Scheduled_DC_CLResControlModeType:
    """The station's part of a DC loop: limits; an order to discharge is no charging and so much back."""
    both = service.bidirectional
    numbers = _dc_loop("EVSE", state.limits, voltage_v, both)
    if control is Control.SCHEDULED:
        kind = m.BPT_Scheduled_DC_CLResControlModeType if both else m.Scheduled_DC_CLResControlModeType
        return kind(**numbers)
    dynamic = m.BPT_Dynamic_DC_CLResControlModeType if both else m.Dynamic_DC_CLResControlModeType
    return dynamic(DepartureTime=None, MinimumSOC=None, TargetSOC=None, AckMaxDelay=None, **numbers)


def fits(mode: Element, service: Service, control: Control) -> bool:
    """Whether a loop's or a discovery's mode is the one of the chosen service and control."""
    name = type(mode).__name__
    if name.startswith("BPT_") is not service.bidirectional:
        return False
    dynamic = "Dynamic_" in name
    return "CPD" in name or dynamic is (control is Control.DYNAMIC)
