"""Questions that are asked all the time: a select translated once, its answers made into rows cheaply.

SQLAlchemy builds, keys and carries out a select anew each time: several times what the database needs for one
row by its key. What administration asks now and then goes that way all the same.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeVar

from sqlalchemy import Boolean, CompoundSelect, Select
from sqlalchemy.orm import configure_mappers
from sqlalchemy.orm.attributes import manager_of_class
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.types import TypeEngine
from sqlmodel import SQLModel

from csms.store.rows import UtcTime, from_micros
from csms.store.statements import Value, Values, dialect_of, picker

R = TypeVar("R", bound=SQLModel)

Answer = Sequence[Any]
"""One row as it was selected; moments are datetimes, truth values bools."""


@dataclass(frozen=True, eq=False, slots=True)
class Query:
    """A select, a module-level constant; `names` are its bind parameters in the order of `of`."""

    select: Select[Any] | CompoundSelect[Any]
    names: tuple[str, ...] = ()

    def of(self, *values: Value) -> "Question":
        """This query with values, as drivers take them: moments in microseconds."""
        return Question(self, values)


@dataclass(frozen=True, slots=True)
class Question:
    """A query and its values."""

    query: Query
    values: Values


@dataclass(frozen=True, slots=True)
class Form:
    """A query in one database's words.

    `fixed` are the values that stand in the select itself; `turned` says which columns are made into what.
    """

    text: str
    fixed: Values
    pick: Callable[[Values], Values] | None
    columns: tuple[str, ...]
    turned: tuple[tuple[int, Callable[[Any], Any]], ...]

    def values(self, question: Question) -> Values:
        """In the order of the places in `text`."""
        values = question.values + self.fixed
        return values if self.pick is None else self.pick(values)

    def answers(self, rows: Iterable[Sequence[Any]]) -> list[Answer]:
        """What the driver has read, as it is told."""
        turned = self.turned
        out: list[Answer] = []
        for row in rows:
            answer = list(row)
            for place, turn in turned:
                if answer[place] is not None:
                    answer[place] = turn(answer[place])
            out.append(answer)
        return out


class Forms:
    """Queries in one database's words, each translated once."""

    def __init__(self, dialect: str) -> None:
        self._dialect = dialect_of(dialect)
        self._forms: dict[Query, Form] = {}

    def __getitem__(self, query: Query) -> Form:
        form = self._forms.get(query)
        if form is None:
            form = self._forms[query] = self._translated(query)
        return form

    def _translated(self, query: Query) -> Form:
        result = query.select.compile(dialect=self._dialect)
        assert isinstance(result, SQLCompiler)
        places = tuple(result.positiontup or ())
        fixed = tuple(name for name in dict.fromkeys(places) if name not in query.names)
        columns = list(query.select.selected_columns)
        turned = ((place, self._turn(column.type)) for place, column in enumerate(columns))
        return Form(
            str(result),
            tuple(result.params[name] for name in fixed),
            picker((*query.names, *fixed), places),
            tuple(getattr(column, "name", "") for column in columns),
            tuple((place, turn) for place, turn in turned if turn is not None),
        )

    def _turn(self, kind: TypeEngine[Any]) -> Callable[[Any], Any] | None:
        """What makes a column's value of what the driver has read; None: the driver does."""
        if isinstance(kind, UtcTime):
            return from_micros
        return bool if isinstance(kind, Boolean) and self._dialect.name == "sqlite" else None


def row_of(kind: type[R], columns: Sequence[str], values: Sequence[Any]) -> R:
    """A row object from what was read. Nothing is checked: the database gives what it was given."""
    row: R = _maker(kind)()
    row.__dict__.update(zip(columns, values, strict=True))
    return row


@cache
def _maker(kind: type[R]) -> Callable[[], R]:
    configure_mappers()  # else an object's attributes do not work before another one was made with a call
    return manager_of_class(kind).new_instance
