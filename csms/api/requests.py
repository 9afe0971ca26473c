"""Requests whose result comes after the answer: reports, logs, firmware, monitoring, customer information.

Each is followed to its end as one thing: its state, the station's last word, what has come so far.
"""

import asyncio
from typing import Annotated

import msgspec
from fastapi import APIRouter, Query, Response
from pydantic import JsonValue

from csms.api.auth import OPERATOR, CurrentUser, Role
from csms.api.shapes import Limit, Page, Shape, Time, Wide
from csms.api.stations import registered
from csms.api.wiring import Wired, Wiring
from csms.blocks.call_kinds import FOLLOWED
from csms.domain.facts import RequestChanged
from csms.errors import Forbidden, NotFound
from csms.store import requests

router = APIRouter(tags=["requests"])

Wait = Annotated[
    float, Query(ge=0, le=60, description="Seconds to wait for the end; answers at once when it has ended.")
]


class FollowedRequest(Shape):
    """One request. `status` is the station's last word on it; `parts` how many messages have come.

    `state`: open, complete, failed, refused (not taken on), replaced (by a newer one).
    """

    request_id: int
    kind: str
    state: str
    status: str | None
    parts: int
    detail: str | None
    call_id: str | None
    opened_at: Time
    changed_at: Time


class RequestResult(FollowedRequest):
    """One request with what has come of it; reports go into `/variables` and `/monitors` instead."""

    result: tuple[JsonValue, ...] = ()


@router.get("/stations/{identity}/requests")
async def list_requests(identity: str, wired: Wired, limit: Limit = 100) -> Page[FollowedRequest]:
    """The newest requests to a station, newest first."""
    station = await registered(wired, identity)
    rows = await requests.listing(wired.db, station.identity, limit)
    return Page(items=[FollowedRequest.model_validate(row) for row in rows])


@router.get("/stations/{identity}/requests/{request_id}", openapi_extra=OPERATOR)
async def show_request(
    identity: str, request_id: Wide, wired: Wired, user: CurrentUser, wait: Wait = 0
) -> RequestResult:
    """One request and its result so far. What a station knows of a customer is for administrators."""
    station = await registered(wired, identity)
    row = await _ended(wired, station.identity, request_id, wait)
    if row.kind == FOLLOWED["CustomerInformation"] and not user.may(Role.ADMINISTRATOR):
        raise Forbidden("What a station knows of a customer needs the role administrator.")
    parts = await requests.parts(wired.db, row)
    return RequestResult.model_validate(
        FollowedRequest.model_validate(row).model_dump() | {"result": [_part(one.payload) for one in parts]}
    )


@router.delete("/stations/{identity}/requests/{request_id}", status_code=204, openapi_extra=OPERATOR)
async def forget_request(identity: str, request_id: Wide, wired: Wired) -> Response:
    """Forget a request and what came of it, for example what a station told of a customer."""
    station = await registered(wired, identity)
    await _found(wired, station.identity, request_id)
    async with wired.db.begin() as conn:
        await requests.forget(conn, station.identity, request_id)
    return Response(status_code=204)


async def _ended(wired: Wiring, identity: str, request_id: int, wait_s: float) -> requests.RequestRow:
    """The request, when it has ended or the time is over."""
    async with wired.bus.subscribe(RequestChanged) as facts:
        row = await _found(wired, identity, request_id)
        try:
            async with asyncio.timeout(wait_s):
                while row.state == requests.OPEN:
                    fact = await anext(facts)
                    assert isinstance(fact, RequestChanged)
                    if (fact.station_id, fact.request_id) == (identity, request_id):
                        row = await _found(wired, identity, request_id)
        except TimeoutError:
            pass
    return row


async def _found(wired: Wiring, identity: str, request_id: int) -> requests.RequestRow:
    row = await requests.get(wired.db, identity, request_id)
    if row is None:
        raise NotFound("request", str(request_id))
    return row


def _part(text: str) -> JsonValue:
    try:
        part: JsonValue = msgspec.json.decode(text)
    except msgspec.DecodeError:  # customer information is free text
        return text
    return part
