"""Drivers and vehicles; who takes part in what, what each needs, and "not this time"."""

from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import Field

from csms.api.auth import OPERATOR
from csms.api.shapes import (
    After,
    Body,
    Flag,
    Key,
    Limit,
    Magnitude,
    Number,
    Page,
    Shape,
    Text,
    Time,
    key_of,
    page,
)
from csms.api.wiring import Wired, Wiring
from csms.domain.program import Need
from csms.errors import Conflict, Invalid, NotFound
from csms.grid import enrolment
from csms.store import programs

router = APIRouter(tags=["drivers"])

Percent = Annotated[Number, Field(ge=0, le=100)]


class NewDriver(Body):
    """A driver to register."""

    driver_id: Key
    name: Text | None = None


class Driver(Shape):
    """A driver."""

    driver_id: str
    name: str | None


class NewVehicle(Body):
    """A vehicle to register; powers are magnitudes in W. What is not said is not known: then no discharge."""

    vehicle_id: Key
    driver_id: Key | None = None
    capacity_wh: Annotated[Number, Field(gt=0, le=10_000_000)] | None = None
    max_charge_w: Magnitude | None = None
    max_discharge_w: Magnitude | None = None
    bidirectional: Flag = False


class Vehicle(Shape):
    """A vehicle."""

    vehicle_id: str
    driver_id: str | None
    capacity_wh: float | None
    max_charge_w: float | None
    max_discharge_w: float | None
    bidirectional: bool


class EnrolmentBody(Body):
    """Which program."""

    program_id: Key


class Enrolment(Shape):
    """A driver's part in a program."""

    program_id: str
    since: Time


class NeedBody(Body):
    """What the driver wants kept instead of what was said before. No `reserveSoc`: no discharge."""

    reserve_soc: Percent | None = None
    departure: Time | None = None
    target_energy_wh: Magnitude | None = None
    target_soc: Percent | None = None


class NeedShape(Shape):
    """What the driver wants kept."""

    reserve_soc: float | None
    departure: Time | None
    target_energy_wh: float | None
    target_soc: float | None


class OptOutBody(Body):
    """Not in this event, or without `eventId` not until further notice."""

    program_id: Key
    event_id: Key | None = None


@router.get("/drivers")
async def list_drivers(wired: Wired, after: After = None, limit: Limit = 100) -> Page[Driver]:
    """All drivers."""
    rows = await programs.drivers(wired.db, key_of(after), limit + 1)
    return page(rows, limit, lambda row: row.driver_id, Driver.model_validate)


@router.post("/drivers", status_code=201, openapi_extra=OPERATOR)
async def add_driver(body: NewDriver, wired: Wired) -> Driver:
    """Register a driver; 409 if there is one with this id."""
    if await programs.driver(wired.db, body.driver_id) is not None:
        raise Conflict(f"There is a driver {body.driver_id!r} already.")
    row = programs.DriverRow(**body.model_dump())
    async with wired.db.begin() as conn:
        await programs.put_driver(conn, row)
    return Driver.model_validate(row)


@router.get("/drivers/{driver_id}")
async def show_driver(driver_id: str, wired: Wired) -> Driver:
    """One driver."""
    return Driver.model_validate(await _driver(wired, driver_id))


@router.get("/drivers/{driver_id}/enrolments")
async def list_enrolments(driver_id: str, wired: Wired) -> Page[Enrolment]:
    """The programs that a driver takes part in."""
    await _driver(wired, driver_id)
    rows = await programs.enrolments(wired.db, driver_id)
    return Page(items=[Enrolment.model_validate(row) for row in rows])


@router.post("/drivers/{driver_id}/enrolments", status_code=201, openapi_extra=OPERATOR)
async def enrol(driver_id: str, body: EnrolmentBody, wired: Wired) -> Page[Enrolment]:
    """Let a driver take part in a program; 409 if that is so already."""
    if any(row.program_id == body.program_id for row in await programs.enrolments(wired.db, driver_id)):
        raise Conflict(f"Driver {driver_id!r} takes part in {body.program_id!r} already.")
    await enrolment.enrol(wired.db, wired.bus, wired.clock, driver_id, body.program_id)
    return await list_enrolments(driver_id, wired)


@router.delete("/drivers/{driver_id}/enrolments/{program_id}", status_code=204, openapi_extra=OPERATOR)
async def leave(driver_id: str, program_id: str, wired: Wired) -> Response:
    """End a driver's part in a program."""
    await _driver(wired, driver_id)
    await enrolment.leave(wired.db, wired.bus, wired.clock, driver_id, program_id)
    return Response(status_code=204)


@router.get("/drivers/{driver_id}/needs")
async def show_need(driver_id: str, wired: Wired) -> NeedShape:
    """What a driver wants kept; all null if the driver has not said."""
    await _driver(wired, driver_id)
    return NeedShape.model_validate(await programs.need(wired.db, driver_id) or Need())


@router.post("/drivers/{driver_id}/needs", status_code=201, openapi_extra=OPERATOR)
async def set_need(driver_id: str, body: NeedBody, wired: Wired) -> NeedShape:
    """Say what a driver wants kept."""
    await _driver(wired, driver_id)
    need = Need(body.reserve_soc, body.departure, body.target_energy_wh, body.target_soc)
    await enrolment.set_need(wired.db, wired.bus, wired.clock, driver_id, need)
    return NeedShape.model_validate(need)


@router.post("/drivers/{driver_id}/opt-outs", status_code=201, openapi_extra=OPERATOR)
async def opt_out(driver_id: str, body: OptOutBody, wired: Wired) -> OptOutBody:
    """Take a driver out at once (V-07); opting out twice is no mistake."""
    await _driver(wired, driver_id)
    await enrolment.opt_out(wired.db, wired.bus, wired.clock, driver_id, body.program_id, body.event_id)
    return body


@router.delete("/drivers/{driver_id}/opt-outs", status_code=204, openapi_extra=OPERATOR)
async def opt_in(
    driver_id: str,
    wired: Wired,
    program_id: Annotated[Key, Query(alias="programId")],
    event_id: Annotated[Key | None, Query(alias="eventId")] = None,
) -> Response:
    """Take an opt-out back."""
    await _driver(wired, driver_id)
    await enrolment.opt_in(wired.db, wired.bus, wired.clock, driver_id, program_id, event_id)
    return Response(status_code=204)


@router.get("/vehicles")
async def list_vehicles(wired: Wired, after: After = None, limit: Limit = 100) -> Page[Vehicle]:
    """All vehicles."""
    rows = await programs.vehicles(wired.db, key_of(after), limit + 1)
    return page(rows, limit, lambda row: row.vehicle_id, Vehicle.model_validate)


@router.get("/vehicles/{vehicle_id}")
async def show_vehicle(vehicle_id: str, wired: Wired) -> Vehicle:
    """One vehicle."""
    row = await programs.vehicle(wired.db, vehicle_id)
    if row is None:
        raise NotFound("vehicle", vehicle_id)
    return Vehicle.model_validate(row)


@router.post("/vehicles", status_code=201, openapi_extra=OPERATOR)
async def add_vehicle(body: NewVehicle, wired: Wired) -> Vehicle:
    """Register a vehicle; 409 if there is one with this id."""
    if await programs.vehicle(wired.db, body.vehicle_id) is not None:
        raise Conflict(f"There is a vehicle {body.vehicle_id!r} already.")
    if body.driver_id is not None and await programs.driver(wired.db, body.driver_id) is None:
        raise Invalid("driverId", f"There is no driver {body.driver_id!r}.")
    row = programs.VehicleRow(**body.model_dump())
    async with wired.db.begin() as conn:
        await programs.put_vehicle(conn, row)
    return Vehicle.model_validate(row)


async def _driver(wired: Wiring, driver_id: str) -> programs.DriverRow:
    row = await programs.driver(wired.db, driver_id)
    if row is None:
        raise NotFound("driver", driver_id)
    return row
