"""Payments that stations have settled with a payment service by themselves (2.1, C24, C25)."""

from datetime import datetime

from sqlalchemy import select
from sqlmodel import Field, SQLModel

from csms.store.database import Database
from csms.store.rows import moment, table_of
from csms.store.statements import Change, from_row, put


class PaymentRow(SQLModel, table=True):
    """The newest word on one payment: Settled, Canceled, Rejected or Failed.

    `reference` is the payment service's, `amount` is in the tariff's currency.
    """

    __tablename__ = "payment"

    identity: str = Field(primary_key=True)
    reference: str = Field(primary_key=True)
    transaction_id: str | None = None
    status: str
    reason: str | None = None
    amount: float
    settled_at: datetime = Field(sa_column=moment(nullable=False))
    receipt_id: str | None = None
    receipt_url: str | None = None
    vat_number: str | None = None
    heard_at: datetime = Field(sa_column=moment(nullable=False))


PAYMENT = table_of(PaymentRow)
_TOLD = put(PaymentRow, newer_by="settled_at")


async def listing(db: Database, identity: str, limit: int) -> list[PaymentRow]:
    """The newest payments at a station, newest first."""
    query = select(PAYMENT).where(PAYMENT.c.identity == identity)
    return await db.every(
        PaymentRow, query.order_by(PAYMENT.c.settled_at.desc(), PAYMENT.c.reference).limit(limit)
    )


def told(row: PaymentRow) -> Change:
    """What a station has told of a payment."""
    return from_row(_TOLD, row)
