"""ISO 15118-20 as a station speaks it: which requests a state takes, and who answers them."""

from collections.abc import Mapping
from enum import StrEnum, auto
from functools import partial

from chargepoint_sim.ev.vehicle import Current
from chargepoint_sim.iso15118.exi.vocabulary import Element
from chargepoint_sim.iso15118.outlet import ChargingNeeds, OutletState, VehicleState
from chargepoint_sim.iso15118.secc import Answer, Dialect, Handler, Hardware, Refused, Secc, on
from chargepoint_sim.iso15118.services import SERVICES, Control, Service, Wish
from chargepoint_sim.iso15118.v20 import identification, modes, scheduling
from chargepoint_sim.iso15118.v20 import messages as m
from chargepoint_sim.iso15118.v20.numbers import number, rational
from chargepoint_sim.iso15118.v20.parameters import NAMESPACES, control_of, parameter_list
from chargepoint_sim.iso15118.v20.refusals import refusal


class State(StrEnum):
    """Where the session is."""

    SETUP = auto()
    AUTHORIZATION_SETUP = auto()
    AUTHORIZATION = auto()
    DISCOVERY = auto()
    SELECTION = auto()
    PARAMETERS = auto()
    SCHEDULE = auto()
    CABLE_CHECK = auto()
    PRE_CHARGE = auto()
    POWER_ON = auto()
    LOOP = auto()
    RENEGOTIATION = auto()
    WELDING = auto()
    STOP = auto()
    END = auto()


def header(secc: Secc) -> m.MessageHeaderType:
    """What every response begins with."""
    return m.MessageHeaderType(SessionID=secc.session_id, TimeStamp=int(secc.clock.now().timestamp()))


def _setup(secc: Secc, asked: m.SessionSetupReq) -> Answer:
    secc.session_id, joined = secc.memory.session_for(asked.Header.SessionID)
    secc.evccid = asked.EVCCID
    response = m.SessionSetupRes(
        Header=header(secc),
        ResponseCode="OK_OldSessionJoined" if joined else "OK_NewSessionEstablished",
        EVSEID=secc.hardware.evse_id,
    )
    return Answer(State.AUTHORIZATION_SETUP, response)


def _authorization_setup(secc: Secc, asked: m.AuthorizationSetupReq) -> Answer:
    return Answer(State.AUTHORIZATION, identification.setup(header(secc)))


def _authorization(secc: Secc, asked: m.AuthorizationReq) -> Answer:
    if not identification.acceptable(asked):
        wrong = m.AuthorizationRes(
            Header=header(secc), ResponseCode=identification.WRONG_SERVICE, EVSEProcessing="Finished"
        )
        return Answer(State.AUTHORIZATION, wrong)
    response = identification.verdict(header(secc), secc.outlet.permission())
    granted = response.ResponseCode == "OK" and response.EVSEProcessing == "Finished"
    return Answer(State.DISCOVERY if granted else State.AUTHORIZATION, response)


def _discovery(secc: Secc, asked: m.ServiceDiscoveryReq) -> Answer:
    """Whoever asks only for some services hears only of those."""
    wanted = set(asked.SupportedServiceIDs.ServiceID) if asked.SupportedServiceIDs is not None else None
    offered = [one for one in sorted(secc.hardware.services) if wanted is None or one in wanted]
    services = m.ServiceListType(
        Service=tuple(m.ServiceType(ServiceID=one, FreeService=False) for one in offered)
    )
    if not offered:
        raise Refused("FAILED_ServiceIDInvalid")
    response = m.ServiceDiscoveryRes(
        Header=header(secc),
        ResponseCode="OK",
        ServiceRenegotiationSupported=True,
        EnergyTransferServiceList=services,
    )
    return Answer(State.SELECTION, response)


def _detail(secc: Secc, asked: m.ServiceDetailReq) -> Answer:
    if asked.ServiceID not in secc.hardware.services:
        raise Refused("FAILED_ServiceIDInvalid")
    response = m.ServiceDetailRes(
        Header=header(secc),
        ResponseCode="OK",
        ServiceID=asked.ServiceID,
        ServiceParameterList=parameter_list(SERVICES[asked.ServiceID], secc.hardware.controls),
    )
    return Answer(State.SELECTION, response)


def _selection(secc: Secc, asked: m.ServiceSelectionReq) -> Answer:
    chosen = asked.SelectedEnergyTransferService
    if chosen.ServiceID not in secc.hardware.services:
        raise Refused("FAILED_NoEnergyTransferServiceSelected")
    service = SERVICES[chosen.ServiceID]
    sets = parameter_list(service, secc.hardware.controls).ParameterSet
    controls = {one.ParameterSetID: control_of(one) for one in sets}
    if (control := controls.get(chosen.ParameterSetID)) is None:
        raise Refused("FAILED_ServiceSelectionInvalid")
    secc.service, secc.control = service, control
    return Answer(State.PARAMETERS, m.ServiceSelectionRes(Header=header(secc), ResponseCode="OK"))


def _chosen(secc: Secc) -> Service:
    """The chosen service; every state that asks comes after the choice."""
    assert secc.service is not None
    return secc.service


def _ac_parameters(secc: Secc, asked: m.AC_ChargeParameterDiscoveryReq) -> Answer:
    return _parameters(secc, Current.AC, asked.AC_CPDReqEnergyTransferMode)


def _dc_parameters(secc: Secc, asked: m.DC_ChargeParameterDiscoveryReq) -> Answer:
    return _parameters(secc, Current.DC, asked.DC_CPDReqEnergyTransferMode)


def _parameters(secc: Secc, current: Current, mode: Element) -> Answer:
    service = _chosen(secc)
    if service.current is not current:
        raise Refused("FAILED_SequenceError")
    if not modes.fits(mode, service, secc.control):
        raise Refused("FAILED_WrongChargeParameter")
    secc.rating = modes.read_limits("EV", mode)
    rating, voltage_v = secc.outlet.rating, secc.hardware.voltage_v
    return Answer(State.SCHEDULE, modes.discovery_response(service, header(secc), rating, voltage_v))


def _schedule(secc: Secc, asked: m.ScheduleExchangeReq) -> Answer:
    service = _chosen(secc)
    if (asked.Dynamic_SEReqControlMode is not None) is not (secc.control is Control.DYNAMIC):
        raise Refused("FAILED_WrongChargeParameter")
    voltage_v = secc.hardware.voltage_v
    told = ChargingNeeds(
        evccid=secc.evccid,
        current=service.current,
        bidirectional=service.bidirectional,
        rating=secc.rating,
        max_current_a=secc.rating.charge_w / voltage_v,
        max_voltage_v=voltage_v,
        requests=modes.NO_REQUESTS,
        departure_in_s=None,
        control=secc.control,
    )
    if not secc.asked_again:
        secc.outlet.take_needs(scheduling.read_needs(asked, told))
    secc.asked_again = secc.control is Control.SCHEDULED and secc.outlet.deciding()
    offer = secc.outlet.offer() if secc.control is Control.SCHEDULED else ()
    response = scheduling.answer(header(secc), secc.control, service, offer, deciding=secc.asked_again)
    if secc.asked_again:
        return Answer(State.SCHEDULE, response)
    if secc.wish is Wish.NEW_SCHEDULE:
        secc.wish = Wish.GO_ON
    if secc.energised or service.current is Current.AC:
        return Answer(State.POWER_ON, response)
    return Answer(State.CABLE_CHECK, response)


def _cable_check(secc: Secc, asked: m.DC_CableCheckReq) -> Answer:
    done = secc.clock.monotonic() - secc.since >= secc.hardware.cable_check_s
    response = m.DC_CableCheckRes(
        Header=header(secc), ResponseCode="OK", EVSEProcessing="Finished" if done else "Ongoing"
    )
    return Answer(State.PRE_CHARGE if done else State.CABLE_CHECK, response)


def _pre_charge(secc: Secc, asked: m.DC_PreChargeReq) -> Answer:
    response = m.DC_PreChargeRes(
        Header=header(secc), ResponseCode="OK", EVSEPresentVoltage=asked.EVTargetVoltage
    )
    return Answer(State.POWER_ON if asked.EVProcessing == "Finished" else State.PRE_CHARGE, response)


def _power_on(secc: Secc, asked: m.PowerDeliveryReq) -> Answer:
    """Start, or the vehicle thinks better of it."""
    if asked.ChargeProgress == "Stop":
        return _power_off(secc)
    if asked.ChargeProgress != "Start":
        raise Refused("FAILED_SequenceError")
    if asked.EVProcessing != "Finished":
        return _delivered(secc, State.POWER_ON)  # it still thinks about its power profile
    if (objection := scheduling.objection(asked, secc.control, secc.outlet.rating)) is not None:
        raise Refused(objection)
    secc.energised = True
    if plan := scheduling.read_plan(asked):
        secc.outlet.take_plan(plan)
    secc.outlet.set_contactor(True)
    return _delivered(secc, State.LOOP)


def _in_loop(secc: Secc, asked: m.PowerDeliveryReq) -> Answer:
    match asked.ChargeProgress:
        case "Stop":
            return _power_off(secc)
        case "ScheduleRenegotiation":
            return _delivered(secc, State.RENEGOTIATION)
        case "Standby":
            return _delivered(secc, State.LOOP, "WARNING_StandbyNotAllowed")
        case _:
            raise Refused("FAILED_SequenceError")


def _power_off(secc: Secc) -> Answer:
    secc.energised = False
    secc.outlet.set_contactor(False)
    return _delivered(secc, State.WELDING if _chosen(secc).current is Current.DC else State.STOP)


def _delivered(secc: Secc, state: State, code: m.responseCodeType = "OK") -> Answer:
    return Answer(state, m.PowerDeliveryRes(Header=header(secc), ResponseCode=code))


_ASKED: dict[Wish, m.evseNotificationType] = {
    Wish.STOP: "Terminate",
    Wish.PAUSE: "Pause",
    Wish.NEW_SCHEDULE: "ScheduleRenegotiation",
    Wish.NEW_SERVICE: "ServiceRenegotiation",
}


def _status(secc: Secc) -> m.EVSEStatusType | None:
    """What the station wants; there is no word for nothing."""
    if (asked := _ASKED.get(secc.wish)) is None:
        return None
    return m.EVSEStatusType(NotificationMaxDelay=0, EVSENotification=asked)


def _exchange(secc: Secc, current: Current, mode: Element, asked: m.ChargeLoopReq) -> OutletState:
    """Hear the vehicle and drive the power."""
    service = _chosen(secc)
    if service.current is not current:
        raise Refused("FAILED_SequenceError")
    if not modes.fits(mode, service, secc.control):
        raise Refused("FAILED_WrongChargeParameter")
    display, wish_w = asked.DisplayParameters, None
    if isinstance(asked, m.DC_ChargeLoopReq) and isinstance(mode, m.Scheduled_DC_CLReqControlModeType):
        wish_w = number(mode.EVTargetCurrent) * number(mode.EVTargetVoltage)
    soc, departure = display.PresentSOC if display is not None else None, getattr(mode, "DepartureTime", None)
    state = VehicleState(
        ability=modes.read_limits("EV", mode, secc.rating),
        requests=modes.read_requests(mode),
        bidirectional=service.bidirectional,
        soc=None if soc is None else float(soc),
        departure_in_s=None if departure is None else float(departure),
        wish_w=wish_w,
    )
    return secc.outlet.exchange(state)


def _ac_loop(secc: Secc, asked: m.AC_ChargeLoopReq) -> Answer:
    state = _exchange(secc, Current.AC, asked.CLReqControlMode, asked)
    response = m.AC_ChargeLoopRes(
        Header=header(secc),
        ResponseCode="OK",
        EVSEStatus=_status(secc),
        MeterInfo=_meter(secc, state) if asked.MeterInfoRequested else None,
        CLResControlMode=modes.ac_loop_answer(_chosen(secc), secc.control, state),
    )
    return Answer(State.LOOP, response)


def _dc_loop(secc: Secc, asked: m.DC_ChargeLoopReq) -> Answer:
    state, voltage_v = _exchange(secc, Current.DC, asked.CLReqControlMode, asked), secc.hardware.voltage_v
    response = m.DC_ChargeLoopRes(
        Header=header(secc),
        ResponseCode="OK",
        EVSEStatus=_status(secc),
        MeterInfo=_meter(secc, state) if asked.MeterInfoRequested else None,
        EVSEPresentCurrent=rational(state.power_w / voltage_v),
        EVSEPresentVoltage=rational(voltage_v),
        EVSEPowerLimitAchieved=state.power_w != 0.0,
        EVSECurrentLimitAchieved=False,
        EVSEVoltageLimitAchieved=False,
        CLResControlMode=modes.dc_loop_answer(_chosen(secc), secc.control, state, voltage_v),
    )
    return Answer(State.LOOP, response)


def _meter(secc: Secc, state: OutletState) -> m.MeterInfoType:
    discharged = round(state.export_wh) if _chosen(secc).bidirectional else None
    return m.MeterInfoType(
        MeterID="METER",
        ChargedEnergyReadingWh=round(state.import_wh),
        BPT_DischargedEnergyReadingWh=discharged,
    )


def _welding(secc: Secc, asked: m.DC_WeldingDetectionReq) -> Answer:
    response = m.DC_WeldingDetectionRes(
        Header=header(secc), ResponseCode="OK", EVSEPresentVoltage=rational(0)
    )
    return Answer(State.STOP if asked.EVProcessing == "Finished" else State.WELDING, response)


def _stop(secc: Secc, asked: m.SessionStopReq) -> Answer:
    secc.energised = False
    secc.outlet.set_contactor(False)
    if asked.ChargingSession == "Pause":
        if not secc.hardware.may_pause:
            raise Refused("FAILED_PauseNotAllowed")
        secc.paused, secc.memory.session_id = True, secc.session_id
    state = State.END
    if asked.ChargingSession == "ServiceRenegotiation":
        if secc.service is None:
            raise Refused("FAILED_NoServiceRenegotiationSupported")
        secc.wish = Wish.GO_ON if secc.wish is Wish.NEW_SERVICE else secc.wish
        state = State.DISCOVERY
    return Answer(state, m.SessionStopRes(Header=header(secc), ResponseCode="OK"))


_ALLOWED: dict[StrEnum, dict[type[Element], Handler]] = {
    State.SETUP: dict([on(m.SessionSetupReq, _setup)]),
    State.AUTHORIZATION_SETUP: dict([on(m.AuthorizationSetupReq, _authorization_setup)]),
    State.AUTHORIZATION: dict([on(m.AuthorizationReq, _authorization)]),
    State.DISCOVERY: dict([on(m.ServiceDiscoveryReq, _discovery)]),
    State.SELECTION: dict([on(m.ServiceDetailReq, _detail), on(m.ServiceSelectionReq, _selection)]),
    State.PARAMETERS: dict(
        [
            on(m.DC_ChargeParameterDiscoveryReq, _dc_parameters),
            on(m.AC_ChargeParameterDiscoveryReq, _ac_parameters),
        ]
    ),
    State.SCHEDULE: dict([on(m.ScheduleExchangeReq, _schedule)]),
    State.CABLE_CHECK: dict([on(m.DC_CableCheckReq, _cable_check)]),
    State.PRE_CHARGE: dict([on(m.DC_PreChargeReq, _pre_charge)]),
    State.POWER_ON: dict([on(m.PowerDeliveryReq, _power_on)]),
    State.LOOP: dict(
        [
            on(m.DC_ChargeLoopReq, _dc_loop),
            on(m.AC_ChargeLoopReq, _ac_loop),
            on(m.PowerDeliveryReq, _in_loop),
        ]
    ),
    State.RENEGOTIATION: dict([on(m.ScheduleExchangeReq, _schedule)]),
    State.WELDING: dict([on(m.DC_WeldingDetectionReq, _welding)]),
    State.STOP: {},
}


def _namespaces(current: Current, hardware: Hardware) -> Mapping[str, tuple[int, int]]:
    served = any(SERVICES[one].current is current for one in hardware.services)
    return {NAMESPACES[current]: (1, 0)} if served else {}


def _read(message: Element) -> tuple[Element, bytes] | None:
    if not isinstance(message, m.V2GRequestType):
        return None
    return message, message.Header.SessionID


def _refuse(secc: Secc, body: Element, code: str) -> Element | None:
    return refusal(header(secc), type(body), code, secc.service)


DIALECTS = tuple(
    Dialect(
        namespaces=partial(_namespaces, current),
        first=State.SETUP,
        end=State.END,
        allowed=_ALLOWED,
        anywhere=dict([on(m.SessionStopReq, _stop)]),
        read=_read,
        refuse=_refuse,
    )
    for current in Current
)
