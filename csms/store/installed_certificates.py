"""Certificates in the stations, by the hashes that they tell."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlmodel import Field, SQLModel

from csms.store.database import Database
from csms.store.edits import drop_rows, put_row
from csms.store.rows import moment, table_of


class InstalledCertificateRow(SQLModel, table=True):
    """One certificate (or the leaf of a chain; `children` are the hashes of the rest, in JSON)."""

    __tablename__ = "installed_certificate"

    identity: str = Field(primary_key=True)
    use: str = Field(primary_key=True)
    hash_algorithm: str = Field(primary_key=True)
    issuer_name_hash: str = Field(primary_key=True)
    issuer_key_hash: str = Field(primary_key=True)
    serial_number: str = Field(primary_key=True)
    children: str | None = None
    reported_at: datetime = Field(sa_column=moment(nullable=False))


CERTIFICATE = table_of(InstalledCertificateRow)


async def listing(db: Database, identity: str) -> list[InstalledCertificateRow]:
    """What a station has told to have."""
    query = select(CERTIFICATE).where(CERTIFICATE.c.identity == identity)
    key = [column for column in CERTIFICATE.primary_key.columns if column.name != "identity"]
    return await db.every(InstalledCertificateRow, query.order_by(*key))


async def told(
    conn: AsyncConnection,
    identity: str,
    uses: Sequence[str] | None,
    rows: Iterable[InstalledCertificateRow],
) -> None:
    """All that a station has of these uses (None: of all): what it did not name is not there."""
    statement = delete(CERTIFICATE).where(CERTIFICATE.c.identity == identity)
    if uses is not None:
        statement = statement.where(CERTIFICATE.c.use.in_(uses))
    await conn.execute(statement)
    for row in rows:
        await put_row(conn, row)


async def drop(conn: AsyncConnection, identity: str, issuer_key_hash: str, serial_number: str) -> None:
    """A certificate that is gone."""
    key = {"identity": identity, "issuer_key_hash": issuer_key_hash, "serial_number": serial_number}
    await drop_rows(conn, InstalledCertificateRow, key)
