"""What the import contracts cannot see: sizes, names, purity, words. The law is docs/architecture.md."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = (ROOT / "csms", ROOT / "chargepoint_sim")
GENERATED = {
    ROOT / "csms/wire/words.py",
    *(ROOT / "csms/wire").glob("v*/messages.py"),
    *(ROOT / "chargepoint_sim/iso15118").glob("*/messages.py"),
}
FILE_LINES = 400
FUNCTION_LINES = 40
PARAMETERS = 6
NO_NAMES = {"utils", "helpers", "common", "misc", "base", "manager", "service", "core"}


def _sources() -> Iterator[Path]:
    for package in PACKAGES:
        for path in sorted(package.rglob("*.py")):
            if path not in GENERATED and "migrations/versions" not in path.as_posix():
                yield path


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


SOURCES = list(_sources())


@pytest.mark.parametrize("path", SOURCES, ids=_name)
def test_a_file_is_a_noun_and_a_function_a_sentence(path: Path) -> None:
    text = path.read_text()
    lines = text.count("\n")
    assert lines <= FILE_LINES, f"{lines} lines; look for the second noun in it"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            assert length <= FUNCTION_LINES, f"{node.name} has {length} lines"


Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def _public(nodes: list[ast.stmt]) -> Iterator[Definition]:
    for node in nodes:
        if isinstance(node, Definition) and not node.name.startswith("_"):
            yield node
            if isinstance(node, ast.ClassDef):
                yield from _public(node.body)


@pytest.mark.parametrize("path", SOURCES, ids=_name)
def test_what_is_public_says_what_it_is(path: Path) -> None:
    tree = ast.parse(path.read_text())
    assert ast.get_docstring(tree), "a module's docstring says in a line what the file is for"
    silent = [node.name for node in _public(tree.body) if not ast.get_docstring(node)]
    assert not silent


def test_no_file_is_called_after_nothing() -> None:
    names = {part for path in SOURCES for part in (path.stem, *path.relative_to(ROOT).parts[:-1])}
    assert not names & NO_NAMES


@pytest.mark.parametrize("room", ["domain", "wire"])
def test_the_pure_floors_do_not_wait(room: str) -> None:
    waits = (ast.AsyncFunctionDef, ast.Await, ast.AsyncFor, ast.AsyncWith)
    for path in (ROOT / "csms" / room).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            assert not isinstance(node, waits), f"{_name(path)}:{getattr(node, 'lineno', 0)} waits"


def test_the_pure_floors_read_no_clock() -> None:
    for room in ("domain", "wire"):
        for path in (ROOT / "csms" / room).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Attribute) and node.attr in {"now", "utcnow", "monotonic", "time_ns"}:
                    called = ast.unparse(node)
                    assert called not in {"datetime.now", "time.monotonic", "datetime.utcnow"}, _name(path)


def test_every_room_of_the_plan_is_in_the_plan() -> None:
    plan = (ROOT / "docs/architecture.md").read_text()
    for path in SOURCES:
        if path.name in {"__init__.py", "__main__.py"} or "demo_data" in path.parts:
            continue
        assert f"`{path.name}`" in plan or f"/{path.name}`" in plan, f"{_name(path)} is not in the plan"


def test_nothing_of_this_machine_stands_in_the_tree() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    for name in listed.stdout.split():
        path = ROOT / name
        if path.suffix in {".gz", ".png"} or not path.is_file():
            continue
        text = path.read_text(errors="replace")
        assert f"{ROOT}/" not in text, name
        assert f"{Path.home()}/" not in text, name
        assert "extra-index" not in text or name == "tests/architecture/test_house.py", name


def test_a_command_waits_for_nothing_that_it_does_not_need() -> None:
    """The server's rooms and the store take a second to import: an operator's command has no use for them."""
    heavy = "sqlalchemy", "sqlmodel", "alembic", "starlette", "websockets", "numpy", "pydantic_settings"
    code = f"import sys, csms.cli.main; print(*[name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
