"""Writes `csms/wire/words.py` and each version's `messages.py` from the JSON schemas that `ocpp` ships.

    python tools/generate_messages.py

The house words are the 2.1 messages without bounds: a 2.1 struct has a field for everything that 2.0.1 can
say, and each version checks bounds with its own messages. A version's messages agree with its schemas to the
letter: exact names, no unknown fields, lengths, ranges, enumerations, times, integers of at most 64 bits.
"""

import json
import keyword
import re
import subprocess
import sys
import tomllib
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
INT64_MAX = 2**63 - 1
NOTES = frozenset({"description", "javaType", "comment", "$schema", "$id", "title"})
Schema = dict[str, Any]

FROM_STATION: dict[str, list[str]] = tomllib.loads((ROOT / "tools" / "from_station.toml").read_text("utf-8"))
FROM_STATION["v21"] += FROM_STATION["v201"]
BOTH_WAYS = frozenset({"DataTransfer"})


@dataclass
class Module:
    """One file while it grows. `exact` are a version's own messages, otherwise it is the house words.

    `shared` are the older version's types: what it leaves out is not required of a house word either.
    """

    exact: bool
    shared: dict[str, Schema] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)
    enums: dict[str, str] = field(default_factory=dict)
    structs: dict[str, str] = field(default_factory=dict)


def schemas(version: str) -> dict[str, Schema]:
    """All schemas of one version by message name, without their prose."""
    folder = resources.files("ocpp").joinpath(version, "schemas")
    names = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".json"))
    found = {
        name.removesuffix(".json"): _bare(json.loads(folder.joinpath(name).read_text("utf-8-sig")))
        for name in names
    }
    return _named(found) if version == "v16" else found


class Lifter:
    """Gives a name to every object and enumeration that the schemas of 1.6 write in place.

    It is called by its property (`idTagInfo` -> `IdTagInfo`); where that means several things each is called
    by the first message that means it too.
    """

    def __init__(self, messages: dict[str, Schema]) -> None:
        self.messages = messages
        self.names: dict[tuple[str, str], str] = {}
        self.called: dict[str, int] = {}
        for name, schema in messages.items():
            self._note(name, schema)

    def lifted(self, name: str) -> Schema:
        """A message whose objects and enumerations are definitions."""
        definitions: dict[str, Schema] = {}
        schema = self._lift(name, self._whole(name, self.messages[name]), definitions)
        return schema | {"definitions": definitions}

    def _note(self, owner: str, part: Schema) -> None:
        for wire, prop in part.get("properties", {}).items():
            inner = self._inner(owner, prop)
            self._note(owner, inner)
            if _must_be_named(inner):
                meaning = (_capital(wire), json.dumps(inner, sort_keys=True))
                if meaning not in self.names:
                    self.names[meaning] = owner
                    self.called[meaning[0]] = self.called.get(meaning[0], 0) + 1

    def _inner(self, owner: str, prop: Schema) -> Schema:
        whole = self._whole(owner, prop)
        inner: Schema = whole.get("items", whole)
        return inner

    def _whole(self, owner: str, part: Any) -> Any:
        """A part with all that it refers to, without what means nothing for an enumeration."""
        if isinstance(part, list):
            return [self._whole(owner, one) for one in part]
        if not isinstance(part, dict):
            return part
        if "$ref" in part:
            return self._whole(owner, self.messages[owner]["definitions"][part["$ref"].rsplit("/", 1)[-1]])
        dropped = {"definitions", "additionalItems"} | ({"additionalProperties"} if "enum" in part else set())
        return {k: self._whole(owner, v) for k, v in part.items() if k not in dropped}

    def _lift(self, owner: str, part: Schema, definitions: dict[str, Schema]) -> Schema:
        properties = {
            wire: self._reference(owner, wire, prop, definitions)
            for wire, prop in part.get("properties", {}).items()
        }
        return part | {"properties": properties} if properties else part

    def _reference(self, owner: str, wire: str, prop: Schema, definitions: dict[str, Schema]) -> Schema:
        """A property, or a reference to it if it must have a name."""
        inner = prop.get("items", prop)
        if not _must_be_named(inner):
            return prop
        name = _capital(wire)
        if self.called[name] > 1:
            name = self.names[name, json.dumps(inner, sort_keys=True)] + name
        definitions[name] = self._lift(owner, inner, definitions)
        reference = {"$ref": f"#/definitions/{name}"}
        return prop | {"items": reference} if "items" in prop else reference


def _must_be_named(part: Schema) -> bool:
    return "enum" in part or "properties" in part


def _capital(wire: str) -> str:
    return wire[0].upper() + wire[1:]


def _named(messages: dict[str, Schema]) -> dict[str, Schema]:
    """The messages of 1.6 as if its schemas were written like those of later versions."""
    lifter = Lifter(messages)
    lifted = {name: lifter.lifted(name) for name in messages}
    return {name if name.endswith("Response") else f"{name}Request": lifted[name] for name in messages}


def _bare(part: Any, inside_properties: bool = False) -> Any:
    if isinstance(part, dict):
        kept = part if inside_properties else {k: v for k, v in part.items() if k not in NOTES}
        return {k: _bare(v, k == "properties") for k, v in kept.items()}
    return [_bare(x) for x in part] if isinstance(part, list) else part


def types_of(messages: dict[str, Schema]) -> dict[str, Schema]:
    """Messages and shared datatypes by name; a name must mean the same everywhere."""
    found: dict[str, Schema] = {}
    for name, schema in messages.items():
        for kind, definition in [*schema.get("definitions", {}).items(), (name, schema)]:
            bare = {k: v for k, v in definition.items() if k != "definitions"}
            known = found.setdefault(kind, bare)
            if _undefaulted(known) != _undefaulted(bare):
                raise ValueError(f"{kind} has two meanings")
    return found


def _undefaulted(schema: Schema) -> str:
    return json.dumps({k: v for k, v in schema.items() if k != "default"}, sort_keys=True)


def snake(wire: str) -> str:
    """The Python name of a property: `evSupportedDERControl` -> `ev_supported_der_control`."""
    parted = wire
    for odd, plain in {"V2X": "V2x", "SoC": "Soc", "soC": "soc", "soH": "soh", "EMAIDs": "Emaids"}.items():
        parted = parted.replace(odd, plain)
    parted = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", parted)
    parted = re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1_\2", parted).replace("__", "_").lower()
    return parted + "_" if keyword.iskeyword(parted) else parted


def camel(name: str) -> str:
    """What msgspec's `rename="camel"` makes of a Python name."""
    head, *tail = name.split("_")
    return head + "".join(part.title() for part in tail)


class Writer:
    """Turns the types of one version into the source of one module."""

    def __init__(self, types: dict[str, Schema], module: Module) -> None:
        self.types = types
        self.module = module

    def struct(self, name: str) -> str:
        """Add the type called `name`, and all it needs, once; gives back what to write for it."""
        schema = self.types[name]
        if "enum" in schema:
            self.module.enums[name] = (
                f"{name} = Literal[{', '.join(json.dumps(v) for v in schema['enum'])}]\n"
            )
        elif name == "CustomDataType" and not self.module.exact:
            return "dict[str, object]"
        elif name not in self.module.structs:
            open_ = schema.get("additionalProperties") is not False
            fields = "".join(self._field(name, schema, wire) for wire in schema.get("properties", {}))
            flags = ", forbid_unknown_fields=False" if open_ else ""
            self.module.structs[name] = (
                f"class {name}(_Message, kw_only=True, frozen=True{flags}):\n{fields or EMPTY}\n\n"
            )
        return name

    def _field(self, owner: str, schema: Schema, wire: str) -> str:
        prop = schema["properties"][wire]
        name, kind = snake(wire), self._kind(prop)
        named = f'name="{wire}"' if camel(name) != wire else ""
        if wire in schema.get("required", ()) and self._required_everywhere(owner, wire):
            return f"    {name}: {kind}" + (f" = msgspec.field({named})\n" if named else "\n")
        default = self._default(prop)
        if self.module.exact:
            kind, default = f"{kind} | UnsetType", "UNSET"
        elif default == "None":
            kind = f"{kind} | None"
        value = f"msgspec.field(default={default}, {named})" if named else default
        return f"    {name}: {kind} = {value}\n"

    def _required_everywhere(self, owner: str, wire: str) -> bool:
        other = self.module.shared.get(owner)
        return other is None or wire in other.get("required", ())

    def _default(self, prop: Schema) -> str:
        told = prop
        if "$ref" in prop:
            told = self.types[prop["$ref"].rsplit("/", 1)[-1]]
        return repr(told["default"]) if "default" in told else "None"

    def _kind(self, prop: Schema) -> str:
        if "$ref" in prop:
            return self.struct(prop["$ref"].rsplit("/", 1)[-1])
        match prop.get("type"):
            case "string":
                return self._text(prop)
            case "integer":
                low, high = prop.get("minimum", -INT64_MAX - 1), prop.get("maximum", INT64_MAX)
                return self._bounded("int", "Int", ge=int(low), le=int(high))
            case "number":
                return self._bounded("float", "Number", ge=prop.get("minimum"), le=prop.get("maximum"))
            case "boolean":
                return "bool"
            case "array":
                items = self._kind(prop["items"])
                kind = f"tuple[{items}, ...]"
                return self._bounded(
                    kind, "", min_length=prop.get("minItems"), max_length=prop.get("maxItems")
                )
            case None:
                return "object"
        raise ValueError(f"no Python type for {prop}")

    def _text(self, prop: Schema) -> str:
        if prop.get("format") == "date-time" and self.module.exact:
            self.module.aliases["Instant"] = "Annotated[datetime, Meta(tz=True)]"
            return "Instant"
        return self._bounded("str", "Text", max_length=prop.get("maxLength"))

    def _bounded(self, kind: str, alias: str, **bounds: float | None) -> str:
        told = {k: v for k, v in bounds.items() if v is not None}
        if not told or not self.module.exact:
            return kind
        meta = ", ".join(f"{k}={_number(v)}" for k, v in told.items())
        annotated = f"Annotated[{kind}, Meta({meta})]"
        if not alias:
            return annotated
        marks = "_".join(_mark(k, v) for k, v in told.items() if abs(v) < INT64_MAX)
        name = f"{alias}{marks}"
        self.module.aliases[name] = annotated
        return name


def _number(value: float) -> str:
    if value == INT64_MAX:
        return "2**63 - 1"
    return "-(2**63)" if value == -INT64_MAX - 1 else repr(value)


def _mark(key: str, value: float) -> str:
    text = str(value).removesuffix(".0").replace("-", "Minus").replace(".", "p")
    return {"ge": "From", "le": "To", "max_length": ""}[key] + text


def actions_of(messages: dict[str, Schema]) -> dict[str, str]:
    """The type of the request by action. A message that is only sent (SEND) is named for its action."""
    requests = (name for name in messages if not name.endswith("Response"))
    return {name.removesuffix("Request"): name for name in requests}


def _table(messages: dict[str, Schema]) -> str:
    pairs = []
    for action, request in actions_of(messages).items():
        answer = f"{action}Response" if f"{action}Response" in messages else "None"
        pairs.append(f'    "{action}": ({request}, {answer}),\n')
    return "".join(pairs)


def _structs(messages: dict[str, Schema], module: Module) -> tuple[str, str, str]:
    writer = Writer(types_of(messages), module)
    for name in messages:
        writer.struct(name)
    aliases = "".join(f"{name} = {kind}\n" for name, kind in sorted(module.aliases.items()))
    enums = "".join(module.enums[name] for name in sorted(module.enums))
    return aliases, enums, "".join(module.structs.values())


EMPTY = "    pass\n"
BASE = """class _Message(
    msgspec.Struct, kw_only=True, frozen=True, gc=False, omit_defaults=True, rename="camel", {unknown}
):
    pass


"""


def version_source(version: str, title: str) -> str:
    """Source of `csms/wire/<version>/messages.py`."""
    messages = schemas(version)
    aliases, enums, structs = _structs(messages, Module(exact=True))
    served = FROM_STATION[version]
    asked = [a for a in actions_of(messages) if a not in served or a in BOTH_WAYS]
    table = _table(messages)
    answer = "type[msgspec.Struct] | None" if "None" in table else "type[msgspec.Struct]"
    return _formatted(
        f'"""{title}\n\n{ORIGIN}\n"""\n\n'
        "from datetime import datetime\nfrom typing import Annotated, Literal\n\n"
        "import msgspec\nfrom msgspec import UNSET, Meta, UnsetType\n\n"
        f"{aliases}\n{enums}\n\n{BASE.format(unknown='forbid_unknown_fields=True')}{structs}"
        f"CALLS: dict[str, tuple[type[msgspec.Struct], {answer}]] = {{\n{table}}}\n\n"
        f"SERVED = frozenset({sorted(served)!r})  # what a station calls\n\n"
        f"ASKED = frozenset({asked!r})  # what a CSMS calls\n"
    )


def words_source() -> str:
    """Source of `csms/wire/words.py`."""
    messages = schemas("v21")
    module = Module(exact=False, shared=types_of(schemas("v201")))
    _, enums, structs = _structs(messages, module)
    return _formatted(
        f'"""House words on which the versions agree: what OCPP 2.1 says, without its bounds.\n\n'
        "Times are RFC 3339 text, checked when they were read. `None` and a schema's default are not sent.\n"
        f'{ORIGIN}\n"""\n\n'
        "from typing import Literal\n\nimport msgspec\n\n"
        f"{enums}\n\n{BASE.format(unknown='forbid_unknown_fields=True')}{structs}"
        "WORDS: dict[str, tuple[type[msgspec.Struct], type[msgspec.Struct] | None]] = {\n"
        f"{_table(messages)}}}\n"
    )


ORIGIN = "Generated by tools/generate_messages.py from the schemas that `ocpp` ships; change it there."


def _formatted(source: str) -> str:
    ruff = Path(sys.executable).with_name("ruff")
    command = [str(ruff), "format", "--isolated", "--line-length", "110", "--stdin-filename", "words.py", "-"]
    return subprocess.run(command, input=source, capture_output=True, text=True, check=True).stdout


def files() -> dict[Path, str]:
    """Every generated file and its text."""
    wire = ROOT / "csms" / "wire"
    return {
        wire / "words.py": words_source(),
        wire / "v16" / "messages.py": version_source("v16", "OCPP 1.6 messages, to the letter."),
        wire / "v201" / "messages.py": version_source("v201", "OCPP 2.0.1 messages, to the letter."),
        wire / "v21" / "messages.py": version_source("v21", "OCPP 2.1 messages, to the letter."),
    }


def main() -> None:
    """Write all generated files."""
    for path, text in files().items():
        path.write_text(text, "utf-8")
        print(f"{path.relative_to(ROOT)}: {text.count(chr(10))} lines")


if __name__ == "__main__":
    main()
