"""The fold of transaction events into a transaction, in whatever order they come (part 2, E 1.3.2).

A value is taken from the event that says it best: who and where from the first, the state from the last
(Ended before all others), power and SoC from the newest reading, each register from its first and last one.

    next event of an unbroken transaction ── the short way: nothing must be remembered to tell old from new
    any other (late, after a gap) ────────── by `Marks`, which tell where each value came from
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any, NamedTuple

from msgspec.structs import replace

from csms.domain.meter import Reading
from csms.domain.transaction import FIRST, EventType, Marks, Transaction, TransactionEvent, has_seen


def fold(transaction: Transaction, event: TransactionEvent) -> Transaction:
    """The transaction with one more event; one whose number was seen changes nothing (the first is kept)."""
    if _is_next(transaction, event):
        registers = _next_registers(transaction, event.readings)
        if registers is not None:
            return _next(transaction, event, registers)
    elif has_seen(transaction, event.seq_no):
        return transaction
    marks = transaction.marks or _assumed_marks(transaction)
    changes: dict[str, Any] = {"seen": _with(transaction.seen, event.seq_no)}
    for rule in (_who_and_where, _state, _measured):
        more, marks = rule(transaction, event, marks)
        changes.update(more)
    folded: Transaction = replace(transaction, marks=marks, **changes)
    return replace(folded, marks=None) if _tells_its_marks(folded, marks) else folded


_Registers = tuple[Reading | None, Reading | None]


def _is_next(transaction: Transaction, event: TransactionEvent) -> bool:
    """Whether an event goes on where an unbroken transaction stands, as nearly all do."""
    seen = transaction.seen
    return transaction.marks is None and len(seen) == 1 and event.seq_no == seen[0][1] + 1


def _next_registers(before: Transaction, readings: tuple[Reading, ...]) -> _Registers | None:
    """First and last registers after more readings; None if marks are needed to tell import from export."""
    first, last = before.first, before.last
    for reading in readings:
        at, imported, exported = reading.at, reading.import_wh, reading.export_wh
        if imported is None and exported is None:
            continue
        here = Reading(at, None, imported, exported)
        if first is None or last is None:
            first = last = here
            continue
        if _metered(here) != _metered(last):
            return None
        if at >= last.at:
            last = here if at > last.at else _joint(last, here, max)
        if at < first.at:
            first = here
        elif at == first.at and _below(here, first):
            first = _joint(first, here, min)
    return first, last


def _joint(one: Reading, other: Reading, pick: Callable[[float, float], float]) -> Reading:
    """Two readings of one instant as one. Registers only grow: the lower is first, the higher last."""
    imported, exported = one.import_wh, one.export_wh
    return Reading(
        one.at,
        None,
        None if imported is None or other.import_wh is None else pick(imported, other.import_wh),
        None if exported is None or other.export_wh is None else pick(exported, other.export_wh),
    )


def _below(one: Reading, other: Reading) -> bool:
    """Whether a register of the same instant stood lower: then it is the first one."""
    return (
        one.import_wh is not None and other.import_wh is not None and one.import_wh < other.import_wh
    ) or (one.export_wh is not None and other.export_wh is not None and one.export_wh < other.export_wh)


def _metered(reading: Reading) -> tuple[bool, bool]:
    return reading.import_wh is not None, reading.export_wh is not None


def _next(before: Transaction, event: TransactionEvent, registers: _Registers) -> Transaction:
    """`fold` for the next event of an unbroken transaction: what it says last counts, by its number."""
    last, at = event.seq_no, event.at
    ends = event.type is EventType.ENDED
    if ends or (before.ended_at is None and event.charging_state is not None):
        charging_state = event.charging_state
    else:
        charging_state = before.charging_state
    started_at = before.started_at
    if event.type is EventType.STARTED and (started_at is None or at < started_at):
        started_at = at
    placed = before.evse_id is not None or event.evse_id is None
    return Transaction(
        before.station_id,
        before.transaction_id,
        before.number,
        ((before.seen[0][0], last),),
        before.evse_id if placed else event.evse_id,
        before.connector_id if placed else event.connector_id,
        before.id_token or event.id_token,
        started_at,
        at if ends else before.ended_at,
        charging_state,
        event.stopped_reason if ends else before.stopped_reason,
        event.remote_start_id if before.remote_start_id is None else before.remote_start_id,
        at if before.updated_at is None or at > before.updated_at else before.updated_at,
        registers[0],
        registers[1],
        *_newest(before, event.readings),
        before.offline or event.offline,
        before.conflicts,
    )


def _newest(
    before: Transaction, readings: tuple[Reading, ...]
) -> tuple[float | None, datetime | None, float | None, datetime | None, bool]:
    """Power and its time; SoC, its time, and whether it was one that cannot be."""
    power_w, power_at = before.power_w, before.power_at
    soc, soc_at, soc_refused = before.soc, before.soc_at, before.soc_refused
    for reading in readings:
        if reading.power_w is not None and (power_at is None or reading.at >= power_at):
            power_w, power_at = reading.power_w, reading.at
        if (reading.soc is not None or reading.soc_refused) and (soc_at is None or reading.at >= soc_at):
            soc, soc_at, soc_refused = reading.soc, reading.at, reading.soc_refused
    return power_w, power_at, soc, soc_at, soc_refused


def begin(station_id: str, event: TransactionEvent, number: int) -> Transaction:
    """The transaction that is known by this one event; `number` is no other transaction's."""
    return fold(Transaction(station_id, event.transaction_id, number), event)


_Changes = tuple[dict[str, Any], Marks]


def _who_and_where(transaction: Transaction, event: TransactionEvent, marks: Marks) -> _Changes:
    """From the first event that says it."""
    changes: dict[str, Any] = {}
    if event.evse_id is not None and event.seq_no < marks.place:
        changes.update(evse_id=event.evse_id, connector_id=event.connector_id)
        marks = marks._replace(place=event.seq_no)
    if event.id_token is not None and event.seq_no < marks.token:
        changes["id_token"] = event.id_token
        marks = marks._replace(token=event.seq_no)
    if event.remote_start_id is not None and event.seq_no < marks.remote:
        changes["remote_start_id"] = event.remote_start_id
        marks = marks._replace(remote=event.seq_no)
    return changes, marks


def _state(transaction: Transaction, event: TransactionEvent, marks: Marks) -> _Changes:
    """From the last event that says it. Ended is last, whatever its number (row 37)."""
    changes: dict[str, Any] = {}
    started, updated = transaction.started_at, transaction.updated_at
    if event.type is EventType.STARTED and (started is None or event.at < started):
        changes["started_at"] = event.at
    if updated is None or event.at > updated:
        changes["updated_at"] = event.at
    if event.offline:
        changes["offline"] = True
    ended = event.type is EventType.ENDED
    rank = event.seq_no + FIRST if ended else event.seq_no
    if rank > marks.state and (ended or event.charging_state is not None):
        changes["charging_state"] = event.charging_state
        marks = marks._replace(state=rank)
        if ended:
            changes.update(ended_at=event.at, stopped_reason=event.stopped_reason)
    return changes, marks


def _measured(transaction: Transaction, event: TransactionEvent, marks: Marks) -> _Changes:
    """From the readings by their own time; of two at one instant, that of the later event."""
    if not event.readings:
        return {}, marks
    seq_no, power_seq, soc_seq = event.seq_no, marks.power, marks.soc
    power_w, power_at = transaction.power_w, transaction.power_at
    soc, soc_at, soc_refused = transaction.soc, transaction.soc_at, transaction.soc_refused
    for reading in event.readings:
        at = reading.at
        if reading.power_w is not None and _newer(at, seq_no, power_at, power_seq):
            power_w, power_at, power_seq = reading.power_w, at, seq_no
        if (reading.soc is not None or reading.soc_refused) and _newer(at, seq_no, soc_at, soc_seq):
            soc, soc_at, soc_refused, soc_seq = reading.soc, at, reading.soc_refused, seq_no
    changes = {
        "power_w": power_w,
        "power_at": power_at,
        "soc": soc,
        "soc_at": soc_at,
        "soc_refused": soc_refused,
    }
    registers, moved = _registers(transaction, event.readings, marks)
    return {**changes, **registers}, moved._replace(power=power_seq, soc=soc_seq)


def _newer(at: datetime, seq_no: int, known_at: datetime | None, known_seq_no: int) -> bool:
    return known_at is None or at > known_at or (at == known_at and seq_no >= known_seq_no)


def _registers(transaction: Transaction, readings: tuple[Reading, ...], marks: Marks) -> _Changes:
    """Each register's earliest and latest value."""
    first, last = transaction.first, transaction.last
    imports = exports = _UNMETERED
    if first is not None and last is not None:
        imports = _Span(marks.first_import, first.import_wh, marks.last_import, last.import_wh)
        exports = _Span(marks.first_export, first.export_wh, marks.last_export, last.export_wh)
    for reading in readings:
        imports = imports.with_value(reading.at, reading.import_wh)
        exports = exports.with_value(reading.at, reading.export_wh)
    metered = [span for span in (imports, exports) if span.since is not None]
    if not metered:
        return {}, marks
    changes = {
        "first": Reading(min(s.since for s in metered if s.since), None, imports.low, exports.low),
        "last": Reading(max(s.until for s in metered if s.until), None, imports.high, exports.high),
    }
    moved = marks._replace(
        first_import=imports.since,
        first_export=exports.since,
        last_import=imports.until,
        last_export=exports.until,
    )
    return changes, moved


class _Span(NamedTuple):
    """One register's first and last value. Registers only grow: at one instant the first is the lower."""

    since: datetime | None
    low: float | None
    until: datetime | None
    high: float | None

    def with_value(self, at: datetime, value: float | None) -> "_Span":
        if value is None:
            return self
        since, low, until, high = self
        if since is None or low is None or at < since or (at == since and value < low):
            since, low = at, value
        if until is None or high is None or at > until or (at == until and value > high):
            until, high = at, value
        return _Span(since, low, until, high)


_UNMETERED = _Span(None, None, None, None)


def _with(seen: tuple[tuple[int, int], ...], seq_no: int) -> tuple[tuple[int, int], ...]:
    """The ranges with one more number, still ascending and merged."""
    if seen and seen[-1][1] + 1 == seq_no:
        return (*seen[:-1], (seen[-1][0], seq_no))
    merged: list[tuple[int, int]] = []
    for first, last in sorted((*seen, (seq_no, seq_no))):
        if merged and merged[-1][1] + 1 == first:
            merged[-1] = (merged[-1][0], last)
        else:
            merged.append((first, last))
    return tuple(merged)


def _tells_its_marks(transaction: Transaction, marks: Marks) -> bool:
    """Whether `_assumed_marks` are as good as these.

    Without a gap whatever comes late has a number below or above all others, so only the order matters; and
    both registers, as far as they are metered, were first and last read together.
    """
    since = {marks.first_import, marks.first_export} - {None}
    until = {marks.last_import, marks.last_export} - {None}
    return len(transaction.seen) == 1 and len(since) <= 1 and len(until) <= 1


def _assumed_marks(transaction: Transaction) -> Marks:
    """Marks of a transaction that came back without them: as if folded in order."""
    if not transaction.seen:
        return Marks()
    lowest, highest = transaction.seen[0][0], transaction.seen[-1][1]
    first, last = transaction.first, transaction.last
    return Marks(
        state=highest + (0 if transaction.ended_at is None else FIRST),
        token=FIRST if transaction.id_token is None else lowest,
        place=FIRST if transaction.evse_id is None else lowest,
        remote=FIRST if transaction.remote_start_id is None else lowest,
        power=highest,
        soc=highest,
        first_import=first.at if first and first.import_wh is not None else None,
        first_export=first.at if first and first.export_wh is not None else None,
        last_import=last.at if last and last.import_wh is not None else None,
        last_export=last.at if last and last.export_wh is not None else None,
    )
