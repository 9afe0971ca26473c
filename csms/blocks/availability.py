"""Block G: connector status and heartbeat."""

from csms.blocks.context import Context
from csms.domain.facts import ConnectorStatusChanged
from csms.domain.station import Heartbeat, HeartbeatAnswer, StatusReport
from csms.store import stations
from csms.wire.router import Router

router = Router()


@router.on(Heartbeat)
def heartbeat(_: Heartbeat, ctx: Context) -> HeartbeatAnswer:
    """G02: the station sets its clock by the answer (G02.FR.02)."""
    return HeartbeatAnswer(ctx.now)


@router.on(StatusReport)
def status_notification(report: StatusReport, ctx: Context) -> None:
    """G01: the newest status by the station's own time stamp wins."""
    keep_status(report, ctx)


def keep_status(report: StatusReport, ctx: Context) -> None:
    """A connector's status, whichever message told it (G01 or N07)."""
    ctx.keep(stations.connector_status(ctx.station.id, report))
    ctx.emit(
        ConnectorStatusChanged(
            ctx.now, ctx.station.id, report.evse_id, report.connector_id, report.status.value
        )
    )
