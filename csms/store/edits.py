"""Writes of administration and grid in the caller's transaction: whole rows, and many rows at once."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from typing import Any, TypeAlias, TypeVar

from sqlalchemy import and_, delete, update
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlmodel import SQLModel

from csms.errors import Conflict
from csms.store.rows import table_of
from csms.store.statements import Statement, Values, compiled, insert_into, overwrite

Key = Mapping[str, object]
T = TypeVar("T")

AT_ONCE = 500
"""So many rows go to the driver in one piece: other tasks have the loop in between."""
Connection: TypeAlias = AsyncConnection
"""A write transaction, as `Database.begin` gives it: for rooms that keep things and know no SQL."""


async def add_row(conn: AsyncConnection, row: SQLModel, taken: str) -> None:
    """Insert a row.

    Raises `Conflict` with the sentence `taken` if its key, or a unique value, is there already.
    """
    table = table_of(type(row))
    statement = insert_into(conn.dialect.name, table).values(_values(row)).on_conflict_do_nothing()
    if (await conn.execute(statement)).rowcount == 0:
        raise Conflict(taken)


async def put_row(conn: AsyncConnection, row: SQLModel) -> None:
    """Insert a row, or overwrite the one with the same key."""
    table = table_of(type(row))
    await conn.execute(overwrite(insert_into(conn.dialect.name, table).values(_values(row)), table))


async def append_rows(conn: AsyncConnection, rows: Iterable[SQLModel]) -> None:
    """Insert many rows of one kind whose keys the database gives."""
    values = [_values(row) for row in rows]
    for row in rows:
        await conn.execute(insert_into(conn.dialect.name, table_of(type(row))), values)
        return


async def write_rows(
    conn: AsyncConnection, statement: Statement, items: Sequence[T], values: Callable[[T], Values]
) -> None:
    """Run a statement for each of many items, at the price of the message path and not of whole rows."""
    ready = _ready(statement, conn.dialect.name)
    for start in range(0, len(items), AT_ONCE):
        rows = map(values, items[start : start + AT_ONCE])
        await conn.exec_driver_sql(ready.text, [*map(ready.pick, rows)] if ready.pick else [*rows])


_ready = cache(compiled)


async def change_row(
    conn: AsyncConnection, kind: type[SQLModel], key: Key, fields: Mapping[str, object]
) -> bool:
    """Change columns of the row with this key; False if there is none."""
    table = table_of(kind)
    unknown = set(fields) - set(table.columns.keys())
    if unknown:
        raise TypeError(f"{table.name} has no {sorted(unknown)}")
    statement = update(table).where(_is(kind, key)).values(dict(fields))
    return (await conn.execute(statement)).rowcount > 0


async def drop_rows(conn: AsyncConnection, kind: type[SQLModel], key: Key) -> int:
    """Delete all rows with these values; says how many."""
    return (await conn.execute(delete(table_of(kind)).where(_is(kind, key)))).rowcount


def _is(kind: type[SQLModel], key: Key) -> Any:
    table = table_of(kind)
    return and_(*(table.c[name] == value for name, value in key.items()))


def _values(row: SQLModel) -> dict[str, Any]:
    table = table_of(type(row))
    numbered = table.autoincrement_column
    values = row.model_dump()
    if numbered is not None and values.get(numbered.name) is None:
        values.pop(numbered.name, None)
    return values
