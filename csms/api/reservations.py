"""Reservations: of one EVSE, of any, or of a kind of connector."""

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import Field

from csms.api.asking import CALLS, Ask
from csms.api.commands import EvseId
from csms.api.shapes import Body, Limit, Page, Shape, Text, Time, Whole, Wide
from csms.api.stations import registered
from csms.api.wiring import Wired
from csms.blocks.remote_control import token_of
from csms.blocks.times import written
from csms.domain.transaction import IdToken
from csms.errors import Invalid, NotFound
from csms.store import reservations, tokens
from csms.wire import words

router = APIRouter(tags=["reservations"])


class NewReservation(Body):
    """For whom, until when, and where: `evseId`, or any with `connectorType`, or any at all.

    `expiry` or `forS` seconds from now. `reservationId` changes the reservation that has it.
    """

    station: Annotated[str, Field(min_length=1, max_length=48)]
    id_token: Annotated[str, Field(min_length=1, max_length=36)]
    type: Annotated[Text, Field(max_length=20)] | None = None
    group_id_token: Annotated[str, Field(max_length=36)] | None = None
    evse_id: EvseId | None = None
    connector_type: Annotated[Text, Field(max_length=20)] | None = None
    expiry: Time | None = None
    for_s: Annotated[Whole, Field(gt=0, le=604_800)] | None = None
    reservation_id: Annotated[Whole, Field(ge=1, lt=2**31)] | None = None


class Reservation(Shape):
    """A reservation. `state`: requested, active, refused, cancelled, used, expired, removed, unused."""

    station: Annotated[str, Field(validation_alias="identity")]
    reservation_id: int
    evse_id: int | None
    connector_type: str | None
    id_token: str
    id_token_type: str
    group_token: str | None
    expiry: Time
    state: str
    status: str | None
    transaction_id: str | None
    made_at: Time
    changed_at: Time


@router.get("/reservations")
async def list_reservations(
    wired: Wired,
    limit: Limit = 100,
    station: Annotated[str | None, Query(description="Only at this station.")] = None,
    state: Annotated[str | None, Query(max_length=16, description="Only in this state.")] = None,
) -> Page[Reservation]:
    """The newest reservations, newest first."""
    identity = None if station is None else (await registered(wired, station)).identity
    rows = await reservations.listing(wired.db, identity, state, limit)
    return Page(items=[Reservation.model_validate(row) for row in rows])


@router.get("/stations/{identity}/reservations/{reservation_id}")
async def show_reservation(identity: str, reservation_id: Wide, wired: Wired) -> Reservation:
    """One reservation."""
    station = await registered(wired, identity)
    row = await reservations.get(wired.db, station.identity, reservation_id)
    if row is None:
        raise NotFound("reservation", str(reservation_id))
    return Reservation.model_validate(row)


@router.post("/reservations", openapi_extra=CALLS)
async def reserve(body: NewReservation, ask: Ask) -> Response:
    """H01: reserve; the station's answer says whether it stands."""
    if (body.expiry is None) == (body.for_s is None):
        raise Invalid("expiry", "Say either expiry or forS.")
    now = ask.wired.clock.now()
    expiry = body.expiry or now + timedelta(seconds=body.for_s or 0)
    if expiry <= now:
        raise Invalid("expiry", "It is over already.")
    row = await tokens.get(ask.wired.db, body.id_token)
    group = body.group_id_token or (row.group_token if row else None)
    station = await registered(ask.wired, body.station)
    number = body.reservation_id
    if number is None:
        async with ask.wired.db.begin() as conn:
            number = await reservations.next_id(conn, station.identity)
    request = words.ReserveNowRequest(
        id=number,
        expiry_date_time=written(expiry),
        connector_type=body.connector_type,
        id_token=token_of(IdToken(body.id_token, body.type or (row.type if row else "Central"))),
        evse_id=body.evse_id,
        group_id_token=None if group is None else token_of(IdToken(group, "Central")),
    )
    return await ask.send(station.identity, request)


@router.post("/stations/{identity}/reservations/{reservation_id}/cancel", openapi_extra=CALLS)
async def cancel_reservation(identity: str, reservation_id: Wide, ask: Ask) -> Response:
    """H02: cancel a reservation."""
    return await ask.send(identity, words.CancelReservationRequest(reservation_id=reservation_id))
