"""Between rows of transactions and the domain's transactions: every value has its column."""

from datetime import datetime

from csms.domain.meter import Reading
from csms.domain.transaction import IdToken, Marks, Transaction
from csms.store.rows import from_micros, micros_or_none, plain, plain_or_none, to_micros
from csms.store.statements import Values
from csms.store.transaction_rows import TransactionRow


def state_values(transaction: Transaction) -> Values:
    """In the order of the columns of `TransactionRow`."""
    token, first, last = transaction.id_token, transaction.first, transaction.last
    return (
        transaction.station_id,
        plain(transaction.transaction_id),
        seen_text(transaction.seen),
        transaction.evse_id,
        transaction.connector_id,
        None if token is None else plain(token.token),
        None if token is None else plain(token.type),
        micros_or_none(transaction.started_at),
        micros_or_none(transaction.ended_at),
        transaction.ended_at is None,
        transaction.charging_state,
        plain_or_none(transaction.stopped_reason),
        transaction.remote_start_id,
        micros_or_none(transaction.updated_at),
        None if first is None else first.import_wh,
        None if first is None else first.export_wh,
        None if last is None else last.import_wh,
        None if last is None else last.export_wh,
        None if first is None else to_micros(first.at),
        None if last is None else to_micros(last.at),
        transaction.power_w,
        micros_or_none(transaction.power_at),
        transaction.soc,
        micros_or_none(transaction.soc_at),
        transaction.soc_refused,
        transaction.offline,
        transaction.conflicts,
        _marks_text(transaction.marks),
        transaction.number,
    )


STEP = (
    "seen",
    "charging_state",
    "updated_at",
    "last_import_wh",
    "last_export_wh",
    "last_at",
    "power_w",
    "power_at",
    "soc",
    "soc_at",
    "soc_refused",
)
"""What the next event of a running transaction moves: a third of the row."""


def is_step(before: Transaction, after: Transaction) -> bool:
    """Whether nothing but the columns of `STEP` has changed, and no gap has come or gone."""
    return (
        after.first is before.first
        and after.ended_at is before.ended_at
        and after.started_at is before.started_at
        and after.id_token is before.id_token
        and after.evse_id == before.evse_id
        and after.connector_id == before.connector_id
        and after.remote_start_id == before.remote_start_id
        and after.stopped_reason == before.stopped_reason
        and after.offline == before.offline
        and after.conflicts == before.conflicts
        and after.marks is before.marks is None
    )


def step_values(transaction: Transaction) -> Values:
    """In the order of `STEP`, and then the key."""
    last, power_at, soc_at = transaction.last, transaction.power_at, transaction.soc_at
    power_micros = micros_or_none(power_at)  # of one reading, nearly always
    return (
        seen_text(transaction.seen),
        transaction.charging_state,
        micros_or_none(transaction.updated_at),
        None if last is None else last.import_wh,
        None if last is None else last.export_wh,
        None if last is None else power_micros if last.at is power_at else to_micros(last.at),
        transaction.power_w,
        power_micros,
        transaction.soc,
        power_micros if soc_at is power_at else micros_or_none(soc_at),
        transaction.soc_refused,
        transaction.station_id,
        plain(transaction.transaction_id),
    )


def folded(row: TransactionRow) -> Transaction:
    """A row as the domain has it."""
    token = None if row.id_token is None else IdToken(row.id_token, row.id_token_type or "")
    return Transaction(
        station_id=row.identity,
        transaction_id=row.transaction_id,
        number=row.number,
        seen=seen_ranges(row.seen),
        evse_id=row.evse_id,
        connector_id=row.connector_id,
        id_token=token,
        started_at=row.started_at,
        ended_at=row.ended_at,
        charging_state=row.charging_state,
        stopped_reason=row.stopped_reason,
        remote_start_id=row.remote_start_id,
        updated_at=row.updated_at,
        first=_registers(row.first_at, row.first_import_wh, row.first_export_wh),
        last=_registers(row.last_at, row.last_import_wh, row.last_export_wh),
        power_w=row.power_w,
        power_at=row.power_at,
        soc=row.soc,
        soc_at=row.soc_at,
        soc_refused=row.soc_refused,
        offline=row.offline,
        conflicts=row.conflicts,
        marks=_marks(row.marks),
    )


def _registers(at: datetime | None, import_wh: float | None, export_wh: float | None) -> Reading | None:
    return None if at is None else Reading(at, import_wh=import_wh, export_wh=export_wh)


def seen_text(seen: tuple[tuple[int, int], ...]) -> str:
    """Closed ranges as "0-5,7"."""
    if len(seen) == 1 and seen[0][0] != seen[0][1]:  # nearly always, and told with each event
        return f"{seen[0][0]}-{seen[0][1]}"
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in seen)


def seen_ranges(text: str) -> tuple[tuple[int, int], ...]:
    """ "0-5,7" as closed ranges."""
    ranges = []
    for part in text.split(",") if text else ():
        dash = part.find("-", 1)  # not at 0: that is a minus
        ranges.append((int(part), int(part)) if dash < 0 else (int(part[:dash]), int(part[dash + 1 :])))
    return tuple(ranges)


def _marks_text(marks: Marks | None) -> str | None:
    """Numbers with commas between; moments in microseconds, what is not known empty."""
    if marks is None:
        return None
    numbers = (to_micros(mark) if isinstance(mark, datetime) else mark for mark in marks)
    return ",".join("" if number is None else str(number) for number in numbers)


def _marks(text: str | None) -> Marks | None:
    if text is None:
        return None
    numbers = [None if part == "" else int(part) for part in text.split(",")]
    times = [None if number is None else from_micros(number) for number in numbers[6:]]
    state, token, place, remote, power, soc = (number or 0 for number in numbers[:6])
    return Marks(state, token, place, remote, power, soc, *times)


def last_export_at(marks: str) -> datetime | None:
    """When the export register was read last, by a transaction's marks."""
    known = _marks(marks)
    return None if known is None else known.last_export
