"""What a transaction is run under (2.1): operation mode, tariff, limit, cost by the station, priority ..."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import select, tuple_
from sqlmodel import Field, SQLModel

from csms.store.database import Database
from csms.store.edits import Connection, put_row
from csms.store.rows import moment, plain, table_of, to_micros
from csms.store.statements import Change, put
from csms.store.transaction_rows import TRANSACTION

PRIORITY = "priorityCharging"
"""Whether the driver has priority (K21, K22): JSON true or false."""


class ParticularRow(SQLModel, table=True):
    """The newest word on one particular of a transaction; `name` is OCPP's, `value` is JSON."""

    __tablename__ = "transaction_particular"

    identity: str = Field(primary_key=True)
    transaction_id: str = Field(primary_key=True)
    name: str = Field(primary_key=True)
    value: str
    at: datetime = Field(sa_column=moment(nullable=False))


PARTICULAR = table_of(ParticularRow)

HAS_PRIORITY = tuple_(TRANSACTION.c.identity, TRANSACTION.c.transaction_id).in_(
    select(PARTICULAR.c.identity, PARTICULAR.c.transaction_id).where(
        PARTICULAR.c.name == PRIORITY, PARTICULAR.c.value == "true"
    )
)

_TOLD = put(ParticularRow, newer_by="at")


async def of_transaction(db: Database, identity: str, transaction_id: str) -> list[ParticularRow]:
    """What is known of a transaction, by name."""
    query = select(PARTICULAR).where(
        PARTICULAR.c.identity == identity, PARTICULAR.c.transaction_id == transaction_id
    )
    return await db.every(ParticularRow, query.order_by(PARTICULAR.c.name))


async def agreed(
    conn: Connection, identity: str, transaction_id: str, pair: tuple[str, str], at: datetime
) -> None:
    """What the station has agreed to by its answer: a name and its value in JSON."""
    name, value = pair
    row = ParticularRow(identity=identity, transaction_id=transaction_id, name=name, value=value, at=at)
    await put_row(conn, row)


def told(identity: str, transaction_id: str, pairs: Iterable[tuple[str, str]], at: datetime) -> Change:
    """What a station has told of its transaction: names and values in JSON. The newest word counts."""
    rows = tuple(
        (identity, plain(transaction_id), name, plain(value), to_micros(at)) for name, value in pairs
    )
    return Change(_TOLD, rows)
