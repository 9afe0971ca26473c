"""Numbers for transactions: none twice, none lower than those before, whatever the clock does."""

import pytest

from csms.store.transaction_numbers import _Numbers


def test_they_grow_also_when_the_clock_goes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter([1_800_000_000.0, 1_800_000_000.0, 1_700_000_000.0, 1_800_000_001.0, 4_000_000_000.0])
    monkeypatch.setattr("csms.store.transaction_numbers.time.time", lambda: next(times))
    numbers = _Numbers()
    told = [numbers.next() for _ in range(5)]
    assert told == sorted(set(told))
    assert told[3] - told[0] > 1 << 29  # a second later
    assert told[-1] < 1 << 63  # in 2096 it still is one that a database keeps
    assert {number & 1023 for number in told} == {told[0] & 1023}
