"""Stations: registration, rating, and what they last said of themselves."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Response
from pydantic import Field, StrictBool

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
    Whole,
    key_of,
    page,
)
from csms.api.wiring import Wired, Wiring
from csms.domain.dialect_choice import Plate, declared_standing
from csms.domain.dialect_record import Discharge
from csms.domain.facts import StationRegistered
from csms.domain.station import EvseRating, Registration, canonical_identity
from csms.errors import Invalid, NotFound
from csms.pki import passwords
from csms.store import dialect_records, stations
from csms.store.edits import Connection

router = APIRouter(tags=["stations"])


class Rating(Body):
    """What the hardware of one EVSE can do, both as magnitudes in W."""

    evse_id: Annotated[Whole, Field(ge=1, le=1000)]
    max_charge_w: Magnitude | None = None
    max_discharge_w: Magnitude | None = None


class StationFields(Body):
    """What a person decides about a station."""

    serial_number: Annotated[str, Field(min_length=1, max_length=25)] | None = None
    security_profile: Annotated[Whole, Field(ge=1, le=3)] = 1
    vendor: Text | None = None
    model: Text | None = None
    site: Key | None = None
    registration: Registration = Registration.ACCEPTED
    onboarding: Annotated[str, Field(pattern="^(full|none)$")] = "full"
    discharge: Discharge = Discharge.NONE
    import_limit_w: Annotated[
        Magnitude | None,
        Field(description="Most for all its EVSEs together, W; null: as its site."),
    ] = None
    export_limit_w: Annotated[
        Magnitude | None,
        Field(description="Most for all its EVSEs together, W; null: as its site."),
    ] = None
    message_timeout_s: Annotated[Number, Field(gt=0, le=600)] = 30.0
    ping_interval_s: (
        Annotated[Number, Field(ge=1, le=3600, description="Null: as for all stations.")] | None
    ) = None
    newest_wins: Annotated[
        StrictBool,
        Field(description="A new connection replaces one that still answers pings."),
    ] = False


class NewStation(StationFields):
    """A station to register. Without `password` one is made and given back, this once."""

    identity: str
    password: Annotated[str | None, Field(max_length=64, repr=False)] = None
    evses: Annotated[tuple[Rating, ...], Field(max_length=200)] = ()


class StationChange(StationFields):
    """What shall be otherwise; a field that is left out stays. `hold` null lets orders go to it again."""

    identity: str | None = None
    password: Annotated[str | None, Field(max_length=64, repr=False)] = None
    evses: Annotated[tuple[Rating, ...], Field(max_length=200)] | None = None
    hold: Text | None = None


class Station(Shape):
    """A station as it is known. The password is never shown again."""

    identity: str
    serial_number: str | None
    security_profile: int
    vendor: str | None
    model: str | None
    firmware: str | None
    site: Annotated[str | None, Field(validation_alias="site_id")]
    registration: str
    onboarding: str
    discharge: str
    hold: str | None
    import_limit_w: float | None
    export_limit_w: float | None
    message_timeout_s: float
    ping_interval_s: float | None
    newest_wins: Flag
    version: str | None
    connected: Flag
    booted_at: Time | None
    boot_reason: str | None
    last_seen_at: Time | None
    clock_skew_s: float | None
    created_at: Time


class Connector(Shape):
    """The newest status of a connector."""

    evse_id: int
    connector_id: int
    status: str
    status_at: Time


class Evse(Shape):
    """An EVSE's rating, magnitudes in W."""

    evse_id: int
    max_charge_w: float | None
    max_discharge_w: float | None


class StationDetail(Station):
    """A station with its EVSEs and connectors."""

    evses: tuple[Evse, ...] = ()
    connectors: tuple[Connector, ...] = ()


class RegisteredStation(StationDetail):
    """A station that was just registered; `password` is shown this once."""

    password: str


@router.get("/stations")
async def list_stations(wired: Wired, after: After = None, limit: Limit = 100) -> Page[Station]:
    """All stations, by identity."""
    rows = await stations.listing(wired.db, key_of(after), limit + 1)
    return page(rows, limit, lambda row: row.identity, Station.model_validate)


@router.get("/stations/{identity}")
async def show_station(identity: str, wired: Wired) -> StationDetail:
    """One station with its EVSEs and connectors."""
    return StationDetail.model_validate(await _detail(wired, await registered(wired, identity)))


@router.post("/stations", status_code=201, openapi_extra=OPERATOR)
async def add_station(body: NewStation, wired: Wired) -> RegisteredStation:
    """Register a station; 409 if its identity is taken."""
    (added,) = await add_all(wired, [body])
    return added


async def add_all(wired: Wiring, bodies: Sequence[NewStation]) -> list[RegisteredStation]:
    """Register stations, all or none. Raises `Invalid`, and `Conflict` if an identity is taken."""
    rows, given = [], []
    for body in bodies:
        _check_discharge(body)
        if body.password is not None:
            passwords.check_strength(body.password)
        await _check_site(wired, body.site)
        given.append(body.password or passwords.generate())
        row = stations.StationRow(
            identity=canonical_identity(body.identity),
            password_hash=passwords.hash_password(given[-1]),
            site_id=body.site,
            created_at=wired.clock.now(),
            **body.model_dump(exclude={"identity", "password", "evses", "site"}),
        )
        rows.append((row, _ratings(body.evses), "discharge" in body.model_fields_set))
    async with wired.db.begin() as conn:
        for row, ratings, declared in rows:
            await stations.add(conn, row, ratings)
            if declared:
                await _declare(conn, wired, row)
    for row, *_ in rows:
        wired.bus.publish(StationRegistered(wired.clock.now(), row.identity))
    return [
        RegisteredStation.model_validate({**await _detail(wired, row), "password": password})
        for (row, *_), password in zip(rows, given, strict=True)
    ]


@router.patch("/stations/{identity}", openapi_extra=OPERATOR)
async def change_station(identity: str, body: StationChange, wired: Wired) -> StationDetail:
    """Change what was decided about a station; its connection is closed and must look again."""
    _check_discharge(body)
    row = await registered(wired, identity)
    if body.identity is not None and canonical_identity(body.identity) != row.identity:
        raise Invalid("identity", "An identity cannot be changed; register the station anew.")
    fields: dict[str, Any] = body.model_dump(
        exclude_unset=True, exclude={"identity", "password", "evses", "site"}
    )
    if body.password is not None:
        passwords.check_strength(body.password)
        fields["password_hash"] = passwords.hash_password(body.password)
    if "site" in body.model_fields_set:
        await _check_site(wired, body.site)
        fields["site_id"] = body.site
    async with wired.db.begin() as conn:
        await stations.change(conn, row.identity, **fields)
        if "discharge" in fields:
            await _declare(conn, wired, row, fields["discharge"])
        for rating in _ratings(body.evses or ()):
            await stations.put_evse(conn, row.identity, rating)
    wired.bus.publish(StationRegistered(wired.clock.now(), row.identity))
    return await show_station(row.identity, wired)


@router.delete("/stations/{identity}", status_code=204, openapi_extra=OPERATOR)
async def remove_station(identity: str, wired: Wired) -> Response:
    """Forget a station; its connection is closed. Its transactions stay."""
    row = await registered(wired, identity)
    async with wired.db.begin() as conn:
        await stations.remove(conn, row.identity)
    wired.bus.publish(StationRegistered(wired.clock.now(), row.identity))
    return Response(status_code=204)


async def registered(wired: Wiring, identity: str) -> stations.StationRow:
    """The station with this identity in any spelling; `NotFound` if there is none."""
    row = await stations.get(wired.db, canonical_identity(identity))
    if row is None:
        raise NotFound("station", identity)
    return row


async def _detail(wired: Wiring, row: stations.StationRow) -> Mapping[str, object]:
    evses = await stations.evses(wired.db, row.identity)
    connectors = await stations.connectors(wired.db, row.identity)
    return {
        **Station.model_validate(row).model_dump(),
        "evses": [Evse.model_validate(evse) for evse in evses],
        "connectors": [Connector.model_validate(connector) for connector in connectors],
    }


def _check_discharge(body: StationFields) -> None:
    if body.discharge is Discharge.DATA_TRANSFER:
        raise Invalid("discharge", "A vendor's own way needs a dialect record that names its adapter.")


async def _declare(
    conn: Connection, wired: Wiring, row: stations.StationRow, discharge: str | None = None
) -> None:
    """A person says how the station takes an order to discharge: that is its dialect record from now on."""
    plate = Plate(row.vendor, row.model, row.firmware, row.version)
    standing = declared_standing(Discharge(discharge or row.discharge), plate)
    await dialect_records.put_standing(conn, row.identity, standing, wired.clock.now(), None)


async def _check_site(wired: Wiring, site: str | None) -> None:
    if site is not None and await stations.get_site(wired.db, site) is None:
        raise Invalid("site", f"There is no site {site!r}.")


def _ratings(evses: tuple[Rating, ...]) -> list[EvseRating]:
    if len({evse.evse_id for evse in evses}) != len(evses):
        raise Invalid("evses", "An evseId comes twice.")
    return [EvseRating(evse.evse_id, evse.max_charge_w, evse.max_discharge_w) for evse in evses]
