"""Messages on the displays of stations."""

from typing import Annotated

import msgspec
from fastapi import APIRouter, Response
from pydantic import Field, JsonValue

from csms.api.asking import CALLS, Ask
from csms.api.shapes import Body, Page, Shape, Time, Whole
from csms.api.stations import registered
from csms.api.wiring import Wired
from csms.blocks.calls import Followed
from csms.blocks.times import written
from csms.errors import Invalid
from csms.store import displays
from csms.wire import words

router = APIRouter(tags=["display"])


class NewMessage(Body):
    """A message to show. Without `id` it gets a new one; with one it replaces the message that has it."""

    id: Annotated[Whole, Field(ge=0, lt=2**31)] | None = None
    priority: words.MessagePriorityEnumType = "NormalCycle"
    state: words.MessageStateEnumType | None = None
    start: Time | None = None
    end: Time | None = None
    transaction_id: Annotated[str, Field(max_length=36)] | None = None
    format: words.MessageFormatEnumType = "UTF8"
    language: Annotated[str, Field(max_length=8)] | None = None
    content: Annotated[str, Field(min_length=1, max_length=512)]


class Messages(Body):
    """Which messages to ask a station for; empty: all."""

    ids: Annotated[tuple[Whole, ...], Field(max_length=500)] = ()
    priority: words.MessagePriorityEnumType | None = None
    state: words.MessageStateEnumType | None = None


class Message(Shape):
    """A message as it was set or reported; `status` is the station's word on it, or `Reported`."""

    message_id: int
    priority: str
    state: str | None
    start: Time | None
    end: Time | None
    transaction_id: str | None
    content: JsonValue
    status: str
    changed_at: Time


@router.get("/stations/{identity}/display-messages")
async def list_messages(identity: str, wired: Wired) -> Page[Message]:
    """The messages of a station as far as they were set or reported."""
    station = await registered(wired, identity)
    rows = await displays.listing(wired.db, station.identity)
    shown = [row.model_dump() | {"content": msgspec.json.decode(row.content)} for row in rows]
    return Page(items=[Message.model_validate(one) for one in shown])


@router.post("/stations/{identity}/display-messages", openapi_extra=CALLS)
async def set_message(identity: str, body: NewMessage, ask: Ask) -> Response:
    """O01, O02, O06: show a message, at once or at a time, for all or for one transaction."""
    if body.start is not None and body.end is not None and body.end <= body.start:
        raise Invalid("end", "It ends before it starts.")
    station = await registered(ask.wired, identity)
    number = body.id
    if number is None:
        number = await displays.next_id(ask.wired.db, station.identity)
    message = words.MessageInfoType(
        id=number,
        priority=body.priority,
        state=body.state,
        start_date_time=None if body.start is None else written(body.start),
        end_date_time=None if body.end is None else written(body.end),
        transaction_id=body.transaction_id,
        message=words.MessageContentType(format=body.format, language=body.language, content=body.content),
    )
    return await ask.send(station.identity, words.SetDisplayMessageRequest(message=message))


@router.post("/stations/{identity}/display-messages/report", openapi_extra=CALLS)
async def report_messages(identity: str, body: Messages, ask: Ask) -> Response:
    """O03, O04: have the station tell its messages; they come under `requestId`."""
    return await ask.send(
        identity,
        Followed(
            "display messages",
            lambda number: words.GetDisplayMessagesRequest(
                request_id=number, id=body.ids or None, priority=body.priority, state=body.state
            ),
        ),
    )


@router.delete("/stations/{identity}/display-messages/{message_id}", openapi_extra=CALLS)
async def clear_message(
    identity: str,
    message_id: int,
    ask: Ask,
) -> Response:
    """O05: show a message no longer."""
    return await ask.send(identity, words.ClearDisplayMessageRequest(id=message_id))
