"""Block L: what stations tell of firmware updates."""

import structlog

from csms.blocks.context import Context
from csms.wire import words
from csms.wire.router import Router

log = structlog.get_logger()
router = Router()


@router.on(words.FirmwareStatusNotificationRequest)
async def firmware_status(request: words.FirmwareStatusNotificationRequest, ctx: Context) -> None:
    """L01.FR.10: how an update goes on."""
    log.info(
        "firmware update", station_id=ctx.station.id, status=request.status, request_id=request.request_id
    )


@router.on(words.PublishFirmwareStatusNotificationRequest)
async def publish_status(request: words.PublishFirmwareStatusNotificationRequest, ctx: Context) -> None:
    """L03: how a local controller's publishing goes on."""
    log.info("firmware publishing", station_id=ctx.station.id, status=request.status)
