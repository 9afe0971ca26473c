"""Block L: firmware updates and publishing, followed to their end."""

from csms.blocks.context import Context
from csms.blocks.parts import in_hand
from csms.domain.facts import RequestChanged
from csms.store import requests
from csms.wire import words
from csms.wire.router import Router

router = Router()

DONE = frozenset({"Installed", "Published"})
LOST = frozenset(
    {
        "DownloadFailed",
        "InstallationFailed",
        "InstallVerificationFailed",
        "InvalidSignature",
        "InvalidChecksum",
        "PublishFailed",
    }
)


@router.on(words.FirmwareStatusNotificationRequest)
async def firmware_status(request: words.FirmwareStatusNotificationRequest, ctx: Context) -> None:
    """L01.FR.10: how an update goes on; L01.FR.20: which one, but for `Idle`, which is of none."""
    request_id = request.request_id
    if request_id is None and request.status != "Idle":
        request_id = await in_hand(ctx, "firmware update")
    _keep(request_id, request.status, None, ctx)


@router.on(words.PublishFirmwareStatusNotificationRequest)
async def publish_status(request: words.PublishFirmwareStatusNotificationRequest, ctx: Context) -> None:
    """L03: how a local controller's publishing goes on, and where the firmware can be had (L03.FR.04)."""
    where = " ".join(request.location) if request.location else None
    _keep(request.request_id, request.status, where, ctx)


def _keep(request_id: int | None, status: str, detail: str | None, ctx: Context) -> None:
    if request_id is None:
        return
    state = requests.COMPLETE if status in DONE else requests.FAILED if status in LOST else requests.OPEN
    ctx.keep(requests.told(ctx.station.id, request_id, ctx.now, state=state, status=status, detail=detail))
    ctx.emit(RequestChanged(ctx.now, ctx.station.id, request_id))
