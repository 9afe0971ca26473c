"""What a negative response has to carry besides its code: the schemas allow no empty one."""

from chargepoint_sim.ev.vehicle import PowerLimits
from chargepoint_sim.iso15118 import messages
from chargepoint_sim.iso15118.channel import Body
from chargepoint_sim.iso15118.messages import FLAVOURS, Flavour
from chargepoint_sim.iso15118.outlet import OutletState

_NOTHING = PowerLimits(0.0, 0.0)
_VOLTAGE_V = 400.0

_FIXED: dict[str, Body] = {
    "supportedAppProtocol": {},
    "SessionSetup": {"EVSEID": "ZZ00000"},
    "AuthorizationSetup": {
        "AuthorizationServices": ["EIM"],
        "CertificateInstallationService": False,
        "EIM_ASResAuthorizationMode": {},
    },
    "Authorization": {"EVSEProcessing": "Finished"},
    "ServiceDiscovery": {
        "ServiceRenegotiationSupported": False,
        "EnergyTransferServiceList": {"Service": [{"ServiceID": 2, "FreeService": False}]},
    },
    "ServiceDetail": {
        "ServiceID": 2,
        "ServiceParameterList": {"ParameterSet": [messages.parameter_set(FLAVOURS[2])]},
    },
    "ServiceSelection": {},
    "ScheduleExchange": {"EVSEProcessing": "Finished", "Dynamic_SEResControlMode": {}},
    "DC_CableCheck": {"EVSEProcessing": "Finished"},
    "DC_PreCharge": {"EVSEPresentVoltage": messages.rational(0)},
    "PowerDelivery": {},
    "DC_WeldingDetection": {"EVSEPresentVoltage": messages.rational(0)},
    "SessionStop": {},
}


def refusal(stem: str, chosen: Flavour | None) -> Body | None:
    """The mandatory elements of a negative response, None for a message that -20 does not have."""
    if stem in _FIXED:
        return dict(_FIXED[stem])
    for flavour in FLAVOURS.values():
        if chosen is not None and chosen.current is flavour.current:
            flavour = chosen
        if stem == flavour.parameters:
            limits = messages.discovery_elements("EVSE", flavour, _NOTHING, _VOLTAGE_V)
            return {flavour.discovery_mode("Res"): limits}
        if stem == flavour.loop:
            return messages.loop_response(flavour, OutletState(_NOTHING, 0.0, 0.0, 0.0), _VOLTAGE_V)
    return None
