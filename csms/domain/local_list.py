"""Local authorization lists (OCPP 2.0.1 block D): the difference between two, in messages a station takes.

A full list replaces what the station has; a difference adds, changes and removes. What is too long for one
message goes on as differences, each with the next version (D01.FR.10, D01.FR.11).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Entry:
    """One token of a list and what the station shall think of it while we cannot be asked."""

    token: str
    type: str
    status: str
    group_token: str | None = None
    expiry: datetime | None = None


@dataclass(frozen=True, slots=True)
class Update:
    """One message: entries to add or change, tokens (with their type) to remove, and the version after it."""

    full: bool
    version: int
    entries: tuple[Entry, ...]
    gone: tuple[Entry, ...] = ()


def full_list(wanted: Sequence[Entry], version: int, at_most: int) -> list[Update]:
    """The whole list in messages of at most so many entries; the first one replaces, the others add."""
    parts = _cut(wanted, at_most) or [()]
    return [Update(number == 0, version + number, part) for number, part in enumerate(parts)]


def difference(held: Sequence[Entry], wanted: Sequence[Entry], version: int, at_most: int) -> list[Update]:
    """What brings a station from `held` to `wanted`; nothing if they are the same."""
    before, after = _by_token(held), _by_token(wanted)
    changed = [entry for token, entry in after.items() if before.get(token) != entry]
    gone = [entry for token, entry in before.items() if token not in after]
    steps: list[tuple[Entry, bool]] = [*((entry, False) for entry in gone), *((one, True) for one in changed)]
    updates = []
    for number, start in enumerate(range(0, len(steps), at_most)):
        part = steps[start : start + at_most]
        kept = tuple(entry for entry, stays in part if stays)
        left = tuple(entry for entry, stays in part if not stays)
        updates.append(Update(False, version + number, kept, left))
    return updates


def _cut(entries: Sequence[Entry], at_most: int) -> list[tuple[Entry, ...]]:
    return [tuple(entries[start : start + at_most]) for start in range(0, len(entries), at_most)]


def _by_token(entries: Sequence[Entry]) -> Mapping[str, Entry]:
    return {entry.token: entry for entry in entries}
