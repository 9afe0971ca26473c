"""Block E for stations that number neither transactions nor events (OCPP 1.6): both are ours to give.

A start is looked up by what it is known by: one that was told before has its id, a new one is given the first
id of its own that is free. An event is numbered as it comes; one whose content was kept before has its number
and is a repeat. Then it goes the way of all transaction events, and is committed before it is answered.
"""

from collections.abc import Coroutine
from types import CoroutineType
from typing import cast

from msgspec.structs import replace

from csms.blocks import remote_control
from csms.blocks.context import Context
from csms.blocks.transactions import transaction_event
from csms.domain.numbering import (
    STARTED_NO,
    Begun,
    UnnumberedEvent,
    candidates,
    next_number,
    start_digest,
    surely_new,
)
from csms.domain.transaction import EventType, IdTokenInfo, TransactionAnswer, TransactionEvent
from csms.errors import OcppError
from csms.store import numbering
from csms.wire.router import Router

router = Router()

_Answer = TransactionAnswer | Begun


@router.on(UnnumberedEvent)
def unnumbered_event(told: UnnumberedEvent, ctx: Context) -> _Answer | Coroutine[None, None, _Answer]:
    """E01 to E06: the event with its number. Nearly all are later than those before: nothing is read."""
    event = told.event
    if event.type is EventType.STARTED:
        return _begun(event, ctx)
    known = ctx.live.known(event.transaction_id)
    if known is not None and surely_new(known, event):
        return transaction_event(replace(event, seq_no=next_number(known)), ctx)
    return _numbered(event, ctx)


async def _begun(event: TransactionEvent, ctx: Context) -> Begun:
    digest = start_digest(ctx.station.id, event)
    transaction_id = await numbering.id_of(ctx.db, digest)
    if transaction_id is None:
        transaction_id = await _free_id(digest, ctx)
        ctx.keep(numbering.given(ctx.station.id, digest, transaction_id, ctx.now))
    event = replace(event, transaction_id=str(transaction_id), seq_no=STARTED_NO)
    answer = await recorded(await _asked_for(event, ctx), ctx)
    return Begun(event.transaction_id, answer.id_token_info or IdTokenInfo("Accepted"))


async def _free_id(digest: bytes, ctx: Context) -> int:
    for candidate in candidates(digest):
        if not await numbering.is_given(ctx.db, candidate):
            return candidate
    raise OcppError("InternalError", "There is no id left.")


async def _asked_for(event: TransactionEvent, ctx: Context) -> TransactionEvent:
    """The start that we have asked for: its token is the one that we have sent, and it ends our request."""
    assert event.id_token is not None
    meant = await remote_control.meant(ctx.db, ctx.station.id, event.id_token, ctx.now)
    if meant is None:
        return event
    return replace(event, id_token=meant.token, remote_start_id=meant.request_id, trigger="RemoteStart")


async def _numbered(event: TransactionEvent, ctx: Context) -> TransactionAnswer:
    """An event that may have been told before."""
    known = await ctx.live.get(event.transaction_id)
    number = None
    if known is not None:
        key = ctx.station.id, event.transaction_id
        number = await numbering.number_of(ctx.db, *key, event.digest)
        if number is None and event.type is EventType.ENDED and known.ended_at is not None:
            number = await numbering.number_of_type(ctx.db, *key, event.type.value)  # it ends once
    return await recorded(replace(event, seq_no=next_number(known) if number is None else number), ctx)


async def recorded(event: TransactionEvent, ctx: Context) -> TransactionAnswer:
    """An event that has its number, on the way of all transaction events."""
    answer = transaction_event(event, ctx)
    return await answer if isinstance(answer, CoroutineType) else cast(TransactionAnswer, answer)
