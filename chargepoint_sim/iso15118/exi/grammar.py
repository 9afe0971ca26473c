"""From a class of fields to the states in which EXI reads and writes it.

Schema-informed, bit-packed, not strict. In a state, the productions are: what may come next, up to and
including the first that must come, then END if nothing must. A production's code is its place; the width
is the bit length of their number, because one code is always kept for what the schema does not declare.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from types import NoneType, UnionType
from typing import Annotated, Literal, Union, get_args, get_origin, get_type_hints

from chargepoint_sim.iso15118.exi import values
from chargepoint_sim.iso15118.exi.values import ValueCodec
from chargepoint_sim.iso15118.exi.vocabulary import (
    Attribute,
    Choice,
    Element,
    Integer,
    Octets,
    Substitution,
    Text,
    Times,
    Unsupported,
)

_FEW = 3
CONTENT = "content"  # the field that holds an element's own text beside attributes


@dataclass(frozen=True, slots=True)
class Arm:
    """One way in which a particle can be there: a field with a simple value, or with a class.

    Neither: it takes a code, but what it stands for is abstract or not supported. `bare` values
    (attributes, text) have no events of their own around them.
    """

    field: str
    value: ValueCodec | None = None
    kind: type[Element] | None = None
    bare: bool = False


@dataclass(frozen=True, slots=True)
class Particle:
    """What comes at one place of the sequence."""

    arms: tuple[Arm, ...]
    least: int
    most: int
    repeats: bool
    fields: tuple[str, ...]
    lone: str | None = None
    """Its field, where there is one that comes at most once."""


@dataclass(slots=True)
class State:
    """A place in the sequence: arm and state afterwards by code; None is END."""

    width: int = 0
    productions: list[tuple[Arm, int, "State"] | None] = field(default_factory=list)
    codes: dict[tuple[str, type[Element] | None], int] = field(default_factory=dict)
    end: int | None = None


@dataclass(frozen=True, slots=True)
class Grammar:
    """A class as EXI sees it. `entries[i]` is the state before particle i, `again[i]` between two of it."""

    kind: type[Element]
    particles: tuple[Particle, ...]
    entries: tuple[State, ...]
    again: tuple[State, ...]
    small: bool
    """Whether it is made of a few whole numbers and nothing else."""


@dataclass(frozen=True)
class Schema:
    """A namespace: how many global elements its schema set has, and the codes of those that are messages."""

    namespace: str
    elements: int
    messages: Mapping[int, type[Element]]

    @cached_property
    def width(self) -> int:
        """Bits of a message's code."""
        return self.elements.bit_length()

    @cached_property
    def codes(self) -> dict[type[Element], int]:
        """The code of each message."""
        return {kind: code for code, kind in self.messages.items()}


@cache
def grammar_of(kind: type[Element]) -> Grammar:
    """The grammar of a class."""
    found = _particles(kind)
    entries = tuple(State() for _ in range(len(found) + 1))
    again = tuple(State() for _ in found)
    for place in range(len(found) + 1):
        _fill(entries[place], found, place, entries, again)
    for place in range(len(found)):
        _fill(again[place], found, place, entries, again, repeating=True)
    arms = [arm for particle in found for arm in particle.arms]
    small = 0 < len(arms) <= _FEW and all(arm.value is not None and arm.value.whole for arm in arms)
    return Grammar(kind, found, entries, again, small)


def _fill(
    state: State,
    particles: tuple[Particle, ...],
    place: int,
    entries: tuple[State, ...],
    again: tuple[State, ...],
    repeating: bool = False,
) -> None:
    """Find a state's productions."""
    may_end = True
    for number in range(place, len(particles)):
        particle = particles[number]
        following = again[number] if particle.repeats else entries[number + 1]
        for arm in particle.arms:
            state.codes[arm.field, arm.kind] = len(state.productions)
            state.productions.append((arm, number, following))
        if particle.least and not (repeating and number == place):
            may_end = False
            break
    if may_end:
        state.end = len(state.productions)
        state.productions.append(None)
    state.width = len(state.productions).bit_length()


def _particles(kind: type[Element]) -> tuple[Particle, ...]:
    """Attributes by name, then everything else in the order of the fields."""
    hints = get_type_hints(kind, include_extras=True)
    attributes: list[tuple[str, Particle]] = []
    others: list[Particle] = []
    choices: dict[int, int] = {}
    for name in kind.__struct_fields__:
        particle, notes = _particle(name, hints[name])
        choice = next((note for note in notes if isinstance(note, Choice)), None)
        if any(isinstance(note, Attribute) for note in notes):
            attributes.append((name, particle))
        elif choice is not None and choice.number in choices:
            before = others[choices[choice.number]]
            others[choices[choice.number]] = _one_of(before.arms + particle.arms, choice)
        else:
            if choice is not None:
                choices[choice.number] = len(others)
                particle = _one_of(particle.arms, choice)
            others.append(particle)
    return (*(particle for _, particle in sorted(attributes, key=lambda pair: pair[0])), *others)


def _one_of(arms: tuple[Arm, ...], choice: Choice) -> Particle:
    return Particle(arms, int(choice.needed), 1, False, tuple(arm.field for arm in arms))


def _particle(name: str, hint: object) -> tuple[Particle, tuple[object, ...]]:
    """A single field as a particle, with the notes of its annotation."""
    inner, optional, notes = peel(hint)
    times = next((note for note in notes if isinstance(note, Times)), None)
    if times is not None:
        inner, _, notes = peel(get_args(inner)[0])
    bare = name == CONTENT or any(isinstance(note, Attribute) for note in notes)
    arms = _arms(name, inner, notes, bare)
    least, most = (times.least, times.most) if times is not None else (int(not optional), 1)
    lone = name if times is None else None
    return Particle(arms, least, most, times is not None, (name,), lone), notes


def peel(hint: object) -> tuple[object, bool, tuple[object, ...]]:
    """Take `| None` and `Annotated` off: what is left, whether it may be absent, the notes."""
    optional, notes = False, []
    while True:
        if get_origin(hint) is Annotated:
            hint, *more = get_args(hint)
            notes += more
        elif get_origin(hint) in (Union, UnionType) and NoneType in get_args(hint):
            optional, left = True, [one for one in get_args(hint) if one is not NoneType]
            hint = Union[tuple(left)]  # noqa: UP007 - put together at run time
        else:
            return hint, optional, tuple(notes)


def _arms(name: str, kind: object, notes: tuple[object, ...], bare: bool) -> tuple[Arm, ...]:
    """A field's ways to be there."""
    group = next((note for note in notes if isinstance(note, Substitution)), None)
    if group is not None:
        classes = get_args(kind) if get_origin(kind) in (Union, UnionType) else (kind,)
        members: dict[str, Arm] = {group.head: Arm(name)}
        members |= {one.__name__.removesuffix("Type"): Arm(name, kind=one) for one in classes}
        return tuple(members[element] for element in sorted(members))
    if kind is Unsupported:
        return (Arm(name),)
    if isinstance(kind, type) and issubclass(kind, Element):
        return (Arm(name, kind=kind),)
    return (Arm(name, _value(kind, notes), bare=bare),)


def _value(kind: object, notes: tuple[object, ...]) -> ValueCodec:
    """How a simple type is written."""
    if kind is bool:
        return values.boolean()
    if get_origin(kind) is Literal:
        return values.enumeration(get_args(kind))
    for note in notes:
        if isinstance(note, Integer):
            return values.integer(note)
        if isinstance(note, Text):
            return values.text(note)
        if isinstance(note, Octets):
            return values.octets(note)
    raise TypeError(f"{kind} has no facets")
