"""Needs, schedules and power profiles of -20: ScheduleExchange and what PowerDelivery says of it."""

from dataclasses import replace

from chargepoint_sim.ev.vehicle import PowerLimits
from chargepoint_sim.iso15118.evcc import Evcc, SessionFailed
from chargepoint_sim.iso15118.outlet import ChargingNeeds
from chargepoint_sim.iso15118.services import Control, Service
from chargepoint_sim.iso15118.v20 import messages as m
from chargepoint_sim.iso15118.v20.modes import energies, read_requests, v2x_energies
from chargepoint_sim.iso15118.v20.numbers import number, rational

_MOST_POINTS = 1024
_DAY_S = 86_400  # a schedule's length, and the stay of a driver who has not said how long
_ONLY_TUPLE = 1
_ROUNDING = 1.001


def request(evcc: Evcc, header: m.MessageHeaderType) -> m.ScheduleExchangeReq:
    """A vehicle's needs."""
    requests, departure = evcc.vehicle.requests(), evcc.departure_in_s()
    if evcc.control is Control.SCHEDULED:
        scheduled = m.Scheduled_SEReqControlModeType(
            DepartureTime=None if departure is None else round(departure),
            EVEnergyOffer=None,
            **energies(requests),
        )
        return m.ScheduleExchangeReq(
            Header=header, MaximumSupportingPoints=_MOST_POINTS, Scheduled_SEReqControlMode=scheduled
        )
    numbers = energies(requests) | (v2x_energies(requests) if evcc.service.bidirectional else {})
    dynamic = m.Dynamic_SEReqControlModeType(
        DepartureTime=_DAY_S if departure is None else round(departure),
        MinimumSOC=round(evcc.vehicle.needs.min_soc),
        TargetSOC=round(evcc.vehicle.needs.target_soc),
        **numbers,
    )
    return m.ScheduleExchangeReq(
        Header=header, MaximumSupportingPoints=_MOST_POINTS, Dynamic_SEReqControlMode=dynamic
    )


def read_needs(asked: m.ScheduleExchangeReq, told: ChargingNeeds) -> ChargingNeeds:
    """Complete what a station knows of a vehicle by what it asks for."""
    dynamic, scheduled = asked.Dynamic_SEReqControlMode, asked.Scheduled_SEReqControlMode
    if dynamic is not None:
        told = replace(told, requests=read_requests(dynamic), departure_in_s=float(dynamic.DepartureTime))
        return _with_battery(told, dynamic.TargetSOC, dynamic.MinimumSOC)
    assert scheduled is not None  # the schema allows no third
    departure = scheduled.DepartureTime
    return replace(
        told,
        requests=read_requests(scheduled),
        departure_in_s=None if departure is None else float(departure),
    )


def _with_battery(told: ChargingNeeds, target: int | None, minimum: int | None) -> ChargingNeeds:
    """Capacity and state of charge follow from two bounds told both in percent and in Wh."""
    if target is None:
        return told
    if minimum is None or target <= minimum:
        return replace(told, target_soc=float(target))
    capacity_wh = (told.requests.target_wh - told.requests.minimum_wh) * 100.0 / (target - minimum)
    if capacity_wh <= 0.0:
        return replace(told, target_soc=float(target))
    soc = target - 100.0 * told.requests.target_wh / capacity_wh
    return replace(told, target_soc=float(target), capacity_wh=capacity_wh, soc=soc)


def answer(
    header: m.MessageHeaderType,
    control: Control,
    service: Service | None,
    rating: PowerLimits,
    code: m.responseCodeType = "OK",
) -> m.ScheduleExchangeRes:
    """A station's schedule: its rating for a day; the limits of every loop say what of it holds."""
    if control is Control.DYNAMIC:
        return m.ScheduleExchangeRes(
            Header=header,
            ResponseCode=code,
            EVSEProcessing="Finished",
            Dynamic_SEResControlMode=m.Dynamic_SEResControlModeType(),
        )
    both = service is not None and service.bidirectional
    offered = m.ScheduleTupleType(
        ScheduleTupleID=_ONLY_TUPLE,
        ChargingSchedule=_constant(header.TimeStamp, rating.charge_w),
        DischargingSchedule=_constant(header.TimeStamp, -rating.discharge_w) if both else None,
    )
    return m.ScheduleExchangeRes(
        Header=header,
        ResponseCode=code,
        EVSEProcessing="Finished",
        Scheduled_SEResControlMode=m.Scheduled_SEResControlModeType(ScheduleTuple=(offered,)),
    )


def _constant(start: int, power_w: float) -> m.ChargingScheduleType:
    """One power for a day at one price level: a schedule without a price is not taken by everybody."""
    entry = m.PowerScheduleEntryType(Duration=_DAY_S, Power=rational(power_w))
    entries = m.PowerScheduleEntryListType(PowerScheduleEntry=(entry,))
    level = m.PriceLevelScheduleEntryType(Duration=_DAY_S, PriceLevel=0)
    prices = m.PriceLevelScheduleType(
        TimeAnchor=start,
        PriceScheduleID=1,
        NumberOfPriceLevels=1,
        PriceLevelScheduleEntries=m.PriceLevelScheduleEntryListType(PriceLevelScheduleEntry=(level,)),
    )
    return m.ChargingScheduleType(
        PowerSchedule=m.PowerScheduleType(TimeAnchor=start, PowerScheduleEntries=entries),
        PriceLevelSchedule=prices,
    )


def chosen_tuple(offered: m.ScheduleExchangeRes) -> int:
    """The schedule that a vehicle takes: the first; 0 in Dynamic control; `SessionFailed` without any."""
    if offered.Scheduled_SEResControlMode is None:
        return 0
    tuples = offered.Scheduled_SEResControlMode.ScheduleTuple
    if not tuples:
        raise SessionFailed("a schedule without a tuple")
    return tuples[0].ScheduleTupleID


def power_profile(control: Control, schedule_id: int, power_w: float) -> m.EVPowerProfileType:
    """What a vehicle means to draw; in Dynamic control it is no promise."""
    entry = m.PowerScheduleEntryType(Duration=_DAY_S, Power=rational(power_w))
    dynamic = control is Control.DYNAMIC
    chosen = m.Scheduled_EVPPTControlModeType(
        SelectedScheduleTupleID=max(1, schedule_id), PowerToleranceAcceptance="PowerToleranceConfirmed"
    )
    return m.EVPowerProfileType(
        TimeAnchor=0,
        Dynamic_EVPPTControlMode=m.Dynamic_EVPPTControlModeType() if dynamic else None,
        Scheduled_EVPPTControlMode=None if dynamic else chosen,
        EVPowerProfileEntries=m.EVPowerProfileEntryListType(EVPowerProfileEntry=(entry,)),
    )


def objection(asked: m.PowerDeliveryReq, control: Control, rating: PowerLimits) -> m.responseCodeType | None:
    """Why a vehicle may not start as it says, None if it may."""
    if control is Control.DYNAMIC:
        return None
    profile = asked.EVPowerProfile
    mode = None if profile is None else profile.Scheduled_EVPPTControlMode
    if profile is None or mode is None:
        return "FAILED_EVPowerProfileInvalid"
    if mode.SelectedScheduleTupleID != _ONLY_TUPLE:
        return "FAILED_ScheduleSelectionInvalid"
    powers = [number(entry.Power) for entry in profile.EVPowerProfileEntries.EVPowerProfileEntry]
    within = all(-rating.discharge_w * _ROUNDING <= power <= rating.charge_w * _ROUNDING for power in powers)
    return None if within else "FAILED_EVPowerProfileViolation"
