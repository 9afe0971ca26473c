"""ISO 15118-2 as a vehicle speaks it: AC and DC, external identification (EIM), one way only.

The vehicle decides on its power within the station's limits: by a current in DC, by what it draws in AC.
"""

from collections.abc import Callable
from enum import StrEnum, auto

from chargepoint_sim.ev.vehicle import Current, PowerLimits, Vehicle
from chargepoint_sim.iso15118.evcc import (
    FOR_EVER,
    Dialect,
    Evcc,
    Protocol,
    Reply,
    SessionFailed,
    Step,
    step,
)
from chargepoint_sim.iso15118.exi.vocabulary import Element
from chargepoint_sim.iso15118.services import Wish, service_for
from chargepoint_sim.iso15118.v2 import messages as m
from chargepoint_sim.iso15118.v2.values import (
    CHARGE_SERVICE,
    NAMESPACE,
    PHASE_VOLTAGE_V,
    ac_current,
    ac_power,
    number,
    physical,
    whole,
)

_AC_LOOP_S, _DC_LOOP_S, _POWER_DELIVERY_S = 2.0, 0.25, 5.0
_CABLE_CHECK_S, _PRE_CHARGE_S = 40.0, 7.0
_PRE_CHARGED = 0.95  # share of the battery's voltage
_MODES: dict[Current, m.EnergyTransferModeType] = {
    Current.AC: "AC_three_phase_core",
    Current.DC: "DC_extended",
}


class State(StrEnum):
    """Where the vehicle is in the sequence."""

    SETUP = auto()
    DISCOVERY = auto()
    SELECTION = auto()
    AUTHORIZATION = auto()
    PARAMETERS = auto()
    CABLE_CHECK = auto()
    PRE_CHARGE = auto()
    POWER_ON = auto()
    LOOP = auto()
    RENEGOTIATION = auto()
    POWER_OFF = auto()
    WELDING = auto()
    STOP = auto()
    END = auto()


def _read(message: Element) -> Reply | None:
    if not isinstance(message, m.V2G_Message) or message.Body.BodyElement is None:
        return None
    body = message.Body.BodyElement
    return Reply(body, message.Header.SessionID, str(getattr(body, "ResponseCode", "")))


def _asked(make: Callable[[Evcc], m.AnyBodyElement]) -> Callable[[Evcc], Element]:
    """A request in its envelope."""
    return lambda evcc: whole(evcc.session_id, make(evcc))


def evccid_bytes(evccid: str) -> bytes:
    """An EVCCID as six bytes: a MAC address is taken as such, of anything else the end."""
    try:
        return bytes.fromhex(evccid)[-6:].rjust(6, b"\0")
    except ValueError:
        return evccid.encode()[-6:].rjust(6, b"\0")


def _setup(evcc: Evcc) -> m.AnyBodyElement:
    evcc.service = service_for(evcc.vehicle.model.current, bidirectional=False)
    return m.SessionSetupReq(EVCCID=evccid_bytes(evcc.vehicle.evccid))


def _discover(evcc: Evcc, response: m.ServiceDiscoveryRes) -> State:
    offered = response.ChargeService.SupportedEnergyTransferMode.EnergyTransferMode
    if _MODES[evcc.service.current] not in offered:
        raise SessionFailed("no energy transfer mode in common")
    if "ExternalPayment" not in response.PaymentOptionList.PaymentOption:
        raise SessionFailed("the station does not let drivers identify themselves")
    return State.SELECTION


def _selection(evcc: Evcc) -> m.AnyBodyElement:
    chosen = (m.SelectedServiceType(ServiceID=CHARGE_SERVICE),)
    return m.PaymentServiceSelectionReq(
        SelectedPaymentOption="ExternalPayment",
        SelectedServiceList=m.SelectedServiceListType(SelectedService=chosen),
    )


def _authorization(evcc: Evcc, response: m.AuthorizationRes) -> State:
    if evcc.wish is Wish.STOP:
        return State.STOP
    if response.EVSEProcessing == "Ongoing_WaitingForCustomerInteraction":
        evcc.wait_for_people()
    return State.PARAMETERS if response.EVSEProcessing == "Finished" else State.AUTHORIZATION


def _status(evcc: Evcc) -> m.DC_EVStatusType:
    return m.DC_EVStatusType(EVReady=True, EVErrorCode="NO_ERROR", EVRESSSOC=int(evcc.vehicle.battery.soc))


def _parameters(evcc: Evcc) -> m.AnyBodyElement:
    vehicle, departure = evcc.vehicle, evcc.departure_in_s()
    rating, needed_wh = vehicle.rating(), max(0.0, vehicle.requests().target_wh)
    leaves = None if departure is None else round(departure)
    told: m.AC_EVChargeParameterType | m.DC_EVChargeParameterType
    if evcc.service.current is Current.AC:
        told = m.AC_EVChargeParameterType(
            DepartureTime=leaves,
            EAmount=physical(needed_wh, "Wh"),
            EVMaxVoltage=physical(PHASE_VOLTAGE_V, "V"),
            EVMaxCurrent=physical(ac_current(rating.charge_w), "A"),
            EVMinCurrent=physical(0, "A"),
        )
    else:
        voltage_v = vehicle.model.voltage_v
        told = m.DC_EVChargeParameterType(
            DepartureTime=leaves,
            DC_EVStatus=_status(evcc),
            EVMaximumCurrentLimit=physical(rating.charge_w / voltage_v, "A"),
            EVMaximumPowerLimit=physical(rating.charge_w, "W"),
            EVMaximumVoltageLimit=physical(voltage_v * 1.25, "V"),
            EVEnergyCapacity=physical(vehicle.model.battery.capacity_wh, "Wh"),
            EVEnergyRequest=physical(needed_wh, "Wh"),
            FullSOC=round(vehicle.needs.max_soc),
            BulkSOC=round(vehicle.needs.target_soc),
        )
    mode = _MODES[evcc.service.current]
    return m.ChargeParameterDiscoveryReq(RequestedEnergyTransferMode=mode, EVChargeParameter=told)


def _keep_limits(evcc: Evcc, response: m.ChargeParameterDiscoveryRes) -> State:
    if response.EVSEProcessing != "Finished":
        return State.PARAMETERS
    offered, schedules = response.EVSEChargeParameter, response.SASchedules
    if schedules is None:
        raise SessionFailed("parameters without a schedule")
    evcc.schedule_id = schedules.SAScheduleTuple[0].SAScheduleTupleID
    match evcc.service.current, offered:
        case Current.AC, m.AC_EVSEChargeParameterType():
            _limit(evcc, ac_power(number(offered.EVSEMaxCurrent)))
            return State.POWER_ON
        case Current.DC, m.DC_EVSEChargeParameterType():
            _limit(evcc, number(offered.EVSEMaximumPowerLimit))
            return State.POWER_ON if evcc.energised else State.CABLE_CHECK
    raise SessionFailed("parameters of another current")


def _limit(evcc: Evcc, charge_w: float) -> None:
    evcc.limits = PowerLimits(max(0.0, charge_w), 0.0)


def _cable_check(evcc: Evcc, response: m.CableCheckRes) -> State:
    return State.PRE_CHARGE if response.EVSEProcessing == "Finished" else State.CABLE_CHECK


def _pre_charge(evcc: Evcc) -> m.AnyBodyElement:
    return m.PreChargeReq(
        DC_EVStatus=_status(evcc),
        EVTargetVoltage=physical(evcc.vehicle.model.voltage_v, "V"),
        EVTargetCurrent=physical(0, "A"),
    )


def _pre_charged(evcc: Evcc, response: m.PreChargeRes) -> State:
    reached = number(response.EVSEPresentVoltage) >= _PRE_CHARGED * evcc.vehicle.model.voltage_v
    return State.POWER_ON if reached else State.PRE_CHARGE


def _delivery(progress: m.chargeProgressType) -> Callable[[Evcc], m.AnyBodyElement]:
    def make(evcc: Evcc) -> m.AnyBodyElement:
        dc = None
        if evcc.service.current is Current.DC:
            dc = m.DC_EVPowerDeliveryParameterType(
                DC_EVStatus=_status(evcc), ChargingComplete=progress == "Stop"
            )
        return m.PowerDeliveryReq(
            ChargeProgress=progress,
            SAScheduleTupleID=max(1, evcc.schedule_id),
            EVPowerDeliveryParameter=dc,
        )

    return make


def _powered(evcc: Evcc, response: m.PowerDeliveryRes) -> State:
    evcc.energised = True
    return State.LOOP


def _demand(evcc: Evcc) -> m.AnyBodyElement:
    voltage_v = evcc.vehicle.model.voltage_v
    ability_w = evcc.vehicle.ability().charge_w
    return m.CurrentDemandReq(
        DC_EVStatus=_status(evcc),
        EVTargetCurrent=physical(min(ability_w, evcc.limits.charge_w) / voltage_v, "A"),
        EVMaximumCurrentLimit=physical(ability_w / voltage_v, "A"),
        EVMaximumPowerLimit=physical(ability_w, "W"),
        ChargingComplete=evcc.vehicle.battery.soc >= evcc.vehicle.needs.max_soc,
        EVTargetVoltage=physical(voltage_v, "V"),
    )


def _supplied(evcc: Evcc, response: m.CurrentDemandRes) -> State:
    if response.EVSEMaximumPowerLimit is not None:
        _limit(evcc, number(response.EVSEMaximumPowerLimit))
    evcc.flow(number(response.EVSEPresentCurrent) * number(response.EVSEPresentVoltage))
    return _looped(evcc, response.DC_EVSEStatus)


def _charging(evcc: Evcc, response: m.ChargingStatusRes) -> State:
    if response.EVSEMaxCurrent is not None:
        _limit(evcc, ac_power(number(response.EVSEMaxCurrent)))
    evcc.flow(min(evcc.limits.charge_w, evcc.vehicle.ability().charge_w))
    return _looped(evcc, response.AC_EVSEStatus)


def _looped(evcc: Evcc, status: m.EVSEStatusType) -> State:
    """What the station asks for weighs as much as what the driver wants, unless the driver leaves."""
    if evcc.wish is Wish.GO_ON and status.EVSENotification == "StopCharging":
        evcc.wish, evcc.terminated_by_station = Wish.STOP, True
    if evcc.wish is Wish.GO_ON and status.EVSENotification == "ReNegotiation":
        evcc.wish = Wish.NEW_SCHEDULE
    match evcc.wish:
        case Wish.GO_ON:
            return State.LOOP
        case Wish.NEW_SCHEDULE | Wish.NEW_SERVICE:
            return State.RENEGOTIATION
        case _:
            return State.POWER_OFF


def _renegotiated(evcc: Evcc, response: m.PowerDeliveryRes) -> State:
    evcc.wish = Wish.STOP if evcc.wish is Wish.STOP else Wish.GO_ON
    return State.PARAMETERS


def _power_off(evcc: Evcc, response: m.PowerDeliveryRes) -> State:
    evcc.energised = False
    evcc.flow(0.0)
    return State.WELDING if evcc.service.current is Current.DC else State.STOP


def _stop(evcc: Evcc) -> m.AnyBodyElement:
    return m.SessionStopReq(ChargingSession="Pause" if evcc.wish is Wish.PAUSE else "Terminate")


def _then(state: State) -> Callable[[Evcc, Element], State]:
    return lambda evcc, response: state


_STEPS: dict[StrEnum, Step] = {
    State.SETUP: step(_asked(_setup), m.SessionSetupRes, _then(State.DISCOVERY)),
    State.DISCOVERY: step(_asked(lambda evcc: m.ServiceDiscoveryReq()), m.ServiceDiscoveryRes, _discover),
    State.SELECTION: step(_asked(_selection), m.PaymentServiceSelectionRes, _then(State.AUTHORIZATION)),
    State.AUTHORIZATION: step(_asked(lambda evcc: m.AuthorizationReq()), m.AuthorizationRes, _authorization),
    State.PARAMETERS: step(_asked(_parameters), m.ChargeParameterDiscoveryRes, _keep_limits),
    State.POWER_ON: step(
        _asked(_delivery("Start")), m.PowerDeliveryRes, _powered, within_s=_POWER_DELIVERY_S
    ),
    State.RENEGOTIATION: step(
        _asked(_delivery("Renegotiate")), m.PowerDeliveryRes, _renegotiated, within_s=_POWER_DELIVERY_S
    ),
    State.POWER_OFF: step(
        _asked(_delivery("Stop")), m.PowerDeliveryRes, _power_off, within_s=_POWER_DELIVERY_S
    ),
    State.STOP: step(_asked(_stop), m.SessionStopRes, _then(State.END)),
}
_AC_STEPS: dict[StrEnum, Step] = {
    State.LOOP: step(
        _asked(lambda evcc: m.ChargingStatusReq()),
        m.ChargingStatusRes,
        _charging,
        within_s=_AC_LOOP_S,
        ongoing_s=FOR_EVER,
    ),
}
_DC_STEPS: dict[StrEnum, Step] = {
    State.CABLE_CHECK: step(
        _asked(lambda evcc: m.CableCheckReq(DC_EVStatus=_status(evcc))),
        m.CableCheckRes,
        _cable_check,
        ongoing_s=_CABLE_CHECK_S,
    ),
    State.PRE_CHARGE: step(_asked(_pre_charge), m.PreChargeRes, _pre_charged, ongoing_s=_PRE_CHARGE_S),
    State.LOOP: step(_asked(_demand), m.CurrentDemandRes, _supplied, within_s=_DC_LOOP_S, ongoing_s=FOR_EVER),
    State.WELDING: step(
        _asked(lambda evcc: m.WeldingDetectionReq(DC_EVStatus=_status(evcc))),
        m.WeldingDetectionRes,
        _then(State.STOP),
    ),
}


def _dialect(current: Current, steps: dict[StrEnum, Step]) -> Dialect:
    def offers(vehicle: Vehicle) -> tuple[Protocol, ...]:
        return (Protocol(NAMESPACE, 2, 0),) if vehicle.model.current is current else ()

    return Dialect(
        offers=offers,
        steps=_STEPS | steps,
        first=State.SETUP,
        loop=State.LOOP,
        stop=State.STOP,
        end=State.END,
        read=_read,
    )


DIALECTS = (_dialect(Current.DC, _DC_STEPS), _dialect(Current.AC, _AC_STEPS))
