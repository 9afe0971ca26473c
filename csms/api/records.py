"""What a station has said and been told: frames, profiles, events."""

from typing import Annotated

from fastapi import APIRouter, Query

from csms.api.shapes import Flag, Limit, Page, Shape, Time
from csms.api.stations import registered
from csms.api.wiring import Wired
from csms.store import journal, profiles, signed_values

router = APIRouter(tags=["stations"])


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


class SignedValues(Shape):
    """A MeterValues with signed values; `message` is its text to the byte, which is what was signed."""

    evse_id: int
    received_at: Time
    message: str


class SecurityEvent(Shape):
    """A security event; `at_text` is the station's own time stamp as it came."""

    type: str
    at_text: str
    received_at: Time
    tech_info: str | None


class Event(Shape):
    """An event of the device model; `at_text` is the station's own time stamp as it came."""

    event_id: int
    at_text: str | None
    received_at: Time
    component: str
    component_instance: str | None
    evse_id: int | None
    connector_id: int | None
    variable: str
    variable_instance: str | None
    value: str
    trigger: str
    origin: str | None
    severity: int | None
    monitor_id: int | None
    cause: int | None
    cleared: Flag | None
    transaction_id: str | None
    tech_code: str | None
    tech_info: str | None


@router.get("/stations/{identity}/events")
async def list_events(identity: str, wired: Wired, limit: Limit = 100) -> Page[Event]:
    """N07: the newest events of the device model, newest first."""
    station = await registered(wired, identity)
    rows = await journal.notified_events(wired.db, station.identity, limit)
    return Page(items=[Event.model_validate(row) for row in rows])


@router.get("/stations/{identity}/messages")
async def list_messages(
    identity: str,
    wired: Wired,
    after: Annotated[int, Query(ge=0, lt=2**63, description="The `id` of the last frame seen.")] = 0,
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


@router.get("/stations/{identity}/signed-meter-values")
async def list_signed_values(identity: str, wired: Wired, limit: Limit = 100) -> Page[SignedValues]:
    """J01: signed values outside transactions, newest first; those of a transaction stand in its events."""
    station = await registered(wired, identity)
    rows = await signed_values.listing(wired.db, station.identity, limit)
    return Page(
        items=[
            SignedValues(evse_id=row.evse_id, received_at=row.received_at, message=row.payload.decode())
            for row in rows
        ]
    )
