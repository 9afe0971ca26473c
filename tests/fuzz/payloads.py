"""Payloads out of the 2.0.1 schemas: valid ones, near misses with one fault, and hostile ones.

Written for this protocol and not taken from a library: what makes a near miss here (NaN, a property twice, a
lone surrogate, 33 levels) is no JSON value, so faults are put in as marks and come true in the text.
All chance comes from the `Random` that is given: a seed is a payload.
"""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib import resources
from random import Random
from typing import Any

from csms.wire.v201.messages import SERVED

SERVED_ACTIONS = tuple(sorted(SERVED))
TIMES = (
    "2026-11-22T10:00:00Z",
    "2026-11-22T10:00:00.123Z",
    "2026-11-22T12:34:56.123456789+02:00",
    "2026-11-22t10:00:00z",
    "1970-01-01T00:00:00Z",
    "9999-12-31T23:59:59Z",
    "2026-02-28T23:59:59-11:30",
)
BAD_TIMES = (
    "",
    "yesterday",
    "2026-11-22",
    "2026-02-30T10:00:00Z",
    "2026-11-22T10:00:00+25:00",
    "1",
    "x" * 300,
)
INTEGERS = (0, 1, 2, 3, 7, 100, -1, 2**15, 2**31 - 1, 2**31, -(2**31) - 1, 2**53 + 1, 2**63 - 1, -(2**63))
NUMBERS = (0, 1, -1, 0.1, -7000.5, 1e-300, 5e-324, 1.7e308, -0.0, 42.0, 2**40, 60, 55.5)
WORDS = (
    "a",
    "A",
    "é",
    "日本",
    '"',
    "\\",
    "/",
    "\n",
    "\t",
    "'; DROP TABLE station;--",
    "<b>",
    "🔌",
    "%s",
    "{}",
    "\x7f",
)
POOLS: dict[str, tuple[Any, ...]] = {
    "transactionId": ("tx-1", "tx-2", "tx-3", "TX-1", "é"),
    "seqNo": tuple(range(40)),
    "id": (0, 1, 2, 3, 2**31 - 1, 2**31, -1, 2**63 - 1),
    "evseId": (0, 1, 2, 3, 2**31 - 1, 2**31, -1, 2**63 - 1),
    "connectorId": (0, 1, 2, 2**31 - 1, 2**31, -1, 2**63 - 1),
    "requestId": (0, 1, 2, 2**31, -1, 2**63 - 1),
    "measurand": ("SoC", "Energy.Active.Import.Register", "Power.Active.Import", "Power.Active.Export"),
    "name": ("Connector", "AvailabilityState", "SampledDataCtrlr"),
    "actualValue": ("Available", "Faulted", "x"),
}
_MARK = "\ue0f0"
_MARKED = re.compile(r'"(?:\\ue0f0|\ue0f0)(.*?)(?:\\ue0f0|\ue0f0)"', re.DOTALL)


@cache
def schema(action: str, suffix: str = "Request") -> Any:
    """The JSON schema of a message."""
    file = resources.files("ocpp").joinpath("v201", "schemas", f"{action}{suffix}.json")
    return json.loads(file.read_text("utf-8-sig"))


def written(value: object, escaped: bool = True) -> str:
    """JSON text, with its marks come true; `escaped`: in ASCII. What UTF-8 does not have stays escaped."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=escaped)
    try:
        text.encode()
    except UnicodeEncodeError:
        text = json.dumps(value, separators=(",", ":"))
    return _MARKED.sub(lambda found: json.loads(f'"{found[1]}"').replace("'", '"'), text)


def raw(text: str) -> str:
    """A mark: this text stands where a value would; its quotation marks are written as '."""
    return f"{_MARK}{text}{_MARK}"


def resolved(part: Any, root: Any) -> Any:
    """The schema behind a reference."""
    while "$ref" in part:
        part = root["definitions"][part["$ref"].rsplit("/", 1)[-1]]
    return part


@dataclass(frozen=True, slots=True)
class Place:
    """A value in a payload and the schema it stands under; `put` replaces it."""

    value: Any
    part: Any
    put: Callable[[Any], None]


class Maker:
    """Makes payloads of one message by the dice."""

    def __init__(self, root: Any, dice: Random) -> None:
        self.root = root
        self.dice = dice

    def valid(self) -> Any:
        """A payload that keeps the schema."""
        return self._value(self.root, "", 0)

    def _value(self, part: Any, name: str, depth: int) -> Any:
        part = resolved(part, self.root)
        dice = self.dice
        if "enum" in part:
            return dice.choice(part["enum"])
        match part.get("type"):
            case "object":
                return self._object(part, depth)
            case "array":
                return self._array(part, name, depth)
            case "string":
                return self._string(part, name)
            case "integer":
                return self._integer(part, name)
            case "number":
                return dice.choice(NUMBERS) if dice.random() < 0.5 else dice.uniform(-1e5, 1e5)
            case "boolean":
                return dice.random() < 0.5
        return anything(dice, 3)

    def _object(self, part: Any, depth: int) -> dict[str, Any]:
        required, dice = set(part.get("required", ())), self.dice
        share = 0.5 if depth < 2 else 0.25
        made = {
            name: self._value(prop, name, depth + 1)
            for name, prop in part["properties"].items()
            if name in required or dice.random() < share
        }
        if part.get("additionalProperties") is not False and dice.random() < 0.3:
            made["more"] = anything(dice, 3)
        return made

    def _array(self, part: Any, name: str, depth: int) -> list[Any]:
        least = part.get("minItems", 0)
        most = min(part.get("maxItems", 4), max(least, 1 + self.dice.randrange(3)))
        return [self._value(part["items"], name, depth + 1) for _ in range(self.dice.randint(least, most))]

    def _string(self, part: Any, name: str) -> str:
        dice = self.dice
        if part.get("format") == "date-time":
            return dice.choice(TIMES)
        most = part.get("maxLength", 60)
        if name in POOLS and dice.random() < 0.7:
            chosen = dice.choice(POOLS[name])
            return str(chosen)[:most]
        size = dice.choice((0, 1, 5, most))
        text = "".join(dice.choice(WORDS) for _ in range(min(size, 40)))[:most]
        return text if size < most else text.ljust(most, "x")

    def _integer(self, part: Any, name: str) -> int | float:
        dice = self.dice
        least, most = part.get("minimum"), part.get("maximum")
        if least is not None or most is not None:
            low = int(least) if least is not None else int(most) - 100
            high = int(most) if most is not None else low + 100
            return dice.choice((low, high, dice.randint(low, high)))
        number = dice.choice(POOLS[name] if name in POOLS and dice.random() < 0.8 else INTEGERS)
        return float(number) if abs(number) < 2**53 and dice.random() < 0.05 else number

    def near(self) -> Any:
        """A payload with one fault (it may be one that JSON's own rules let pass)."""
        made = self.valid()
        places = list(self._places(made, self.root, lambda _: None))
        for _ in range(20):
            place = self.dice.choice(places)
            fault = self.dice.choice(FAULTS)
            if fault(self.dice, place):
                return made
        return {**made, "unknown": 1} if isinstance(made, dict) else made

    def hostile(self) -> Any:
        """Several faults, or something else altogether."""
        dice = self.dice
        match dice.randrange(5):
            case 0:
                return anything(dice, 5)
            case 1:
                other = Maker(schema(dice.choice(SERVED_ACTIONS)), dice)
                return other.valid()
            case 2:
                return raw(deep(dice, dice.choice((31, 32, 33, 34, 300, 5000))))
        made = self.near()
        for _ in range(dice.randrange(1, 6)):
            places = list(self._places(made, self.root, lambda _: None))
            dice.choice(FAULTS)(dice, dice.choice(places))
        return made

    def _places(self, value: Any, part: Any, put: Callable[[Any], None]) -> Iterator[Place]:
        part = resolved(part, self.root)
        yield Place(value, part, put)
        if isinstance(value, dict) and part.get("type") == "object":
            for name, inner in list(value.items()):
                if name in part["properties"]:
                    yield from self._places(inner, part["properties"][name], _setter(value, name))
        elif isinstance(value, list) and part.get("type") == "array":
            for index, inner in enumerate(value):
                yield from self._places(inner, part["items"], _setter(value, index))


def _setter(holder: Any, key: Any) -> Callable[[Any], None]:
    def put(value: Any) -> None:
        holder[key] = value

    return put


def anything(dice: Random, depth: int) -> Any:
    """Any JSON value, and now and then one that JSON does not have."""
    kind = dice.randrange(10 if depth else 7)
    match kind:
        case 0:
            return None
        case 1:
            return dice.random() < 0.5
        case 2:
            return dice.choice(INTEGERS)
        case 3:
            return dice.choice(NUMBERS)
        case 4 | 5 | 6:
            return "".join(dice.choice(WORDS) for _ in range(dice.randrange(8)))
        case 7 | 8:
            return [anything(dice, depth - 1) for _ in range(dice.randrange(4))]
    return {
        dice.choice((*WORDS, "evseId", "vendorId")): anything(dice, depth - 1)
        for _ in range(dice.randrange(4))
    }


def deep(dice: Random, levels: int) -> str:
    """So many levels, as text (in the quotation marks of `raw`)."""
    if dice.random() < 0.5:
        return "[" * levels + "]" * levels
    return "{'a':" * levels + "1" + "}" * levels


# ---- faults: each says whether it could be put in


def _missing(dice: Random, place: Place) -> bool:
    names = [
        name
        for name in place.part.get("required", ())
        if isinstance(place.value, dict) and name in place.value
    ]
    if names:
        del place.value[dice.choice(names)]
    return bool(names)


def _extra(dice: Random, place: Place) -> bool:
    if not isinstance(place.value, dict) or place.part.get("additionalProperties") is not False:
        return False
    place.value[dice.choice(("unknown", "EvseId", "", "é", "custom_data"))] = anything(dice, 1)
    return True


def _other_type(dice: Random, place: Place) -> bool:
    place.put(dice.choice((None, True, "7", 7, 7.5, [], {}, [[]], [{}], {"vendorId": "v"})))
    return True


def _enum(dice: Random, place: Place) -> bool:
    if "enum" not in place.part:
        return False
    chosen = str(dice.choice(place.part["enum"]))
    place.put(dice.choice((chosen.lower(), chosen + " ", "", "Nonsense", chosen.upper(), chosen[:-1])))
    return True


def _too_long(dice: Random, place: Place) -> bool:
    if not isinstance(place.value, str) or "maxLength" not in place.part:
        return False
    place.put(dice.choice("xé日🔌") * (place.part["maxLength"] + dice.choice((1, 2, 1000))))
    return True


def _bad_time(dice: Random, place: Place) -> bool:
    if place.part.get("format") != "date-time":
        return False
    place.put(dice.choice(BAD_TIMES))
    return True


def _range(dice: Random, place: Place) -> bool:
    if "minimum" in place.part:
        place.put(int(place.part["minimum"]) - dice.choice((1, 1000)))
    elif "maximum" in place.part:
        place.put(int(place.part["maximum"]) + dice.choice((1, 1000)))
    else:
        return False
    return True


def _how_many(dice: Random, place: Place) -> bool:
    if not isinstance(place.value, list) or not place.value:
        return False
    if "maxItems" in place.part and dice.random() < 0.5:
        place.put(place.value[:1] * (place.part["maxItems"] + 1))
    elif place.part.get("minItems"):
        place.put([])
    else:
        return False
    return True


def _no_number(dice: Random, place: Place) -> bool:
    if isinstance(place.value, bool) or not isinstance(place.value, int | float):
        return False
    odd = (
        "NaN",
        "Infinity",
        "-Infinity",
        "1e400",
        "-1e400",
        "9" * 5000,
        str(2**63),
        str(2**64),
        "1E2",
        "01",
        "+1",
    )
    place.put(raw(dice.choice((*odd, "-0", "1.0", "0x10", "1_000", ".5", "5."))))
    return True


def _odd_text(dice: Random, place: Place) -> bool:
    if not isinstance(place.value, str):
        return False
    odd = ("a\0b", "\ud800", "\udc00\ud800", "\ud83d\ude00", "\x01", "\x1f", "\u2028", "\ufeff", "\uffff")
    place.put(dice.choice(odd) + place.value[:3])
    return True


def _twice(dice: Random, place: Place) -> bool:
    if not isinstance(place.value, dict) or not place.value:
        return False
    name = dice.choice(list(place.value))
    escaped = "".join(f"\\u{ord(c):04x}" for c in name) if dice.random() < 0.3 and name.isascii() else name
    if "'" in name or '"' in name or "\\" in name:
        return False
    place.value[raw(f"'{escaped}'")] = place.value[name]
    return True


def _deep(dice: Random, place: Place) -> bool:
    place.put(raw(deep(dice, dice.choice((20, 31, 32, 33, 100)))))
    return True


def _broken(dice: Random, place: Place) -> bool:
    place.put(raw(dice.choice(("", "{", "[", "'", "}", ",", "nul", "'\\x'", "'\t'", "//", "{'a' 1}"))))
    return True


FAULTS: tuple[Callable[[Random, Place], bool], ...] = (
    *(_missing, _missing, _extra, _extra, _other_type, _other_type, _enum, _too_long, _bad_time),
    *(_range, _how_many, _no_number, _no_number, _odd_text, _twice, _deep, _broken),
)
