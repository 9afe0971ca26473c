"""Transactions and their meter readings."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import Field

from csms.api.shapes import After, Limit, Page, Shape, Time, key_of, page
from csms.api.stations import registered
from csms.api.wiring import Wired, Wiring
from csms.domain import meter
from csms.domain.review import Doubt, doubts
from csms.domain.station import canonical_identity
from csms.errors import NotFound
from csms.store import tariffs, transactions

router = APIRouter(tags=["transactions"])

AtStation = Annotated[
    str | None, Query(description="The station's identity, where a transaction id is used by several.")
]


class Transaction(Shape):
    """A transaction. Power is signed W (+ into the vehicle), registers are Wh, SoC percent.

    `review`: why a person should look at it before its energy is billed; empty if nothing speaks against it.
    What its readings say inside the transaction is only looked at where one transaction is shown.
    """

    transaction_id: str
    station: Annotated[str, Field(validation_alias="identity")]
    evse_id: int | None
    connector_id: int | None
    id_token: str | None
    id_token_type: str | None
    started_at: Time | None
    ended_at: Time | None
    open: bool
    charging_state: str | None
    stopped_reason: str | None
    updated_at: Time | None
    first_import_wh: float | None
    first_export_wh: float | None
    last_import_wh: float | None
    last_export_wh: float | None
    power_w: float | None
    power_at: Time | None
    soc: float | None
    soc_at: Time | None
    conflicts: int
    review: tuple[Doubt, ...] = ()


class Cost(Shape):
    """What a transaction costs, exact, in `currency`; `final` once it has ended."""

    tariff_id: str
    currency: str
    total: str
    final: bool
    at: Time


class Reading(Shape):
    """One meter reading."""

    at: Time
    power_w: float | None
    import_wh: float | None
    export_wh: float | None
    soc: float | None
    context: str


@router.get("/transactions")
async def list_transactions(
    wired: Wired,
    after: After = None,
    limit: Limit = 100,
    station: Annotated[str | None, Query(description="Only of this station.")] = None,
    open: Annotated[bool, Query(description="Only those that are still open.")] = False,
) -> Page[Transaction]:
    """All transactions."""
    identity = None if station is None else (await registered(wired, station)).identity
    rows = await transactions.listing(wired.db, key_of(after), limit + 1, identity=identity, open_only=open)
    return page(rows, limit, transactions.cursor, _shape)


@router.get("/transactions/{transaction_id}")
async def show_transaction(transaction_id: str, wired: Wired, station: AtStation = None) -> Transaction:
    """One transaction."""
    row = await found(wired, transaction_id, station)
    readings = await transactions.readings_of(wired.db, row.identity, row.transaction_id)
    return _shape(row, [transactions.reading_of(reading) for reading in readings])


@router.get("/transactions/{transaction_id}/readings")
async def list_readings(
    transaction_id: str, wired: Wired, after: After = None, limit: Limit = 1000, station: AtStation = None
) -> Page[Reading]:
    """The meter readings of a transaction, oldest first."""
    row = await found(wired, transaction_id, station)
    start = key_of(after) or ""
    rows = await transactions.readings_of(wired.db, row.identity, row.transaction_id)
    later = [reading for reading in rows if _key(reading) > start]
    return page(later[: limit + 1], limit, _key, Reading.model_validate)


@router.get("/transactions/{transaction_id}/cost")
async def show_cost(transaction_id: str, wired: Wired, station: AtStation = None) -> Cost:
    """What a transaction costs by the newest that was told; 404 where nothing is charged for."""
    row = await found(wired, transaction_id, station)
    cost = await tariffs.cost(wired.db, row.identity, row.transaction_id)
    if cost is None:
        raise NotFound("cost of transaction", transaction_id)
    return Cost.model_validate(cost)


def _shape(row: transactions.TransactionRow, readings: Sequence[meter.Reading] = ()) -> Transaction:
    why = doubts(transactions.folded(row), row.open, readings)
    return Transaction.model_validate(row).model_copy(update={"review": why})


async def found(wired: Wiring, transaction_id: str, station: str | None) -> transactions.TransactionRow:
    """The transaction with this id, at a station if named. Raises `NotFound`."""
    identity = None if station is None else canonical_identity(station)
    row = await transactions.get(wired.db, transaction_id, identity)
    if row is None:
        raise NotFound("transaction", transaction_id)
    return row


def _key(row: transactions.ReadingRow) -> str:
    return f"{row.at.isoformat(timespec='microseconds')} {row.seq_no + 1:012} {row.part:06}"
