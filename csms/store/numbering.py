"""The ids that we have given to transactions of stations that have none of their own (OCPP 1.6).

And the numbers of their events, looked up by content: so a repeat is known as such.
"""

from datetime import datetime

from sqlalchemy import bindparam, select
from sqlmodel import Field, SQLModel

from csms.store import transaction_rows
from csms.store.database import Database
from csms.store.queries import Query
from csms.store.rows import moment, table_of, to_micros
from csms.store.statements import Change, keep
from csms.store.transaction_rows import EVENT


class TransactionStartRow(SQLModel, table=True):
    """A start that was told, and the id its transaction has; no id is given twice in this house.

    `digest` is what the start is known by (`domain.numbering.start_digest`).
    """

    __tablename__ = "transaction_start"

    digest: bytes = Field(primary_key=True)
    transaction_id: int = Field(unique=True)
    identity: str
    told_at: datetime = Field(sa_column=moment(nullable=False))


START = table_of(TransactionStartRow)

# A repeat changes nothing. The id of another start is no repeat: that is refused, and the station asks again.
_GIVEN = keep(TransactionStartRow, by_key=True)

_ID_OF = Query(select(START.c.transaction_id).where(START.c.digest == bindparam("p_digest")), ("p_digest",))
_IS_GIVEN = Query(select(START.c.digest).where(START.c.transaction_id == bindparam("p_id")), ("p_id",))
_HERE = EVENT.c.number == transaction_rows.number_of(bindparam("p_identity"), bindparam("p_transaction"))
_NUMBER = Query(
    select(EVENT.c.seq_no).where(_HERE, EVENT.c.digest == bindparam("p_digest")).order_by(EVENT.c.seq_no),
    ("p_identity", "p_transaction", "p_digest"),
)
_NUMBER_OF_TYPE = Query(
    select(EVENT.c.seq_no).where(_HERE, EVENT.c.type == bindparam("p_type")).order_by(EVENT.c.seq_no),
    ("p_identity", "p_transaction", "p_type"),
)


async def id_of(db: Database, digest: bytes) -> int | None:
    """The id that was given to this start."""
    rows = await db.answers(_ID_OF.of(digest))
    return rows[0][0] if rows else None


async def is_given(db: Database, transaction_id: int) -> bool:
    """Whether some transaction has this id."""
    return bool(await db.answers(_IS_GIVEN.of(transaction_id)))


async def number_of(db: Database, identity: str, transaction_id: str, digest: bytes) -> int | None:
    """The number under which this content was kept."""
    rows = await db.answers(_NUMBER.of(identity, transaction_id, digest))
    return rows[0][0] if rows else None


async def number_of_type(db: Database, identity: str, transaction_id: str, type: str) -> int | None:
    """The number of the first event of this type."""
    rows = await db.answers(_NUMBER_OF_TYPE.of(identity, transaction_id, type))
    return rows[0][0] if rows else None


def given(identity: str, digest: bytes, transaction_id: int, at: datetime) -> Change:
    """This start has this id from now on."""
    return Change(_GIVEN, ((digest, transaction_id, identity, to_micros(at)),))
