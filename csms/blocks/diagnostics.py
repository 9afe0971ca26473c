"""Block N: events of the device model and the state of log uploads."""

import structlog

from csms.blocks.availability import keep_status
from csms.blocks.context import Context
from csms.blocks.times import moment
from csms.domain.station import ConnectorStatus, StatusReport
from csms.store import journal
from csms.wire import words
from csms.wire.router import Router

log = structlog.get_logger()
router = Router()

_STATUSES = {status.value.lower(): status for status in ConnectorStatus}


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
    if evse is None or evse.connector_id is None or status is None:
        return None
    return StatusReport(evse.id, evse.connector_id, status, moment(event.timestamp))


@router.on(words.LogStatusNotificationRequest)
async def log_status(request: words.LogStatusNotificationRequest, ctx: Context) -> None:
    """N01: how the upload of a log goes on."""
    log.info("log upload", station_id=ctx.station.id, status=request.status, request_id=request.request_id)
