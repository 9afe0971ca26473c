"""Block R (2.1): controls of distributed energy resources in the stations, and what they tell of the grid.

A control is the grid operator's bound on what an inverter does. It never loosens a limit of ours: a
LimitMaxDischarge takes from what may be ordered of the station (`grid.fleet`), an alarm takes it all (V-12).
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
import structlog

from csms.blocks.calls import After, Answered, Followed
from csms.blocks.context import Context
from csms.blocks.parts import taken
from csms.blocks.times import moment
from csms.domain.facts import RequestChanged
from csms.errors import Invalid
from csms.store import der_controls, requests
from csms.store.der_controls import ACTIVE, ENDED, LIMIT, SCHEDULED, SUPERSEDED, DerAlarmRow, DerControlRow
from csms.store.edits import Connection
from csms.wire import words
from csms.wire.router import Router

log = structlog.get_logger()
router = Router()
after = After()

Settings = (
    words.DERCurveType
    | words.EnterServiceType
    | words.FixedPFType
    | words.FixedVarType
    | words.FreqDroopType
    | words.GradientType
    | words.LimitMaxDischargeType
)
_CURVE: tuple[str, type[Settings]] = ("curve", words.DERCurveType)
_SETTINGS: Mapping[str, tuple[str, type[Settings]]] = {
    "EnterService": ("enter_service", words.EnterServiceType),
    "FreqDroop": ("freq_droop", words.FreqDroopType),
    "FixedPFAbsorb": ("fixed_pf_absorb", words.FixedPFType),
    "FixedPFInject": ("fixed_pf_inject", words.FixedPFType),
    "FixedVar": ("fixed_var", words.FixedVarType),
    "Gradients": ("gradient", words.GradientType),
    LIMIT: ("limit_max_discharge", words.LimitMaxDischargeType),
}
"""Where a control's settings stand in a message, and what they are; those of all other types are a curve."""
_DEFAULT_ONLY = frozenset({"EnterService", "Gradients"})  # R04.FR.16, R04.FR.17
_PERCENT = 100.0

# ---- what stations tell us


@router.on(words.NotifyDERAlarmRequest)
async def alarm(request: words.NotifyDERAlarmRequest, ctx: Context) -> None:
    """R05: the grid is not well at the station, or is well again."""
    who, fault = ctx.station.id, request.grid_event_fault or ""
    at = moment(request.timestamp)
    log.warning(
        "grid alarm",
        station_id=who,
        control_type=request.control_type,
        fault=fault,
        ended=bool(request.alarm_ended),
    )
    if request.alarm_ended:
        ctx.keep(der_controls.alarm_ended(who, request.control_type, fault, at, ctx.now))
        return
    row = DerAlarmRow(
        identity=who,
        control_type=request.control_type,
        fault=fault,
        at=at,
        extra_info=request.extra_info,
        heard_at=ctx.now,
    )
    for change in der_controls.alarmed(row):
        ctx.keep(change)


@router.on(words.NotifyDERStartStopRequest)
async def started_or_stopped(request: words.NotifyDERStartStopRequest, ctx: Context) -> None:
    """R04: a control that was set for a time has begun, and others give way; or it is over."""
    state = ACTIVE if request.started else ENDED
    ctx.keep(der_controls.changed(ctx.station.id, [request.control_id], state, ctx.now))
    if request.superseded_ids:
        ctx.keep(der_controls.changed(ctx.station.id, request.superseded_ids, SUPERSEDED, ctx.now))


@router.on(words.ReportDERControlRequest)
async def reported(request: words.ReportDERControlRequest, ctx: Context) -> None:
    """R04: a part of the controls that were asked for."""
    who, number = ctx.station.id, request.request_id
    if await taken(ctx, number, last=not request.tbc):
        rows = [_row_of(who, kind, one, ctx.now) for kind, one in _told(request)]
        if rows:
            ctx.keep(der_controls.reported(rows))
        ctx.keep(requests.result(who, number, None, ctx.now, msgspec.json.encode(request).decode()))
    ctx.emit(RequestChanged(ctx.now, who, number))


def _told(request: words.ReportDERControlRequest) -> Sequence[tuple[str, Any]]:
    """The controls in a report, each with its type; a curve names its own."""
    curves = [(one.curve_type, one) for one in request.curve or ()]
    named = [(kind, one) for kind, (name, _) in _SETTINGS.items() for one in getattr(request, name) or ()]
    return [*curves, *named]


def _row_of(identity: str, kind: str, one: Any, at: datetime) -> DerControlRow:
    settings = getattr(one, _SETTINGS.get(kind, _CURVE)[0])
    state = SUPERSEDED if getattr(one, "is_superseded", False) else _state(settings, at)
    default = getattr(one, "is_default", True)  # EnterService and Gradients exist as a default only
    return _row(identity, (one.id, kind, default), settings, state, at)


def _row(
    identity: str, named: tuple[str, str, bool], settings: Settings, state: str, at: datetime
) -> DerControlRow:
    control_id, kind, is_default = named
    limits = settings if isinstance(settings, words.LimitMaxDischargeType) else None
    return DerControlRow(
        identity=identity,
        control_id=control_id,
        control_type=kind,
        is_default=is_default,
        priority=settings.priority,
        settings=msgspec.json.encode(settings).decode(),
        state=state,
        discharge_pct=None if limits is None else limits.pct_max_discharge_power,
        changed_at=at,
    )


def _state(settings: Settings, now: datetime) -> str:
    """One with a start in the future waits for it; the station tells when it begins and when it is over."""
    start = getattr(settings, "start_time", None)
    if start is None:
        return ACTIVE
    since_s = (now - moment(start)).total_seconds()
    duration_s = getattr(settings, "duration", None)
    if duration_s is not None and since_s >= duration_s:
        return ENDED
    return SCHEDULED if since_s < 0 else ACTIVE


# ---- what we ask of stations


def settings_type(kind: str) -> type[Settings]:
    """What the settings of a control of this type are."""
    return _SETTINGS.get(kind, _CURVE)[1]


def control(
    control_id: str, kind: words.DERControlEnumType, is_default: bool, settings: Settings
) -> words.SetDERControlRequest:
    """R04: a control with its settings. Raises `Invalid`, naming what is wrong."""
    timed = (getattr(settings, "start_time", None), getattr(settings, "duration", None)) != (None, None)
    if is_default and timed:  # R04.FR.12
        raise Invalid("settings", "A default control has no startTime and no duration.")
    if kind in _DEFAULT_ONLY and not is_default:
        raise Invalid("isDefault", f"{kind} exists as a default only.")
    percent = getattr(settings, "pct_max_discharge_power", None)
    if percent is not None and not 0 <= percent <= _PERCENT:
        raise Invalid("settings.pctMaxDischargePower", "A percentage is 0 to 100.")
    field: dict[str, Any] = {_SETTINGS.get(kind, _CURVE)[0]: settings}
    return words.SetDERControlRequest(
        is_default=is_default, control_id=control_id, control_type=kind, **field
    )


def report(
    *,
    is_default: bool | None = None,
    kind: words.DERControlEnumType | None = None,
    control_id: str | None = None,
) -> Followed:
    """R04: have the station tell its controls; they come in parts, which are kept as the request's result."""
    return Followed(
        "der controls",
        lambda number: words.GetDERControlRequest(
            request_id=number, is_default=is_default, control_type=kind, control_id=control_id
        ),
    )


# ---- what follows from an answer


@after.on(words.SetDERControlRequest)
async def control_set(conn: Connection, done: Answered) -> None:
    """R04: it stands once the station has taken it, and others give way to it."""
    request: words.SetDERControlRequest = done.request
    answer: words.SetDERControlResponse = done.answer
    kind = request.control_type
    settings = getattr(request, _SETTINGS.get(kind, _CURVE)[0])
    if answer.status != "Accepted" or settings is None:
        return
    identity = done.station.identity
    if answer.superseded_ids:
        await der_controls.superseded(conn, identity, answer.superseded_ids, done.at)
    state = ACTIVE if request.is_default else _state(settings, done.at)
    named = (request.control_id, kind, request.is_default)
    row = _row(identity, named, settings, state, done.at)
    await der_controls.keep(conn, row)


@after.on(words.ClearDERControlRequest)
async def control_cleared(conn: Connection, done: Answered) -> None:
    """R04: what the station has cleared is not there any more."""
    request: words.ClearDERControlRequest = done.request
    answer: words.ClearDERControlResponse = done.answer
    if answer.status == "Accepted":
        await der_controls.drop(
            conn,
            done.station.identity,
            is_default=request.is_default,
            control_type=request.control_type,
            control_id=request.control_id,
        )
