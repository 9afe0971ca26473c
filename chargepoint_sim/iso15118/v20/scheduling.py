"""Needs, schedules and power profiles of -20: ScheduleExchange and what PowerDelivery says of it."""

from dataclasses import replace

from chargepoint_sim.ev.vehicle import PowerLimits
from chargepoint_sim.iso15118.evcc import Evcc, SessionFailed
from chargepoint_sim.iso15118.outlet import ChargingNeeds, Slot, Stretch
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
    offer: tuple[Slot, ...],
    code: m.responseCodeType = "OK",
    deciding: bool = False,
) -> m.ScheduleExchangeRes:
    """A station's schedule; `deciding` tells the vehicle to ask once more."""
    processing: m.processingType = "Ongoing" if deciding else "Finished"
    if control is Control.DYNAMIC:
        return m.ScheduleExchangeRes(
            Header=header,
            ResponseCode=code,
            EVSEProcessing=processing,
            Dynamic_SEResControlMode=m.Dynamic_SEResControlModeType(),
        )
    both = service is not None and service.bidirectional
    charge = [(slot.start_s, slot.limits.charge_w) for slot in offer]
    discharge = [(slot.start_s, -slot.limits.discharge_w) for slot in offer]
    offered = m.ScheduleTupleType(
        ScheduleTupleID=_ONLY_TUPLE,
        ChargingSchedule=_schedule(header.TimeStamp, charge),
        DischargingSchedule=_schedule(header.TimeStamp, discharge) if both else None,
    )
    return m.ScheduleExchangeRes(
        Header=header,
        ResponseCode=code,
        EVSEProcessing=processing,
        Scheduled_SEResControlMode=m.Scheduled_SEResControlModeType(ScheduleTuple=(offered,)),
    )


def _entries(powers: list[tuple[int, float]]) -> tuple[m.PowerScheduleEntryType, ...]:
    """Powers from their starts on, up to a day."""
    ends = [start for start, _ in powers[1:]] + [max(_DAY_S, powers[-1][0] + 1)]
    rows = [
        m.PowerScheduleEntryType(Duration=end - start, Power=rational(power_w))
        for (start, power_w), end in zip(powers, ends, strict=True)
    ]
    return tuple(rows[:_MOST_POINTS])


def _schedule(start: int, powers: list[tuple[int, float]]) -> m.ChargingScheduleType:
    """A schedule at one price level: one without a price is not taken by everybody."""
    level = m.PriceLevelScheduleEntryType(Duration=_DAY_S, PriceLevel=0)
    prices = m.PriceLevelScheduleType(
        TimeAnchor=start,
        PriceScheduleID=1,
        NumberOfPriceLevels=1,
        PriceLevelScheduleEntries=m.PriceLevelScheduleEntryListType(PriceLevelScheduleEntry=(level,)),
    )
    entries = m.PowerScheduleEntryListType(PowerScheduleEntry=_entries(powers))
    return m.ChargingScheduleType(
        PowerSchedule=m.PowerScheduleType(TimeAnchor=start, PowerScheduleEntries=entries),
        PriceLevelSchedule=prices,
    )


def read_offer(offered: m.ScheduleExchangeRes) -> tuple[Stretch, ...]:
    """What a vehicle may take by a station's first tuple; in Dynamic control nothing is said."""
    if offered.Scheduled_SEResControlMode is None:
        return ()
    tuples = offered.Scheduled_SEResControlMode.ScheduleTuple
    if not tuples:
        return ()
    return _stretches(tuples[0].ChargingSchedule.PowerSchedule.PowerScheduleEntries.PowerScheduleEntry)


def _stretches(entries: tuple[m.PowerScheduleEntryType, ...]) -> tuple[Stretch, ...]:
    start, found = 0, []
    for entry in entries:
        found.append(Stretch(start, number(entry.Power)))
        start += entry.Duration
    return tuple(found)


def chosen_tuple(offered: m.ScheduleExchangeRes) -> int:
    """The schedule that a vehicle takes: the first; 0 in Dynamic control; `SessionFailed` without any."""
    if offered.Scheduled_SEResControlMode is None:
        return 0
    tuples = offered.Scheduled_SEResControlMode.ScheduleTuple
    if not tuples:
        raise SessionFailed("a schedule without a tuple")
    return tuples[0].ScheduleTupleID


def power_profile(
    control: Control, schedule_id: int, power_w: float, offered: tuple[Stretch, ...] = ()
) -> m.EVPowerProfileType:
    """What a vehicle means to draw: all it can within what it is offered. In Dynamic control no promise."""
    dynamic = control is Control.DYNAMIC
    chosen = m.Scheduled_EVPPTControlModeType(
        SelectedScheduleTupleID=max(1, schedule_id), PowerToleranceAcceptance="PowerToleranceConfirmed"
    )
    powers = [(one.start_s, min(power_w, one.power_w)) for one in offered] or [(0, power_w)]
    return m.EVPowerProfileType(
        TimeAnchor=0,
        Dynamic_EVPPTControlMode=m.Dynamic_EVPPTControlModeType() if dynamic else None,
        Scheduled_EVPPTControlMode=None if dynamic else chosen,
        EVPowerProfileEntries=m.EVPowerProfileEntryListType(EVPowerProfileEntry=_entries(powers)),
    )


def read_plan(asked: m.PowerDeliveryReq) -> tuple[Stretch, ...]:
    """What a vehicle means to do; nothing if it does not promise anything."""
    profile = asked.EVPowerProfile
    if profile is None or profile.Scheduled_EVPPTControlMode is None:
        return ()
    return _stretches(profile.EVPowerProfileEntries.EVPowerProfileEntry)


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
