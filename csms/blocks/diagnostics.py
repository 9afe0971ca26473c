"""Block N: logs, events of the device model, customer information. Monitors are in `monitoring`."""

from csms.blocks.availability import keep_status
from csms.blocks.context import Context
from csms.blocks.parts import in_hand, taken
from csms.blocks.places import can_be
from csms.blocks.times import moment
from csms.domain.facts import RequestChanged
from csms.domain.station import ConnectorStatus, StatusReport
from csms.store import journal, requests
from csms.wire import words
from csms.wire.router import Router

router = Router()

_STATUSES = {status.value.lower(): status for status in ConnectorStatus}
_LOG_STATES = {
    "Idle": requests.OPEN,
    "Uploading": requests.OPEN,
    "Uploaded": requests.COMPLETE,
    "AcceptedCanceled": requests.REPLACED,
}


@router.on(words.NotifyEventRequest)
async def notify_event(request: words.NotifyEventRequest, ctx: Context) -> None:
    """N07: keep every event; a connector's AvailabilityState is its status as well (G01.FR.08)."""
    for event in request.event_data:
        ctx.keep(
            journal.notified_event(
                ctx.station.id,
                generated_at=request.generated_at,
                seq_no=request.seq_no,
                event=event,
                at=ctx.now,
            )
        )
        report = _status(event)
        if report is not None:
            keep_status(report, ctx)


def _status(event: words.EventDataType) -> StatusReport | None:
    evse = event.component.evse
    if event.component.name.lower() != "connector" or event.variable.name.lower() != "availabilitystate":
        return None
    status = _STATUSES.get(event.actual_value.lower())
    if evse is None or evse.connector_id is None or status is None or not can_be(evse):
        return None
    return StatusReport(evse.id, evse.connector_id, status, moment(event.timestamp))


@router.on(words.LogStatusNotificationRequest)
async def log_status(request: words.LogStatusNotificationRequest, ctx: Context) -> None:
    """N01.FR.07 to 11: how the upload of a log goes on; a newer request takes its place (N01.FR.12, 20)."""
    request_id = request.request_id
    if request_id is None and request.status != "Idle":
        request_id = await in_hand(ctx, "log")
    if request_id is None:
        return
    state = _LOG_STATES.get(request.status, requests.FAILED)
    ctx.keep(requests.told(ctx.station.id, request_id, ctx.now, state=state, status=request.status))
    ctx.emit(RequestChanged(ctx.now, ctx.station.id, request_id))


@router.on(words.NotifyCustomerInformationRequest)
async def customer_information(request: words.NotifyCustomerInformationRequest, ctx: Context) -> None:
    """N09, N10: a part of what the station knows of a customer; kept until its request is forgotten."""
    who, number = ctx.station.id, request.request_id
    if await taken(ctx, number, last=not request.tbc):
        ctx.keep(requests.result(who, number, request.seq_no, ctx.now, request.data))
    ctx.emit(RequestChanged(ctx.now, who, number))
