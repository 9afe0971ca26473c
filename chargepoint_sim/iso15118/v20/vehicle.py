"""ISO 15118-20 as a vehicle speaks it: which request belongs to a state, and what its answer leads to.

AC and DC, one way and both, Dynamic and Scheduled control, renegotiation, pause. Times are those of the
standard; `identification` holds how the driver is identified.
"""

from collections.abc import Callable
from dataclasses import replace
from enum import StrEnum, auto

from chargepoint_sim.ev.vehicle import Current
from chargepoint_sim.iso15118.evcc import FOR_EVER, Dialect, Evcc, Protocol, Reply, SessionFailed, Step, step
from chargepoint_sim.iso15118.exi.vocabulary import Element
from chargepoint_sim.iso15118.outlet import VehicleState
from chargepoint_sim.iso15118.services import Control, Wish, service_for
from chargepoint_sim.iso15118.v20 import identification, modes, scheduling
from chargepoint_sim.iso15118.v20 import messages as m
from chargepoint_sim.iso15118.v20.numbers import number, rational
from chargepoint_sim.iso15118.v20.parameters import NAMESPACES, chosen_set

_LOOP_S, _CABLE_CHECK_S, _PRE_CHARGE_S = 0.5, 40.0, 10.0
_PRE_CHARGED = 0.95  # share of the battery's voltage


class State(StrEnum):
    """Where the vehicle is in the sequence."""

    SETUP = auto()
    AUTHORIZATION_SETUP = auto()
    AUTHORIZATION = auto()
    DISCOVERY = auto()
    DETAIL = auto()
    SELECTION = auto()
    PARAMETERS = auto()
    SCHEDULE = auto()
    CABLE_CHECK = auto()
    PRE_CHARGE = auto()
    PRE_CHARGED = auto()
    POWER_ON = auto()
    LOOP = auto()
    RENEGOTIATION = auto()
    POWER_OFF = auto()
    WELDING = auto()
    STOP = auto()
    END = auto()


def _read(message: Element) -> Reply | None:
    if not isinstance(message, m.V2GResponseType):
        return None
    return Reply(message, message.Header.SessionID, message.ResponseCode)


def header(evcc: Evcc) -> m.MessageHeaderType:
    """What every request begins with."""
    return m.MessageHeaderType(SessionID=evcc.session_id, TimeStamp=int(evcc.clock.now().timestamp()))


def _identify(evcc: Evcc, response: m.AuthorizationSetupRes) -> State:
    if not identification.offered(response):
        raise SessionFailed("the station does not let drivers identify themselves")
    return State.AUTHORIZATION


def _authorization(evcc: Evcc, response: m.AuthorizationRes) -> State:
    """A refused driver may still convince the station otherwise: ask on, until the driver leaves."""
    if evcc.wish is Wish.STOP:
        return State.STOP
    granted = response.EVSEProcessing == "Finished" and not response.ResponseCode.startswith("WARNING")
    if response.EVSEProcessing != "Ongoing":
        evcc.wait_for_people()
    return State.DISCOVERY if granted else State.AUTHORIZATION


def _choose_service(evcc: Evcc, response: m.ServiceDiscoveryRes) -> State:
    """Bidirectional if both can, else one-way."""
    model = evcc.vehicle.model
    offered = {service.ServiceID for service in response.EnergyTransferServiceList.Service}
    for bidirectional in (model.bidirectional, False):
        service = service_for(model.current, bidirectional)
        if service.id in offered:
            evcc.service = service
            return State.DETAIL
    raise SessionFailed("no service in common")


def _choose_parameters(evcc: Evcc, response: m.ServiceDetailRes) -> State:
    chosen = chosen_set(response.ServiceParameterList, evcc.plan.control)
    if chosen is None:
        raise SessionFailed("no parameter set with a control mode")
    evcc.parameter_set, evcc.control = chosen
    return State.SELECTION


def _selection(evcc: Evcc) -> m.ServiceSelectionReq:
    chosen = m.SelectedServiceType(ServiceID=evcc.service.id, ParameterSetID=evcc.parameter_set)
    return m.ServiceSelectionReq(Header=header(evcc), SelectedEnergyTransferService=chosen)


def _discovery(evcc: Evcc) -> Element:
    vehicle = evcc.vehicle
    rating, voltage_v = vehicle.rating(), vehicle.model.voltage_v
    return modes.discovery_request(evcc.service, header(evcc), rating, voltage_v, vehicle.needs.target_soc)


def _keep_limits(
    evcc: Evcc, response: m.DC_ChargeParameterDiscoveryRes | m.AC_ChargeParameterDiscoveryRes
) -> State:
    if isinstance(response, m.DC_ChargeParameterDiscoveryRes):
        evcc.limits = modes.read_limits("EVSE", response.DC_CPDResEnergyTransferMode)
    else:
        evcc.limits = modes.read_limits("EVSE", response.AC_CPDResEnergyTransferMode)
    return State.SCHEDULE


def _schedule(evcc: Evcc, response: m.ScheduleExchangeRes) -> State:
    if response.EVSEProcessing != "Finished":
        return State.SCHEDULE
    if response.GoToPause:
        evcc.want(Wish.PAUSE)
        return State.POWER_OFF if evcc.energised else State.STOP
    evcc.schedule_id = scheduling.chosen_tuple(response)
    evcc.offered = scheduling.read_offer(response)
    if evcc.energised or evcc.service.current is Current.AC:
        return State.POWER_ON
    return State.CABLE_CHECK


def _cable_check(evcc: Evcc, response: m.DC_CableCheckRes) -> State:
    return State.PRE_CHARGE if response.EVSEProcessing == "Finished" else State.CABLE_CHECK


def _pre_charge(processing: m.processingType) -> Callable[[Evcc], m.DC_PreChargeReq]:
    def request(evcc: Evcc) -> m.DC_PreChargeReq:
        voltage = rational(evcc.vehicle.model.voltage_v)
        return m.DC_PreChargeReq(
            Header=header(evcc),
            EVProcessing=processing,
            EVPresentVoltage=voltage,
            EVTargetVoltage=voltage,
        )

    return request


def _pre_charged(evcc: Evcc, response: m.DC_PreChargeRes) -> State:
    reached = number(response.EVSEPresentVoltage) >= _PRE_CHARGED * evcc.vehicle.model.voltage_v
    return State.PRE_CHARGED if reached else State.PRE_CHARGE


def _power_on(evcc: Evcc) -> m.PowerDeliveryReq:
    power_w = min(evcc.limits.charge_w, evcc.vehicle.rating().charge_w)
    return m.PowerDeliveryReq(
        Header=header(evcc),
        EVProcessing="Finished",
        ChargeProgress="Start",
        EVPowerProfile=scheduling.power_profile(evcc.control, evcc.schedule_id, power_w, evcc.offered),
        BPT_ChannelSelection="Charge" if evcc.service.bidirectional else None,
    )


def _progress(progress: m.chargeProgressType) -> Callable[[Evcc], m.PowerDeliveryReq]:
    return lambda evcc: m.PowerDeliveryReq(
        Header=header(evcc), EVProcessing="Finished", ChargeProgress=progress
    )


def _powered(evcc: Evcc, response: m.PowerDeliveryRes) -> State:
    evcc.energised = True
    return State.LOOP


def _told_state(evcc: Evcc) -> VehicleState:
    """In Scheduled control the vehicle asks for what the last answer allowed."""
    told = evcc.vehicle_state()
    if evcc.control is not Control.SCHEDULED:
        return told
    if evcc.limits.charge_w > 0.0:
        wish_w = min(evcc.limits.charge_w, told.ability.charge_w)
    else:
        wish_w = -min(evcc.limits.discharge_w, told.ability.discharge_w)
    return replace(told, wish_w=wish_w)


def _display(evcc: Evcc) -> m.DisplayParametersType:
    model, needs, soc = evcc.vehicle.model, evcc.vehicle.needs, evcc.vehicle.battery.soc
    return m.DisplayParametersType(
        PresentSOC=int(soc),
        MinimumSOC=round(needs.min_soc),
        TargetSOC=round(needs.target_soc),
        MaximumSOC=round(needs.max_soc),
        ChargingComplete=soc >= needs.max_soc,
        BatteryEnergyCapacity=rational(model.battery.capacity_wh),
    )


def _ac_loop(evcc: Evcc) -> m.AC_ChargeLoopReq:
    return m.AC_ChargeLoopReq(
        Header=header(evcc),
        DisplayParameters=_display(evcc),
        MeterInfoRequested=True,
        CLReqControlMode=modes.ac_loop_mode(evcc.service, evcc.control, _told_state(evcc), evcc.power_w),
    )


def _dc_loop(evcc: Evcc) -> m.DC_ChargeLoopReq:
    voltage_v = evcc.vehicle.model.voltage_v
    return m.DC_ChargeLoopReq(
        Header=header(evcc),
        DisplayParameters=_display(evcc),
        MeterInfoRequested=True,
        EVPresentVoltage=rational(voltage_v),
        CLReqControlMode=modes.dc_loop_mode(evcc.service, evcc.control, _told_state(evcc), voltage_v),
    )


def _ac_answer(evcc: Evcc, response: m.AC_ChargeLoopRes) -> State:
    """In AC it is the vehicle that lets power flow: no more than it can, whatever the station says."""
    target = getattr(response.CLResControlMode, "EVSETargetActivePower", None)
    wanted_w = number(target) if target is not None else evcc.limits.charge_w
    ability = evcc.vehicle.ability()
    evcc.flow(max(-ability.discharge_w, min(wanted_w, ability.charge_w)))
    return _looped(evcc, response)


def _dc_answer(evcc: Evcc, response: m.DC_ChargeLoopRes) -> State:
    evcc.limits = modes.read_limits("EVSE", response.CLResControlMode, evcc.limits)
    evcc.flow(number(response.EVSEPresentCurrent) * number(response.EVSEPresentVoltage))
    return _looped(evcc, response)


_ASKED_FOR: dict[str, Wish] = {
    "Terminate": Wish.STOP,
    "Pause": Wish.PAUSE,
    "ScheduleRenegotiation": Wish.NEW_SCHEDULE,
    "ServiceRenegotiation": Wish.NEW_SERVICE,
}


def _looped(evcc: Evcc, response: m.ChargeLoopRes) -> State:
    """What the station asks for weighs as much as what the driver wants, unless the driver leaves."""
    asked = response.EVSEStatus.EVSENotification if response.EVSEStatus is not None else ""
    if asked in _ASKED_FOR and evcc.wish is not Wish.STOP:
        evcc.wish = _ASKED_FOR[asked]
        evcc.terminated_by_station = evcc.wish is Wish.STOP
    match evcc.wish:
        case Wish.GO_ON:
            return State.LOOP
        case Wish.NEW_SCHEDULE:
            return State.RENEGOTIATION
        case _:
            return State.POWER_OFF


def _renegotiated(evcc: Evcc, response: m.PowerDeliveryRes) -> State:
    if evcc.wish is Wish.NEW_SCHEDULE:
        evcc.wish = Wish.GO_ON
    return State.SCHEDULE


def _power_off(evcc: Evcc, response: m.PowerDeliveryRes) -> State:
    evcc.energised = False
    evcc.flow(0.0)
    return State.WELDING if evcc.service.current is Current.DC else State.STOP


_SESSIONS: dict[Wish, m.chargingSessionType] = {
    Wish.PAUSE: "Pause",
    Wish.NEW_SERVICE: "ServiceRenegotiation",
}


def _stop(evcc: Evcc) -> m.SessionStopReq:
    return m.SessionStopReq(Header=header(evcc), ChargingSession=_SESSIONS.get(evcc.wish, "Terminate"))


def _stopped(evcc: Evcc, response: m.SessionStopRes) -> State:
    if evcc.wish is not Wish.NEW_SERVICE:
        return State.END
    evcc.wish = Wish.GO_ON
    return State.DISCOVERY


def _plain(kind: Callable[..., Element]) -> Callable[[Evcc], Element]:
    """A request of nothing but a header."""
    return lambda evcc: kind(Header=header(evcc))


def _then(state: State) -> Callable[[Evcc, Element], State]:
    return lambda evcc, response: state


_STEPS: dict[StrEnum, Step] = {
    State.SETUP: step(
        lambda evcc: m.SessionSetupReq(Header=header(evcc), EVCCID=evcc.vehicle.evccid),
        m.SessionSetupRes,
        _then(State.AUTHORIZATION_SETUP),
    ),
    State.AUTHORIZATION_SETUP: step(
        _plain(m.AuthorizationSetupReq),
        m.AuthorizationSetupRes,
        _identify,
    ),
    State.AUTHORIZATION: step(
        lambda evcc: identification.request(header(evcc)),
        m.AuthorizationRes,
        _authorization,
    ),
    State.DISCOVERY: step(_plain(m.ServiceDiscoveryReq), m.ServiceDiscoveryRes, _choose_service),
    State.DETAIL: step(
        lambda evcc: m.ServiceDetailReq(Header=header(evcc), ServiceID=evcc.service.id),
        m.ServiceDetailRes,
        _choose_parameters,
        within_s=5.0,
    ),
    State.SELECTION: step(_selection, m.ServiceSelectionRes, _then(State.PARAMETERS)),
    State.SCHEDULE: step(
        lambda evcc: scheduling.request(evcc, header(evcc)), m.ScheduleExchangeRes, _schedule
    ),
    State.CABLE_CHECK: step(
        _plain(m.DC_CableCheckReq), m.DC_CableCheckRes, _cable_check, ongoing_s=_CABLE_CHECK_S
    ),
    State.PRE_CHARGE: step(_pre_charge("Ongoing"), m.DC_PreChargeRes, _pre_charged, ongoing_s=_PRE_CHARGE_S),
    State.PRE_CHARGED: step(_pre_charge("Finished"), m.DC_PreChargeRes, _then(State.POWER_ON)),
    State.POWER_ON: step(_power_on, m.PowerDeliveryRes, _powered),
    State.RENEGOTIATION: step(_progress("ScheduleRenegotiation"), m.PowerDeliveryRes, _renegotiated),
    State.POWER_OFF: step(_progress("Stop"), m.PowerDeliveryRes, _power_off),
    State.WELDING: step(
        lambda evcc: m.DC_WeldingDetectionReq(Header=header(evcc), EVProcessing="Finished"),
        m.DC_WeldingDetectionRes,
        _then(State.STOP),
    ),
    State.STOP: step(_stop, m.SessionStopRes, _stopped),
}


_DC_STEPS: dict[StrEnum, Step] = {
    State.PARAMETERS: step(_discovery, m.DC_ChargeParameterDiscoveryRes, _keep_limits),
    State.LOOP: step(_dc_loop, m.DC_ChargeLoopRes, _dc_answer, within_s=_LOOP_S, ongoing_s=FOR_EVER),
}
_AC_STEPS: dict[StrEnum, Step] = {
    State.PARAMETERS: step(_discovery, m.AC_ChargeParameterDiscoveryRes, _keep_limits),
    State.LOOP: step(_ac_loop, m.AC_ChargeLoopRes, _ac_answer, within_s=_LOOP_S, ongoing_s=FOR_EVER),
}


def _dialect(current: Current, steps: dict[StrEnum, Step]) -> Dialect:
    """AC and DC count as two protocols."""
    protocol = Protocol(NAMESPACES[current], 1, 0)
    return Dialect(
        offers=lambda vehicle: (protocol,) if vehicle.model.current is current else (),
        steps=_STEPS | steps,
        first=State.SETUP,
        loop=State.LOOP,
        stop=State.STOP,
        end=State.END,
        read=_read,
    )


DIALECTS = (_dialect(Current.DC, _DC_STEPS), _dialect(Current.AC, _AC_STEPS))
