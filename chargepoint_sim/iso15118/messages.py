"""ISO 15118-20 messages as dicts in the standard's element names, from and to neutral words.

`FLAVOURS` is the table of what differs between AC and DC, one-way and bidirectional.
"""

from dataclasses import dataclass
from typing import cast

from chargepoint_sim.ev.vehicle import Current, EnergyRequests, PowerLimits
from chargepoint_sim.iso15118.channel import Body
from chargepoint_sim.iso15118.outlet import ChargingNeeds, OutletState, VehicleState

SAP = "urn:iso:15118:2:2010:AppProtocol"
COMMON = "urn:iso:std:iso:15118:-20:CommonMessages"
_BY_CURRENT = {Current.AC: "urn:iso:std:iso:15118:-20:AC", Current.DC: "urn:iso:std:iso:15118:-20:DC"}
NO_SESSION = "0" * 16

_LOWEST_EXPONENT = -3
_LARGEST_VALUE = 32767


@dataclass(frozen=True)
class Flavour:
    """One energy transfer service of -20."""

    service_id: int
    current: Current
    bidirectional: bool

    @property
    def namespace(self) -> str:
        """The namespace of its own messages."""
        return _BY_CURRENT[self.current]

    @property
    def parameters(self) -> str:
        """Stem of the charge parameter discovery messages."""
        return f"{self.current}_ChargeParameterDiscovery"

    @property
    def loop(self) -> str:
        """Stem of the charge loop messages."""
        return f"{self.current}_ChargeLoop"

    def discovery_mode(self, direction: str) -> str:
        """Element with the limits in parameter discovery; direction is Req or Res."""
        return f"{'BPT_' if self.bidirectional else ''}{self.current}_CPD{direction}EnergyTransferMode"

    def loop_mode(self, direction: str) -> str:
        """Element with the control mode in the charge loop; direction is Req or Res."""
        return f"{'BPT_' if self.bidirectional else ''}Dynamic_{self.current}_CL{direction}ControlMode"


FLAVOURS = {
    flavour.service_id: flavour
    for flavour in (
        Flavour(1, Current.AC, False),
        Flavour(2, Current.DC, False),
        Flavour(5, Current.AC, True),
        Flavour(6, Current.DC, True),
    )
}


def flavour_for(current: Current, bidirectional: bool) -> Flavour:
    """The service for this current and direction."""
    return next(
        one for one in FLAVOURS.values() if (one.current, one.bidirectional) == (current, bidirectional)
    )


def namespace_of(name: str) -> str:
    """The namespace a message belongs to."""
    if name.startswith("supportedAppProtocol"):
        return SAP
    return next((space for current, space in _BY_CURRENT.items() if name.startswith(f"{current}_")), COMMON)


def rational(value: float) -> Body:
    """A number as RationalNumber: Value times ten to the Exponent."""
    for exponent in range(_LOWEST_EXPONENT, 10):
        scaled = round(value * 10.0**-exponent)
        if abs(scaled) <= _LARGEST_VALUE:
            while exponent < 0 and scaled % 10 == 0:
                scaled, exponent = scaled // 10, exponent + 1
            return {"Exponent": exponent, "Value": scaled}
    raise ValueError(f"{value} does not fit into a RationalNumber")


def number(element: object) -> float:
    """The number in a RationalNumber."""
    fields = cast("dict[str, int]", element)
    return float(fields["Value"]) * 10.0 ** fields["Exponent"]


def part(body: Body, name: str) -> Body:
    """An element that has elements of its own."""
    return cast("Body", body[name])


def parameter_set(flavour: Flavour, set_id: int = 1) -> Body:
    """What the station offers for a service: Dynamic control, the vehicle tells its needs."""
    values: list[Body] = [
        {"Name": "Connector", "intValue": 2},
        {"Name": "ControlMode", "intValue": 2},
        {"Name": "MobilityNeedsMode", "intValue": 1},
        {"Name": "Pricing", "intValue": 0},
    ]
    if flavour.current is Current.AC:
        values.append({"Name": "EVSENominalVoltage", "intValue": 230})
    if flavour.bidirectional:
        values += [{"Name": "BPTChannel", "intValue": 1}, {"Name": "GeneratorMode", "intValue": 1}]
        if flavour.current is Current.AC:
            values.append({"Name": "GridCodeIslandingDetectionMethod", "intValue": 1})
    return {"ParameterSetID": set_id, "Parameter": values}


def power_elements(prefix: str, limits: PowerLimits, bidirectional: bool) -> Body:
    """Limits of the EV or EVSE (the prefix) as elements, W."""
    body: Body = {
        f"{prefix}MaximumChargePower": rational(limits.charge_w),
        f"{prefix}MinimumChargePower": rational(0),
    }
    if bidirectional:
        body[f"{prefix}MaximumDischargePower"] = rational(limits.discharge_w)
        body[f"{prefix}MinimumDischargePower"] = rational(0)
    return body


def discovery_elements(prefix: str, flavour: Flavour, limits: PowerLimits, voltage_v: float) -> Body:
    """Hard limits of one side for the session."""
    body = power_elements(prefix, limits, flavour.bidirectional)
    if flavour.current is Current.AC:
        if prefix == "EVSE":
            body["EVSENominalFrequency"] = rational(50)
        return body
    body |= {
        f"{prefix}MaximumChargeCurrent": rational(limits.charge_w / voltage_v),
        f"{prefix}MinimumChargeCurrent": rational(0),
        f"{prefix}MaximumVoltage": rational(voltage_v * 1.25),
        f"{prefix}MinimumVoltage": rational(voltage_v * 0.5),
    }
    if flavour.bidirectional:
        body |= {
            f"{prefix}MaximumDischargeCurrent": rational(limits.discharge_w / voltage_v),
            f"{prefix}MinimumDischargeCurrent": rational(0),
        }
    return body


def read_limits(prefix: str, mode: Body) -> PowerLimits:
    """Power limits out of a mode element; absent discharge means none."""
    discharge = mode.get(f"{prefix}MaximumDischargePower")
    return PowerLimits(
        charge_w=number(mode[f"{prefix}MaximumChargePower"]),
        discharge_w=abs(number(discharge)) if discharge is not None else 0.0,
    )


def request_elements(requests: EnergyRequests, bidirectional: bool) -> Body:
    """Energy requests as elements, Wh."""
    body: Body = {
        "EVTargetEnergyRequest": rational(requests.target_wh),
        "EVMaximumEnergyRequest": rational(requests.maximum_wh),
        "EVMinimumEnergyRequest": rational(requests.minimum_wh),
    }
    if bidirectional:
        body["EVMaximumV2XEnergyRequest"] = rational(requests.v2x_maximum_wh)
        body["EVMinimumV2XEnergyRequest"] = rational(requests.v2x_minimum_wh)
    return body


def read_requests(mode: Body) -> EnergyRequests:
    """Energy requests out of a mode element; without V2X bounds the ordinary ones hold."""
    maximum, minimum = number(mode["EVMaximumEnergyRequest"]), number(mode["EVMinimumEnergyRequest"])
    return EnergyRequests(
        target_wh=number(mode["EVTargetEnergyRequest"]),
        maximum_wh=maximum,
        minimum_wh=minimum,
        v2x_maximum_wh=number(mode.get("EVMaximumV2XEnergyRequest", rational(maximum))),
        v2x_minimum_wh=number(mode.get("EVMinimumV2XEnergyRequest", rational(minimum))),
    )


def loop_request(flavour: Flavour, state: VehicleState, display: Body, voltage_v: float) -> Body:
    """ChargeLoopReq without its header."""
    mode = request_elements(state.requests, flavour.bidirectional)
    mode |= power_elements("EV", state.ability, flavour.bidirectional)
    if state.departure_in_s is not None:
        mode["DepartureTime"] = max(0, round(state.departure_in_s))
    body: Body = {"MeterInfoRequested": True, flavour.loop_mode("Req"): mode}
    if state.soc is not None:
        body["DisplayParameters"] = {"PresentSOC": int(state.soc)} | display
    if flavour.current is Current.AC:
        mode["EVPresentActivePower"] = mode["EVPresentReactivePower"] = rational(0)
        return body
    mode |= {
        "EVMaximumChargeCurrent": rational(state.ability.charge_w / voltage_v),
        "EVMaximumVoltage": rational(voltage_v * 1.25),
        "EVMinimumVoltage": rational(voltage_v * 0.5),
    }
    if flavour.bidirectional:
        mode["EVMaximumDischargeCurrent"] = rational(state.ability.discharge_w / voltage_v)
    return body | {"EVPresentVoltage": rational(voltage_v)}


def read_loop_request(flavour: Flavour, body: Body) -> VehicleState:
    """The vehicle's state out of a ChargeLoopReq."""
    mode = part(body, flavour.loop_mode("Req"))
    display = cast("dict[str, int]", body.get("DisplayParameters", {}))
    soc, departure = display.get("PresentSOC"), mode.get("DepartureTime")
    return VehicleState(
        ability=read_limits("EV", mode),
        requests=read_requests(mode),
        bidirectional=flavour.bidirectional,
        soc=None if soc is None else float(soc),
        departure_in_s=None if departure is None else float(cast("int", departure)),
    )


def loop_response(flavour: Flavour, state: OutletState, voltage_v: float) -> Body:
    """ChargeLoopRes without header and response code."""
    meter: Body = {"MeterID": "METER", "ChargedEnergyReadingWh": round(state.import_wh)}
    if flavour.bidirectional:
        meter["BPT_DischargedEnergyReadingWh"] = round(state.export_wh)
    if flavour.current is Current.AC:
        mode: Body = {"EVSETargetActivePower": rational(state.power_w)}
        return {"MeterInfo": meter, flavour.loop_mode("Res"): mode}
    mode = power_elements("EVSE", state.limits, flavour.bidirectional)
    mode |= {
        "EVSEMaximumChargeCurrent": rational(state.limits.charge_w / voltage_v),
        "EVSEMaximumVoltage": rational(voltage_v * 1.25),
    }
    if flavour.bidirectional:
        mode |= {
            "EVSEMaximumDischargeCurrent": rational(state.limits.discharge_w / voltage_v),
            "EVSEMinimumVoltage": rational(voltage_v * 0.5),
        }
    return {
        "MeterInfo": meter,
        "EVSEPresentCurrent": rational(state.power_w / voltage_v),
        "EVSEPresentVoltage": rational(voltage_v),
        "EVSEPowerLimitAchieved": state.power_w != 0.0,
        "EVSECurrentLimitAchieved": False,
        "EVSEVoltageLimitAchieved": False,
        flavour.loop_mode("Res"): mode,
    }


def read_loop_response(flavour: Flavour, body: Body) -> tuple[float, PowerLimits | None]:
    """The power that flows (W, + into the vehicle) and the published limits (DC only)."""
    mode = part(body, flavour.loop_mode("Res"))
    if flavour.current is Current.AC:
        return number(mode["EVSETargetActivePower"]), None
    power_w = number(body["EVSEPresentCurrent"]) * number(body["EVSEPresentVoltage"])
    return power_w, read_limits("EVSE", mode)


def schedule_request(needs: ChargingNeeds, target_soc: float, minimum_soc: float) -> Body:
    """ScheduleExchangeReq, Dynamic, without its header."""
    mode = request_elements(needs.requests, needs.bidirectional)
    # DepartureTime is mandatory here; a driver who has not said when gets a day.
    departure = 86_400.0 if needs.departure_in_s is None else max(0.0, needs.departure_in_s)
    mode |= {"DepartureTime": round(departure), "TargetSOC": round(target_soc)}
    mode["MinimumSOC"] = round(minimum_soc)
    return {"MaximumSupportingPoints": 1024, "Dynamic_SEReqControlMode": mode}
