"""Payloads out of the schemas, in plain JSON."""

import json
from importlib import resources
from typing import Any

from tests.conformance.lab import Json


def schema(name: str, folder: str = "v201") -> Json:
    """A message's schema."""
    file = resources.files("ocpp").joinpath(folder, "schemas", f"{name}.json")
    found: Json = json.loads(file.read_text("utf-8-sig"))
    return found


def least(part: Json, definitions: Json) -> Any:
    """The smallest value that a schema takes."""
    if "$ref" in part:
        return least(definitions[part["$ref"].rsplit("/", 1)[-1]], definitions)
    if "enum" in part:
        return part["enum"][0]
    match part.get("type"):
        case "object":
            return {name: least(part["properties"][name], definitions) for name in part.get("required", [])}
        case "array":
            return [least(part["items"], definitions)]
        case "string":
            return {"date-time": "2026-01-01T00:00:00Z", "uri": "ftp://host/x"}.get(
                part.get("format", ""), "x"
            )
        case "integer" | "number":
            return max(1, part.get("minimum", 1))
        case "boolean":
            return False
    return None


def smallest(name: str, folder: str = "v201") -> Json:
    """The smallest payload that a message's schema takes."""
    found = schema(name, folder)
    made: Json = least(found, found.get("definitions", {}))
    return made
