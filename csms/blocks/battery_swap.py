"""Block S (2.1): batteries that are taken out and put in."""

import msgspec

from csms.blocks.context import Context
from csms.store import battery_swaps
from csms.store.battery_swaps import BatterySwapRow
from csms.wire import words
from csms.wire.router import Router

router = Router()


@router.on(words.BatterySwapRequest)
async def swapped(request: words.BatterySwapRequest, ctx: Context) -> None:
    """S01, S02, S03: batteries have gone in or out, or were not taken in time."""
    row = BatterySwapRow(
        identity=ctx.station.id,
        request_id=request.request_id,
        event=request.event_type,
        id_token=request.id_token.id_token,
        batteries=msgspec.json.encode(request.battery_data).decode(),
        at=ctx.now,
    )
    ctx.keep(battery_swaps.kept(row))
