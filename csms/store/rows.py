"""What every table shares: UTC times that come back with their zone, whole numbers that stations choose."""

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, Column, Dialect, Integer, Table
from sqlalchemy.types import TypeDecorator
from sqlmodel import SQLModel


class UtcTime(TypeDecorator[datetime]):
    """A moment, kept as whole microseconds since 1970 so that every database orders and compares it alike."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        """Python to database; a time without zone is refused."""
        return None if value is None else to_micros(value)

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:
        """Database to Python, in UTC."""
        return None if value is None else from_micros(value)


def to_micros(at: datetime) -> int:
    """Microseconds since 1970; raises `ValueError` for a time without zone."""
    if at.tzinfo is None:
        raise ValueError("a time without zone cannot be stored")
    delta = at - _EPOCH
    return (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds


def micros_or_none(at: datetime | None) -> int | None:
    """Microseconds since 1970, or None for a moment that is not known."""
    return None if at is None else to_micros(at)


def from_micros(micros: int) -> datetime:
    """The moment so many microseconds after 1970, in UTC."""
    return _EPOCH + timedelta(0, 0, micros)


def plain(text: str) -> str:
    """Text as every database takes it: PostgreSQL cannot keep the character NUL, which JSON can carry."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}") if "\0" in text else text


def plain_or_none(text: str | None) -> str | None:
    """`plain`, for text that may be missing."""
    return None if text is None else plain(text)


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def moment(*, nullable: bool = True, index: bool = False, primary_key: bool = False) -> Any:
    """A column for a moment."""
    if primary_key:
        return Column(UtcTime, primary_key=True, nullable=False)
    return Column(UtcTime, nullable=nullable, index=index)


def wide(
    *, nullable: bool = True, primary_key: bool = False, index: bool = False, unique: bool = False
) -> Any:
    """A column for a whole number that a station chooses: nothing keeps it inside 32 bits."""
    if primary_key:
        return Column(BigInteger, primary_key=True, nullable=False, autoincrement=False)
    return Column(BigInteger, nullable=nullable, index=index, unique=unique)


def number() -> Any:
    """A key that the database counts up itself, wide enough for every frame of a fleet's life."""
    return Column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True)


def table_of(row: type[SQLModel]) -> Table:
    """The Core table of a row class."""
    return SQLModel.metadata.tables[str(row.__tablename__)]
