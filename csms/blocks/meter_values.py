"""Block J: meter values outside transactions."""

from csms.blocks.context import Context
from csms.domain.facts import MeterRead
from csms.domain.meter import MeterReport
from csms.store import transactions
from csms.wire.router import Router

router = Router()


@router.on(MeterReport)
def meter_values(report: MeterReport, ctx: Context) -> None:
    """J01: keep the readings; the same ones told twice are kept once."""
    if not report.readings:
        return
    ctx.keep(transactions.readings_kept(ctx.station.id, report.evse_id, report.readings, "", -1))
    newest = max(report.readings, key=lambda reading: reading.at)
    ctx.emit(MeterRead(ctx.now, ctx.station.id, report.evse_id, newest.power_w, newest.soc))
