"""Block N (2.1): streams of one variable's values, which come without being answered (N11 to N15)."""

from datetime import timedelta

from csms.blocks.calls import After, Answered
from csms.blocks.context import Context
from csms.blocks.times import moment
from csms.errors import OcppError
from csms.store import event_streams
from csms.store.edits import Connection
from csms.store.event_streams import EventStreamRow
from csms.wire import words
from csms.wire.router import Router

router = Router()
after = After()

# ---- what stations tell us


@router.on(words.OpenPeriodicEventStreamRequest)
async def opened(
    request: words.OpenPeriodicEventStreamRequest, ctx: Context
) -> words.OpenPeriodicEventStreamResponse:
    """N11: the values of a monitored variable will come by themselves."""
    stream = request.constant_stream_data
    ctx.keep(
        event_streams.opened(
            EventStreamRow(
                identity=ctx.station.id,
                stream_id=stream.id,
                monitor_id=stream.variable_monitoring_id,
                interval_s=stream.params.interval,
                values=stream.params.values,
                opened_at=ctx.now,
            )
        )
    )
    return words.OpenPeriodicEventStreamResponse(status="Accepted")


@router.on(words.ClosePeriodicEventStreamRequest)
async def closed(request: words.ClosePeriodicEventStreamRequest, ctx: Context) -> None:
    """N12: no more of them."""
    ctx.keep(event_streams.closed(ctx.station.id, request.id, ctx.now))


@router.on(words.NotifyPeriodicEventStream)
def heard(told: words.NotifyPeriodicEventStream, ctx: Context) -> None:
    """N15: values since the last time; the newest one is kept. `t` counts seconds from `basetime`."""
    newest = max(told.data, key=lambda one: one.t)
    try:
        at = moment(told.basetime) + timedelta(seconds=newest.t)
    except (OverflowError, ValueError):
        raise OcppError("PropertyConstraintViolation", "A time is out of range.") from None
    ctx.keep(event_streams.heard(ctx.station.id, told.id, at, newest.v, told.pending))


# ---- what follows from an answer


@after.on(words.GetPeriodicEventStreamRequest)
async def streams_told(conn: Connection, done: Answered) -> None:
    """N14: all that are open."""
    answer: words.GetPeriodicEventStreamResponse = done.answer
    rows = [
        EventStreamRow(
            identity=done.station.identity,
            stream_id=stream.id,
            monitor_id=stream.variable_monitoring_id,
            interval_s=stream.params.interval,
            values=stream.params.values,
            opened_at=done.at,
        )
        for stream in answer.constant_stream_data or ()
    ]
    await event_streams.reported(conn, done.station.identity, rows)


@after.on(words.AdjustPeriodicEventStreamRequest)
async def stream_adjusted(conn: Connection, done: Answered) -> None:
    """N13: at another pace from now on, if the station agrees."""
    request: words.AdjustPeriodicEventStreamRequest = done.request
    answer: words.AdjustPeriodicEventStreamResponse = done.answer
    if answer.status == "Accepted":
        params = request.params
        await event_streams.adjusted(conn, done.station.identity, request.id, params.interval, params.values)
