"""Who delivered what, and what it earns."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from csms.domain.baseline import baseline_w
from csms.domain.grid_event import GridEvent
from csms.domain.meter import Reading
from csms.domain.program import Program
from csms.domain.registers import Registers

MAX_GAP = timedelta(minutes=15)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# ISO 4217: digits after the point where they are not two.
_MINOR_UNITS = {
    "JPY": 0,
    "KRW": 0,
    "CLP": 0,
    "ISK": 0,
    "VND": 0,
    "BHD": 3,
    "KWD": 3,
    "OMR": 3,
    "TND": 3,
    "JOD": 3,
}


@dataclass(frozen=True, slots=True)
class ParticipantReadings:
    """One driver's transaction at one EVSE, with meter data from before the event's start to after its end.

    `since` and `until` bound the part in the event: the transaction's start and end, or an opt-out; None
    means open. `away` are times in between that belong to another event. `baseline_w` is the baseline frozen
    at the start, None if none was. `bidirectional` False: the EVSE cannot export and has no export register.
    """

    driver_id: str | None
    station_id: str
    evse_id: int
    transaction_id: str
    readings: tuple[Reading, ...]
    since: datetime | None = None
    until: datetime | None = None
    baseline_w: float | None = None
    bidirectional: bool = True
    away: tuple[tuple[datetime, datetime], ...] = ()


@dataclass(frozen=True, slots=True)
class Line:
    """One driver at one EVSE in one interval. Energies in Wh, each from the registers, never netted.

    `delivered_wh` counts in the direction that the event asked for: baseline minus net energy (net = import -
    export) where it asked for discharge, net minus baseline where it asked for charging; negative is against
    it. `metered` is False where the registers do not cover the interval or the baseline is not known: then
    all energies are None and nothing is paid (never estimated from the setpoint). `payment` is never negative
    and not rounded.
    """

    driver_id: str | None
    station_id: str
    evse_id: int
    transaction_id: str
    start: datetime
    end: datetime
    metered: bool
    import_wh: float | None
    export_wh: float | None
    baseline_wh: float | None
    delivered_wh: float | None
    payment: float


@dataclass(frozen=True, slots=True)
class Statement:
    """The settlement of one event. `target_wh` is a magnitude; `performance` = delivered / target.

    `delivered_wh` sums all metered lines, those against the event's direction included. `payment` is the sum
    of the lines, rounded once to the currency's smallest unit.
    """

    event_id: str
    program_id: str
    currency: str
    price_per_kwh: float
    target_wh: float
    delivered_wh: float
    exported_wh: float
    imported_wh: float
    performance: float
    payment: float
    unmetered_intervals: int
    lines: tuple[Line, ...]


def settle(
    event: GridEvent,
    program: Program,
    participants: Iterable[ParticipantReadings],
    max_gap: timedelta = MAX_GAP,
) -> Statement:
    """Work out one event from the registers of all who took part (V-17: each Wh once, nothing estimated).

    A line's payment is price times delivered energy and never below zero: charging that a departure demands
    costs a driver nothing here, it is billed with the transaction. A cancelled event counts until it was
    cancelled. Registers are read off between readings at most `max_gap` apart.
    """
    lines = tuple(line for part in participants for line in _lines(event, program, part, max_gap))
    target_wh = abs(event.target_w) * (event.worked_until - event.start).total_seconds() / 3600
    delivered_wh = math.fsum(line.delivered_wh or 0.0 for line in lines)
    currency = program.terms.currency
    return Statement(
        event_id=event.id,
        program_id=program.id,
        currency=currency,
        price_per_kwh=program.terms.price_per_kwh,
        target_wh=target_wh,
        delivered_wh=delivered_wh,
        exported_wh=math.fsum(line.export_wh or 0.0 for line in lines),
        imported_wh=math.fsum(line.import_wh or 0.0 for line in lines),
        performance=delivered_wh / target_wh if target_wh > 0 else 0.0,
        payment=round(math.fsum(line.payment for line in lines), _MINOR_UNITS.get(currency, 2)),
        unmetered_intervals=sum(not line.metered for line in lines),
        lines=lines,
    )


def _lines(
    event: GridEvent, program: Program, part: ParticipantReadings, max_gap: timedelta
) -> Iterator[Line]:
    registers = Registers.of(part.readings, part.bidirectional)
    base_w = _baseline_w(event, program, part)
    for start, end in pairwise(_borders(event, program.terms.interval_s, part, registers)):
        if any(gone <= start and end <= back for gone, back in part.away):
            continue  # V-17: each Wh once
        flow = registers.between(start, end, max_gap)
        metered = flow is not None and base_w is not None
        baseline = base_w * (end - start).total_seconds() / 3600 if metered and base_w is not None else None
        delivered = None
        if flow is not None and baseline is not None:
            delivered = baseline - (flow.import_wh - flow.export_wh)
            delivered = delivered if event.target_w < 0 else -delivered
        yield Line(
            driver_id=part.driver_id,
            station_id=part.station_id,
            evse_id=part.evse_id,
            transaction_id=part.transaction_id,
            start=start,
            end=end,
            metered=metered,
            import_wh=flow.import_wh if metered and flow is not None else None,
            export_wh=flow.export_wh if metered and flow is not None else None,
            baseline_wh=baseline,
            delivered_wh=delivered,
            payment=max(0.0, program.terms.price_per_kwh * (delivered or 0.0) / 1000),
        )


def _baseline_w(event: GridEvent, program: Program, part: ParticipantReadings) -> float | None:
    """The frozen baseline, else the method's; who came after the start would have had no flow."""
    if part.baseline_w is not None:
        return part.baseline_w
    if part.since is not None and part.since >= event.start:
        return 0.0
    return baseline_w(program.terms.baseline, part.readings, event, part.bidirectional)


def _borders(
    event: GridEvent, interval_s: int, part: ParticipantReadings, registers: Registers
) -> Sequence[datetime]:
    """Cuts in order: the clock's intervals, window and part in it, where meter data begin and end.

    The last two keep what was not measured apart from what was.
    """
    start = max(event.start, part.since or event.start)
    end = min(event.worked_until, part.until or event.worked_until)
    if start >= end:
        return ()
    step = timedelta(seconds=interval_s)
    cuts = {start, end}
    cut = start + step - (start - _EPOCH) % step
    while cut < end:
        cuts.add(cut)
        cut += step
    marks = (registers.first, registers.last, *(at for span in part.away for at in span))
    cuts.update(at for at in marks if at is not None and start < at < end)
    return sorted(cuts)
