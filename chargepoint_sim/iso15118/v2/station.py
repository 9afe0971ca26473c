"""ISO 15118-2 as a station speaks it: AC and DC, external identification (EIM), never a discharge."""

from collections.abc import Mapping
from dataclasses import replace
from enum import StrEnum, auto
from typing import cast

from chargepoint_sim.ev.vehicle import Current, EnergyRequests, PowerLimits
from chargepoint_sim.iso15118.exi.vocabulary import Element
from chargepoint_sim.iso15118.outlet import ChargingNeeds, OutletState, Permission, VehicleState
from chargepoint_sim.iso15118.secc import Answer, Dialect, Handler, Hardware, Refused, Secc, on
from chargepoint_sim.iso15118.services import SERVICES, Control, Wish, service_for
from chargepoint_sim.iso15118.v2 import messages as m
from chargepoint_sim.iso15118.v2 import offers
from chargepoint_sim.iso15118.v2.values import (
    CHARGE_SERVICE,
    NAMESPACE,
    ac_current,
    ac_power,
    ac_status,
    dc_status,
    number,
    physical,
    whole,
)


class State(StrEnum):
    """Where the session is."""

    SETUP = auto()
    DISCOVERY = auto()
    SELECTION = auto()
    AUTHORIZATION = auto()
    PARAMETERS = auto()
    CABLE_CHECK = auto()
    PRE_CHARGE = auto()
    LOOP = auto()
    RENEGOTIATION = auto()
    POWER_ON = auto()
    WELDING = auto()
    STOP = auto()
    END = auto()


_NO_REQUESTS = EnergyRequests(0.0, 0.0, 0.0, 0.0, 0.0)


def _answer(secc: Secc, state: State, body: m.AnyBodyElement) -> Answer:
    return Answer(state, whole(secc.session_id, body))


def _setup(secc: Secc, asked: m.SessionSetupReq) -> Answer:
    secc.session_id, joined = secc.memory.session_for(secc.session_id)
    secc.evccid = asked.EVCCID.hex().upper()
    body = m.SessionSetupRes(
        ResponseCode="OK_OldSessionJoined" if joined else "OK_NewSessionEstablished",
        EVSEID=secc.hardware.evse_id,
        EVSETimeStamp=int(secc.clock.now().timestamp()),
    )
    return _answer(secc, State.DISCOVERY, body)


def _discovery(secc: Secc, asked: m.ServiceDiscoveryReq) -> Answer:
    return _answer(secc, State.SELECTION, offers.services(offers.modes_of(secc.hardware)))


def _detail(secc: Secc, asked: m.ServiceDetailReq) -> Answer:
    if asked.ServiceID != CHARGE_SERVICE:
        raise Refused("FAILED_ServiceIDInvalid")
    return _answer(secc, State.SELECTION, m.ServiceDetailRes(ResponseCode="OK", ServiceID=CHARGE_SERVICE))


def _selection(secc: Secc, asked: m.PaymentServiceSelectionReq) -> Answer:
    chosen = {service.ServiceID for service in asked.SelectedServiceList.SelectedService}
    if CHARGE_SERVICE not in chosen:
        raise Refused("FAILED_NoChargeServiceSelected")
    if chosen != {CHARGE_SERVICE}:
        raise Refused("FAILED_ServiceSelectionInvalid")
    if asked.SelectedPaymentOption != "ExternalPayment":
        raise Refused("FAILED_PaymentSelectionInvalid")
    return _answer(secc, State.AUTHORIZATION, m.PaymentServiceSelectionRes(ResponseCode="OK"))


def _authorization(secc: Secc, asked: m.AuthorizationReq) -> Answer:
    match secc.outlet.permission():
        case Permission.GRANTED:
            body = m.AuthorizationRes(ResponseCode="OK", EVSEProcessing="Finished")
            return _answer(secc, State.PARAMETERS, body)
        case Permission.REFUSED:
            raise Refused("FAILED")
        case Permission.PENDING:
            waiting = m.AuthorizationRes(
                ResponseCode="OK", EVSEProcessing="Ongoing_WaitingForCustomerInteraction"
            )
            return _answer(secc, State.AUTHORIZATION, waiting)


def _parameters(secc: Secc, asked: m.ChargeParameterDiscoveryReq) -> Answer:
    """Hear the vehicle's limits and needs, tell the station's limits and the only schedule."""
    if asked.RequestedEnergyTransferMode not in offers.modes_of(secc.hardware):
        raise Refused("FAILED_WrongEnergyTransferMode")
    current, told = Current(asked.RequestedEnergyTransferMode[:2]), asked.EVChargeParameter
    if isinstance(told, m.AC_EVChargeParameterType) is not (current is Current.AC):
        raise Refused("FAILED_WrongChargeParameter")
    secc.service, secc.control = service_for(current, bidirectional=False), Control.SCHEDULED
    secc.rating, needs = _needs(secc, told)
    secc.outlet.take_needs(needs)
    if secc.wish is Wish.NEW_SCHEDULE:
        secc.wish = Wish.GO_ON
    body = offers.parameters(current, secc.outlet.rating, secc.hardware.voltage_v, secc.wish)
    following = State.POWER_ON if secc.energised or current is Current.AC else State.CABLE_CHECK
    return _answer(secc, following, body)


def _needs(
    secc: Secc, told: m.AC_EVChargeParameterType | m.DC_EVChargeParameterType
) -> tuple[PowerLimits, ChargingNeeds]:
    leaves = None if told.DepartureTime is None else float(told.DepartureTime)
    blank = ChargingNeeds(
        evccid=secc.evccid,
        current=Current.AC,
        bidirectional=False,
        rating=PowerLimits(0.0, 0.0),
        max_current_a=0.0,
        max_voltage_v=0.0,
        requests=_NO_REQUESTS,
        departure_in_s=leaves,
    )
    if isinstance(told, m.AC_EVChargeParameterType):
        current_a, needed = number(told.EVMaxCurrent), number(told.EAmount)
        rating = PowerLimits(max(0.0, ac_power(current_a)), 0.0)
        found = replace(blank, max_current_a=current_a, max_voltage_v=number(told.EVMaxVoltage))
        return rating, replace(found, rating=rating, requests=_wanting(needed))
    current_a, voltage_v = number(told.EVMaximumCurrentLimit), number(told.EVMaximumVoltageLimit)
    power = told.EVMaximumPowerLimit
    rating = PowerLimits(max(0.0, current_a * voltage_v if power is None else number(power)), 0.0)
    request, capacity = told.EVEnergyRequest, told.EVEnergyCapacity
    found = replace(blank, current=Current.DC, max_current_a=current_a, max_voltage_v=voltage_v)
    return rating, replace(
        found,
        rating=rating,
        requests=_wanting(0.0 if request is None else number(request)),
        capacity_wh=None if capacity is None else number(capacity),
        soc=float(told.DC_EVStatus.EVRESSSOC),
        target_soc=None if told.BulkSOC is None else float(told.BulkSOC),
    )


def _wanting(energy_wh: float) -> EnergyRequests:
    """What is missing; -2 has no word for what could be given."""
    return replace(_NO_REQUESTS, target_wh=energy_wh, maximum_wh=energy_wh)


def _cable_check(secc: Secc, asked: m.CableCheckReq) -> Answer:
    done = secc.clock.monotonic() - secc.since >= secc.hardware.cable_check_s
    body = m.CableCheckRes(
        ResponseCode="OK",
        DC_EVSEStatus=dc_status(secc.wish),
        EVSEProcessing="Finished" if done else "Ongoing",
    )
    return _answer(secc, State.PRE_CHARGE if done else State.CABLE_CHECK, body)


def _pre_charge(secc: Secc, asked: m.PreChargeReq) -> Answer:
    body = m.PreChargeRes(
        ResponseCode="OK", DC_EVSEStatus=dc_status(secc.wish), EVSEPresentVoltage=asked.EVTargetVoltage
    )
    return _answer(secc, State.PRE_CHARGE, body)


def _delivery(secc: Secc, asked: m.PowerDeliveryReq) -> Answer:
    """Start, stop or renegotiate, as far as the state allows."""
    running = secc.state is State.LOOP
    if asked.SAScheduleTupleID != offers.ONLY_TUPLE:
        raise Refused("FAILED_TariffSelectionInvalid")
    match asked.ChargeProgress:
        case "Start" if not running:
            secc.energised = True
            secc.outlet.set_contactor(True)
            return _delivered(secc, State.LOOP)
        case "Renegotiate" if running:
            return _delivered(secc, State.RENEGOTIATION)
        case "Stop":
            secc.energised = False
            secc.outlet.set_contactor(False)
            return _delivered(secc, State.WELDING if _is_dc(secc) else State.STOP)
        case _:
            raise Refused("FAILED_SequenceError")


def _is_dc(secc: Secc) -> bool:
    return secc.service is not None and secc.service.current is Current.DC


def _delivered(secc: Secc, state: State) -> Answer:
    status = dc_status(secc.wish) if _is_dc(secc) else ac_status(secc.wish)
    return _answer(secc, state, m.PowerDeliveryRes(ResponseCode="OK", EVSEStatus=status))


def _exchange(secc: Secc, ability_w: float, soc: float | None, wish_w: float | None) -> OutletState:
    """Hear the vehicle and drive the power."""
    state = VehicleState(
        ability=PowerLimits(ability_w, 0.0),
        requests=_NO_REQUESTS,
        bidirectional=False,
        soc=soc,
        departure_in_s=None,
        wish_w=wish_w,
    )
    return secc.outlet.exchange(state)


def _ac_loop(secc: Secc, asked: m.ChargingStatusReq) -> Answer:
    if _is_dc(secc):
        raise Refused("FAILED_SequenceError")
    state = _exchange(secc, secc.rating.charge_w, None, None)
    body = m.ChargingStatusRes(
        ResponseCode="OK",
        EVSEID=secc.hardware.evse_id,
        SAScheduleTupleID=offers.ONLY_TUPLE,
        EVSEMaxCurrent=physical(ac_current(state.limits.charge_w), "A"),
        MeterInfo=_meter(state),
        ReceiptRequired=False,
        AC_EVSEStatus=ac_status(secc.wish),
    )
    return _answer(secc, State.LOOP, body)


def _dc_loop(secc: Secc, asked: m.CurrentDemandReq) -> Answer:
    if not _is_dc(secc):
        raise Refused("FAILED_SequenceError")
    power, voltage_v = asked.EVMaximumPowerLimit, secc.hardware.voltage_v
    ability_w = secc.rating.charge_w if power is None else number(power)
    wish_w = max(0.0, number(asked.EVTargetCurrent) * number(asked.EVTargetVoltage))
    state = _exchange(secc, ability_w, float(asked.DC_EVStatus.EVRESSSOC), wish_w)
    limits, flowing_w = state.limits, state.power_w
    body = m.CurrentDemandRes(
        ResponseCode="OK",
        DC_EVSEStatus=dc_status(secc.wish),
        EVSEPresentVoltage=physical(voltage_v, "V"),
        EVSEPresentCurrent=physical(flowing_w / voltage_v, "A"),
        EVSECurrentLimitAchieved=False,
        EVSEVoltageLimitAchieved=False,
        EVSEPowerLimitAchieved=flowing_w >= limits.charge_w,
        EVSEMaximumVoltageLimit=physical(voltage_v * 1.25, "V"),
        EVSEMaximumCurrentLimit=physical(limits.charge_w / voltage_v, "A"),
        EVSEMaximumPowerLimit=physical(limits.charge_w, "W"),
        EVSEID=secc.hardware.evse_id,
        SAScheduleTupleID=offers.ONLY_TUPLE,
        MeterInfo=_meter(state),
        ReceiptRequired=False,
    )
    return _answer(secc, State.LOOP, body)


def _meter(state: OutletState) -> m.MeterInfoType:
    return m.MeterInfoType(MeterID="METER", MeterReading=round(state.import_wh))


def _welding(secc: Secc, asked: m.WeldingDetectionReq) -> Answer:
    body = m.WeldingDetectionRes(
        ResponseCode="OK", DC_EVSEStatus=dc_status(secc.wish), EVSEPresentVoltage=physical(0, "V")
    )
    return _answer(secc, State.WELDING, body)


def _stop(secc: Secc, asked: m.SessionStopReq) -> Answer:
    secc.energised = False
    secc.outlet.set_contactor(False)
    if asked.ChargingSession == "Pause":
        if not secc.hardware.may_pause:
            raise Refused("FAILED")
        secc.paused, secc.memory.session_id = True, secc.session_id
    return _answer(secc, State.END, m.SessionStopRes(ResponseCode="OK"))


_PARAMETERS = on(m.ChargeParameterDiscoveryReq, _parameters)
_DELIVERY = on(m.PowerDeliveryReq, _delivery)
_ALLOWED: dict[StrEnum, dict[type[Element], Handler]] = {
    State.SETUP: dict([on(m.SessionSetupReq, _setup)]),
    State.DISCOVERY: dict([on(m.ServiceDiscoveryReq, _discovery)]),
    State.SELECTION: dict([on(m.ServiceDetailReq, _detail), on(m.PaymentServiceSelectionReq, _selection)]),
    State.AUTHORIZATION: dict([on(m.AuthorizationReq, _authorization)]),
    State.PARAMETERS: dict([_PARAMETERS]),
    State.CABLE_CHECK: dict([on(m.CableCheckReq, _cable_check)]),
    State.PRE_CHARGE: dict([on(m.PreChargeReq, _pre_charge), _DELIVERY]),
    State.POWER_ON: dict([_DELIVERY]),
    State.LOOP: dict([on(m.ChargingStatusReq, _ac_loop), on(m.CurrentDemandReq, _dc_loop), _DELIVERY]),
    State.RENEGOTIATION: dict([_PARAMETERS]),
    State.WELDING: dict([on(m.WeldingDetectionReq, _welding)]),
    State.STOP: {},
}


def _namespaces(hardware: Hardware) -> Mapping[str, tuple[int, int]]:
    return {NAMESPACE: (2, 0)} if set(SERVICES) & hardware.services else {}


def _read(message: Element) -> tuple[Element, bytes] | None:
    if not isinstance(message, m.V2G_Message) or message.Body.BodyElement is None:
        return None
    body = message.Body.BodyElement
    return None if type(body).__name__.endswith("Res") else (body, message.Header.SessionID)


def _refuse(secc: Secc, body: Element, code: str) -> Element | None:
    make = offers.REFUSALS.get(type(body))
    return None if make is None else whole(secc.session_id, make(cast("m.responseCodeType", code)))


DIALECTS = (
    Dialect(
        namespaces=_namespaces,
        first=State.SETUP,
        end=State.END,
        allowed=_ALLOWED,
        anywhere=dict([on(m.SessionStopReq, _stop)]),
        read=_read,
        refuse=_refuse,
    ),
)
