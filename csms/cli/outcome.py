"""How a command ends: what it prints, and what its exit code says.

0 done, 1 refused or failed, 2 wrong use, 3 server not reachable.
"""

import json
import re
import sys
from collections.abc import Mapping, Sequence
from enum import IntEnum

from rich.console import Console
from rich.table import Table
from rich.text import Text

from csms.errors import CsmsError

_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")


class Exit(IntEnum):
    """Exit codes."""

    DONE = 0
    FAILED = 1
    WRONG_USE = 2
    UNREACHABLE = 3


class Failed(CsmsError):
    """The command ends here with one line on standard error."""

    def __init__(self, line: str, code: Exit = Exit.FAILED) -> None:
        super().__init__(line)
        self.line = " ".join(line.split())
        self.code = code


def complain(line: str) -> None:
    """One line on standard error; control characters of a server's text are not let through."""
    text = "".join(char if char.isprintable() else " " for char in " ".join(line.split()))
    sys.stderr.write(f"csms: {text}\n")


def say(line: str) -> None:
    """One line on standard output."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def as_json(value: object, *, lines: bool = False) -> None:
    """A value as JSON on standard output, indented for people unless it is one of many lines."""
    say(json.dumps(value, ensure_ascii=False) if lines else json.dumps(value, ensure_ascii=False, indent=2))


def table(title: str, columns: Sequence[str], rows: Sequence[Mapping[str, object]]) -> None:
    """Rows as a table; a column is named by its JSON field. Text is shown as it is, never as markup."""
    shown = Table(title=title, title_justify="left", header_style="bold")
    for number, column in enumerate(columns):
        shown.add_column(_heading(column), overflow="fold", no_wrap=number == 0)  # an id is to be copied
    for row in rows:
        shown.add_row(*(cell(row.get(column)) for column in columns))
    Console().print(shown)


def fields(title: str, row: Mapping[str, object]) -> None:
    """One thing, a line a field."""
    shown = Table(title=title, title_justify="left", show_header=False)
    shown.add_column(style="bold")
    shown.add_column(overflow="fold")
    for name, value in row.items():
        shown.add_row(name, cell(value))
    Console().print(shown)


def cell(value: object) -> Text:
    """A value for people."""
    match value:
        case None:
            return Text("-", style="dim")
        case bool():
            return Text("yes" if value else "no")
        case float():
            return Text(f"{value + 0.0:,.1f}".removesuffix(".0"))
        case str() if _MOMENT.fullmatch(value):
            return Text(f"{value[:10]} {value[11:19]}Z")
        case str() | int():
            return Text(str(value))
        case dict():
            return Text("\n".join(f"{name}: {cell(part)}" for name, part in value.items()) or "-")
        case _:
            return Text(json.dumps(value, ensure_ascii=False))


def _heading(field: str) -> str:
    """`canDischargeW` as `can discharge W`."""
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", field).split()
    return " ".join(word if word in ("W", "Wh", "SoC") else word.lower() for word in words)
