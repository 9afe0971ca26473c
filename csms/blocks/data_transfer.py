"""Block P: vendor messages. No vendor's are known yet."""

from csms.blocks.context import Context
from csms.wire import words
from csms.wire.router import Router

router = Router()


@router.on(words.DataTransferRequest)
async def data_transfer(_: words.DataTransferRequest, __: Context) -> words.DataTransferResponse:
    """P02.FR.06: a vendor that nobody here knows is told so."""
    return words.DataTransferResponse(status="UnknownVendorId")
