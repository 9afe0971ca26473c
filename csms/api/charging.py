"""Charging profiles as the stations tell them, composite schedules, limits of others."""

from typing import Annotated

import msgspec
from fastapi import APIRouter, Response
from pydantic import Field, JsonValue

from csms.api.asking import CALLS, Ask, connected, word
from csms.api.idempotency import Answer, once
from csms.api.shapes import Body, Flag, Magnitude, Page, Shape, Time, Whole
from csms.api.stations import registered
from csms.api.wiring import Wired
from csms.blocks import smart_charging
from csms.grid import charging_needs
from csms.store import external_limits
from csms.wire import words

router = APIRouter(tags=["charging"])

Evse = Annotated[Whole, Field(ge=0, le=1000)]


class Composite(Body):
    """Of which EVSE (0: the station's grid connection), for how long from now."""

    evse_id: Evse
    duration_s: Annotated[Whole, Field(gt=0, le=604_800)]
    unit: words.ChargingRateUnitEnumType | None = None


class ProfileReport(Body):
    """Which profiles to ask for: `criterion` as in OCPP (purpose, stack level, ids, source)."""

    evse_id: Evse | None = None
    criterion: dict[str, JsonValue] = Field(default_factory=dict)


class NewOffer(Body):
    """To the vehicle at which EVSE; `limitW` lower than what it would get by itself."""

    evse_id: Annotated[Whole, Field(ge=1, le=1000)]
    limit_w: Magnitude | None = None


class Offer(Shape):
    """What the vehicle was offered, and whether its station took it."""

    limit_w: float
    until: Time
    accepted: Flag
    reason: str | None


class ChargingLimit(Shape):
    """A limit that somebody else has set; in force while `clearedAt` is null. `schedule` is OCPP's."""

    evse_id: int
    source: str
    grid_critical: Flag | None
    schedule: JsonValue
    set_at: Time
    cleared_at: Time | None


class VehicleSchedule(Shape):
    """What the vehicle at an EVSE has told to do; `schedule` is OCPP's."""

    evse_id: int
    schedule: JsonValue
    at: Time


@router.post("/stations/{identity}/composite-schedule", openapi_extra=CALLS)
async def composite_schedule(identity: str, body: Composite, ask: Ask) -> Response:
    """K08: what results from all profiles, by the station's own word."""
    request = words.GetCompositeScheduleRequest(
        evse_id=body.evse_id, duration=body.duration_s, charging_rate_unit=body.unit
    )
    return await ask.send(identity, request)


@router.post("/stations/{identity}/profiles/report", openapi_extra=CALLS)
async def report_profiles(identity: str, body: ProfileReport, ask: Ask) -> Response:
    """K09: have the station tell its profiles; they come as the result of `requestId`."""
    criterion = word(words.ChargingProfileCriterionType, body.criterion, "criterion")
    return await ask.send(identity, smart_charging.get_profiles(criterion, body.evse_id))


@router.post("/stations/{identity}/charging-offers", openapi_extra=CALLS, response_model=Offer)
async def offer_charging(identity: str, body: NewOffer, ask: Ask) -> Response:
    """K16: offer the plugged-in vehicle a limit for its plan anew; 409 while a grid event has the EVSE."""
    wired = ask.wired

    async def act() -> Answer:
        station = await connected(wired, identity)
        transaction = await charging_needs.running(wired.db, station, body.evse_id)
        now, whom = wired.clock.now(), (station, transaction)
        made = await charging_needs.make_offer(wired.db, wired.bus, now, whom, body.limit_w)
        return Answer(200, Offer.model_validate(made).model_dump_json(by_alias=True))

    return await once(ask.request, wired, ask.key, act)


@router.get("/stations/{identity}/charging-limits")
async def list_limits(identity: str, wired: Wired) -> Page[ChargingLimit]:
    """K12, K13: limits of a grid operator or an energy manager that the station has told of."""
    station = await registered(wired, identity)
    rows = await external_limits.limits(wired.db, station.identity)
    shown = [
        row.model_dump() | {"schedule": None if row.schedule is None else msgspec.json.decode(row.schedule)}
        for row in rows
    ]
    return Page(items=[ChargingLimit.model_validate(one) for one in shown])


@router.get("/stations/{identity}/vehicle-schedules")
async def list_vehicle_schedules(identity: str, wired: Wired) -> Page[VehicleSchedule]:
    """K15, K17: the newest plan of the vehicle at each EVSE."""
    station = await registered(wired, identity)
    rows = await external_limits.vehicle_schedules(wired.db, station.identity)
    shown = [row.model_dump() | {"schedule": msgspec.json.decode(row.schedule)} for row in rows]
    return Page(items=[VehicleSchedule.model_validate(one) for one in shown])
