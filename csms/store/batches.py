"""What a flush is made of: its changes as few commands of many rows."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from operator import itemgetter

from csms.store.statements import Again, Change, Compiled, Statement, Values, compiled


@dataclass(slots=True)
class Run:
    """Rows for one statement, in the order in which they came."""

    statement: Statement
    rows: list[Values] = field(default_factory=list)
    _keys: set[object] = field(default_factory=set)
    _known: int = 0

    def keys(self) -> set[object]:
        """The keys of its rows; of a statement that has some."""
        key = itemgetter(*self.statement.key)
        self._keys.update(map(key, self.rows[self._known :]))
        self._known = len(self.rows)
        return self._keys


class Book:
    """Statements in one database's words, each translated once."""

    def __init__(self, dialect: str) -> None:
        self._dialect = dialect
        self._forms: dict[Statement, Compiled] = {}

    def __getitem__(self, statement: Statement) -> Compiled:
        form = self._forms.get(statement)
        if form is None:
            form = self._forms[statement] = compiled(statement, self._dialect)
        return form


def runs(changes: Iterable[Change], book: Book) -> list[Run]:
    """Group changes into as few runs as possible without changing the order of any row's changes.

    The rows are as the text of their statement wants them, none twice where only the last one counts. Raises
    `ValueError` for a row that is too long or too short.
    """
    ordered: list[Run] = []
    tables: dict[str, list[Run]] = {}
    for change in changes:
        statement = change.statement
        of_table = tables.setdefault(statement.table, [])
        run = of_table[-1] if of_table else None
        if run is None or run.statement is not statement:
            run = _earlier(of_table, change)
            if run is None:
                run = Run(statement)
                ordered.append(run)
                of_table.append(run)
        run.rows.extend(change.rows)
    return [_ready(run, book) for run in ordered if run.rows]


def _earlier(of_table: list[Run], change: Change) -> Run | None:
    """The run that this change may still join: no later one of its table has any of its rows."""
    if not change.statement.key:
        return None
    key = itemgetter(*change.statement.key)
    for run in reversed(of_table):
        if run.statement is change.statement:
            return run
        if not run.statement.key or not run.keys().isdisjoint(map(key, change.rows)):
            return None
    return None


def apart(batch: Iterable[Run]) -> bool:
    """Whether no row is in two of the runs."""
    tables: dict[str, set[object]] = {}
    several: dict[str, list[Run]] = {}
    for run in batch:
        several.setdefault(run.statement.table, []).append(run)
    for table, of_table in several.items():
        for run in of_table if len(of_table) > 1 else ():
            seen = tables.setdefault(table, set())
            if not run.statement.key or not seen.isdisjoint(run.keys()):
                return False
            seen |= run.keys()
    return True


def _ready(run: Run, book: Book) -> Run:
    statement = run.statement
    if any(width != len(statement.names) for width in set(map(len, run.rows))):
        raise ValueError(f"a row for {statement.table} has not {len(statement.names)} values")
    if statement.again is Again.LAST and len(run.rows) > 1:
        key = itemgetter(*statement.key)
        run.rows = list({key(row): row for row in run.rows}.values())
    pick = book[statement].pick
    if pick is not None:
        run.rows = list(map(pick, run.rows))
    return run


def waves(run: Run) -> list[list[Values]]:
    """The rows of an insert in as few parts as possible, no part with two rows of one key.

    PostgreSQL refuses to update a row twice in one command. Each key's rows stay in their order.
    """
    if run.statement.again is not Again.EACH or len(run.rows) == 1:
        return [run.rows]
    key = itemgetter(*run.statement.key)
    parts: list[dict[object, Values]] = [{}]
    for row in run.rows:
        name = key(row)
        part = next((part for part in parts if name not in part), None)
        if part is None:
            part = {}
            parts.append(part)
        part[name] = row
    return [list(part.values()) for part in parts]
