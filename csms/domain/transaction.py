"""Transaction events and the transaction that they make (OCPP 2.0.1 block E).

Events come late, twice and with gaps; `domain.fold` makes the same transaction of them in whatever order. The
station's own order is `seq_no` (part 2, E 1.3.2): it may begin at 0 or run on across transactions.

    not started ──Started──> running ──Ended──> ended, for good
         └──────Updated, Ended──^   (Started may come late or never)
"""

from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from csms.domain.meter import Reading


class EventType(StrEnum):
    """Place of a transaction event in its transaction."""

    STARTED = "Started"
    UPDATED = "Updated"
    ENDED = "Ended"


UNTYPED = ""
"""The type of a token whose station does not say what kind it was shown (OCPP 1.6)."""


class IdToken(Struct, frozen=True, gc=False):
    """What identifies a driver to a station. Tokens are case-insensitive (identifierString)."""

    token: str
    type: str


class TransactionEvent(Struct, frozen=True, gc=False):
    """One TransactionEvent; unique by (station, transaction, `seq_no`).

    `raw` is the payload as it came, kept verbatim; `digest` tells a repeat from a conflict. `particulars` are
    what 2.1 tells besides (operation mode, tariff, limit, cost), by OCPP's name and in JSON.
    """

    type: EventType
    transaction_id: str
    seq_no: int
    at: datetime
    trigger: str
    offline: bool = False
    charging_state: str | None = None
    stopped_reason: str | None = None
    remote_start_id: int | None = None
    reservation_id: int | None = None
    evse_id: int | None = None
    connector_id: int | None = None
    id_token: IdToken | None = None
    readings: tuple[Reading, ...] = ()
    raw: bytes = b""
    digest: bytes = b""
    particulars: tuple[tuple[str, str], ...] = ()


class IdTokenInfo(Struct, frozen=True, gc=False):
    """Answer to an id token: `status` as in OCPP (Accepted, Invalid, Unknown, Blocked, Expired, ...)."""

    status: str
    group_id_token: IdToken | None = None
    expiry: datetime | None = None


class TransactionAnswer(Struct, frozen=True, gc=False):
    """Answer to a transaction event. An event is never refused; only its token can be (E01)."""

    id_token_info: IdTokenInfo | None = None
    total_cost: float | None = None


# More than any seq_no: nothing was said yet where the lowest wins; and what lifts Ended above all others.
FIRST = 1 << 64


class Marks(NamedTuple):
    """Which event (`seq_no`), or which instant, each value of a transaction came from.

    Only events that come late need it: a transaction without gaps does without, see `_tells_its_marks`.
    """

    state: int = -1
    token: int = FIRST
    place: int = FIRST
    remote: int = FIRST
    power: int = -1
    soc: int = -1
    first_import: datetime | None = None
    first_export: datetime | None = None
    last_import: datetime | None = None
    last_export: datetime | None = None


class Transaction(Struct, frozen=True, gc=False):
    """The state that all events seen so far fold to.

    `seen` are the sequence numbers as closed ranges ((first, last), ...), ascending and merged.
    `first`/`last` hold each energy register's earliest and latest value; `power_at`/`soc_at` date the newest
    power and SoC. `soc_refused`: the newest SoC could not be true, so none is known. `offline`: some event
    happened while the station was offline, where it may leave out Updated ones (E04.FR.07). `number` is the
    house's own name for it, the same from its first event on.
    """

    station_id: str
    transaction_id: str
    number: int
    seen: tuple[tuple[int, int], ...] = ()
    evse_id: int | None = None
    connector_id: int | None = None
    id_token: IdToken | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    charging_state: str | None = None
    stopped_reason: str | None = None
    remote_start_id: int | None = None
    updated_at: datetime | None = None
    first: Reading | None = None
    last: Reading | None = None
    power_w: float | None = None
    power_at: datetime | None = None
    soc: float | None = None
    soc_at: datetime | None = None
    soc_refused: bool = False
    offline: bool = False
    conflicts: int = 0
    marks: Marks | None = None


class Verdict(StrEnum):
    """What an event is to its transaction."""

    NEW = "new"
    REPEAT = "repeat"
    CONFLICT = "conflict"


def has_seen(transaction: Transaction, seq_no: int) -> bool:
    """Whether an event with this number has been folded in."""
    seen = transaction.seen
    if len(seen) == 1:  # nearly always, and asked for each event
        return seen[0][0] <= seq_no <= seen[0][1]
    return any(first <= seq_no <= last for first, last in seen)


def judge(transaction: Transaction | None, event: TransactionEvent, kept_digest: bytes | None) -> Verdict:
    """What `event` is to its transaction; `kept_digest` is that of the kept event with its number."""
    if transaction is None or not has_seen(transaction, event.seq_no):
        return Verdict.NEW
    if kept_digest is None or kept_digest == event.digest:
        return Verdict.REPEAT
    return Verdict.CONFLICT


def with_conflict(transaction: Transaction) -> Transaction:
    """The transaction after one more event whose number was taken by another content (row 34)."""
    return replace(transaction, conflicts=transaction.conflicts + 1)


def gaps(transaction: Transaction) -> tuple[tuple[int, int], ...]:
    """The numbers missing between those seen, as closed ranges."""
    pairs = zip(transaction.seen, transaction.seen[1:], strict=False)
    return tuple((before[1] + 1, after[0] - 1) for before, after in pairs)


def is_complete(transaction: Transaction) -> bool:
    """Whether it has its Started, its Ended and all between."""
    return transaction.started_at is not None and transaction.ended_at is not None and not gaps(transaction)


def energy_wh(transaction: Transaction) -> tuple[float | None, float | None]:
    """Energy into and out of the vehicle so far, each from its own register; None if not metered.

    Negative if a register ran backwards: such a value is for a person to look at (row 43).
    """
    first, last = transaction.first, transaction.last
    if first is None or last is None:
        return None, None
    return _between(first.import_wh, last.import_wh), _between(first.export_wh, last.export_wh)


def _between(first: float | None, last: float | None) -> float | None:
    return None if first is None or last is None else last - first
