"""Block H: reservations of one EVSE, of any, or of a kind of connector; how they end."""

from csms.blocks.calls import After, Answered
from csms.blocks.context import Context
from csms.blocks.times import moment
from csms.store import reservations
from csms.store.edits import Connection
from csms.store.reservations import ReservationRow
from csms.wire import words
from csms.wire.router import Router

router = Router()
after = After()

_ENDED = {"Expired": "expired", "Removed": "removed", "NoTransaction": "unused"}

# ---- what stations tell us


@router.on(words.ReservationStatusUpdateRequest)
async def reservation_status(request: words.ReservationStatusUpdateRequest, ctx: Context) -> None:
    """H04: a reservation has ended by itself: its time was over, or the EVSE failed (H01.FR.17)."""
    status = request.reservation_update_status
    ctx.keep(
        reservations.ended(
            ctx.station.id, request.reservation_id, ctx.now, _ENDED.get(status, "ended"), status
        )
    )


# ---- what follows from an answer


@after.on(words.ReserveNowRequest)
async def reserved(conn: Connection, done: Answered) -> None:
    """H01: a reservation stands once the station has accepted it; one with the same id is replaced by it."""
    request: words.ReserveNowRequest = done.request
    answer: words.ReserveNowResponse = done.answer
    token, group = request.id_token, request.group_id_token
    row = ReservationRow(
        identity=done.station.identity,
        reservation_id=request.id,
        evse_id=request.evse_id,
        connector_type=request.connector_type,
        id_token=token.id_token.lower(),
        id_token_type=token.type,
        group_token=group.id_token if group else None,
        expiry=moment(request.expiry_date_time),
        state="active" if answer.status == "Accepted" else "refused",
        status=answer.status,
        made_at=done.at,
        changed_at=done.at,
    )
    await reservations.put(conn, row)


@after.on(words.CancelReservationRequest)
async def cancelled(conn: Connection, done: Answered) -> None:
    """H02: gone, if the station knew it."""
    request: words.CancelReservationRequest = done.request
    answer: words.CancelReservationResponse = done.answer
    if answer.status == "Accepted":
        await reservations.change(
            conn, done.station.identity, request.reservation_id, state="cancelled", changed_at=done.at
        )
