"""Raw calls to one station, and the journal of what became of each.

Accepted, sent, then answered, refused (a CALLERROR), failed or expired: one of these stands in the store for
every call, so nobody has to guess whether a command worked.
"""

import uuid
from dataclasses import dataclass
from typing import Annotated

import msgspec
import orjson
from fastapi import APIRouter, BackgroundTasks, Query, Request, Response
from pydantic import JsonValue

from csms.api import orders, problems
from csms.api.auth import OPERATOR, Role, User
from csms.api.idempotency import Answer, IdempotencyKey, once
from csms.api.shapes import Limit, Page, Shape, Time
from csms.api.stations import registered
from csms.api.wiring import Wired, Wiring
from csms.blocks import provisioning
from csms.errors import (
    CsmsError,
    Forbidden,
    Invalid,
    NotFound,
    NotSupportedByDialect,
    OcppError,
    StationOffline,
    StationRefused,
    StationTimeout,
    Unsafe,
)
from csms.store import journal, profiles
from csms.wire.strict_json import flaw

router = APIRouter(tags=["calls"])

_BODY = {
    "requestBody": {
        "description": "The payload of that request in the station's own OCPP version.",
        "content": {"application/json": {"schema": {"type": "object"}}},
    }
}
_OVERRIDE = Query(
    min_length=8, max_length=255, description="An administrator's reason to send a negative limit by hand."
)


class Call(Shape):
    """One call and what became of it. `payload` and `answer` are without secrets."""

    call_id: str
    station: str
    action: str
    state: str
    payload: JsonValue
    answer: JsonValue = None
    error_code: str | None = None
    error_text: str | None = None
    user: str | None = None
    created_at: Time
    changed_at: Time


@dataclass(frozen=True, slots=True)
class _Order:
    """A call that passed all checks."""

    call_id: str
    identity: str
    action: str
    payload: dict[str, object]
    timeout_s: float


@router.post("/stations/{identity}/calls/{action}", openapi_extra=OPERATOR | _BODY)
async def send_call(  # noqa: PLR0913 - FastAPI declares what may come by parameters
    identity: str,
    action: str,
    request: Request,
    tasks: BackgroundTasks,
    idempotency_key: IdempotencyKey = None,
    wait: Annotated[int, Query(ge=0, le=1, description="0: answer 202 at once.")] = 1,
    override: Annotated[str | None, _OVERRIDE] = None,
) -> Response:
    """Send any call that a CSMS may send, and give the station's answer."""
    wired: Wiring = request.app.state.wiring
    user: User = request.state.user
    payload = _payload(await request.body())

    async def act() -> Answer:
        station = await registered(wired, identity)
        _check(action, payload, wired, user, override)
        if not station.connected:
            raise StationOffline(station.identity)
        order = _Order(str(uuid.uuid4()), station.identity, action, payload, station.message_timeout_s)
        await _accept(wired, order, user, override)
        if wait:
            return await _carry_out(wired, order)
        tasks.add_task(_carry_out, wired, order)
        return Answer(202, _text({"callId": order.call_id, "state": "accepted"}))

    response = await once(request, wired, idempotency_key, act)
    response.background = tasks
    return response


@router.get("/stations/{identity}/calls")
async def list_calls(identity: str, wired: Wired, limit: Limit = 100) -> Page[Call]:
    """The newest calls to a station, newest first."""
    station = await registered(wired, identity)
    rows = await journal.calls(wired.db, station.identity, limit)
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


def _check(action: str, payload: dict[str, object], wired: Wiring, user: User, override: str | None) -> None:
    administrator = user.may(Role.ADMINISTRATOR)
    if orders.credential(action, payload) and not administrator:
        raise Forbidden(f"{action} with this content needs the role administrator.")
    if not orders.discharges(payload):
        return
    if override is None:
        raise Unsafe(
            "V-02", "A negative limit is ordered by a grid event; by hand it needs ?override=REASON."
        )
    if not administrator:
        raise Forbidden("A negative limit by hand needs the role administrator.")
    orders.check_lease(action, payload, wired.clock.now())


async def _accept(wired: Wiring, order: _Order, user: User, override: str | None) -> None:
    now = wired.clock.now()
    row = journal.CallRow(
        call_id=order.call_id,
        identity=order.identity,
        action=order.action,
        payload=_text(orders.without_secrets(order.payload)),
        state="accepted",
        user=user.name if override is None else f"{user.name} (override: {override})",
        created_at=now,
        changed_at=now,
    )
    async with wired.db.begin() as conn:
        await journal.call_added(conn, row)


async def _carry_out(wired: Wiring, order: _Order) -> Answer:
    """Ask the station and write down what came of it. Never raises an error of the house."""
    try:
        await _note(wired, order, "sent")
        answer = await provisioning.raw(
            wired.bus, order.identity, order.action, order.payload, timeout_s=order.timeout_s
        )
        await _profiles_changed(wired, order)
        await _note(wired, order, "answered", answer=_text(orders.without_secrets(answer)))
    except CsmsError as error:
        return await _came_to_nothing(wired, order, error)
    return Answer(200, _text({"callId": order.call_id, "state": "answered", "answer": answer}))


async def _came_to_nothing(wired: Wiring, order: _Order, error: CsmsError) -> Answer:
    problem = problems.of_error(error)
    refused = isinstance(error, StationRefused)
    state = "refused" if refused else "expired" if isinstance(error, StationTimeout) else "failed"
    code = str(problem["code"]) if refused else None
    await _note(wired, order, state, error_code=code, error_text=str(problem.get("detail") or ""))
    body = problem | {"callId": order.call_id, "state": state}
    status = body["status"]
    assert isinstance(status, int)
    # what never left the house may be tried again under the same key
    sent = not isinstance(error, StationOffline | Invalid | NotSupportedByDialect | OcppError)
    return Answer(status, _text(body), keep=sent)


async def _note(
    wired: Wiring,
    order: _Order,
    state: str,
    answer: str | None = None,
    error_code: str | None = None,
    error_text: str | None = None,
) -> None:
    outcome = {"answer": answer, "error_code": error_code, "error_text": error_text}
    said = {name: value for name, value in outcome.items() if value is not None}
    async with wired.db.begin() as conn:
        await journal.call_changed(conn, order.call_id, state, at=wired.clock.now(), **said)


async def _profiles_changed(wired: Wiring, order: _Order) -> None:
    """A person touched the station's profiles: what was acknowledged there is proven no more (V-04)."""
    if order.action in ("SetChargingProfile", "ClearChargingProfile"):
        async with wired.db.begin() as conn:
            await profiles.forget(conn, order.identity)


def _shape(row: journal.CallRow) -> Call:
    fields = row.model_dump() | {"station": row.identity, "payload": orjson.loads(row.payload)}
    return Call.model_validate(fields | {"answer": None if row.answer is None else orjson.loads(row.answer)})


def _text(value: object) -> str:
    return orjson.dumps(value).decode()
