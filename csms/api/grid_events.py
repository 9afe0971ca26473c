"""Create, cancel, follow grid events."""

import dataclasses
from typing import Annotated, Any

import msgspec
import orjson
from fastapi import APIRouter, Query, Request, Response
from pydantic import Field

from csms.api.auth import OPERATOR
from csms.api.idempotency import Answer, IdempotencyKey, once
from csms.api.shapes import After, Body, Key, Limit, Number, Page, Shape, Time, Whole, cursor, key_of, page
from csms.api.wiring import Wired, Wiring
from csms.domain.grid_event import EventState, GridEvent
from csms.domain.grid_event_json import read_request, write_event
from csms.errors import Invalid, NotFound
from csms.grid import intake, reporting
from csms.store import dispatches, grid_events
from csms.wire.strict_json import flaw

router = APIRouter(tags=["grid-events"])


class ScopeBody(Body):
    """Which stations an event is for; nothing said means all of the program."""

    site: Key | None = None
    stations: tuple[str, ...] = ()


class NewEvent(Body):
    """A call for flexibility. `targetW` is the fleet's net power, negative into the grid. No `start`: now."""

    program_id: Key
    target_w: Number
    start: Time | None = None
    duration_s: Whole
    scope: ScopeBody | None = None
    min_soc: Number | None = None
    priority: Whole = 100
    id: Annotated[str | None, Field(description="The source's own id; the same one twice is one event.")] = (
        None
    )


class ScopeShape(Shape):
    """Which stations an event is for."""

    site: str | None
    stations: list[str]


class GridEventShape(Shape):
    """A grid event."""

    id: str
    program_id: str
    target_w: float
    start: Time
    end: Time
    duration_s: int
    state: EventState
    scope: ScopeShape
    min_soc: float | None
    priority: int
    source: str
    source_id: str | None
    created_at: Time
    cancelled_at: Time | None


class HistoryEntry(Shape):
    """One change in an event's life."""

    at: Time
    state: str
    detail: str | None


class GridEventDetail(GridEventShape):
    """A grid event with its history."""

    history: list[HistoryEntry]


class DispatchShape(Shape):
    """One tick of the loop; powers are signed W, the margin percent above the floor of the closest vehicle.

    `cursor` is what `after` takes to go on from here.
    """

    id: int
    cursor: str
    at: Time
    target_w: float
    corrected_w: float
    measured_w: float
    setpoint_w: float
    shortfall_w: float
    evses: int
    discharging: int
    lowest_soc_margin: float | None


class SetpointShape(Shape):
    """What one EVSE was ordered in one tick."""

    station: Annotated[str, Field(validation_alias="identity")]
    evse_id: int
    transaction_id: str
    setpoint_w: float
    measured_w: float | None
    soc_margin: float | None
    reason: str | None


class PointShape(Shape):
    """One tick of a performance series; powers are signed W."""

    at: Time
    target_w: float
    corrected_w: float
    measured_w: float
    setpoint_w: float
    shortfall_w: float
    evses: int
    discharging: int
    lowest_soc_margin: float | None


class PerformanceShape(Shape):
    """How an event goes, or went. Energies in Wh count in the direction that the event asked for.

    While `settled` is false `deliveredWh` is an estimate from measured power, later it is the statement's.
    `parts` counts EVSEs by what became of them, `reasons` by why they were not asked to discharge last.
    """

    event_id: str
    state: EventState
    settled: bool
    target_wh: float
    delivered_wh: float
    performance: float | None
    lowest_soc_margin: float | None
    parts: dict[str, int]
    reasons: dict[str, int]
    series: list[PointShape]


_SCHEMA: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": NewEvent.model_json_schema(ref_template="#/components/schemas/{model}")
            }
        },
    }
}
_SCHEMA["requestBody"]["content"]["application/json"]["schema"].pop("$defs", None)
_SCHEMA["requestBody"]["content"]["application/json"]["schema"]["properties"]["scope"] = (
    ScopeBody.model_json_schema()
)


@router.get("/grid-events")
async def list_events(
    wired: Wired,
    after: After = None,
    limit: Limit = 100,
    state: Annotated[list[EventState] | None, Query(description="Only in these states.")] = None,
) -> Page[GridEventShape]:
    """All grid events."""
    found = await grid_events.listing(wired.db, key_of(after), limit + 1, states=state)
    return page(found, limit, lambda event: event.id, _shape)


@router.post("/grid-events", status_code=201, openapi_extra=OPERATOR | _SCHEMA, response_model=GridEventShape)
async def create_event(request: Request, idempotency_key: IdempotencyKey = None) -> Response:
    """Call for flexibility. With an `Idempotency-Key` a repeat after a lost answer is no second event."""
    wired: Wiring = request.app.state.wiring
    body = await request.body()
    found = flaw(body, ints=True)
    if found is not None:
        raise Invalid("body", found.description)
    wanted = read_request(msgspec.json.decode(body), "api")
    own = None if idempotency_key is None else f"{request.state.user.name}:{idempotency_key}"

    async def act() -> Answer:
        event = await intake.accept(wired.db, wired.bus, wired.clock, wanted, own)
        return Answer(201, _text(event))

    return await once(request, wired, idempotency_key, act)


@router.get("/grid-events/{event_id}")
async def show_event(event_id: str, wired: Wired) -> GridEventDetail:
    """One grid event with its history."""
    event = await found_event(wired, event_id)
    history = await grid_events.history(wired.db, event_id)
    entries = [HistoryEntry.model_validate(row).model_dump() for row in history]
    return GridEventDetail.model_validate({**write_event(event), "history": entries})


@router.post("/grid-events/{event_id}/cancel", openapi_extra=OPERATOR, response_model=GridEventShape)
async def cancel_event(event_id: str, request: Request, idempotency_key: IdempotencyKey = None) -> Response:
    """End an event and its orders; cancelling twice is no mistake (V-08)."""
    wired: Wiring = request.app.state.wiring

    async def act() -> Answer:
        return Answer(200, _text(await intake.cancel(wired.db, wired.bus, wired.clock, event_id)))

    return await once(request, wired, idempotency_key, act)


@router.get("/grid-events/{event_id}/dispatches")
async def list_dispatches(
    event_id: str, wired: Wired, after: After = None, limit: Limit = 1000
) -> Page[DispatchShape]:
    """What the loop decided for an event, tick by tick."""
    await found_event(wired, event_id)
    start = _number(key_of(after))
    rows = await dispatches.of_event(wired.db, event_id, start, limit + 1)
    return page(rows, limit, lambda row: str(row.id), _dispatch)


@router.get("/grid-events/{event_id}/dispatches/{dispatch_id}/setpoints")
async def list_setpoints(event_id: str, dispatch_id: int, wired: Wired) -> Page[SetpointShape]:
    """What each EVSE was ordered in one tick, and why one was not asked to discharge."""
    await found_event(wired, event_id)
    rows = await dispatches.setpoints(wired.db, dispatch_id)
    return Page(items=[SetpointShape.model_validate(row) for row in rows if row.event_id == event_id])


@router.get("/grid-events/{event_id}/performance")
async def show_performance(event_id: str, wired: Wired) -> PerformanceShape:
    """How well the fleet follows or followed the target."""
    found = await reporting.performance(wired.db, event_id)
    named = {field.name: getattr(found, field.name) for field in dataclasses.fields(found)}
    return PerformanceShape.model_validate(named | {"event_id": found.event.id, "state": found.event.state})


async def found_event(wired: Wiring, event_id: str) -> GridEvent:
    """The event with this id; `NotFound` if there is none."""
    event = await grid_events.get(wired.db, event_id)
    if event is None:
        raise NotFound("grid event", event_id)
    return event


def _shape(event: GridEvent) -> GridEventShape:
    return GridEventShape.model_validate(write_event(event))


def _dispatch(row: dispatches.DispatchRow) -> DispatchShape:
    return DispatchShape.model_validate({**row.model_dump(), "cursor": cursor(str(row.id))})


def _text(event: GridEvent) -> str:
    return orjson.dumps(write_event(event)).decode()


def _number(key: str | None) -> int | None:
    if key is None:
        return None
    if not key.isdecimal() or len(key) > 18:
        raise Invalid("after", "This is not a cursor of this list.")
    return int(key)
