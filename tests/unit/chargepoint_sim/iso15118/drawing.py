"""Hypothesis strategies for messages, read from the same classes as the grammar."""

from functools import cache
from typing import Literal, get_args, get_origin, get_type_hints

from hypothesis import strategies as st

from chargepoint_sim.iso15118.exi.grammar import peel
from chargepoint_sim.iso15118.exi.vocabulary import (
    Choice,
    Element,
    Integer,
    Octets,
    Substitution,
    Text,
    Times,
    Unsupported,
)

CHARACTERS = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
FEW = 3


def simple(kind: object, notes: tuple[object, ...]) -> st.SearchStrategy[object]:
    if kind is bool:
        return st.booleans()
    if get_origin(kind) is Literal:
        return st.sampled_from(get_args(kind))
    (facet,) = (note for note in notes if isinstance(note, Integer | Text | Octets))
    if isinstance(facet, Integer):
        return st.integers(facet.low, facet.high)
    most = max(facet.least, min(facet.most, 12))
    if isinstance(facet, Text):
        return st.text(CHARACTERS, min_size=facet.least, max_size=most)
    return st.binary(min_size=facet.least, max_size=most)


def content(hint: object) -> tuple[st.SearchStrategy[object] | None, bool, tuple[object, ...]]:
    """What a field may hold (None: nothing that can be written), whether it may be absent, its notes."""
    inner, optional, notes = peel(hint)
    times = next((note for note in notes if isinstance(note, Times)), None)
    if times is not None:
        element, _, _ = content(get_args(inner)[0])
        assert element is not None
        many = st.lists(element, min_size=times.least, max_size=min(times.most, FEW)).map(tuple)
        return many, False, notes
    if any(isinstance(note, Substitution) for note in notes):
        members = get_args(inner) or (inner,)
        return st.one_of([elements(member) for member in members]), optional, notes
    if inner is Unsupported:
        return None, optional, notes
    if isinstance(inner, type) and issubclass(inner, Element):
        return elements(inner), optional, notes
    return simple(inner, notes), optional, notes


@cache
def elements(kind: type[Element]) -> st.SearchStrategy[Element]:
    fields: dict[str, st.SearchStrategy[object]] = {}
    choices: dict[int, list[tuple[str, st.SearchStrategy[object]]]] = {}
    for name, hint in get_type_hints(kind, include_extras=True).items():
        strategy, optional, notes = content(hint)
        choice = next((note for note in notes if isinstance(note, Choice)), None)
        if strategy is None:
            assert optional
        elif choice is not None:
            choices.setdefault(choice.number, []).append((name, strategy))
        else:
            fields[name] = st.none() | strategy if optional else strategy
    picks = [
        st.one_of([st.fixed_dictionaries({name: strategy}) for name, strategy in group])
        for group in choices.values()
    ]
    return st.tuples(st.fixed_dictionaries(fields), *picks).map(
        lambda parts: kind(**{name: value for part in parts for name, value in part.items()})
    )
