"""Block G for stations whose status also says how charging goes on and what is wrong (OCPP 1.6).

The status is kept like any other; an error is an event of the connector (N07); a charging state that changes
is an event of the connector's transaction (E02).
"""

from csms.blocks.availability import keep_status
from csms.blocks.context import Context
from csms.blocks.numbering import recorded
from csms.blocks.times import written
from csms.domain.numbering import next_number
from csms.domain.station import ConnectorReport, StatusReport
from csms.domain.transaction import EventType, TransactionEvent
from csms.store import journal, transactions
from csms.wire import words
from csms.wire.router import Router

router = Router()


@router.on(ConnectorReport)
async def connector_report(report: ConnectorReport, ctx: Context) -> None:
    """G01, E02, N07: by the station's own time, or ours if it tells none."""
    at = report.at or ctx.now
    keep_status(StatusReport(report.evse_id, report.connector_id, report.status, at), ctx)
    if report.error is not None:
        event = _problem(report, report.error, written(at))
        ctx.keep(
            journal.notified_event(
                ctx.station.id, generated_at=event.timestamp, seq_no=0, event=event, at=ctx.now
            )
        )
    if report.charging_state is None:
        return
    for row in await transactions.open_at(ctx.db, ctx.station.id):
        if row.evse_id != report.evse_id:
            continue
        known = await ctx.live.get(row.transaction_id)
        if known is None or known.charging_state == report.charging_state:
            continue
        if known.updated_at is None or at >= known.updated_at:  # an older word comes from a queue
            event_of_it = TransactionEvent(
                EventType.UPDATED,
                row.transaction_id,
                next_number(known),
                at,
                "ChargingStateChanged",
                charging_state=report.charging_state,
                raw=report.raw,
                digest=report.digest,
            )
            await recorded(event_of_it, ctx)


def _problem(report: ConnectorReport, error: str, at: str) -> words.EventDataType:
    evse = None
    if report.evse_id:
        evse = words.EVSEType(id=report.evse_id, connector_id=report.connector_id)
    return words.EventDataType(
        event_id=report.evse_id,
        timestamp=at,
        trigger="Alerting",
        actual_value=error,
        tech_info=report.detail,
        component=words.ComponentType(name="Connector" if evse else "ChargingStation", evse=evse),
        event_notification_type="HardWiredNotification",
        variable=words.VariableType(name="Problem"),
    )
