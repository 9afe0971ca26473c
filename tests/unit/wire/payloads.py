"""Payloads out of the schemas with every property there is."""

import json
from importlib import resources
from typing import Any


def full_payload(name: str, folder: str) -> Any:
    """A payload of this message with every property; whole numbers, so that it can be compared."""
    text = resources.files("ocpp").joinpath(folder, "schemas", f"{name}.json").read_text("utf-8-sig")
    schema = json.loads(text)
    return _full(schema, schema)


def _full(part: Any, root: Any) -> Any:
    while "$ref" in part:
        part = root["definitions"][part["$ref"].rsplit("/", 1)[-1]]
    if "enum" in part:
        return part["enum"][0]
    match part.get("type"):
        case "object":
            return {name: _full(prop, root) for name, prop in part["properties"].items()}
        case "array":
            return [_full(part["items"], root)]
        case "string":
            return "2026-11-22T10:00:00Z" if part.get("format") == "date-time" else "x"
        case "boolean":
            return True
    return min(1, part.get("maximum", 1))
