"""Block J: meter values outside transactions."""

from csms.blocks.context import Context
from csms.domain.facts import MeterRead
from csms.domain.meter import MeterReport
from csms.store import signed_values, transactions
from csms.wire.router import Router

router = Router()


@router.on(MeterReport)
def meter_values(report: MeterReport, ctx: Context) -> None:
    """J01: keep the readings, and signed ones to the byte; what is told twice is kept once."""
    if report.signed is not None:  # J01.FR.21: who checks a signature needs what was signed
        ctx.keep(signed_values.kept(ctx.station.id, report.evse_id, report.signed, ctx.now))
    if not report.readings:
        return
    ctx.keep(transactions.readings_kept(ctx.station.id, report.evse_id, report.readings, "", -1))
    newest = max(report.readings, key=lambda reading: reading.at)
    ctx.emit(MeterRead(ctx.now, ctx.station.id, report.evse_id, newest.power_w, newest.soc))
