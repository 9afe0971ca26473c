"""Controls of distributed energy resources in 2.1 stations, and what stations tell of the grid."""

from typing import Annotated

import msgspec
import structlog
from fastapi import APIRouter, Path, Response
from pydantic import Field, JsonValue

from csms.api.asking import CALLS, Ask, word
from csms.api.auth import OPERATOR, CurrentUser
from csms.api.shapes import Body, Flag, Page, Shape, Time
from csms.api.stations import registered
from csms.api.wiring import Wired
from csms.blocks import der_control
from csms.errors import NotFound
from csms.store import der_controls
from csms.wire import words

log = structlog.get_logger()
router = APIRouter(tags=["grid"])

ControlId = Annotated[str, Path(min_length=1, max_length=36)]


class NewControl(Body):
    """What a control shall be. `settings` are those of its type as in OCPP: mostly a curve."""

    control_type: words.DERControlEnumType
    is_default: Flag = False
    settings: dict[str, JsonValue]


class WhichControls(Body):
    """Defaults or not, and of which type; empty: all of them."""

    is_default: Flag | None = None
    control_type: words.DERControlEnumType | None = None
    control_id: Annotated[str, Field(min_length=1, max_length=36)] | None = None


class Cleared(Body):
    """Which controls to clear: defaults or not, and of which type; without one, all."""

    is_default: Flag = False
    control_type: words.DERControlEnumType | None = None


class DerControl(Shape):
    """A control at a station. `state`: scheduled, active, superseded, ended.

    `dischargePct` is what a LimitMaxDischarge leaves of the station's rating; it also bounds grid events.
    """

    control_id: str
    control_type: str
    is_default: bool
    priority: int | None
    settings: JsonValue
    state: str
    discharge_pct: float | None
    changed_at: Time


class DerAlarm(Shape):
    """A fault of the grid as a station sees it; it stands, and nothing discharges there, until `endedAt`."""

    control_type: str
    fault: str
    at: Time
    ended_at: Time | None
    extra_info: str | None
    heard_at: Time


@router.get("/stations/{identity}/der-controls")
async def list_controls(identity: str, wired: Wired) -> Page[DerControl]:
    """R04: the controls of a station as far as they are known."""
    station = await registered(wired, identity)
    rows = await der_controls.controls(wired.db, station.identity)
    shown = [row.model_dump() | {"settings": msgspec.json.decode(row.settings)} for row in rows]
    return Page(items=[DerControl.model_validate(one) for one in shown])


@router.get("/stations/{identity}/der-alarms")
async def list_alarms(identity: str, wired: Wired) -> Page[DerAlarm]:
    """R05: what a station has told of the grid, newest first."""
    station = await registered(wired, identity)
    rows = await der_controls.alarms(wired.db, station.identity)
    return Page(items=[DerAlarm.model_validate(row) for row in rows])


@router.post("/stations/{identity}/der-alarms/end", openapi_extra=OPERATOR)
async def end_alarms(identity: str, wired: Wired, user: CurrentUser) -> Page[DerAlarm]:
    """A person has seen that the grid is well: what the station does not end any more is over."""
    station = await registered(wired, identity)
    async with wired.db.begin() as conn:
        ended = await der_controls.end_alarms(conn, station.identity, wired.clock.now())
    log.warning("grid alarms ended by hand", station_id=station.identity, user=user.name, alarms=ended)
    return await list_alarms(identity, wired)


@router.put("/stations/{identity}/der-controls/{control_id}", openapi_extra=CALLS)
async def set_control(identity: str, control_id: ControlId, body: NewControl, ask: Ask) -> Response:
    """R04: set a control. It bounds what the inverter does and never loosens a limit of ours."""
    settings = word(der_control.settings_type(body.control_type), body.settings, "settings")
    request = der_control.control(control_id, body.control_type, body.is_default, settings)
    return await ask.send(identity, request)


@router.post("/stations/{identity}/der-controls/{control_id}/clear", openapi_extra=CALLS)
async def clear_control(identity: str, control_id: ControlId, ask: Ask) -> Response:
    """R04: clear one control that is known here."""
    station = await registered(ask.wired, identity)
    row = await der_controls.control(ask.wired.db, station.identity, control_id)
    if row is None:
        raise NotFound("DER control", control_id)
    request = words.ClearDERControlRequest(is_default=row.is_default, control_id=row.control_id)
    return await ask.send(identity, request)


@router.post("/stations/{identity}/der-controls/clear", openapi_extra=CALLS)
async def clear_controls(identity: str, body: Cleared, ask: Ask) -> Response:
    """R04: clear all controls, or all of a type."""
    request = words.ClearDERControlRequest(is_default=body.is_default, control_type=body.control_type)
    return await ask.send(identity, request)


@router.post("/stations/{identity}/der-controls/report", openapi_extra=CALLS)
async def report_controls(identity: str, body: WhichControls, ask: Ask) -> Response:
    """R04: have the station tell its controls; they come as the result of `requestId`."""
    asked = der_control.report(is_default=body.is_default, kind=body.control_type, control_id=body.control_id)
    return await ask.send(identity, asked)
