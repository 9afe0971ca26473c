"""Block N: monitors of variables, as they were set, cleared and reported."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import msgspec

from csms.blocks.calls import After, Answered, Desk, Order
from csms.blocks.context import Context
from csms.blocks.device_model import in_parts, limit, place_of
from csms.blocks.parts import taken
from csms.blocks.places import can_be
from csms.domain.device_model import Place, batches
from csms.domain.facts import RequestChanged
from csms.store import monitors
from csms.store.edits import Connection
from csms.store.monitors import MonitorRow
from csms.wire import words
from csms.wire.router import Router

router = Router()
after = After()

_SEVERITIES = range(10)  # N04.FR: 0 is danger, 9 debugging; the schema lets any number pass

_CONTROLLER = "MonitoringCtrlr"
_GONE = ("Accepted", "NotFound")


@router.on(words.NotifyMonitoringReportRequest)
async def monitoring_report(request: words.NotifyMonitoringReportRequest, ctx: Context) -> None:
    """N02: a part of a report on monitors; the last one has no `tbc`."""
    rows = [
        MonitorRow(
            **_where(ctx.station.id, place_of(data.component, data.variable)),
            monitor_id=monitor.id,
            kind=monitor.type,
            value=monitor.value,
            severity=monitor.severity,
            in_transaction=monitor.transaction,
            origin=monitor.event_notification_type,
            reported_at=ctx.now,
        )
        for data in request.monitor or ()
        if can_be(data.component.evse)
        for monitor in data.variable_monitoring
        if monitor.severity in _SEVERITIES
    ]
    if await taken(ctx, request.request_id, last=not request.tbc) and rows:
        ctx.keep(monitors.reported(rows))
    ctx.emit(RequestChanged(ctx.now, ctx.station.id, request.request_id))


async def set_monitors(
    desk: Desk, order: Order, wanted: Sequence[words.SetMonitoringDataType]
) -> list[words.SetMonitoringResultType]:
    """N04: one result for each, in as many messages as the station's limits want. Raises `StationError`.

    `order` says whom and for whom; its `ask` is not looked at.
    """
    bound = await limit(desk, order.station, "SetVariableMonitoring", _CONTROLLER)
    pieces = batches(wanted, lambda data: len(msgspec.json.encode(data)), bound)
    asks = [words.SetVariableMonitoringRequest(set_monitoring_data=part) for part in pieces]
    return await in_parts(desk, order, asks, lambda answer: answer.set_monitoring_result)


async def clear_monitors(
    desk: Desk, order: Order, ids: Sequence[int]
) -> list[words.ClearMonitoringResultType]:
    """N06: one result for each, in as many messages as the station's limits want. Raises `StationError`.

    `order` says whom and for whom; its `ask` is not looked at.
    """
    bound = await limit(desk, order.station, "ClearVariableMonitoring", _CONTROLLER)
    pieces = batches(ids, lambda number: len(str(number)), bound)
    asks = [words.ClearVariableMonitoringRequest(id=part) for part in pieces]
    return await in_parts(desk, order, asks, lambda answer: answer.clear_monitoring_result)


def _where(identity: str, place: Place) -> dict[str, Any]:
    """A monitor is on a variable, not on one of its attributes."""
    where = {"identity": identity, **asdict(place)}
    del where["attribute"]
    return where


@after.on(words.SetVariableMonitoringRequest)
async def monitors_set(conn: Connection, done: Answered) -> None:
    """N04: the monitors that the station has taken, under the ids that it gave; results come in any order."""
    request: words.SetVariableMonitoringRequest = done.request
    answer: words.SetVariableMonitoringResponse = done.answer
    asked = {
        (place_of(data.component, data.variable).key(), data.type, data.severity): data
        for data in request.set_monitoring_data
    }
    rows = []
    for result in answer.set_monitoring_result:
        place = place_of(result.component, result.variable)
        data = asked.get((place.key(), result.type, result.severity))
        if result.status != "Accepted" or result.id is None or data is None:
            continue
        rows.append(
            MonitorRow(
                **_where(done.station.identity, place),
                monitor_id=result.id,
                kind=data.type,
                value=data.value,
                severity=data.severity,
                in_transaction=data.transaction,
                origin="CustomMonitor",
                reported_at=done.at,
            )
        )
    await monitors.keep(conn, rows)


@after.on(words.ClearVariableMonitoringRequest)
async def monitors_cleared(conn: Connection, done: Answered) -> None:
    """N06: what is cleared, or was not there, is not there."""
    answer: words.ClearVariableMonitoringResponse = done.answer
    gone = [result.id for result in answer.clear_monitoring_result if result.status in _GONE]
    await monitors.drop(conn, done.station.identity, gone)


@after.on(words.SetMonitoringBaseRequest)
async def monitoring_base_set(conn: Connection, done: Answered) -> None:
    """N03.FR.03 to 05: another base; which monitors stand now only a report can tell."""
    answer: words.SetMonitoringBaseResponse = done.answer
    if answer.status == "Accepted":
        await monitors.drop(conn, done.station.identity)
