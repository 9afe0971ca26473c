"""Block O: messages on the station's display."""

from datetime import datetime

import msgspec

from csms.blocks.calls import After, Answered
from csms.blocks.context import Context
from csms.blocks.parts import taken
from csms.blocks.times import moment
from csms.domain.facts import RequestChanged
from csms.store import displays, requests
from csms.store.displays import DisplayMessageRow
from csms.store.edits import Connection
from csms.wire import words
from csms.wire.router import Router

router = Router()
after = After()

# ---- what stations tell us


@router.on(words.NotifyDisplayMessagesRequest)
async def notify_display_messages(request: words.NotifyDisplayMessagesRequest, ctx: Context) -> None:
    """O03, O04: a part of the messages that were asked for."""
    rows = [_row(ctx.station.id, info, "Reported", ctx.now) for info in request.message_info or ()]
    if rows:
        ctx.keep(displays.reported(rows))
    text = msgspec.json.encode(request.message_info or ()).decode()
    if await taken(ctx, request.request_id, last=not request.tbc):
        ctx.keep(requests.result(ctx.station.id, request.request_id, None, ctx.now, text))
    ctx.emit(RequestChanged(ctx.now, ctx.station.id, request.request_id))


def _row(identity: str, info: words.MessageInfoType, status: str, at: datetime) -> DisplayMessageRow:
    start, end = info.start_date_time, info.end_date_time
    return DisplayMessageRow(
        identity=identity,
        message_id=info.id,
        priority=info.priority,
        state=info.state,
        start=None if start is None else moment(start),
        end=None if end is None else moment(end),
        transaction_id=info.transaction_id,
        content=msgspec.json.encode(info.message).decode(),
        status=status,
        changed_at=at,
    )


# ---- what follows from an answer


@after.on(words.SetDisplayMessageRequest)
async def message_set(conn: Connection, done: Answered) -> None:
    """O01, O02, O06: it stands under its id, in the place of one that stood there, if the station took it."""
    request: words.SetDisplayMessageRequest = done.request
    answer: words.SetDisplayMessageResponse = done.answer
    row = _row(done.station.identity, request.message, answer.status, done.at)
    await (displays.keep if answer.status == "Accepted" else displays.refused)(conn, row)


@after.on(words.ClearDisplayMessageRequest)
async def message_cleared(conn: Connection, done: Answered) -> None:
    """O05: it is not there any more, or never was."""
    request: words.ClearDisplayMessageRequest = done.request
    answer: words.ClearDisplayMessageResponse = done.answer
    if answer.status in ("Accepted", "Unknown"):
        await displays.drop(conn, done.station.identity, request.id)
