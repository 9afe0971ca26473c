"""Block C (2.1): payments at the station, which it settles with its payment service by itself."""

import structlog

from csms.blocks.context import Context
from csms.blocks.times import moment
from csms.store import payments
from csms.store.payments import PaymentRow
from csms.wire import words
from csms.wire.router import Router

log = structlog.get_logger()
router = Router()

_NO_REGISTER = words.StatusInfoType(
    reason_code="UnsupportedRequest", additional_info="No VAT register is asked from here."
)


@router.on(words.NotifySettlementRequest)
async def settled(request: words.NotifySettlementRequest, ctx: Context) -> words.NotifySettlementResponse:
    """C24: a payment is settled, or came to nothing. We make no receipts: the answer has none."""
    row = PaymentRow(
        identity=ctx.station.id,
        reference=request.psp_ref,
        transaction_id=request.transaction_id,
        status=request.status,
        reason=request.status_info,
        amount=request.settlement_amount,
        settled_at=moment(request.settlement_time),
        receipt_id=request.receipt_id,
        receipt_url=request.receipt_url,
        vat_number=request.vat_number,
        heard_at=ctx.now,
    )
    ctx.keep(payments.told(row))
    return words.NotifySettlementResponse()


@router.on(words.VatNumberValidationRequest)
async def vat_number(
    request: words.VatNumberValidationRequest, ctx: Context
) -> words.VatNumberValidationResponse:
    """C24: nobody here can look a VAT number up, so none is called valid."""
    log.info("vat number not looked up", station_id=ctx.station.id)
    return words.VatNumberValidationResponse(
        vat_number=request.vat_number, evse_id=request.evse_id, status="Rejected", status_info=_NO_REGISTER
    )
