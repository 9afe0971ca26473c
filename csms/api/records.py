"""What a station has said and been told: variables, frames, profiles, security events."""

from typing import Annotated

from fastapi import APIRouter, Query

from csms.api.shapes import Limit, Page, Shape, Time
from csms.api.stations import registered
from csms.api.wiring import Wired
from csms.store import journal, profiles, variables

router = APIRouter(tags=["stations"])


class Variable(Shape):
    """One attribute of one variable of the device model."""

    component: str
    component_instance: str
    evse_id: int
    connector_id: int
    variable: str
    variable_instance: str
    attribute: str
    value: str | None
    mutability: str | None
    data_type: str | None
    unit: str | None
    reported_at: Time


class Frame(Shape):
    """One OCPP-J frame, secrets replaced; `way` is `in` or `out`."""

    id: int
    at: Time
    way: str
    text: str


class Profile(Shape):
    """The newest profile under one id at one EVSE; power is signed W."""

    evse_id: int
    profile_id: int
    role: str
    purpose: str
    limit_w: float
    transaction_id: str | None
    valid_to: Time | None
    state: str
    reason: str | None
    boot_epoch: int
    changed_at: Time


class SecurityEvent(Shape):
    """A security event; `at_text` is the station's own time stamp as it came."""

    type: str
    at_text: str
    received_at: Time
    tech_info: str | None


@router.get("/stations/{identity}/variables")
async def list_variables(identity: str, wired: Wired) -> Page[Variable]:
    """The device model as far as the station has reported it."""
    station = await registered(wired, identity)
    rows = await variables.reported(wired.db, station.identity)
    return Page(items=[Variable.model_validate(row) for row in rows])


@router.get("/stations/{identity}/messages")
async def list_messages(
    identity: str,
    wired: Wired,
    after: Annotated[int, Query(ge=0, description="The `id` of the last frame seen.")] = 0,
    limit: Limit = 100,
) -> Page[Frame]:
    """The frame log after a frame, oldest first; `next` is the id to go on from, new frames or not."""
    station = await registered(wired, identity)
    rows = await journal.frames(wired.db, station.identity, after, limit)
    items = [Frame.model_validate(row) for row in rows]
    return Page(items=items, next=str(items[-1].id if items else after))


@router.get("/stations/{identity}/profiles")
async def list_profiles(identity: str, wired: Wired) -> Page[Profile]:
    """The charging profiles that were sent, and what the station said to them."""
    station = await registered(wired, identity)
    rows = await profiles.of_station(wired.db, station.identity)
    return Page(items=[Profile.model_validate(row) for row in rows])


@router.get("/stations/{identity}/security-events")
async def list_security_events(identity: str, wired: Wired, limit: Limit = 100) -> Page[SecurityEvent]:
    """The newest security events."""
    station = await registered(wired, identity)
    rows = await journal.security_events(wired.db, station.identity, limit)
    return Page(items=[SecurityEvent.model_validate(row) for row in rows])
