"""Dialect records: how a station takes orders, what ships, and a person's own word."""

from collections.abc import Callable, Mapping
from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic import Field, JsonValue
from pydantic.alias_generators import to_camel, to_snake

from csms.api.auth import OPERATOR, User
from csms.api.shapes import Body, Page, Shape, Time
from csms.api.stations import registered
from csms.api.wiring import Wired, Wiring
from csms.domain.dialect_choice import Origin, Plate, Shipped, Standing, by_plate
from csms.domain.dialect_record import record_fields, record_from
from csms.domain.facts import DialectChanged
from csms.errors import Invalid, NotFound
from csms.store import dialect_records
from csms.store.stations import StationRow

router = APIRouter(tags=["stations"])


class DialectRecord(Shape):
    """The record that holds for a station. `discharge` is how it may be ordered to discharge now.

    `origin`: unknown, shipped (`name`), declared, set or probe. `void` says why what was proven about
    discharge is so no more. `record` has the fields of `docs/v2g.md`.
    """

    station: str
    discharge: str
    origin: str
    name: str | None
    vendor: str | None
    model: str | None
    firmware: str | None
    version: str | None
    void: str | None
    record: dict[str, JsonValue]
    changed_at: Time | None
    changed_by: str | None


class ShippedRecord(Shape):
    """A record that comes with the product; `*` is any model, firmware from (inclusive) and below."""

    name: str
    vendor: str
    model: str
    firmware_from: str | None
    firmware_below: str | None
    versions: tuple[str, ...]
    source: str
    record: dict[str, JsonValue]


class NewRecord(Body):
    """A record of a person's own, or the name of one that ships; exactly one of both."""

    record: dict[str, JsonValue] | None = None
    shipped: str | None = Field(default=None, max_length=64)


@router.get("/dialect-records")
async def list_shipped() -> Page[ShippedRecord]:
    """The dialect records that come with the product."""
    return Page(items=[_shipped_shape(one) for one in dialect_records.shipped()])


@router.get("/stations/{identity}/dialect-record")
async def show_record(identity: str, wired: Wired) -> DialectRecord:
    """How this station takes orders."""
    return await _shape(wired, await registered(wired, identity))


@router.put("/stations/{identity}/dialect-record", openapi_extra=OPERATOR)
async def put_record(identity: str, body: NewRecord, request: Request, wired: Wired) -> DialectRecord:
    """Say how this station takes orders, instead of what its name plate tells."""
    station = await registered(wired, identity)
    plate = _plate(station)
    if (body.record is None) == (body.shipped is None):
        raise Invalid("record", "Give either a record or the name of a shipped one.")
    if body.record is not None:
        standing = Standing(record_from(_renamed(body.record, to_snake)), Origin.SET, plate)
    else:
        known = next((one for one in dialect_records.shipped() if one.name == body.shipped), None)
        if known is None:
            raise NotFound("dialect record", str(body.shipped))
        standing = Standing(known.record, Origin.SET, plate, known.name)
    return await _put(wired, station, standing, request)


@router.delete("/stations/{identity}/dialect-record", openapi_extra=OPERATOR)
async def forget_record(identity: str, request: Request, wired: Wired) -> Response:
    """Go back to what ships for the station's name plate."""
    station = await registered(wired, identity)
    await _put(wired, station, by_plate(dialect_records.shipped(), _plate(station)), request)
    return Response(status_code=204)


async def _put(wired: Wiring, station: StationRow, standing: Standing, request: Request) -> DialectRecord:
    user: User = request.state.user
    now = wired.clock.now()
    async with wired.db.begin() as conn:
        await dialect_records.put_standing(conn, station.identity, standing, now, user.name)
    wired.bus.publish(DialectChanged(now, station.identity, standing.discharge.value))
    return await _shape(wired, await registered(wired, station.identity))


async def _shape(wired: Wiring, station: StationRow) -> DialectRecord:
    row = await dialect_records.get(wired.db, station.identity)
    standing = dialect_records.standing_of(row, station)
    fields: dict[str, Any] = {
        "station": station.identity,
        "discharge": station.discharge,
        "origin": standing.origin.value,
        "name": standing.name,
        "vendor": standing.plate.vendor,
        "model": standing.plate.model,
        "firmware": standing.plate.firmware,
        "version": standing.plate.version,
        "void": standing.void,
        "record": _renamed(record_fields(standing.record), to_camel),
        "changed_at": None if row is None else row.changed_at,
        "changed_by": None if row is None else row.changed_by,
    }
    return DialectRecord.model_validate(fields)


def _shipped_shape(one: Shipped) -> ShippedRecord:
    models = one.models
    return ShippedRecord(
        name=one.name,
        vendor=models.vendor,
        model=models.model,
        firmware_from=models.firmware_from,
        firmware_below=models.firmware_below,
        versions=models.versions,
        source=one.source,
        record=_renamed(record_fields(one.record), to_camel),
    )


def _renamed(fields: Mapping[str, Any], name: Callable[[str], str]) -> dict[str, Any]:
    """A record's fields as JSON of the API has them, or as the domain has them."""
    return {
        name(key): _renamed(value, name) if isinstance(value, Mapping) else value
        for key, value in fields.items()
    }


def _plate(station: StationRow) -> Plate:
    return Plate(station.vendor, station.model, station.firmware, station.version)
