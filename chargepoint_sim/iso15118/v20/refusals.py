"""What a negative response of -20 has to carry besides its code: the schemas allow no empty one."""

from collections.abc import Callable
from typing import cast

from chargepoint_sim.ev.vehicle import Current, PowerLimits
from chargepoint_sim.iso15118.exi.vocabulary import Element
from chargepoint_sim.iso15118.outlet import OutletState
from chargepoint_sim.iso15118.services import SERVICES, Control, Service, service_for
from chargepoint_sim.iso15118.v20 import identification, modes, scheduling
from chargepoint_sim.iso15118.v20 import messages as m
from chargepoint_sim.iso15118.v20.numbers import rational
from chargepoint_sim.iso15118.v20.parameters import parameter_list

_NOTHING = PowerLimits(0.0, 0.0)
_NO_FLOW = OutletState(_NOTHING, 0.0, 0.0, 0.0)
_VOLTAGE_V = 400.0
_NO_ID = "ZZ00000"
_ZERO = rational(0)

_Head = m.MessageHeaderType
_Code = m.responseCodeType
_Make = Callable[[_Head, _Code, Service | None], Element]


def refusal(header: _Head, request: type[Element], code: str, chosen: Service | None) -> Element | None:
    """The response to a request with a failure code; None for a message that has none here."""
    make = _TABLE.get(request)
    return None if make is None else make(header, cast("_Code", code), chosen)


def _for(current: Current, chosen: Service | None) -> Service:
    """The chosen service, or some service of the message's current."""
    return chosen if chosen is not None and chosen.current is current else service_for(current, False)


def _discovery(header: _Head, code: _Code, chosen: Service | None) -> Element:
    services = m.ServiceListType(Service=(m.ServiceType(ServiceID=2, FreeService=False),))
    return m.ServiceDiscoveryRes(
        Header=header,
        ResponseCode=code,
        ServiceRenegotiationSupported=False,
        EnergyTransferServiceList=services,
    )


def _detail(header: _Head, code: _Code, chosen: Service | None) -> Element:
    listed = parameter_list(SERVICES[2], frozenset({Control.DYNAMIC}))
    return m.ServiceDetailRes(Header=header, ResponseCode=code, ServiceID=2, ServiceParameterList=listed)


def _ac_loop(header: _Head, code: _Code, chosen: Service | None) -> Element:
    service = _for(Current.AC, chosen)
    mode = modes.ac_loop_answer(service, Control.DYNAMIC, _NO_FLOW)
    return m.AC_ChargeLoopRes(Header=header, ResponseCode=code, CLResControlMode=mode)


def _dc_loop(header: _Head, code: _Code, chosen: Service | None) -> Element:
    service = _for(Current.DC, chosen)
    return m.DC_ChargeLoopRes(
        Header=header,
        ResponseCode=code,
        EVSEPresentCurrent=_ZERO,
        EVSEPresentVoltage=_ZERO,
        EVSEPowerLimitAchieved=False,
        EVSECurrentLimitAchieved=False,
        EVSEVoltageLimitAchieved=False,
        CLResControlMode=modes.dc_loop_answer(service, Control.DYNAMIC, _NO_FLOW, _VOLTAGE_V),
    )


def _parameters(current: Current) -> _Make:
    return lambda header, code, chosen: modes.discovery_response(
        _for(current, chosen), header, _NOTHING, _VOLTAGE_V, code
    )


_TABLE: dict[type[Element], _Make] = {
    m.SessionSetupReq: lambda header, code, _: m.SessionSetupRes(
        Header=header, ResponseCode=code, EVSEID=_NO_ID
    ),
    m.AuthorizationSetupReq: lambda header, code, _: identification.setup(header, code),
    m.AuthorizationReq: lambda header, code, _: m.AuthorizationRes(
        Header=header, ResponseCode=code, EVSEProcessing="Finished"
    ),
    m.ServiceDiscoveryReq: _discovery,
    m.ServiceDetailReq: _detail,
    m.ServiceSelectionReq: lambda header, code, _: m.ServiceSelectionRes(Header=header, ResponseCode=code),
    m.AC_ChargeParameterDiscoveryReq: _parameters(Current.AC),
    m.DC_ChargeParameterDiscoveryReq: _parameters(Current.DC),
    m.ScheduleExchangeReq: lambda header, code, chosen: scheduling.answer(
        header, Control.DYNAMIC, chosen, (), code
    ),
    m.DC_CableCheckReq: lambda header, code, _: m.DC_CableCheckRes(
        Header=header, ResponseCode=code, EVSEProcessing="Finished"
    ),
    m.DC_PreChargeReq: lambda header, code, _: m.DC_PreChargeRes(
        Header=header, ResponseCode=code, EVSEPresentVoltage=_ZERO
    ),
    m.PowerDeliveryReq: lambda header, code, _: m.PowerDeliveryRes(Header=header, ResponseCode=code),
    m.AC_ChargeLoopReq: _ac_loop,
    m.DC_ChargeLoopReq: _dc_loop,
    m.DC_WeldingDetectionReq: lambda header, code, _: m.DC_WeldingDetectionRes(
        Header=header, ResponseCode=code, EVSEPresentVoltage=_ZERO
    ),
    m.SessionStopReq: lambda header, code, _: m.SessionStopRes(Header=header, ResponseCode=code),
}
