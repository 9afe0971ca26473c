"""The property names of OCPP 2.1 to the letter, out of the `ocpp` library's own schemas.

The library makes snake_case of what comes in and camelCase of what goes out, and 43 of 555 names of 2.1 do
not come out as they went in (`limit_L2`, `fixedPFAbsorb`, `soC` ...). Here what goes out is looked up.
"""

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import ocpp.v21
from ocpp.charge_point import camel_to_snake_case

_SCHEMAS = Path(ocpp.v21.__file__).parent / "schemas"


@cache
def exact() -> dict[str, str]:
    """Every name of 2.1 by its snake_case form, and by itself.

    Two pairs share one form (`soc` and `soC`, `priceScheduleId` and `priceScheduleID`): write those exactly.
    """
    names = sorted({name for path in _SCHEMAS.glob("*.json") for name in _properties(_read(path))})
    spelled = {_snake(name): name for name in names}
    return spelled | {name: name for name in names}


def _read(path: Path) -> object:
    return json.loads(path.read_text(encoding="utf-8-sig"))


def _properties(schema: object) -> Iterator[str]:
    """All names of properties in a schema."""
    if isinstance(schema, list):
        for one in schema:
            yield from _properties(one)
    elif isinstance(schema, dict):
        named = schema.get("properties")
        if isinstance(named, dict):
            yield from named
        for one in schema.values():
            yield from _properties(one)


def _snake(name: str) -> str:
    return str(next(iter(camel_to_snake_case({name: None}))))


def written(payload: Any) -> Any:
    """A payload with the names of the standard. What a vendor has put into customData keeps its own."""
    if isinstance(payload, list):
        return [written(one) for one in payload]
    if isinstance(payload, dict):
        return {exact().get(key, key): written(value) for key, value in payload.items()}
    return payload
