"""Raw calls to one station, and the journal of what became of each.

Accepted, sent, then answered, refused (a CALLERROR), failed or expired: one of these stands in the store for
every call, so nobody has to guess whether a command worked.
"""

from enum import StrEnum
from typing import Annotated

import msgspec
import orjson
from fastapi import APIRouter, Query, Response
from pydantic import JsonValue

from csms.api.asking import Ask
from csms.api.auth import OPERATOR
from csms.api.shapes import Flag, Limit, Page, Shape, Time
from csms.api.stations import registered
from csms.api.wiring import Wired
from csms.blocks import call_kinds
from csms.errors import Invalid, NotFound
from csms.store import journal
from csms.wire.dialect import RawCall
from csms.wire.strict_json import flaw

router = APIRouter(tags=["calls"])

_BODY = {
    "requestBody": {
        "description": "The payload of that request in the station's own OCPP version.",
        "content": {"application/json": {"schema": {"type": "object"}}},
    }
}


class State(StrEnum):
    """How it stands with a call."""

    ACCEPTED = "accepted"
    SENT = "sent"
    ANSWERED = "answered"
    REFUSED = "refused"
    FAILED = "failed"
    EXPIRED = "expired"


class Call(Shape):
    """One call and what became of it. `payload` and `answer` are without secrets.

    `requestId` is that of the request which it began, if its result comes later (`/stations/{id}/requests`).
    `mayRepeat`: sending it once more does no harm, whatever became of this one. `retry`: it is sent again by
    itself until `deadline`; `attempts` have come to nothing.
    """

    call_id: str
    station: str
    action: str
    state: str
    payload: JsonValue
    answer: JsonValue = None
    error_code: str | None = None
    error_text: str | None = None
    user: str | None = None
    idempotency_key: str | None = None
    deadline: Time | None = None
    request_id: int | None = None
    retry: Flag = False
    attempts: int = 0
    may_repeat: bool
    created_at: Time
    changed_at: Time


@router.post("/stations/{identity}/calls/{action}", openapi_extra=OPERATOR | _BODY)
async def send_call(identity: str, action: str, ask: Ask) -> Response:
    """Send any call that a CSMS may send, and give the station's answer."""
    return await ask.send(identity, RawCall(action, _payload(await ask.request.body())))


@router.get("/stations/{identity}/calls")
async def list_calls(
    identity: str,
    wired: Wired,
    limit: Limit = 100,
    state: State | None = None,
    action: Annotated[str | None, Query(max_length=64)] = None,
) -> Page[Call]:
    """The newest calls to a station, newest first."""
    station = await registered(wired, identity)
    rows = await journal.calls(wired.db, station.identity, limit, state=state, action=action)
    return Page(items=[_shape(row) for row in rows])


@router.get("/calls/{call_id}")
async def show_call(call_id: str, wired: Wired) -> Call:
    """One call."""
    row = await journal.call(wired.db, call_id)
    if row is None:
        raise NotFound("call", call_id)
    return _shape(row)


def _payload(body: bytes) -> dict[str, object]:
    found = flaw(body or b"{}", ints=True)
    if found is not None:
        raise Invalid("payload", found.description)
    payload = msgspec.json.decode(body or b"{}")
    if not isinstance(payload, dict):
        raise Invalid("payload", "The body must be a JSON object.")
    return payload


def _shape(row: journal.CallRow) -> Call:
    return Call.model_validate(
        row.model_dump()
        | {
            "station": row.identity,
            "payload": orjson.loads(row.payload),
            "answer": None if row.answer is None else orjson.loads(row.answer),
            "may_repeat": row.action not in call_kinds.ONCE,
        }
    )
