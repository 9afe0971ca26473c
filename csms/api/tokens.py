"""Id tokens: who may start transactions, and whose vehicle that is."""

from enum import StrEnum
from typing import Annotated

from fastapi import APIRouter, Response
from pydantic import Field

from csms.api.auth import OPERATOR
from csms.api.shapes import After, Body, Flag, Key, Limit, Page, Shape, Text, Time, Token, key_of, page
from csms.api.wiring import Wired, Wiring
from csms.errors import Conflict, Invalid, NotFound
from csms.store import programs, tokens

router = APIRouter(tags=["id-tokens"])


class TokenStatus(StrEnum):
    """What a station is answered when the token is used."""

    ACCEPTED = "Accepted"
    BLOCKED = "Blocked"
    EXPIRED = "Expired"
    INVALID = "Invalid"
    NO_CREDIT = "NoCredit"


class TokenChange(Body):
    """What shall be otherwise; what is left out stays. `concurrent` false: one transaction at a time."""

    type: Annotated[Text, Field(max_length=20)] = "Central"
    status: TokenStatus = TokenStatus.ACCEPTED
    group_id_token: Token | None = None
    expiry: Time | None = None
    concurrent: Flag = True
    driver_id: Key | None = None
    vehicle_id: Key | None = None


class NewToken(TokenChange):
    """A token to register; tokens are case-insensitive."""

    id_token: Token


class IdToken(Shape):
    """An id token."""

    id_token: Annotated[str, Field(validation_alias="token")]
    type: str
    status: str
    group_id_token: Annotated[str | None, Field(validation_alias="group_token")]
    expiry: Time | None
    concurrent: Flag
    driver_id: str | None
    vehicle_id: str | None


@router.get("/id-tokens", openapi_extra=OPERATOR)
async def list_tokens(wired: Wired, after: After = None, limit: Limit = 100) -> Page[IdToken]:
    """All tokens. They open charging stations, so viewers do not see them."""
    rows = await tokens.listing(wired.db, key_of(after), limit + 1)
    return page(rows, limit, lambda row: row.token, IdToken.model_validate)


@router.get("/id-tokens/{id_token}", openapi_extra=OPERATOR)
async def show_token(id_token: str, wired: Wired) -> IdToken:
    """One token."""
    return IdToken.model_validate(await _found(wired, id_token))


@router.post("/id-tokens", status_code=201, openapi_extra=OPERATOR)
async def add_token(body: NewToken, wired: Wired) -> IdToken:
    """Register a token; 409 if it is there already."""
    token = body.id_token.lower()
    if await tokens.get(wired.db, token) is not None:
        raise Conflict(f"There is an id token {body.id_token!r} already.")
    await _check_owner(wired, body)
    row = tokens.IdTokenRow(
        token=token,
        group_token=body.group_id_token,
        **body.model_dump(exclude={"id_token", "group_id_token"}),
    )
    async with wired.db.begin() as conn:
        await tokens.put(conn, row)
    return IdToken.model_validate(row)


@router.patch("/id-tokens/{id_token}", openapi_extra=OPERATOR)
async def change_token(id_token: str, body: TokenChange, wired: Wired) -> IdToken:
    """Change a token."""
    row = await _found(wired, id_token)
    await _check_owner(wired, body)
    fields = body.model_dump(exclude_unset=True)
    if "group_id_token" in fields:
        fields["group_token"] = fields.pop("group_id_token")
    async with wired.db.begin() as conn:
        await tokens.change(conn, row.token, **fields)
    return await show_token(id_token, wired)


@router.delete("/id-tokens/{id_token}", status_code=204, openapi_extra=OPERATOR)
async def remove_token(id_token: str, wired: Wired) -> Response:
    """Forget a token."""
    row = await _found(wired, id_token)
    async with wired.db.begin() as conn:
        await tokens.remove(conn, row.token)
    return Response(status_code=204)


async def _found(wired: Wiring, id_token: str) -> tokens.IdTokenRow:
    row = await tokens.get(wired.db, id_token.lower())
    if row is None:
        raise NotFound("id token", id_token)
    return row


async def _check_owner(wired: Wiring, body: TokenChange) -> None:
    if body.driver_id is not None and await programs.driver(wired.db, body.driver_id) is None:
        raise Invalid("driverId", f"There is no driver {body.driver_id!r}.")
    if body.vehicle_id is not None and await programs.vehicle(wired.db, body.vehicle_id) is None:
        raise Invalid("vehicleId", f"There is no vehicle {body.vehicle_id!r}.")
