"""Differences between local lists."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csms.domain.local_list import Entry, Update, difference, full_list

TOKENS = st.dictionaries(st.sampled_from("abcdefgh"), st.sampled_from(["Accepted", "Blocked"]))


def entries(tokens: dict[str, str]) -> list[Entry]:
    return [Entry(token, "Central", status) for token, status in tokens.items()]


def applied(held: list[Entry], updates: list[Update]) -> dict[str, Entry]:
    """What a station makes of it."""
    state = {entry.token: entry for entry in held}
    for update in updates:
        if update.full:
            state = {}
        state.update({entry.token: entry for entry in update.entries})
        for entry in update.gone:
            del state[entry.token]
    return state


@given(TOKENS, TOKENS, st.integers(1, 4))
def test_a_difference_leads_from_one_to_the_other(
    held: dict[str, str], wanted: dict[str, str], at_most: int
) -> None:
    updates = difference(entries(held), entries(wanted), 5, at_most)
    assert applied(entries(held), updates) == {entry.token: entry for entry in entries(wanted)}
    assert [update.version for update in updates] == list(range(5, 5 + len(updates)))
    assert all(0 < len(update.entries) + len(update.gone) <= at_most for update in updates)
    assert bool(updates) == (held != wanted)


@given(TOKENS, TOKENS, st.integers(1, 4))
def test_a_full_list_leads_there_from_anything(
    held: dict[str, str], wanted: dict[str, str], at_most: int
) -> None:
    updates = full_list(entries(wanted), 1, at_most)
    assert applied(entries(held), updates) == {entry.token: entry for entry in entries(wanted)}
    assert [update.full for update in updates] == [True, *[False] * (len(updates) - 1)]


@pytest.mark.parametrize("at_most", [1, 100])
def test_an_empty_list_is_one_message(at_most: int) -> None:
    assert full_list([], 3, at_most) == [Update(True, 3, ())]
