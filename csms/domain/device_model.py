"""The device model (OCPP 2.0.1 block B): where a value is, what it shall be, what fits into one message."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")

ACTUAL = "Actual"


@dataclass(frozen=True, slots=True)
class Place:
    """Where in the device model a value is; empty and 0 where nothing is said. Names have no case."""

    component: str
    variable: str
    component_instance: str = ""
    evse_id: int = 0
    connector_id: int = 0
    variable_instance: str = ""
    attribute: str = ACTUAL

    def key(self) -> tuple[str, str, str, int, int, str, str]:
        """The same for every spelling of the same place."""
        return (
            self.component.lower(),
            self.variable.lower(),
            self.component_instance.lower(),
            self.evse_id,
            self.connector_id,
            self.variable_instance.lower(),
            self.attribute.lower(),
        )


@dataclass(frozen=True, slots=True)
class Value:
    """What a station has reported of one place; `value` None: it may not be read, or was not told."""

    place: Place
    value: str | None
    settable: bool = True
    values_list: str | None = None


@dataclass(frozen=True, slots=True)
class Inventory:
    """A device model that comes with the answer and not in reports after it."""

    values: tuple[Value, ...]
    status: str = "Accepted"


@dataclass(frozen=True, slots=True)
class MessageLimit:
    """How much one message to a station may hold; None: not said."""

    items: int | None = None
    bytes: int | None = None


_FRAME_BYTES = 120
"""A call's frame around its list."""


def message_limit(reported: Iterable[Value], component: str, instance: str) -> MessageLimit:
    """What the station says of messages of this kind, in ItemsPerMessage and BytesPerMessage."""
    found: dict[str, int] = {}
    for value in reported:
        place = value.place
        here = place.component.lower() == component.lower() and (
            place.variable_instance.lower() in ("", instance.lower())
        )
        name = place.variable.lower()
        if here and name in ("itemspermessage", "bytespermessage") and (value.value or "").isdecimal():
            found[name] = int(value.value or "")
    return MessageLimit(found.get("itemspermessage") or None, found.get("bytespermessage") or None)


def batches(items: Sequence[T], size: Callable[[T], int], limit: MessageLimit) -> list[tuple[T, ...]]:
    """Items in messages that the station takes; `size` is an item's length in JSON.

    One that is too long by itself goes alone: the station shall say so.
    """
    parts: list[tuple[T, ...]] = []
    part: list[T] = []
    length = _FRAME_BYTES
    for item in items:
        long = size(item) + 1
        full = limit.items is not None and len(part) >= limit.items
        heavy = limit.bytes is not None and length + long > limit.bytes
        if part and (full or heavy):
            parts.append(tuple(part))
            part, length = [], _FRAME_BYTES
        part.append(item)
        length += long
    return [*parts, tuple(part)] if part else parts


@dataclass(frozen=True, slots=True)
class Drift:
    """A value that is not as it shall be. `reported` None: the station has not told it."""

    place: Place
    wanted: str
    reported: str | None
    status: str


def drift(wanted: Iterable[tuple[Place, str, str]], reported: Iterable[Value]) -> list[Drift]:
    """What differs; `wanted` gives place, value and the station's word on our order."""
    known = {value.place.key(): value for value in reported}
    found = []
    for place, value, status in wanted:
        told = known.get(place.key())
        if told is not None and told.value is not None and same(told.value, value):
            continue
        hidden = told is not None and told.value is None
        if hidden and status in ("Accepted", "RebootRequired"):
            continue  # write-only: it cannot be seen, and the station has taken it
        found.append(Drift(place, value, None if told is None else told.value, status))
    return found


def same(one: str, other: str) -> bool:
    """Whether two values mean the same: numbers by value, booleans without case, lists without order."""
    if one == other:
        return True
    if one.lower() in ("true", "false") or other.lower() in ("true", "false"):
        return one.lower() == other.lower()
    try:
        return float(one) == float(other)
    except ValueError:
        return "," in one and members(one) == members(other)


def members(text: str) -> frozenset[str]:
    """The members of a list value."""
    return frozenset(part.strip() for part in text.split(",") if part.strip())
