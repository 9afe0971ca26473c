"""Block K: charging profiles out, composite schedules, what vehicles need and plan."""

from typing import cast

import msgspec
import structlog

from csms.blocks.calls import Followed
from csms.blocks.context import Context
from csms.blocks.parts import taken
from csms.blocks.places import sound
from csms.blocks.times import moment
from csms.bus.bus import Bus
from csms.domain.charging_needs import PlannedPeriod, passes
from csms.domain.facts import (
    ChargingNeedsReported,
    ExternalLimitChanged,
    RequestChanged,
    ScheduleRefused,
    SecurityAlarmRaised,
)
from csms.domain.profile import ClearProfile, InstallProfile, ProfileAnswer, UpdateSetpoint
from csms.store import charging_needs, external_limits, requests, stations, transactions
from csms.store.transactions import ChargingNeedsRow
from csms.wire import words
from csms.wire.router import Router

log = structlog.get_logger()
router = Router()

SOURCES_MAX = 8
"""So many others may limit one EVSE, or the station as a whole."""
LIMITS_MAX = 200
"""So many limits of others are kept of one station."""
TOO_MANY = "limited by more sources than can be counted"

# ---- what stations tell us


@router.on(words.NotifyEVChargingNeedsRequest)
async def needs_told(
    request: words.NotifyEVChargingNeedsRequest, ctx: Context
) -> words.NotifyEVChargingNeedsResponse:
    """K15: keep what the vehicle needs: it is offered a schedule, and the grid loop reads it."""
    at = ctx.now if request.timestamp is None else moment(request.timestamp)
    needs = request.charging_needs
    departure = None if needs.departure_time is None else moment(needs.departure_time)
    row = ChargingNeedsRow(
        identity=ctx.station.id,
        evse_id=sound(request.evse_id),
        at=at,
        transfer=needs.requested_energy_transfer,
        departure=departure,
        told=msgspec.json.encode(needs).decode(),
        **_figures(needs),
    )
    ctx.keep(transactions.needs_kept(row))
    ctx.emit(ChargingNeedsReported(ctx.now, ctx.station.id, request.evse_id))
    return words.NotifyEVChargingNeedsResponse(status="Accepted")  # K15.FR.03


def _figures(needs: words.ChargingNeedsType) -> dict[str, float | None]:
    """Energies in Wh, SoC in percent, powers as magnitudes in W; the AC part tells no power by itself."""
    ac, dc, v2x = needs.ac_charging_parameters, needs.dc_charging_parameters, needs.v2x_charging_parameters
    energy = dc.energy_amount if dc else (ac.energy_amount if ac else None)
    charge = dc.ev_max_power if dc else None
    return {
        "capacity_wh": dc.ev_energy_capacity if dc else None,
        "soc": dc.state_of_charge if dc else None,
        "energy_request_wh": v2x.ev_target_energy_request if v2x and energy is None else energy,
        "max_charge_w": v2x.max_charge_power if v2x and charge is None else charge,
        "max_discharge_w": v2x.max_discharge_power if v2x else None,
        "min_v2x_wh": v2x.ev_min_v2x_energy_request if v2x else None,
        "max_v2x_wh": v2x.ev_max_v2x_energy_request if v2x else None,
    }


@router.on(words.NotifyEVChargingScheduleRequest)
async def charging_schedule(
    request: words.NotifyEVChargingScheduleRequest, ctx: Context
) -> words.NotifyEVChargingScheduleResponse:
    """K15.FR.10, K17: the vehicle's own plan is kept; one that passes its offer is refused (K16)."""
    evse_id = sound(request.evse_id)
    plan = msgspec.json.encode(request.charging_schedule).decode()
    ctx.keep(external_limits.planned(ctx.station.id, evse_id, plan, ctx.now))
    offered = await charging_needs.offer_in_force(ctx.db, ctx.station.id, evse_id, ctx.now)
    if offered is None or not passes(_planned(request.charging_schedule), offered.limit_w):
        return words.NotifyEVChargingScheduleResponse(status="Accepted")
    log.warning("plan passes its limit", station_id=ctx.station.id, evse_id=evse_id, limit_w=offered.limit_w)
    ctx.emit(ScheduleRefused(ctx.now, ctx.station.id, evse_id))
    return words.NotifyEVChargingScheduleResponse(status="Rejected")


def _planned(schedule: words.ChargingScheduleType) -> list[PlannedPeriod]:
    return [
        PlannedPeriod(period.limit or 0.0, schedule.charging_rate_unit, period.number_phases)
        for period in schedule.charging_schedule_period
    ]


@router.on(words.ReportChargingProfilesRequest)
async def reported_profiles(request: words.ReportChargingProfilesRequest, ctx: Context) -> None:
    """K09: a part of the profiles that were asked for."""
    who, number = ctx.station.id, request.request_id
    if await taken(ctx, number, last=not request.tbc):
        ctx.keep(requests.result(who, number, None, ctx.now, msgspec.json.encode(request).decode()))
    ctx.emit(RequestChanged(ctx.now, who, number))


@router.on(words.NotifyChargingLimitRequest)
async def charging_limit(request: words.NotifyChargingLimitRequest, ctx: Context) -> None:
    """K12: somebody else limits the station.

    A source is free text since 2.1. A limit for which there is no room cannot be counted: no order goes to
    such a station until a person has looked at it.
    """
    limit, evse_id = request.charging_limit, sound(request.evse_id)
    source, who = limit.charging_limit_source, ctx.station.id
    log.warning(
        "external limit",
        station_id=who,
        evse_id=request.evse_id,
        source=source,
        grid_critical=limit.is_grid_critical,
    )
    if await _has_room(ctx, evse_id, source):
        told = request.charging_schedule
        ctx.keep(
            external_limits.limited(
                who,
                evse_id,
                source,
                grid_critical=limit.is_grid_critical,
                schedule=None if told is None else msgspec.json.encode(told).decode(),
                at=ctx.now,
            )
        )
    else:
        log.error("external limit not kept", station_id=who, evse_id=evse_id, source=source)
        ctx.keep(stations.held(who, TOO_MANY))
        ctx.emit(SecurityAlarmRaised(ctx.now, who, "TooManyChargingLimits"))
    ctx.emit(ExternalLimitChanged(ctx.now, who, evse_id))


async def _has_room(ctx: Context, evse_id: int, source: str) -> bool:
    """Whether one more limit can be kept; those that are over make room."""
    rows = await external_limits.limits(ctx.db, ctx.station.id)
    here = [row for row in rows if row.evse_id == evse_id]
    if any(row.source == source for row in here):
        return True
    if len(here) < SOURCES_MAX and len(rows) < LIMITS_MAX:
        return True
    ctx.keep(external_limits.tidied(ctx.station.id))
    rows, here = ([row for row in each if row.cleared_at is None] for each in (rows, here))
    return len(here) < SOURCES_MAX and len(rows) < LIMITS_MAX


@router.on(words.ClearedChargingLimitRequest)
async def cleared_limit(request: words.ClearedChargingLimitRequest, ctx: Context) -> None:
    """K13: somebody else limits the station no longer."""
    source = request.charging_limit_source
    ctx.keep(external_limits.cleared(ctx.station.id, sound(request.evse_id), source, ctx.now))
    ctx.emit(ExternalLimitChanged(ctx.now, ctx.station.id, request.evse_id or 0))


# ---- what we ask of stations


async def install(bus: Bus, station_id: str, ask: InstallProfile, timeout_s: float = 30.0) -> ProfileAnswer:
    """K01: set a profile. A newer one for the same EVSE and purpose replaces it unsent (`AskSuperseded`)."""
    return cast(ProfileAnswer, await bus.ask(station_id, ask, timeout_s=timeout_s))


async def update(bus: Bus, station_id: str, ask: UpdateSetpoint, timeout_s: float = 30.0) -> ProfileAnswer:
    """K28 (2.1): a Dynamic profile follows another setpoint; its time to live begins anew."""
    return cast(ProfileAnswer, await bus.ask(station_id, ask, timeout_s=timeout_s))


async def clear(bus: Bus, station_id: str, profile_id: int, timeout_s: float = 30.0) -> bool:
    """K10: forget the profile with this id; False if the station did not know it. By id only."""
    answer = await bus.ask(station_id, ClearProfile(profile_id), timeout_s=timeout_s)
    return cast(ProfileAnswer, answer).accepted


def get_profiles(criterion: words.ChargingProfileCriterionType, evse_id: int | None = None) -> Followed:
    """K09: ask for profiles; they come in parts, which are kept as the request's result."""
    return Followed(
        "charging profiles",
        lambda number: words.GetChargingProfilesRequest(
            request_id=number, charging_profile=criterion, evse_id=evse_id
        ),
    )
