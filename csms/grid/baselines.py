"""Freeze what would have flowed without the event, before the event itself blurs it."""

from csms.domain.baseline import WINDOW, baseline_w
from csms.domain.grid_event import GridEvent
from csms.domain.program import BaselineMethod, Program
from csms.grid.participation import Roster
from csms.store import transactions
from csms.store.database import Database
from csms.store.dispatches import Participation


async def freeze(db: Database, event: GridEvent, program: Program, roster: Roster) -> list[Participation]:
    """Set `baseline_w` of the seats that have none yet.

    The rows to write. Reads only what came before the start.
    """
    if program.terms.baseline is BaselineMethod.ZERO:
        return []
    frozen: list[Participation] = []
    for row in roster.rows(event.id):
        if row.baseline_w is not None:
            continue
        rows = await transactions.readings(
            db, row.identity, row.evse_id, event.start - 2 * WINDOW, event.start, row.transaction_id
        )
        readings = [transactions.reading_of(each) for each in rows]
        row.baseline_w = baseline_w(program.terms.baseline, readings, event)
        if row.baseline_w is not None:
            frozen.append(row)
    return frozen
