"""Block H: what stations tell of reservations."""

import structlog

from csms.blocks.context import Context
from csms.wire import words
from csms.wire.router import Router

log = structlog.get_logger()
router = Router()


@router.on(words.ReservationStatusUpdateRequest)
async def reservation_status(request: words.ReservationStatusUpdateRequest, ctx: Context) -> None:
    """H04: a reservation has ended by itself."""
    log.info(
        "reservation ended",
        station_id=ctx.station.id,
        reservation_id=request.reservation_id,
        status=request.reservation_update_status,
    )
