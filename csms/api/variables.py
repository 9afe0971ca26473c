"""The device model: what a station has reported against what we want, reports, and the recommended values."""

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import Field

from csms.api.asking import CALLS, Ask, desk
from csms.api.auth import ADMINISTRATOR, OPERATOR
from csms.api.shapes import Body, Flag, Page, Shape, Time, Whole
from csms.api.stations import registered
from csms.api.wiring import Wired
from csms.blocks import configuration, device_model
from csms.domain.device_model import Place, drift
from csms.domain.recommended import METER_INTERVAL_S, recommended
from csms.domain.recommended import Setting as Recommendation
from csms.store import variables
from csms.wire import words

router = APIRouter(tags=["device model"])

Name = Annotated[str, Field(min_length=1, max_length=50)]
Component = Annotated[str | None, Query(max_length=50, description="Only of this component, in any case.")]
Variable_ = Annotated[str | None, Query(alias="variable", max_length=50, description="Only this variable.")]


class VariablePlace(Body):
    """Where in the device model."""

    component: Name
    variable: Name | None = None
    component_instance: Annotated[str, Field(max_length=50)] = ""
    evse_id: Annotated[Whole, Field(ge=0, le=1000)] = 0
    connector_id: Annotated[Whole, Field(ge=0, le=1000)] = 0
    variable_instance: Annotated[str, Field(max_length=50)] = ""

    def place(self, attribute: str = "Actual") -> Place:
        """As the domain has it."""
        return Place(
            self.component,
            self.variable or "",
            self.component_instance,
            self.evse_id,
            self.connector_id,
            self.variable_instance,
            attribute,
        )


class Reading(VariablePlace):
    """A variable to read."""

    variable: Name
    attribute: words.AttributeEnumType = "Actual"


class Setting(Reading):
    """A variable to set."""

    value: Annotated[str, Field(max_length=1000)]


class Report(Body):
    """A report to take: `base`, or `criteria` and `places`, or both of these."""

    base: words.ReportBaseEnumType | None = None
    criteria: Annotated[tuple[words.ComponentCriterionEnumType, ...], Field(max_length=4)] = ()
    places: Annotated[tuple[VariablePlace, ...], Field(max_length=500)] = ()


class Variable(Shape):
    """One attribute of one variable as the station has reported it, with its characteristics.

    `wanted` is what it shall be by our order, `wantedStatus` the station's word on that.
    """

    component: str
    component_instance: str
    evse_id: int
    connector_id: int
    variable: str
    variable_instance: str
    attribute: str
    value: str | None
    mutability: str | None
    persistent: Flag | None
    constant: Flag | None
    data_type: str | None
    unit: str | None
    min_limit: float | None
    max_limit: float | None
    max_elements: int | None
    values_list: str | None
    supports_monitoring: Flag | None
    wanted: str | None = None
    wanted_status: str | None = None
    reported_at: Time


class Difference(Shape):
    """A variable that is not as it shall be."""

    component: str
    component_instance: str
    evse_id: int
    connector_id: int
    variable: str
    variable_instance: str
    attribute: str
    wanted: str
    reported: str | None
    status: str


class Result(Shape):
    """What the station said to one variable."""

    component: str
    evse_id: int
    variable: str
    variable_instance: str
    attribute: str
    value: str | None
    status: str
    reason: str | None = None


class Advice(Shape):
    """A variable that is not as we recommend: what we would set, and why. `status`: what the station said."""

    component: str
    variable: str
    variable_instance: str
    reported: str | None
    recommended: str
    why: str
    status: str | None = None


@router.get("/stations/{identity}/variables")
async def list_variables(
    identity: str, wired: Wired, component: Component = None, variable: Variable_ = None
) -> Page[Variable]:
    """The device model as far as the station has reported it, with what was ordered."""
    station = await registered(wired, identity)
    rows = await variables.reported(wired.db, station.identity, component=component, variable=variable)
    ordered = {
        variables.place_of(row).key(): row for row in await variables.wanted(wired.db, station.identity)
    }
    items = []
    for row in rows:
        wanted = ordered.get(variables.place_of(row).key())
        more = {} if wanted is None else {"wanted": wanted.value, "wanted_status": wanted.status}
        items.append(Variable.model_validate(row.model_dump() | more))
    return Page(items=items)


@router.get("/stations/{identity}/variables/drift")
async def list_drift(identity: str, wired: Wired) -> Page[Difference]:
    """What was ordered and is not so, by what the station has reported last."""
    station = await registered(wired, identity)
    ordered = await variables.wanted(wired.db, station.identity)
    found = drift(
        [(variables.place_of(row), row.value, row.status) for row in ordered],
        await variables.values(wired.db, station.identity),
    )
    return Page(
        items=[
            Difference(**asdict(one.place), wanted=one.wanted, reported=one.reported, status=one.status)
            for one in found
        ]
    )


@router.post("/stations/{identity}/variables/forget", status_code=204, openapi_extra=OPERATOR)
async def forget_wanted(
    identity: str, body: Annotated[tuple[Reading, ...], Field(min_length=1, max_length=1000)], wired: Wired
) -> Response:
    """Want nothing of these variables any more: they count as drift no longer. Nothing is sent."""
    station = await registered(wired, identity)
    async with wired.db.begin() as conn:
        for one in body:
            await variables.drop_wanted(conn, station.identity, one.place(one.attribute))
    return Response(status_code=204)


@router.post("/stations/{identity}/variables/read", openapi_extra=CALLS)
async def read_variables(
    identity: str, body: Annotated[tuple[Reading, ...], Field(min_length=1, max_length=1000)], ask: Ask
) -> Page[Result]:
    """B06: ask the station for variables now, in as many messages as it wants."""
    wanted = [
        words.GetVariableDataType(
            component=device_model.component_of(one.place()),
            variable=device_model.variable_of(one.place()),
            attribute_type=one.attribute,
        )
        for one in body
    ]
    results = await device_model.get_variables(ask.desk, await ask.order(identity), wanted)
    return Page(items=[_result(one, one.attribute_value) for one in results])


@router.post("/stations/{identity}/variables", openapi_extra=CALLS)
async def set_variables(
    identity: str, body: Annotated[tuple[Setting, ...], Field(min_length=1, max_length=1000)], ask: Ask
) -> Page[Result]:
    """B05: set variables, in as many messages as the station wants; what is ordered is wanted from now on."""
    data = [
        words.SetVariableDataType(
            attribute_value=one.value,
            component=device_model.component_of(one.place()),
            variable=device_model.variable_of(one.place()),
            attribute_type=one.attribute,
        )
        for one in body
    ]
    ask.guard(words.SetVariablesRequest(set_variable_data=tuple(data)))
    results = await device_model.set_variables(ask.desk, await ask.order(identity), data)
    return Page(items=[_result(one, None) for one in results])


@router.post("/stations/{identity}/reports", openapi_extra=CALLS)
async def take_report(identity: str, body: Report, ask: Ask) -> Response:
    """B07, B08: have the station report its device model, or parts of it; it comes under `requestId`."""
    if body.base is not None or not (body.criteria or body.places):
        return await ask.send(identity, device_model.base_report(body.base or "FullInventory"))
    places = [one.place() for one in body.places]
    return await ask.send(identity, device_model.custom_report(body.criteria, places))


@router.get("/stations/{identity}/configuration")
async def advise(identity: str, wired: Wired) -> Page[Advice]:
    """What we would set at this station and why; empty if it is as we recommend."""
    station = await registered(wired, identity)
    found = await configuration.plan(desk(wired), station, recommended(METER_INTERVAL_S))
    return Page(items=[_advice(one, one.values[0], None) for one in found])


@router.post("/stations/{identity}/configuration", openapi_extra=CALLS | ADMINISTRATOR)
async def configure(identity: str, ask: Ask) -> Page[Advice]:
    """Bring the station to what we recommend; what became of each variable that was not so."""
    table = recommended(METER_INTERVAL_S)
    outcomes = await configuration.bring(ask.desk, await ask.order(identity), table)
    return Page(items=[_advice(one.setting, one.value, one.status) for one in outcomes])


def _result(one: words.GetVariableResultType | words.SetVariableResultType, value: str | None) -> Result:
    place = device_model.place_of(one.component, one.variable, one.attribute_type)
    info = one.attribute_status_info
    return Result(
        component=place.component,
        evse_id=place.evse_id,
        variable=place.variable,
        variable_instance=place.variable_instance,
        attribute=place.attribute,
        value=value,
        status=one.attribute_status,
        reason=info.reason_code if info else None,
    )


def _advice(setting: Recommendation, value: str, status: str | None) -> Advice:
    return Advice(
        component=setting.place.component,
        variable=setting.place.variable,
        variable_instance=setting.place.variable_instance,
        reported=setting.reported,
        recommended=value,
        why=setting.why,
        status=status,
    )
