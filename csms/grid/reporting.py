"""What a program operator wants to know of an event: target, delivery, who took part and who could not."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from csms.domain.grid_event import GridEvent
from csms.errors import NotFound
from csms.store import dispatches, grid_events, settlements
from csms.store.database import Database
from csms.store.dispatches import DispatchRow

_PAGE = 10_000


@dataclass(frozen=True, slots=True)
class Point:
    """One tick; signed W."""

    at: datetime
    target_w: float
    corrected_w: float
    measured_w: float
    setpoint_w: float
    shortfall_w: float
    evses: int
    discharging: int
    lowest_soc_margin: float | None


@dataclass(frozen=True, slots=True)
class Performance:
    """How an event goes, or went. Energies in Wh count in the direction that the event asked for.

    `settled` False: `delivered_wh` is summed up from the ticks' measured power and only an estimate; True: it
    is the statement's. `performance` = delivered / target so far, None before the start. `parts` counts EVSEs
    by what became of them, `reasons` by why they were not asked to discharge in the last tick.
    """

    event: GridEvent
    settled: bool
    target_wh: float
    delivered_wh: float
    performance: float | None
    lowest_soc_margin: float | None
    parts: Mapping[str, int]
    reasons: Mapping[str, int]
    series: Sequence[Point]


async def performance(db: Database, event_id: str) -> Performance:
    """Everything about one event so far. Raises `NotFound`."""
    event = await grid_events.get(db, event_id)
    if event is None:
        raise NotFound("grid event", event_id)
    rows = await _ticks(db, event_id)
    parts = await dispatches.participation(db, event_id)
    last = await dispatches.setpoints(db, rows[-1].id or 0) if rows else []
    statement = await settlements.get(db, event_id)
    if statement is not None:
        target_wh, delivered_wh = statement.target_wh, statement.delivered_wh
    else:
        base_w = sum(part.baseline_w or 0.0 for part in parts)
        target_wh, delivered_wh = _so_far(event, rows, base_w)
    margins = [row.lowest_soc_margin for row in rows if row.lowest_soc_margin is not None]
    return Performance(
        event=event,
        settled=statement is not None,
        target_wh=target_wh,
        delivered_wh=delivered_wh,
        performance=delivered_wh / target_wh if target_wh > 0 else None,
        lowest_soc_margin=min(margins, default=None),
        parts=dict(Counter(part.state for part in parts)),
        reasons=dict(Counter(row.reason for row in last if row.reason is not None)),
        series=[_point(row) for row in rows],
    )


async def _ticks(db: Database, event_id: str) -> list[DispatchRow]:
    rows: list[DispatchRow] = []
    page = await dispatches.of_event(db, event_id, None, _PAGE)
    while page:
        rows += page
        page = await dispatches.of_event(db, event_id, page[-1].id, _PAGE) if len(page) == _PAGE else []
    return rows


def _so_far(event: GridEvent, rows: Sequence[DispatchRow], base_w: float) -> tuple[float, float]:
    """(target, delivered) in Wh between the first tick and the last.

    Each tick's measurement until the next.
    """
    target_wh = delivered_wh = 0.0
    sign = 1.0 if event.target_w < 0 else -1.0
    for row, after in pairwise(rows):
        hours = (after.at - row.at).total_seconds() / 3600
        target_wh += abs(row.target_w) * hours
        delivered_wh += sign * (base_w - row.measured_w) * hours
    return target_wh, delivered_wh


def _point(row: DispatchRow) -> Point:
    return Point(
        at=row.at,
        target_w=row.target_w,
        corrected_w=row.corrected_w,
        measured_w=row.measured_w,
        setpoint_w=row.setpoint_w,
        shortfall_w=row.shortfall_w,
        evses=row.evses,
        discharging=row.discharging,
        lowest_soc_margin=row.lowest_soc_margin,
    )
