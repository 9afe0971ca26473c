"""Statements of the message path: Core against the rows' tables, compiled once, run by the driver."""

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from operator import itemgetter
from typing import Any, cast

from msgspec import Struct
from sqlalchemy import ClauseElement, ColumnElement, Executable, Table, bindparam, case, func, tuple_
from sqlalchemy.dialects.postgresql import asyncpg as postgresql
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.postgresql.dml import Insert as PostgresInsert
from sqlalchemy.dialects.sqlite import dialect as sqlite_dialect
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.dialects.sqlite.dml import Insert as SqliteInsert
from sqlalchemy.engine.interfaces import Dialect
from sqlalchemy.sql.compiler import SQLCompiler
from sqlmodel import SQLModel

from csms.store.rows import plain, table_of, to_micros

Value = str | bytes | int | float | bool | None
"""What a driver takes as it is. Times are microseconds since 1970 here (`rows.to_micros`)."""

Values = tuple[Value, ...]


class Again(Enum):
    """What an insert makes of a second row with the same key in one flush."""

    FIRST = "the first stands"
    LAST = "the last stands, whatever was before"
    EACH = "each changes what the one before has left"


@dataclass(frozen=True, eq=False, slots=True)
class Statement:
    """One insert, upsert or update; a module-level constant.

    `names` are its parameters in the order of `Values`; `key` are the places of its rows' key among them, if
    it is an insert or an update by key.
    """

    table: str
    names: tuple[str, ...]
    build: Callable[[str], Executable | ClauseElement]
    insert: bool = False
    key: tuple[int, ...] = ()
    again: Again = Again.EACH
    revises: bool = False
    """An update by key; a row that is not there is an error."""


class Change(Struct, frozen=True, gc=False):
    """What a handler keeps: rows for one statement. Nothing is written before `Writer.submit`."""

    statement: Statement
    rows: tuple[Values, ...]


@dataclass(frozen=True, slots=True)
class Compiled:
    """A statement for a driver; `pick` puts a row's values into the order of the places in `text`.

    `row` is the part of an insert's text that stands for one row, empty for other statements.
    """

    text: str
    pick: Callable[[Values], Values] | None
    row: str = ""

    def of_rows(self, count: int) -> str:
        """The insert of so many rows by one command."""
        return self.text.replace(self.row, ", ".join([self.row] * count), 1)

    def of_columns(self) -> str:
        """The insert of any number of rows by one command that is given an array for each column."""
        columns = self.row[1:-1].replace(",", "[],")
        arrays = f"SELECT * FROM unnest({columns}[])"  # noqa: S608 - places, no values
        return self.text.replace(f"VALUES {self.row}", arrays, 1)


def insert_into(dialect: str, table: Table) -> SqliteInsert | PostgresInsert:
    """The dialect's own insert: only that one knows ON CONFLICT."""
    return postgresql_insert(table) if dialect == "postgresql" else sqlite_insert(table)


def keep(row: type[SQLModel], *, by_key: bool = False) -> Statement:
    """Insert; a row whose key is there already changes nothing.

    With `by_key` that is so for the primary key alone: what else must be unique and is not refuses the row.
    """

    def build(dialect: str, table: Table) -> Executable:
        key = list(table.primary_key.columns) if by_key else None
        return insert_into(dialect, table).on_conflict_do_nothing(index_elements=key)

    return _insertion(row, build, Again.FIRST)


def put(row: type[SQLModel], *, newer_by: str | None = None, fixed: Collection[str] = ()) -> Statement:
    """Insert, or overwrite the row with the same key; with `newer_by` only if that column is not older.

    A row that differs from the one with its key in a column of `fixed` is refused.
    """

    def build(dialect: str, table: Table) -> Executable:
        return overwrite(insert_into(dialect, table), table, newer_by, fixed)

    return _insertion(row, build, Again.LAST if newer_by is None else Again.EACH)


def fill(row: type[SQLModel]) -> Statement:
    """Insert, or fill what the row with the same key leaves open; the first word on each column stands."""

    def build(dialect: str, table: Table) -> Executable:
        statement = insert_into(dialect, table)
        key = list(table.primary_key.columns)
        told = {
            column.name: func.coalesce(column, statement.excluded[column.name])
            for column in table.columns
            if column.nullable
        }
        return statement.on_conflict_do_update(index_elements=key, set_=told)

    return _insertion(row, build, Again.EACH)


def revise(row: type[SQLModel], names: Sequence[str]) -> Statement:
    """Overwrite these columns of a row that is there; its values are theirs, and then the key's."""
    table = table_of(row)
    wanted = (*names, *(column.name for column in table.primary_key.columns))
    key = tuple(range(len(names), len(wanted)))
    values = tuple_(*(bindparam(name, type_=table.c[name].type) for name in wanted))
    return Statement(table.name, wanted, lambda _dialect: values, True, key, Again.LAST, revises=True)


def overwrite(
    statement: SqliteInsert | PostgresInsert,
    table: Table,
    newer_by: str | None = None,
    fixed: Collection[str] = (),
) -> SqliteInsert | PostgresInsert:
    """Add ON CONFLICT (key) DO UPDATE of all other columns to an insert."""
    key, told = list(table.primary_key.columns), statement.excluded
    others: dict[str, ColumnElement[Any]] = {c.name: told[c.name] for c in table.columns if not c.primary_key}
    if not others:
        return statement.on_conflict_do_nothing()
    for name in fixed:  # NULL, which it must not be, if they differ
        others[name] = case((table.c[name] == told[name], told[name]))
    where = None if newer_by is None else statement.excluded[newer_by] >= table.c[newer_by]
    return statement.on_conflict_do_update(index_elements=key, set_=others, where=where)


def write(row: type[SQLModel], names: Sequence[str], statement: Executable) -> Statement:
    """Any other statement; `names` are its bind parameters, in the order in which rows give them."""
    return Statement(table_of(row).name, tuple(names), lambda _dialect: statement)


def from_row(statement: Statement, row: SQLModel) -> Change:
    """A change that writes a whole row object with a statement made by `keep`, `put` or `fill`."""
    return Change(statement, (values_of(statement, row),))


def values_of(statement: Statement, row: object) -> Values:
    """What a statement made by `keep`, `put` or `fill` wants of a row, or of any object with its names."""
    return tuple([_plain_value(getattr(row, name)) for name in statement.names])


def compiled(statement: Statement, dialect: str) -> Compiled:
    """The statement's text for a driver: `?` for sqlite3, `$1` for asyncpg."""
    core = statement.build(dialect)
    keys = list(statement.names) if statement.insert else None
    result = cast(ClauseElement, core).compile(dialect=dialect_of(dialect), column_keys=keys)
    assert isinstance(result, SQLCompiler)
    places = tuple(result.positiontup or ())
    missing = set(places) - set(statement.names)
    if missing:
        raise ValueError(f"statement on {statement.table} has unnamed values {sorted(missing)}")
    text, row = str(result), ""
    if statement.revises:
        return Compiled(_revision(statement, dialect, row=text), None, text)
    if statement.insert:
        row = _VALUES.search(text)[1]  # type: ignore[index]
        # A refused row undoes the whole flush anyway. Were it to undo its own command alone, SQLite would
        # copy each page aside before a command of many rows changes it: half as much work again.
        text = text.replace("INSERT INTO", "INSERT OR ROLLBACK INTO", 1) if dialect == "sqlite" else text
    return Compiled(text, picker(statement.names, places), row)


def _revision(statement: Statement, dialect: str, row: str) -> str:
    """An update by key: of one row for SQLite, of as many as there are for PostgreSQL."""
    quote = dialect_of(dialect).identifier_preparer.quote
    table, names = quote(statement.table), [quote(name) for name in statement.names]
    border = statement.key[0]
    if dialect == "sqlite":
        told, where = (", ".join(f"{name} = ?" for name in part) for part in (names[:border], names[border:]))
        return f"UPDATE {table} SET {told} WHERE {where.replace(', ', ' AND ')}"  # noqa: S608 - our own names
    told = ", ".join(f"{name} = told.{name}" for name in names[:border])
    where = " AND ".join(f"{table}.{name} = told.{name}" for name in names[border:])
    rows = f"(VALUES {row}) AS told ({', '.join(names)})"
    return f"UPDATE {table} SET {told} FROM {rows} WHERE {where}"  # noqa: S608 - our own names


_VALUES = re.compile(r" VALUES (\([^)]*\))")


def picker(names: tuple[str, ...], places: tuple[str, ...]) -> Callable[[Values], Values] | None:
    """What puts values given in the order of `names` into the order of `places`; None if it is the same."""
    if names == places:
        return None
    order = [names.index(place) for place in places]
    if len(order) == 1:
        only = order[0]
        return lambda values: (values[only],)
    return itemgetter(*order)


def dialect_of(name: str) -> Dialect:
    """SQLAlchemy's words for a kind of database, with the places that its driver knows."""
    if name == "postgresql":
        return cast(Dialect, postgresql.dialect())  # type: ignore[no-untyped-call]
    return sqlite_dialect(paramstyle="qmark")


def _insertion(row: type[SQLModel], build: Callable[[str, Table], Executable], again: Again) -> Statement:
    table = table_of(row)
    columns = [c for c in table.columns if c is not table.autoincrement_column]
    key = tuple(place for place, column in enumerate(columns) if column.primary_key)
    names = tuple(column.name for column in columns)
    return Statement(table.name, names, lambda dialect: build(dialect, table), True, key, again)


def _plain_value(value: Value | datetime) -> Value:
    if isinstance(value, datetime):
        return to_micros(value)
    return plain(value) if isinstance(value, str) else value
