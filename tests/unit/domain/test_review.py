"""What is held for a person to look at before it is billed."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from csms.domain.fold import begin, fold
from csms.domain.meter import Reading
from csms.domain.review import Doubt, doubts, is_missing, went_back
from csms.domain.transaction import EventType, Transaction, TransactionEvent, energy_wh, with_conflict

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@dataclass
class Told:
    """A transaction as it is told, event by event."""

    transaction: Transaction | None = None

    def say(self, seq_no: int, type: EventType, import_wh: float | None = None) -> "Told":
        at = START + timedelta(minutes=seq_no)
        readings = () if import_wh is None else (Reading(at, import_wh=import_wh),)
        event = TransactionEvent(type, "tx", seq_no, at, "Trigger", readings=readings)
        known = self.transaction
        self.transaction = begin("cs", event, 1) if known is None else fold(known, event)
        return self

    def doubts(self, open: bool = True) -> tuple[Doubt, ...]:
        assert self.transaction is not None
        return doubts(self.transaction, open)


STARTED, UPDATED, ENDED = EventType.STARTED, EventType.UPDATED, EventType.ENDED


def test_nothing_is_held_where_all_adds_up() -> None:
    told = Told().say(0, STARTED, 100.0).say(1, UPDATED, 150.0).say(2, ENDED, 200.0)
    assert told.doubts(open=False) == ()


def test_row_35_a_gap_is_held() -> None:
    told = Told().say(0, STARTED).say(2, ENDED)
    assert told.doubts(open=False) == (Doubt.EVENTS_MISSING,)
    assert told.transaction is not None
    assert is_missing(told.transaction)
    assert told.say(1, UPDATED).doubts(open=False) == ()


def test_row_35_a_lost_start_and_a_lost_end_are_held() -> None:
    assert Told().say(4, ENDED).doubts(open=False) == (Doubt.START_MISSING,)
    assert Told().say(0, STARTED).doubts(open=True) == ()
    assert Told().say(0, STARTED).doubts(open=False) == (Doubt.END_MISSING,)


def test_row_34_a_conflict_is_held() -> None:
    told = Told().say(0, STARTED)
    assert told.transaction is not None
    assert doubts(with_conflict(told.transaction), True) == (Doubt.EVENTS_CONFLICT,)


def test_row_43_negative_energy_is_kept_as_told_and_held() -> None:
    told = Told().say(0, STARTED, 500.0).say(1, ENDED, 200.0)
    assert told.transaction is not None
    assert energy_wh(told.transaction) == (-300.0, None)
    assert told.doubts(open=False) == (Doubt.REGISTER_WENT_BACK,)


@pytest.mark.parametrize(
    ("values", "back"),
    [
        ((100.0, 200.0, 200.0), False),
        ((100.0, 50.0, 200.0), True),
        ((100.0, None, 90.0), True),
        ((None, None, 5.0), False),
        ((), False),
    ],
)
def test_row_43_a_register_that_falls_inside_a_transaction_is_noticed(
    values: tuple[float | None, ...], back: bool
) -> None:
    readings = [Reading(START + timedelta(minutes=n), import_wh=value) for n, value in enumerate(values)]
    assert went_back(reversed(readings)) is back
    exports = [Reading(each.at, export_wh=each.import_wh) for each in readings]
    assert went_back(exports) is back


def test_row_43_two_readings_of_one_instant_are_no_fall() -> None:
    assert not went_back([Reading(START, import_wh=200.0), Reading(START, import_wh=100.0)])
