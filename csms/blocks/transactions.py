"""Block E: every transaction event is recorded and answered; none is ever refused, only its token can be.

new ──────── kept, folded, its readings kept      answered with its token's status
repeat ───── nothing changes (row 33)             answered as the first time
conflict ─── kept beside the first (row 34)       answered normally; alarm
"""

from collections.abc import Coroutine, Sequence

import structlog
from msgspec.structs import replace

from csms.blocks import tariff
from csms.blocks.authorization import check
from csms.blocks.context import Context
from csms.domain.facts import (
    MeterRead,
    RequestChanged,
    SecurityAlarmRaised,
    TransactionDoubted,
    TransactionUpdated,
)
from csms.domain.fold import begin, fold
from csms.domain.transaction import (
    EventType,
    IdTokenInfo,
    Transaction,
    TransactionAnswer,
    TransactionEvent,
    Verdict,
    has_seen,
    judge,
    with_conflict,
)
from csms.store import particulars, requests, reservations, tariffs, transactions
from csms.store.transaction_numbers import new_number
from csms.store.transactions import TransactionRow
from csms.wire.router import Router

log = structlog.get_logger()
router = Router()

_NOTHING_TO_SAY = TransactionAnswer()


@router.on(TransactionEvent)
def transaction_event(
    event: TransactionEvent, ctx: Context
) -> TransactionAnswer | Coroutine[None, None, TransactionAnswer]:
    """E01 to E06, E12: in any order, with gaps, from before an outage: all are taken.

    Nearly every event goes on with a transaction that this connection knows: for those nothing is read.
    """
    known = ctx.live.known(event.transaction_id)
    reads = event.id_token is not None or event.type is EventType.ENDED
    if known is None or reads or has_seen(known, event.seq_no):
        return _with_reading(event, ctx)
    _taken(event, known, None, ctx)
    return _NOTHING_TO_SAY


async def _with_reading(event: TransactionEvent, ctx: Context) -> TransactionAnswer:
    """For an event that needs the store: its transaction, its token or its first telling."""
    known, others = ctx.live.known(event.transaction_id), None
    if known is None:
        known, others = await transactions.met(ctx.db, ctx.station.id, event.transaction_id)
    if known is not None and has_seen(known, event.seq_no):
        return await _again(event, known, ctx)
    info = None if event.id_token is None else await _worth(event, ctx)
    folded = _taken(event, known, info, ctx)
    if folded.evse_id and (known is None or known.evse_id is None):
        _crowd(folded, await transactions.open_at(ctx.db, ctx.station.id) if others is None else others, ctx)
    total = None if event.type is not EventType.ENDED else await _total_cost(folded, ctx)
    return _NOTHING_TO_SAY if info is None and total is None else TransactionAnswer(info, total)


def _taken(
    event: TransactionEvent, known: Transaction | None, info: IdTokenInfo | None, ctx: Context
) -> Transaction:
    folded = begin(ctx.station.id, event, new_number()) if known is None else fold(known, event)
    _keep(event, known, folded, info, ctx)
    _tell(event, folded, ctx)
    if _has_new_gap(event, known, folded):  # row 35
        ctx.emit(TransactionDoubted(ctx.now, ctx.station.id, event.transaction_id))
    ctx.live.put(folded)
    return folded


def _has_new_gap(event: TransactionEvent, known: Transaction | None, folded: Transaction) -> bool:
    if event.type is EventType.ENDED and folded.started_at is None:
        return True
    return len(folded.seen) > (1 if known is None else len(known.seen))


def _crowd(folded: Transaction, others: Sequence[TransactionRow], ctx: Context) -> None:
    """Row 39: at most one transaction may be open at an EVSE; both are taken, and the station is asked."""
    here = [row.transaction_id for row in others if row.evse_id == folded.evse_id]
    doubted = [id for id in here if id != folded.transaction_id]
    if doubted and folded.ended_at is None:
        log.warning("two transactions at one EVSE", station_id=ctx.station.id, evse_id=folded.evse_id)
        for transaction_id in (*doubted, folded.transaction_id):
            ctx.emit(TransactionDoubted(ctx.now, ctx.station.id, transaction_id))


async def _total_cost(folded: Transaction, ctx: Context) -> float | None:
    """I03.FR.02: what it has cost, told and kept once it has ended."""
    row = await tariff.final(ctx.db, folded, ctx.now)
    if row is None:
        return None
    ctx.keep(tariffs.cost_kept(row))
    return float(row.total)


async def _worth(event: TransactionEvent, ctx: Context) -> IdTokenInfo:
    assert event.id_token is not None
    besides = ctx.station.id, event.transaction_id
    return await check(ctx.db, event.id_token, ctx.now, besides)


async def _again(event: TransactionEvent, known: Transaction, ctx: Context) -> TransactionAnswer:
    """The number is taken: by the same event, told again, or by another one."""
    kept = await transactions.event(ctx.db, ctx.station.id, event.transaction_id, event.seq_no)
    info = None if event.id_token is None else await check(ctx.db, event.id_token, ctx.now)
    if judge(known, event, None if kept is None else kept.digest) is Verdict.CONFLICT:
        await _conflicting(event, known, ctx)
    elif info is not None and kept is not None and kept.answer_status is not None:
        info = replace(info, status=kept.answer_status)
    total = None
    if event.type is EventType.ENDED:
        cost = await tariffs.cost(ctx.db, ctx.station.id, event.transaction_id)
        total = None if cost is None else float(cost.total)
    return _NOTHING_TO_SAY if info is None and total is None else TransactionAnswer(info, total)


async def _conflicting(event: TransactionEvent, known: Transaction, ctx: Context) -> None:
    """Row 34: kept beside the first, and counted, once however often it is told."""
    identity = ctx.station.id
    place = event.transaction_id, event.seq_no, event.digest
    if await transactions.conflict(ctx.db, identity, *place) is not None:
        return
    folded = with_conflict(known)
    ctx.keep(transactions.conflict_kept(identity, event, ctx.now))
    ctx.keep(transactions.state_kept(folded))
    ctx.emit(SecurityAlarmRaised(ctx.now, identity, "transaction event conflict"))
    ctx.live.put(folded)


def _keep(
    event: TransactionEvent,
    known: Transaction | None,
    folded: Transaction,
    info: IdTokenInfo | None,
    ctx: Context,
) -> None:
    identity, status = ctx.station.id, None if info is None else info.status
    # J02: an event may come before the EVSE is known
    evse_id = event.evse_id or folded.evse_id or 0
    ctx.keep(transactions.event_kept(folded, event, status, ctx.now, evse_id))
    ctx.keep(transactions.state_kept(folded, known))
    if len(event.readings) > 1:
        source, seq_no = event.transaction_id, event.seq_no
        ctx.keep(transactions.readings_kept(identity, evse_id, event.readings, source, seq_no, 1))
    if event.particulars:
        ctx.keep(particulars.told(identity, event.transaction_id, event.particulars, event.at))
    if event.reservation_id is not None:  # H03.FR.10
        ctx.keep(reservations.used(identity, event.reservation_id, ctx.now, event.transaction_id))
    if event.remote_start_id is not None:  # F01.FR.25: the transaction that we have asked for
        ctx.keep(
            requests.told(
                identity,
                event.remote_start_id,
                ctx.now,
                state=requests.COMPLETE,
                status=event.type.value,
                detail=event.transaction_id,
            )
        )
        ctx.emit(RequestChanged(ctx.now, identity, event.remote_start_id))


def _tell(event: TransactionEvent, folded: Transaction, ctx: Context) -> None:
    ctx.emit(
        TransactionUpdated(
            ctx.now,
            ctx.station.id,
            event.transaction_id,
            folded.evse_id,
            str(event.type),
            folded.charging_state,
        )
    )
    if event.readings and not event.offline:  # row 38: what was measured offline is history
        newest = event.readings[-1]
        ctx.emit(MeterRead(ctx.now, ctx.station.id, folded.evse_id, newest.power_w, newest.soc))
