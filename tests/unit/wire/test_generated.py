"""The generated messages are what the schemas say, and every name comes back as it went."""

import importlib.util
import json
from importlib import resources
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
import pytest

from csms.wire.v16 import messages as v16
from csms.wire.v21 import messages as v21
from csms.wire.v201 import messages as v201
from csms.wire.words import WORDS

TOOL = Path(__file__).parents[3] / "tools" / "generate_messages.py"


@pytest.fixture(scope="module")
def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate_messages", TOOL)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_generating_again_changes_nothing(generator: ModuleType) -> None:
    for path, text in generator.files().items():
        assert path.read_text("utf-8") == text, f"run {TOOL.name}"


def names_of_schemas(folder: str) -> set[str]:
    found: set[str] = set()

    def walk(part: Any) -> None:
        if isinstance(part, dict):
            if isinstance(part.get("properties"), dict):
                found.update(part["properties"])
            for value in part.values():
                walk(value)
        elif isinstance(part, list):
            for value in part:
                walk(value)

    for file in resources.files("ocpp").joinpath(folder, "schemas").iterdir():
        walk(json.loads(file.read_text("utf-8-sig")))
    return found


def names_of_structs(calls: Any) -> set[str]:
    found: set[str] = set()

    def walk(kind: msgspec.inspect.Type) -> None:
        match kind:
            case msgspec.inspect.StructType(fields=fields):
                for field in fields:
                    found.add(field.encode_name)
                    walk(field.type)
            case msgspec.inspect.UnionType(types=types):
                for one in types:
                    walk(one)
            case msgspec.inspect.VarTupleType(item_type=item):
                walk(item)

    for pair in calls.values():
        for kind in pair:
            if kind is not None:
                walk(msgspec.inspect.type_info(kind))
    return found


def test_all_244_names_of_2_0_1_are_exact() -> None:
    assert names_of_structs(v201.CALLS) == names_of_schemas("v201")
    assert len(names_of_schemas("v201")) == 244


def test_all_96_names_of_1_6_are_exact() -> None:
    assert names_of_structs(v16.CALLS) == names_of_schemas("v16")
    assert len(names_of_schemas("v16")) == 96


def test_all_555_names_of_2_1_are_exact() -> None:
    names = names_of_schemas("v21")
    assert len(names) == 555
    assert names_of_structs(WORDS) == names
    assert names_of_structs(v21.CALLS) == names


@pytest.mark.parametrize("module", [v16.CALLS, v201.CALLS, v21.CALLS, WORDS])
def test_no_two_fields_share_a_name(module: Any) -> None:
    for pair in module.values():
        for kind in filter(None, pair):
            fields = msgspec.structs.fields(kind)
            assert len({f.encode_name for f in fields}) == len(fields)


def test_who_calls_what() -> None:
    assert set(v201.CALLS) == v201.SERVED | v201.ASKED
    assert {"DataTransfer"} == v201.SERVED & v201.ASKED
    assert set(v201.CALLS) <= set(WORDS)
    assert len(v201.CALLS) == 64
    assert set(v21.CALLS) == v21.SERVED | v21.ASKED == set(WORDS)
    assert {"DataTransfer"} == v21.SERVED & v21.ASKED
    assert v201.SERVED <= v21.SERVED
    assert v201.ASKED <= v21.ASKED
    assert len(v21.CALLS) == 91
    assert set(v16.CALLS) == v16.SERVED | v16.ASKED
    assert {"DataTransfer"} == v16.SERVED & v16.ASKED
    assert len(v16.CALLS) == 39
