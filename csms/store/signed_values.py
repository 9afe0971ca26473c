"""Signed meter values outside transactions, to the byte; those inside stand in the transaction's events."""

import hashlib
from datetime import datetime

from sqlalchemy import select
from sqlmodel import Field, SQLModel

from csms.store.database import Database
from csms.store.rows import moment, table_of, to_micros
from csms.store.statements import Change, keep


class SignedValuesRow(SQLModel, table=True):
    """One MeterValues with signed values as it came."""

    __tablename__ = "signed_values"

    identity: str = Field(primary_key=True)
    evse_id: int = Field(primary_key=True)
    digest: bytes = Field(primary_key=True)
    received_at: datetime = Field(sa_column=moment(nullable=False))
    payload: bytes


SIGNED = table_of(SignedValuesRow)
_KEPT = keep(SignedValuesRow)


async def listing(db: Database, identity: str, limit: int) -> list[SignedValuesRow]:
    """The newest of a station, newest first."""
    query = select(SIGNED).where(SIGNED.c.identity == identity)
    return await db.every(SignedValuesRow, query.order_by(SIGNED.c.received_at.desc()).limit(limit))


def kept(identity: str, evse_id: int, payload: bytes, at: datetime) -> Change:
    """A message to the byte; told twice it is kept once."""
    return Change(_KEPT, ((identity, evse_id, hashlib.sha256(payload).digest(), to_micros(at), payload),))
