"""Users of the REST API. Only a hash of a key is kept."""

from datetime import datetime

from sqlalchemy import bindparam, delete, select
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlmodel import Field, SQLModel

from csms.store.database import Database
from csms.store.edits import add_row
from csms.store.rows import moment, table_of, to_micros
from csms.store.statements import Change, write


class UserRow(SQLModel, table=True):
    """A person or program; `role`: viewer, operator, administrator."""

    __tablename__ = "user"

    name: str = Field(primary_key=True)
    role: str
    key_hash: str = Field(index=True, unique=True)
    created_at: datetime = Field(sa_column=moment(nullable=False))


class IdempotencyRow(SQLModel, table=True):
    """The answer that was given under an Idempotency-Key, so that a repeat gets it again."""

    __tablename__ = "idempotency"

    user: str = Field(primary_key=True)
    key: str = Field(primary_key=True)
    digest: str
    status: int
    body: str
    at: datetime = Field(sa_column=moment(nullable=False))


USER = table_of(UserRow)
IDEMPOTENCY = table_of(IdempotencyRow)


async def add(conn: AsyncConnection, name: str, role: str, key_hash: str, at: datetime) -> None:
    """Add a user with the hash of its key (`pki.passwords.hash_key`).

    Raises `Conflict` if the name is taken.
    """
    row = UserRow(name=name, role=role, key_hash=key_hash, created_at=at)
    await add_row(conn, row, f"There is a user {name!r} already.")


async def by_key_hash(db: Database, key_hash: str) -> UserRow | None:
    """The user whose key has this hash."""
    return await db.one(UserRow, select(USER).where(USER.c.key_hash == key_hash))


async def listing(db: Database) -> list[UserRow]:
    """All users, by name."""
    return await db.every(UserRow, select(USER).order_by(USER.c.name))


async def any_administrator(db: Database) -> bool:
    """Whether somebody is there who may do everything."""
    return await db.first(select(USER.c.name).where(USER.c.role == "administrator").limit(1)) is not None


async def remembered(db: Database, user: str, key: str) -> IdempotencyRow | None:
    """The answer that was given under an Idempotency-Key."""
    query = select(IDEMPOTENCY).where(IDEMPOTENCY.c.user == user, IDEMPOTENCY.c.key == key)
    return await db.one(IdempotencyRow, query)


async def remember(conn: AsyncConnection, row: IdempotencyRow) -> None:
    """Keep an answer. Raises `Conflict` if another one is kept under this key."""
    await add_row(conn, row, "This key is in use by another request.")


_FORGOTTEN = write(
    IdempotencyRow, ("p_before",), delete(IDEMPOTENCY).where(IDEMPOTENCY.c.at < bindparam("p_before"))
)


def answers_forgotten(before: datetime) -> Change:
    """Answers older than `before` are no longer remembered: for the writer, now and then."""
    return Change(_FORGOTTEN, ((to_micros(before),),))
