"""What the answers of one connection need: the station's inside, how to ask, and the time after an answer.

A block of the standard is a file with a class; its `routes` is the list of requests that it answers.
Arguments are what the library makes of a payload: snake_case names, nested dicts.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from chargepoint_sim.profiles.composite import Step
from chargepoint_sim.profiles.profile import Profile
from chargepoint_sim.station.cabinet import Cabinet
from chargepoint_sim.station.exchange import Ask, Later
from chargepoint_sim.station.v201 import spelling
from chargepoint_sim.station.v201.spelling import Payload

Handler = Callable[..., object]
Routes = dict[str, Handler]
_Row = TypeVar("_Row")


@dataclass(frozen=True)
class ProfileSpelling:
    """How a version reads and writes charging profiles and composite schedules."""

    read: Callable[[Payload], Profile] = spelling.profile
    write: Callable[[Profile], dict[str, object]] = spelling.written_profile
    periods: Callable[[Iterable[Step]], list[dict[str, object]]] = spelling.periods


@dataclass(frozen=True)
class Desk:
    """One connection's. `ask` calls the server, `later` does something after the answer is out."""

    cabinet: Cabinet
    ask: Ask
    later: Later
    profiles: ProfileSpelling = field(default_factory=ProfileSpelling)


class Block(Protocol):
    """Answers to some requests."""

    def routes(self) -> Routes:
        """Who answers what."""


def parts(rows: Sequence[_Row], size: int) -> list[tuple[int, Sequence[_Row], bool]]:
    """A report in parts: the number of each, its rows, and whether another follows. There is always one."""
    starts = range(0, max(1, len(rows)), size)
    return [(number, rows[at : at + size], at + size < len(rows)) for number, at in enumerate(starts)]
