"""Rows of transactions, their events and their meter readings; queries are in `transactions` and `fleet`."""

from datetime import datetime

from sqlalchemy import ColumnElement, Index, ScalarSelect, select, text
from sqlmodel import Field, SQLModel

from csms.store.rows import moment, table_of, wide

HAS_GAPS = "seen LIKE '%,%'"
"""Some event's number is missing; in these words in the index and in whatever is to use it."""


class TransactionRow(SQLModel, table=True):
    """The folded state of a transaction (`domain.transaction.Transaction`), rewritten with each new event.

    `seen` are the sequence numbers as "0-5,7"; `marks` is the fold's own memory, see `_marks_text`. By
    `number` its events are found; it never changes.
    """

    __tablename__ = "transaction"
    __table_args__ = (
        # few of all transactions are open: those the grid loop asks for at each tick
        Index(
            "ix_transaction_open",
            "identity",
            sqlite_where=text("open = 1"),
            postgresql_where=text("open = true"),
        ),
        Index(
            "ix_transaction_gaps",  # as few: asked for whenever a station connects
            "identity",
            sqlite_where=text(HAS_GAPS),
            postgresql_where=text(HAS_GAPS),
        ),
    )

    identity: str = Field(primary_key=True)
    transaction_id: str = Field(primary_key=True, index=True)
    seen: str = ""
    evse_id: int | None = None
    connector_id: int | None = None
    id_token: str | None = None
    id_token_type: str | None = None
    started_at: datetime | None = Field(default=None, sa_column=moment())
    ended_at: datetime | None = Field(default=None, sa_column=moment())
    open: bool = True
    charging_state: str | None = None
    stopped_reason: str | None = None
    remote_start_id: int | None = Field(default=None, sa_column=wide())
    updated_at: datetime | None = Field(default=None, sa_column=moment())
    first_import_wh: float | None = None
    first_export_wh: float | None = None
    last_import_wh: float | None = None
    last_export_wh: float | None = None
    first_at: datetime | None = Field(default=None, sa_column=moment())
    last_at: datetime | None = Field(default=None, sa_column=moment())
    power_w: float | None = None
    power_at: datetime | None = Field(default=None, sa_column=moment())
    soc: float | None = None
    soc_at: datetime | None = Field(default=None, sa_column=moment())
    soc_refused: bool = False
    offline: bool = False
    conflicts: int = 0
    marks: str | None = None
    number: int = Field(sa_column=wide(nullable=False, index=True, unique=True))


class TransactionEventRow(SQLModel, table=True):
    """One event as it came. The key makes a repeat harmless; `payload` is kept to the byte.

    `number` is its transaction's: numbers grow, so what transactions that run at one time tell goes to the
    same few pages of the key. By the stations' own names each would have a page of its own, and pages are
    what a commit costs.

    From `evse_id` on it is the event's first reading, if it has one: events are only appended, so that costs
    no page, where a row of its own among the EVSE's readings would. See `readings`.
    """

    __tablename__ = "transaction_event"

    number: int = Field(sa_column=wide(primary_key=True))
    seq_no: int = Field(sa_column=wide(primary_key=True))
    identity: str
    transaction_id: str
    type: str
    trigger: str
    at: datetime = Field(sa_column=moment(nullable=False))
    received_at: datetime = Field(sa_column=moment(nullable=False))
    offline: bool = False
    digest: bytes
    answer_status: str | None = None
    payload: bytes
    evse_id: int | None = None
    read_at: datetime | None = Field(default=None, sa_column=moment())
    power_w: float | None = None
    import_wh: float | None = None
    export_wh: float | None = None
    soc: float | None = None
    context: str | None = None


class EventConflictRow(SQLModel, table=True):
    """Another content under a sequence number that is taken; kept for a person to look at."""

    __tablename__ = "transaction_event_conflict"

    identity: str = Field(primary_key=True)
    transaction_id: str = Field(primary_key=True)
    seq_no: int = Field(sa_column=wide(primary_key=True))
    digest: bytes = Field(primary_key=True)
    received_at: datetime = Field(sa_column=moment(nullable=False))
    payload: bytes


class ReadingRow(SQLModel, table=True):
    """One reading of one EVSE. `source` is transaction id, or empty for MeterValues; `seq_no` -1 there.

    The first reading of an event (`part` 0) is in the event's own row, unless it was kept before that had
    room for it. `part` numbers the readings inside one message, so that split data with one time stamp are
    both kept.
    """

    __tablename__ = "reading"
    __table_args__ = {"sqlite_with_rowid": False}

    identity: str = Field(primary_key=True)
    evse_id: int = Field(primary_key=True)
    at: datetime = Field(sa_column=moment(primary_key=True))
    source: str = Field(default="", primary_key=True)
    seq_no: int = Field(default=-1, sa_column=wide(primary_key=True))
    part: int = Field(default=0, primary_key=True)
    power_w: float | None = None
    import_wh: float | None = None
    export_wh: float | None = None
    soc: float | None = None
    context: str = "Sample.Periodic"


class ChargingNeedsRow(SQLModel, table=True):
    """What the plugged-in vehicle last told by NotifyEVChargingNeeds; Wh, percent, W as magnitudes.

    `min_v2x_wh` (signed) is what it must take up to reach the bottom of its window for discharging, negative
    what it may give until there; `max_v2x_wh` the same to the window's top. `told` is all of it, in JSON.
    """

    __tablename__ = "charging_needs"

    identity: str = Field(primary_key=True)
    evse_id: int = Field(primary_key=True)
    at: datetime = Field(sa_column=moment(nullable=False))
    transfer: str
    capacity_wh: float | None = None
    soc: float | None = None
    energy_request_wh: float | None = None
    departure: datetime | None = Field(default=None, sa_column=moment())
    max_charge_w: float | None = None
    max_discharge_w: float | None = None
    min_v2x_wh: float | None = None
    max_v2x_wh: float | None = None
    told: str | None = None


TRANSACTION = table_of(TransactionRow)
EVENT = table_of(TransactionEventRow)
CONFLICT = table_of(EventConflictRow)
READING = table_of(ReadingRow)
NEEDS = table_of(ChargingNeedsRow)


def number_of(
    identity: ColumnElement[str] | str, transaction_id: ColumnElement[str] | str
) -> ScalarSelect[int]:
    """The number of a transaction, for whoever asks for its events."""
    here = TRANSACTION.c.identity == identity, TRANSACTION.c.transaction_id == transaction_id
    return select(TRANSACTION.c.number).where(*here).scalar_subquery()
