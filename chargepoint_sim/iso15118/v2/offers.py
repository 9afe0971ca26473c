"""What a station of -2 offers: energy transfer modes, limits, its schedule; and its negative responses."""

from collections.abc import Callable, Mapping

from chargepoint_sim.ev.vehicle import Current, PowerLimits
from chargepoint_sim.iso15118.exi.vocabulary import Element
from chargepoint_sim.iso15118.secc import Hardware
from chargepoint_sim.iso15118.services import SERVICES, Wish
from chargepoint_sim.iso15118.v2 import messages as m
from chargepoint_sim.iso15118.v2.values import (
    CHARGE_SERVICE,
    PHASE_VOLTAGE_V,
    ac_current,
    ac_status,
    dc_status,
    physical,
)

ONLY_TUPLE = 1
_DAY_S = 86_400
_NO_ID = "ZZ00000"
_NOTHING = PowerLimits(0.0, 0.0)
_VOLTAGE_V = 400.0
_MODES: dict[Current, tuple[m.EnergyTransferModeType, ...]] = {
    Current.AC: ("AC_three_phase_core", "AC_single_phase_core"),
    Current.DC: ("DC_extended", "DC_core"),
}


def modes_of(hardware: Hardware) -> tuple[m.EnergyTransferModeType, ...]:
    """The energy transfer modes of an outlet: what serves a current both ways serves it one way."""
    currents = {SERVICES[one].current for one in hardware.services}
    return tuple(mode for current in sorted(currents) for mode in _MODES[current])


def services(
    modes: tuple[m.EnergyTransferModeType, ...], code: m.responseCodeType = "OK"
) -> m.ServiceDiscoveryRes:
    """Charging, paid for outside."""
    return m.ServiceDiscoveryRes(
        ResponseCode=code,
        PaymentOptionList=m.PaymentOptionListType(PaymentOption=("ExternalPayment",)),
        ChargeService=m.ChargeServiceType(
            ServiceID=CHARGE_SERVICE,
            ServiceCategory="EVCharging",
            FreeService=False,
            SupportedEnergyTransferMode=m.SupportedEnergyTransferModeType(EnergyTransferMode=modes),
        ),
    )


def parameters(
    current: Current,
    rating: PowerLimits,
    voltage_v: float,
    wish: Wish,
    code: m.responseCodeType = "OK",
) -> m.ChargeParameterDiscoveryRes:
    """A station's limits and its only schedule: its rating for a day."""
    limits = _ac_limits(rating, wish) if current is Current.AC else _dc_limits(rating, voltage_v, wish)
    interval = m.RelativeTimeIntervalType(start=0, duration=_DAY_S)
    entry = m.PMaxScheduleEntryType(TimeInterval=interval, PMax=physical(rating.charge_w, "W"))
    schedule = m.SAScheduleTupleType(
        SAScheduleTupleID=ONLY_TUPLE, PMaxSchedule=m.PMaxScheduleType(PMaxScheduleEntry=(entry,))
    )
    return m.ChargeParameterDiscoveryRes(
        ResponseCode=code,
        EVSEProcessing="Finished",
        SASchedules=m.SAScheduleListType(SAScheduleTuple=(schedule,)),
        EVSEChargeParameter=limits,
    )


def _ac_limits(rating: PowerLimits, wish: Wish) -> m.AC_EVSEChargeParameterType:
    return m.AC_EVSEChargeParameterType(
        AC_EVSEStatus=ac_status(wish),
        EVSENominalVoltage=physical(PHASE_VOLTAGE_V, "V"),
        EVSEMaxCurrent=physical(ac_current(rating.charge_w), "A"),
    )


def _dc_limits(rating: PowerLimits, voltage_v: float, wish: Wish) -> m.DC_EVSEChargeParameterType:
    return m.DC_EVSEChargeParameterType(
        DC_EVSEStatus=dc_status(wish),
        EVSEMaximumCurrentLimit=physical(rating.charge_w / voltage_v, "A"),
        EVSEMaximumPowerLimit=physical(rating.charge_w, "W"),
        EVSEMaximumVoltageLimit=physical(voltage_v * 1.25, "V"),
        EVSEMinimumCurrentLimit=physical(0, "A"),
        EVSEMinimumVoltageLimit=physical(voltage_v * 0.5, "V"),
        EVSEPeakCurrentRipple=physical(0, "A"),
    )


_ZERO_V, _ZERO_A = physical(0, "V"), physical(0, "A")
_DC = dc_status(Wish.STOP)
_Make = Callable[[m.responseCodeType], m.AnyBodyElement]

REFUSALS: Mapping[type[Element], _Make] = {
    m.SessionSetupReq: lambda code: m.SessionSetupRes(ResponseCode=code, EVSEID=_NO_ID),
    m.ServiceDiscoveryReq: lambda code: services(("DC_extended",), code),
    m.ServiceDetailReq: lambda code: m.ServiceDetailRes(ResponseCode=code, ServiceID=CHARGE_SERVICE),
    m.PaymentServiceSelectionReq: lambda code: m.PaymentServiceSelectionRes(ResponseCode=code),
    m.AuthorizationReq: lambda code: m.AuthorizationRes(ResponseCode=code, EVSEProcessing="Finished"),
    m.ChargeParameterDiscoveryReq: lambda code: parameters(Current.DC, _NOTHING, _VOLTAGE_V, Wish.STOP, code),
    m.CableCheckReq: lambda code: m.CableCheckRes(
        ResponseCode=code, DC_EVSEStatus=_DC, EVSEProcessing="Finished"
    ),
    m.PreChargeReq: lambda code: m.PreChargeRes(
        ResponseCode=code, DC_EVSEStatus=_DC, EVSEPresentVoltage=_ZERO_V
    ),
    m.PowerDeliveryReq: lambda code: m.PowerDeliveryRes(ResponseCode=code, EVSEStatus=ac_status(Wish.STOP)),
    m.ChargingStatusReq: lambda code: m.ChargingStatusRes(
        ResponseCode=code,
        EVSEID=_NO_ID,
        SAScheduleTupleID=ONLY_TUPLE,
        AC_EVSEStatus=ac_status(Wish.STOP),
    ),
    m.CurrentDemandReq: lambda code: m.CurrentDemandRes(
        ResponseCode=code,
        DC_EVSEStatus=_DC,
        EVSEPresentVoltage=_ZERO_V,
        EVSEPresentCurrent=_ZERO_A,
        EVSECurrentLimitAchieved=False,
        EVSEVoltageLimitAchieved=False,
        EVSEPowerLimitAchieved=False,
        EVSEID=_NO_ID,
        SAScheduleTupleID=ONLY_TUPLE,
    ),
    m.WeldingDetectionReq: lambda code: m.WeldingDetectionRes(
        ResponseCode=code, DC_EVSEStatus=_DC, EVSEPresentVoltage=_ZERO_V
    ),
    m.SessionStopReq: lambda code: m.SessionStopRes(ResponseCode=code),
}
