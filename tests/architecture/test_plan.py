"""The tables of docs/architecture.md are what stands here: each file once, with what it imports of us."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
PLAN = ROOT / "docs/architecture.md"
PACKAGES = {"## 4. Rooms of `csms`": "csms", "## 5. Rooms of `chargepoint_sim`": "chargepoint_sim"}


class Row(NamedTuple):
    """One line of a table: its files, and what they import together."""

    files: tuple[Path, ...]
    imports: frozenset[str]


def _rows() -> Iterator[Row]:
    package, room = None, ROOT
    for line in PLAN.read_text().splitlines():
        if line.startswith("## "):
            package = PACKAGES.get(line)
            room = ROOT / (package or "")
        elif package and (heading := re.match(r"### `(\w+/\w+)`", line)):
            room = ROOT / heading.group(1)
        elif package and re.match(r"\| `[^`]+\.py`", line):
            cells = [cell.strip() for cell in line.strip("| ").split(" | ")]
            names = re.findall(r"`([^`]+\.py)`", cells[0])
            files = tuple(room / name if (room / name).exists() else ROOT / package / name for name in names)
            yield Row(files, frozenset(re.findall(r"`([^`]+)`", cells[-1])))


def _modules(path: Path) -> Iterator[str]:
    """The modules of its own package that a file imports."""
    package = path.relative_to(ROOT).parts[0]
    for node in ast.walk(ast.parse(path.read_text())):
        if not isinstance(node, ast.ImportFrom) or (node.module or "").split(".")[0] != package:
            continue
        folder = ROOT / str(node.module).replace(".", "/")
        for name in node.names:
            there = (folder / f"{name.name}.py").exists() or (folder / name.name).is_dir()
            yield f"{node.module}.{name.name}" if there else str(node.module)


def _named(module: str, path: Path) -> str:
    """As the tables say it: a room of `csms` names its own files by their bare names."""
    package, *inner = path.relative_to(ROOT).parts[:-1]
    own = f"{package}.{inner[0]}." if inner and package == "csms" else f"{package}."
    return module.removeprefix(own).removeprefix(f"{package}.")


def imported(files: tuple[Path, ...]) -> frozenset[str]:
    """What these files import of the house, as the tables say it."""
    return frozenset(_named(module, path) for path in files for module in _modules(path))


ROWS = list(_rows())


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.files[0].relative_to(ROOT).as_posix())
def test_a_row_is_true(row: Row) -> None:
    assert all(path.exists() for path in row.files), "there is no such file"
    assert row.imports == imported(row.files)


def test_each_file_has_one_row() -> None:
    listed = [path for row in ROWS for path in row.files]
    assert sorted(set(listed)) == sorted(listed)
    there = {
        path
        for package in PACKAGES.values()
        for path in (ROOT / package).rglob("*.py")
        if path.name != "__init__.py" and "versions" not in path.parts
    }
    assert there <= set(listed)
