"""Block B: the device model. Reports in, variables out, kept as the station tells them."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, replace
from typing import Any, TypeVar

import msgspec

from csms.blocks import calls, parts
from csms.blocks.calls import After, Answered, Desk, Followed, Order
from csms.blocks.context import Context
from csms.blocks.places import can_be
from csms.domain.device_model import Inventory, MessageLimit, Place, batches, message_limit
from csms.domain.facts import ReportCompleted, RequestChanged
from csms.errors import NotSupportedByDialect
from csms.store import requests, variables
from csms.store.edits import Connection
from csms.store.stations import StationRow
from csms.store.variables import VariableRow, WantedVariableRow
from csms.wire import words
from csms.wire.redaction import secret_variable
from csms.wire.router import Router

router = Router()
after = After()

T = TypeVar("T", bound=msgspec.Struct)

_DATA = "DeviceDataCtrlr"

# ---- what stations tell us


@router.on(words.NotifyReportRequest)
async def notify_report(request: words.NotifyReportRequest, ctx: Context) -> None:
    """B07, B08: a part of a report; the last one has no `tbc`."""
    told = [data for data in request.report_data or () if can_be(data.component.evse)]
    rows = [row for data in told for row in _rows(data, ctx)]
    complete = not request.tbc
    if await variables.count(ctx.db, ctx.station.id) + len(rows) > parts.VARIABLES_MAX:
        parts.ended(ctx, request.request_id, "TooManyVariables")
        return
    if not await parts.taken(ctx, request.request_id, last=complete):
        return
    if rows:
        ctx.keep(variables.values_reported(ctx.station.id, rows))
    ctx.emit(RequestChanged(ctx.now, ctx.station.id, request.request_id))
    if complete:
        ctx.emit(ReportCompleted(ctx.now, ctx.station.id, request.request_id))


def _rows(data: words.ReportDataType, ctx: Context) -> list[VariableRow]:
    traits = data.variable_characteristics
    return [
        _row(
            ctx.station.id,
            place_of(data.component, data.variable, attribute.type),
            value=None if secret_variable(data.variable.name) else attribute.value,
            mutability=attribute.mutability,
            persistent=attribute.persistent,
            constant=attribute.constant,
            data_type=traits.data_type if traits else None,
            unit=traits.unit if traits else None,
            min_limit=traits.min_limit if traits else None,
            max_limit=traits.max_limit if traits else None,
            max_elements=traits.max_elements if traits else None,
            values_list=traits.values_list if traits else None,
            supports_monitoring=traits.supports_monitoring if traits else None,
            reported_at=ctx.now,
        )
        for attribute in data.variable_attribute
    ]


def _row(identity: str, place: Place, **fields: Any) -> VariableRow:
    return VariableRow(
        identity=identity,
        **asdict(place),
        **fields,
    )


def place_of(
    component: words.ComponentType, variable: words.VariableType, attribute: str = "Actual"
) -> Place:
    """Where in the device model a message speaks of."""
    evse = component.evse
    return Place(
        component=component.name,
        variable=variable.name,
        component_instance=component.instance or "",
        evse_id=evse.id if evse else 0,
        connector_id=(evse.connector_id or 0) if evse else 0,
        variable_instance=variable.instance or "",
        attribute=attribute,
    )


def component_of(place: Place) -> words.ComponentType:
    """A place's component, as messages name it."""
    evse = (
        words.EVSEType(id=place.evse_id, connector_id=place.connector_id or None) if place.evse_id else None
    )
    return words.ComponentType(name=place.component, instance=place.component_instance or None, evse=evse)


def variable_of(place: Place) -> words.VariableType:
    """A place's variable, as messages name it."""
    return words.VariableType(name=place.variable, instance=place.variable_instance or None)


# ---- what we ask of stations


async def get_variables(
    desk: Desk, order: Order, wanted: Sequence[words.GetVariableDataType]
) -> list[words.GetVariableResultType]:
    """B06: one result for each variable, asked in as many messages as the station's limits want (B06.FR.05).

    `order` says whom and for whom; its `ask` is not looked at. Raises `StationError`.
    """
    pieces = batches(wanted, _length, await limit(desk, order.station, "GetVariables"))
    asks = [words.GetVariablesRequest(get_variable_data=part) for part in pieces]
    return await in_parts(desk, order, asks, lambda answer: answer.get_variable_result)


async def set_variables(
    desk: Desk, order: Order, wanted: Sequence[words.SetVariableDataType]
) -> list[words.SetVariableResultType]:
    """B05: one result for each variable, in as many messages as the station's limits want (B05.FR.11).

    `order` says whom and for whom; its `ask` is not looked at. Raises `StationError`.
    """
    pieces = batches(wanted, _length, await limit(desk, order.station, "SetVariables"))
    try:
        return await _set_in_parts(desk, order, pieces)
    except NotSupportedByDialect:
        if all(len(part) == 1 for part in pieces):
            raise
        # it may be that it takes one at a time and has not been asked yet what it takes
        return await _set_in_parts(desk, order, [(one,) for one in wanted])


async def _set_in_parts(
    desk: Desk, order: Order, pieces: Iterable[tuple[words.SetVariableDataType, ...]]
) -> list[words.SetVariableResultType]:
    asks = [words.SetVariablesRequest(set_variable_data=part) for part in pieces]
    return await in_parts(desk, order, asks, lambda answer: answer.set_variable_result)


async def in_parts(
    desk: Desk, order: Order, asks: Iterable[object], results_of: Callable[[Any], Iterable[T]]
) -> list[T]:
    """Ask one part after the other; the results of all. `order.ask` is not looked at.

    Raises `StationError`: what was asked before stands.
    """
    results: list[T] = []
    for ask in asks:
        results += results_of(await calls.call(desk, replace(order, ask=ask)))
    return results


async def limit(desk: Desk, station: StationRow, message: str, component: str = _DATA) -> MessageLimit:
    """How much a station takes in one message of a kind."""
    rows = await variables.reported(desk.db, station.identity, component=component)
    return message_limit(variables.plain_values(rows), component, message)


def base_report(report: words.ReportBaseEnumType = "FullInventory", kind: str = "report") -> Followed:
    """B07: all of the device model, or its configuration, or a summary."""
    return Followed(kind, lambda number: words.GetBaseReportRequest(request_id=number, report_base=report))


def custom_report(
    criteria: Sequence[words.ComponentCriterionEnumType] = (), places: Sequence[Place] = ()
) -> Followed:
    """B08: the components that meet the criteria, the named components and variables, or both at once.

    A place with an empty variable stands for the whole component.
    """
    asked = tuple(component_variable(place) for place in places)
    return Followed(
        "report",
        lambda number: words.GetReportRequest(
            request_id=number, component_criteria=tuple(criteria) or None, component_variable=asked or None
        ),
    )


def component_variable(place: Place) -> words.ComponentVariableType:
    """A place as reports ask for it."""
    return words.ComponentVariableType(
        component=component_of(place), variable=variable_of(place) if place.variable else None
    )


def _length(item: T) -> int:
    return len(msgspec.json.encode(item))


# ---- what follows from an answer


@after.on(words.GetBaseReportRequest)
async def inventory_told(conn: Connection, done: Answered) -> ReportCompleted | None:
    """B07 at a station that answers with its device model: there is no report to wait for."""
    if not isinstance(done.answer, Inventory):
        return None
    identity, number = done.station.identity, done.request.request_id
    for value in done.answer.values[: parts.VARIABLES_MAX]:
        hidden = value.value is None
        row = _row(
            identity,
            value.place,
            value=value.value,
            mutability="WriteOnly" if hidden else "ReadWrite" if value.settable else "ReadOnly",
            reported_at=done.at,
        )
        await variables.put_reported(conn, row)
    await requests.change(
        conn, identity, number, state=requests.COMPLETE, status=done.answer.status, changed_at=done.at
    )
    return ReportCompleted(done.at, identity, number)


@after.on(words.GetVariablesRequest)
async def variables_got(conn: Connection, done: Answered) -> None:
    """What was read is what the station has reported."""
    answer: words.GetVariablesResponse = done.answer
    for result in answer.get_variable_result:
        place = place_of(result.component, result.variable, result.attribute_type)
        if result.attribute_status == "Accepted" and not secret_variable(place.variable):
            value = result.attribute_value
            await variables.value_read(conn, done.station.identity, place, value, done.at)


@after.on(words.SetVariablesRequest)
async def variables_set(conn: Connection, done: Answered) -> None:
    """What was ordered is wanted from now on, what the station has taken is so at once; no secret is kept."""
    request: words.SetVariablesRequest = done.request
    answer: words.SetVariablesResponse = done.answer
    for item, result in _pairs(request.set_variable_data, answer.set_variable_result):
        place = place_of(item.component, item.variable, item.attribute_type)
        if secret_variable(place.variable):
            continue
        status = result.attribute_status
        info = result.attribute_status_info
        row = WantedVariableRow(
            identity=done.station.identity,
            component=place.component,
            component_instance=place.component_instance,
            evse_id=place.evse_id,
            connector_id=place.connector_id,
            variable=place.variable,
            variable_instance=place.variable_instance,
            attribute=place.attribute,
            value=item.attribute_value,
            status=status,
            reason=info.reason_code if info else None,
            ordered_at=done.at,
        )
        await variables.put_wanted(conn, row)
        if status == "Accepted":
            await variables.value_read(conn, done.station.identity, place, item.attribute_value, done.at)


def _pairs(
    items: Iterable[words.SetVariableDataType], results: Sequence[words.SetVariableResultType]
) -> Iterable[tuple[words.SetVariableDataType, words.SetVariableResultType]]:
    """Each order with its result, in whatever order the station has put them."""
    found = {
        place_of(result.component, result.variable, result.attribute_type).key(): result for result in results
    }
    for item in items:
        result = found.get(place_of(item.component, item.variable, item.attribute_type).key())
        if result is not None:
            yield item, result
