"""Answers that come in parts, under the request that they belong to: bounded in time and in size (row 44).

    open ── part ──> open ── last part (no `tbc`) ──> complete
      └── too late, or too many ──> failed

A part of a request that nobody made, or that is over, is answered and not kept.
"""

from datetime import timedelta

import structlog

from csms.blocks.context import Context
from csms.store import requests

log = structlog.get_logger()

OPEN_FOR = timedelta(hours=1)
PARTS_MAX = 2000
VARIABLES_MAX = 20_000
"""Of one station's device model; the largest that are sold report some two thousand."""


async def taken(ctx: Context, request_id: int, *, last: bool) -> bool:
    """Note that a part has come; False if what it says is not to be kept."""
    row = await requests.get(ctx.db, ctx.station.id, request_id)
    if row is None or row.state != requests.OPEN:
        return False
    if ctx.now - row.opened_at > OPEN_FOR:
        ended(ctx, request_id, "TooLate")
        return False
    if row.parts >= PARTS_MAX:
        ended(ctx, request_id, "TooManyParts")
        return False
    ctx.keep(requests.part(ctx.station.id, request_id, ctx.now, last))
    return True


async def in_hand(ctx: Context, kind: str) -> int | None:
    """The request that a message without a request id speaks of: the newest one that has not ended."""
    rows = await requests.open_of(ctx.db, ctx.station.id, kind)
    return rows[0].request_id if rows else None


def ended(ctx: Context, request_id: int, why: str) -> None:
    """No more parts of this request."""
    log.warning("report dropped", station_id=ctx.station.id, request_id=request_id, reason=why)
    ctx.keep(requests.told(ctx.station.id, request_id, ctx.now, state=requests.FAILED, status=why))
