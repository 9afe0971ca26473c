"""Block B: boot, the device model, reset."""

from collections.abc import Sequence
from typing import cast

from csms.blocks.context import Context
from csms.blocks.times import written
from csms.bus.bus import Bus
from csms.domain.facts import ReportCompleted, SecurityAlarmRaised, StationBooted
from csms.domain.station import Registration
from csms.store import requests, stations
from csms.store.stations import VariableRow
from csms.wire import words
from csms.wire.dialect import RawCall
from csms.wire.router import Router

router = Router()

# ---- what stations tell us


@router.on(words.BootNotificationRequest)
async def boot(request: words.BootNotificationRequest, ctx: Context) -> words.BootNotificationResponse:
    """B01, B02, B03: the answer is what the station is registered as, read anew at each boot."""
    row = await stations.get(ctx.db, ctx.station.id)
    registration = Registration.REJECTED if row is None else Registration(row.registration)
    told = request.charging_station
    known = None if row is None else row.serial_number
    if known is not None and told.serial_number is not None and known != told.serial_number:
        ctx.emit(SecurityAlarmRaised(ctx.now, ctx.station.id, "serial number differs"))
    ctx.keep(
        stations.booted(
            ctx.station.id,
            vendor=told.vendor_name,
            model=told.model,
            serial=known or told.serial_number,
            firmware=told.firmware_version,
            reason=request.reason,
            at=ctx.now,
            registration=registration,
        )
    )
    ctx.emit(StationBooted(ctx.now, ctx.station.id, registration.value))
    accepted = registration is Registration.ACCEPTED
    return words.BootNotificationResponse(
        current_time=written(ctx.now),  # B01.FR.06
        # of the heartbeat, or before the next boot (B02.FR.04, B03.FR.04)
        interval=ctx.policy.heartbeat_interval_s if accepted else ctx.policy.pending_interval_s,
        status=registration.value,
    )


@router.on(words.NotifyReportRequest)
async def notify_report(request: words.NotifyReportRequest, ctx: Context) -> None:
    """B07, B08: a part of a report; the last one has no `tbc`."""
    rows = [row for data in request.report_data or () for row in _variables(data, ctx)]
    if rows:
        ctx.keep(stations.variable_values(ctx.station.id, rows))
    complete = not request.tbc
    ctx.keep(requests.part(ctx.station.id, request.request_id, ctx.now, complete))
    if complete:
        ctx.emit(ReportCompleted(ctx.now, ctx.station.id, request.request_id))


def _variables(data: words.ReportDataType, ctx: Context) -> list[VariableRow]:
    component, variable, traits = data.component, data.variable, data.variable_characteristics
    evse = component.evse
    return [
        VariableRow(
            identity=ctx.station.id,
            component=component.name,
            component_instance=component.instance or "",
            evse_id=evse.id if evse else 0,
            connector_id=(evse.connector_id or 0) if evse else 0,
            variable=variable.name,
            variable_instance=variable.instance or "",
            attribute=attribute.type,
            value=attribute.value,
            mutability=attribute.mutability,
            data_type=traits.data_type if traits else None,
            unit=traits.unit if traits else None,
            reported_at=ctx.now,
        )
        for attribute in data.variable_attribute
    ]


# ---- what we ask of stations


async def get_variables(
    bus: Bus, station_id: str, wanted: Sequence[words.GetVariableDataType], timeout_s: float = 30.0
) -> tuple[words.GetVariableResultType, ...]:
    """B06: one result for each variable. Raises `StationError`."""
    request = words.GetVariablesRequest(get_variable_data=tuple(wanted))
    answer = cast(words.GetVariablesResponse, await bus.ask(station_id, request, timeout_s=timeout_s))
    return answer.get_variable_result


async def set_variables(
    bus: Bus, station_id: str, wanted: Sequence[words.SetVariableDataType], timeout_s: float = 30.0
) -> tuple[words.SetVariableResultType, ...]:
    """B05: one result for each variable. Raises `StationError`."""
    request = words.SetVariablesRequest(set_variable_data=tuple(wanted))
    answer = cast(words.SetVariablesResponse, await bus.ask(station_id, request, timeout_s=timeout_s))
    return answer.set_variable_result


async def base_report(
    bus: Bus,
    station_id: str,
    request_id: int,
    report: words.ReportBaseEnumType = "FullInventory",
    timeout_s: float = 30.0,
) -> words.GenericDeviceModelStatusEnumType:
    """B07: ask for the device model; it comes as NotifyReport with `request_id` (`store.requests.open`)."""
    request = words.GetBaseReportRequest(request_id=request_id, report_base=report)
    answer = cast(words.GetBaseReportResponse, await bus.ask(station_id, request, timeout_s=timeout_s))
    return answer.status


async def reset(
    bus: Bus,
    station_id: str,
    kind: words.ResetEnumType = "OnIdle",
    evse_id: int | None = None,
    timeout_s: float = 30.0,
) -> words.ResetResponse:
    """B11, B12: restart the station or one EVSE. Raises `StationError`."""
    request = words.ResetRequest(type=kind, evse_id=evse_id)
    return cast(words.ResetResponse, await bus.ask(station_id, request, timeout_s=timeout_s))


async def raw(
    bus: Bus, station_id: str, action: str, payload: dict[str, object], timeout_s: float = 30.0
) -> dict[str, object]:
    """Any call that a CSMS may send, in the station's own words. Raises `StationError` and `Invalid`."""
    return cast(dict[str, object], await bus.ask(station_id, RawCall(action, payload), timeout_s=timeout_s))
