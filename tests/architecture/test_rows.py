"""Every row of the robustness tables has a test, findable by its number.

Section 3, "protocol robustness": `test_row_35_...`, or `test_rows_06_to_15_...` for several. Section 2.2,
"attacks", as far as it concerns the stations' door: `test_section_2_2_row_08_...`.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
PROTOCOL = range(1, 45)
ATTACKS = (*range(1, 9), *range(12, 21))

_ATTACK = re.compile(r"section_2_2_row_(\d+)|_2_2_(\d+)_")
_ROWS = re.compile(r"(?<!section_2_2_)rows?_(\d+)(?:_(to|and)_(\d+))?(?!\d)")


def names() -> Iterator[str]:
    """The names of all tests."""
    for path in sorted(TESTS.rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
                yield node.name


def attacks(name: str) -> set[int]:
    """The rows of section 2.2 that a name speaks of."""
    return {int(first or second) for first, second in _ATTACK.findall(name)}


def rows(name: str) -> set[int]:
    """The rows of section 3 that a name speaks of."""
    found: set[int] = set()
    for first, link, last in _ROWS.findall(name):
        found |= set(range(int(first), int(last) + 1)) if link == "to" else {int(first), int(last or first)}
    return found


ALL = list(names())


@pytest.mark.parametrize("row", PROTOCOL)
def test_every_row_of_the_protocol_table_has_a_test(row: int) -> None:
    assert any(row in rows(name) for name in ALL)


@pytest.mark.parametrize("row", ATTACKS)
def test_every_row_of_the_attack_table_has_a_test(row: int) -> None:
    assert any(row in attacks(name) for name in ALL)


def test_rows_are_read_from_names() -> None:
    assert rows("test_rows_06_to_08_x") == {6, 7, 8}
    assert rows("test_row_33_and_34_x") == {33, 34}
    assert rows("test_section_2_2_row_03_x") == set()
    assert attacks("test_row_04_section_2_2_row_06_x") == {6}
    assert rows("test_row_04_section_2_2_row_06_x") == {4}
