"""Transactions, on both databases."""

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from csms.domain.fold import begin, fold
from csms.domain.meter import Reading
from csms.domain.transaction import EventType
from csms.errors import ChangeRefused, StoreUnavailable
from csms.store import transactions
from csms.store.database import Database
from csms.store.transaction_states import state_values
from csms.store.writer import Writer
from tests.contract.telling import ENDED, MEASURED, OF_A, START, STARTED, at, folded, numbered, told


@given(st.lists(st.tuples(st.integers(-5, 2**62), st.integers(0, 9)), max_size=6))
def test_ranges_of_sequence_numbers_survive_their_text(pairs: list[tuple[int, int]]) -> None:
    seen = tuple((first, first + more) for first, more in pairs)
    assert transactions.seen_ranges(transactions.seen_text(seen)) == seen


def test_ranges_as_text() -> None:
    assert transactions.seen_text(((0, 5), (7, 7))) == "0-5,7"
    assert transactions.seen_ranges("") == ()


async def test_a_transaction_comes_back_as_it_was_folded(db: Database, writer: Writer) -> None:
    for state in (folded(STARTED), folded(STARTED, MEASURED), folded(ENDED, MEASURED, STARTED)):
        await writer.commit([transactions.state_kept(state)])
        assert await transactions.load(db, "a", "tx") == state
    assert await transactions.load(db, "b", "tx") is None
    # what comes late is folded as if it had never left the memory
    late = told(3, charging_state="SuspendedEV", readings=(Reading(at(30), 5.0, 90.0, 10.0, 60.0),))
    loaded = await transactions.load(db, "a", "tx")
    assert loaded is not None
    assert fold(loaded, late) == folded(STARTED, MEASURED, late, ENDED)


async def test_row_33_and_34_the_first_event_under_a_number_stands(db: Database, writer: Writer) -> None:
    other = replace(MEASURED, raw=b"other", digest=b"e")
    await writer.commit([transactions.state_kept(folded(MEASURED))])
    await writer.commit([transactions.event_kept(OF_A, MEASURED, "Accepted", at(61))])
    await writer.commit([transactions.event_kept(OF_A, other, "Invalid", at(62))])
    for _ in range(2):
        await writer.commit([transactions.conflict_kept("a", other, at(62))])
    kept = await transactions.event(db, "a", "tx", 1)
    assert kept is not None
    assert (kept.payload, kept.digest, kept.answer_status, kept.received_at) == (
        b'{"a":1}',
        b"d",
        "Accepted",
        at(61),
    )
    assert await transactions.event(db, "a", "tx", 2) is None
    assert len(await db.all(transactions.CONFLICT.select())) == 1


async def test_a_transactions_number_never_changes_and_is_no_others(db: Database, writer: Writer) -> None:
    """Else its events would be found no more: whoever began it at the same time elsewhere must read it."""
    await writer.commit([transactions.state_kept(folded(STARTED))])
    for other in (replace(folded(STARTED, MEASURED), number=7), begin("b", STARTED, OF_A.number)):
        with pytest.raises(ChangeRefused):
            await writer.commit([transactions.state_kept(other)])
    assert await transactions.load(db, "a", "tx") == folded(STARTED)
    assert await transactions.load(db, "b", "tx") is None


async def test_listing_and_getting(db: Database, writer: Writer) -> None:
    for station, state in (("a", folded(STARTED)), ("b", folded(STARTED, ENDED, station="b"))):
        number = numbered(station, "uz")
        other = replace(state, transaction_id="uz", number=number, updated_at=at(999))
        await writer.commit([transactions.state_kept(state), transactions.state_kept(other)])
        assert state.station_id == station
    rows = await transactions.listing(db, None, 3)
    assert [(row.identity, row.transaction_id) for row in rows] == [("a", "tx"), ("a", "uz"), ("b", "tx")]
    rest = await transactions.listing(db, transactions.cursor(rows[-1]), 3)
    assert [(row.identity, row.transaction_id) for row in rest] == [("b", "uz")]
    assert len(await transactions.listing(db, None, 9, identity="b")) == 2
    opened = await transactions.listing(db, None, 9, open_only=True)
    assert [row.identity for row in opened] == ["a", "a"]
    assert len(await transactions.open_at(db, "a")) == 2
    assert await transactions.open_at(db, "b") == []
    newest = await transactions.get(db, "uz")
    assert newest is not None
    one = await transactions.get(db, "tx", "b")
    assert one is not None
    assert (one.identity, one.open, one.stopped_reason) == ("b", False, "EVDisconnected")
    assert await transactions.get(db, "tx", "c") is None


async def test_e04_fr_09_split_meter_data_with_one_time_stamp_is_kept(db: Database, writer: Writer) -> None:
    first = Reading(at(60), power_w=-5.0)
    second = Reading(at(60), export_wh=7.0)
    await writer.commit([transactions.readings_kept("a", 1, [first, second], "tx", 1)])
    await writer.commit([transactions.readings_kept("a", 1, [first], "tx", 2)])
    # outside transactions: two messages with one time stamp and other measurands
    await writer.commit([transactions.readings_kept("a", 1, [first], "", -1)])
    await writer.commit([transactions.readings_kept("a", 1, [second], "", -1)])
    await writer.commit([transactions.readings_kept("a", 1, [Reading(at(60), power_w=99.0)], "", -1)])
    rows = await transactions.readings(db, "a", 1, at(60), at(60), "tx")
    assert [(row.source, row.seq_no, row.part, row.power_w, row.export_wh) for row in rows] == [
        ("", -1, 0, -5.0, 7.0),
        ("tx", 1, 0, -5.0, None),
        ("tx", 1, 1, None, 7.0),
        ("tx", 2, 0, -5.0, None),
    ]


async def test_readings_of_a_transaction(db: Database, writer: Writer) -> None:
    await writer.commit([transactions.state_kept(folded(STARTED, MEASURED))])
    for evse_id, seq_no in ((0, 0), (1, 1), (1, 2)):
        reading = [Reading(at(60 * seq_no), power_w=1.0)]
        await writer.commit([transactions.readings_kept("a", evse_id, reading, "tx", seq_no)])
    await writer.commit([transactions.readings_kept("a", 1, [Reading(at(90), power_w=1.0)], "other", 1)])
    rows = await transactions.readings_of(db, "a", "tx")
    assert [row.seq_no for row in rows] == [0, 1, 2]
    rows = await transactions.readings_of(db, "a", "tx", at(60), at(60))
    assert [row.seq_no for row in rows] == [1]
    assert await transactions.readings_of(db, "a", "none") == []


async def test_the_first_reading_of_an_event_lies_with_it_and_is_read_among_the_others(
    db: Database, writer: Writer
) -> None:
    state = folded(STARTED, MEASURED)
    changes = [transactions.state_kept(state)]
    for event in (STARTED, MEASURED):
        changes.append(transactions.event_kept(OF_A, event, None, START, 1))
        changes.append(transactions.readings_kept("a", 1, event.readings, "tx", event.seq_no, 1))
    await writer.commit(changes)
    # as older versions kept it: all of an event's readings in the table of their own
    await writer.commit([transactions.readings_kept("a", 1, [Reading(at(30), soc=50.0)], "tx", 0)])
    await writer.commit([transactions.readings_kept("a", 1, [Reading(at(45), soc=51.0)], "", -1)])
    rows = await transactions.readings_of(db, "a", "tx")
    assert [(row.at, row.seq_no, row.part, row.power_w, row.soc) for row in rows] == [
        (at(30), 0, 0, None, 50.0),
        (at(60), 1, 0, -6950.0, 55.5),
        (at(60), 1, 1, -1.0, None),
    ]
    assert [transactions.reading_of(row) for row in rows[1:]] == list(MEASURED.readings)
    around = await transactions.readings(db, "a", 1, at(45), at(60), "tx")
    assert [(row.source, row.part) for row in around] == [("", 0), ("tx", 0), ("tx", 1)]
    assert [row.source for row in await transactions.readings(db, "a", 1, at(0), at(60))] == [""]
    assert await transactions.readings(db, "a", 2, at(0), at(60), "tx") == []
    assert [row.seq_no for row in await transactions.readings_of(db, "a", "tx", at(60), at(60))] == [1, 1]


STEPS = st.lists(
    st.builds(
        lambda jump, later, power, imported, exported, soc, state, evse_id, offline: {
            "jump": jump,
            "state": state,
            "evse_id": evse_id,
            "offline": offline,
            "reading": Reading(at(later), power, imported, exported, soc),
        },
        st.sampled_from([1, 1, 1, 1, 2, -1]),
        st.floats(0, 99),
        st.none() | st.floats(-9, 9),
        st.none() | st.floats(0, 9),
        st.none() | st.floats(0, 9),
        st.none() | st.floats(0, 100),
        st.sampled_from([None, "Charging", "Idle"]),
        st.sampled_from([None, 1, 2]),
        st.booleans(),
    ),
    max_size=12,
)


@given(STEPS)
def test_a_step_and_the_row_before_it_are_the_row_after_it(steps: list[dict[str, Any]]) -> None:
    before, seq_no = begin("a", told(0), 1), 0
    for step in steps:
        seq_no += step["jump"]
        event = told(
            max(seq_no, 0),
            charging_state=step["state"],
            evse_id=step["evse_id"],
            offline=step["offline"],
            readings=(step["reading"],),
        )
        after = fold(before, event)
        row = list(state_values(before))
        change = transactions.state_kept(after, before)
        names = [column.name for column in transactions.TRANSACTION.columns]
        for name, value in zip(change.statement.names, change.rows[0], strict=True):
            row[names.index(name)] = value
        assert tuple(row) == state_values(after)
        before = after


async def test_a_step_of_a_transaction_that_is_gone_is_not_acknowledged(db: Database, writer: Writer) -> None:
    state = folded(STARTED, MEASURED)
    after = fold(state, told(2, readings=(Reading(at(120), -7000.0, 100.0, 21.0),)))
    step = transactions.state_kept(after, state)
    assert step.statement is not transactions.state_kept(after).statement
    with pytest.raises((ChangeRefused, StoreUnavailable)):
        await writer.commit([step])
    await writer.recovered()
    await writer.commit([transactions.state_kept(state)])
    await writer.commit([step])
    assert await transactions.load(db, "a", "tx") == after


async def test_states_and_steps_of_many_in_one_flush(db: Database, writer: Writer) -> None:
    """In whatever order they gather, each transaction's own order is kept."""
    waiting = []
    wanted = {}
    for number in range(40):
        identity = f"s{number}"
        started = folded(STARTED, station=identity)
        running = fold(started, told(1, charging_state="Charging"))
        ended = fold(running, told(2, EventType.ENDED))
        changes = [transactions.state_kept(started), transactions.state_kept(running, started)]
        assert changes[0].statement is not changes[1].statement
        if number % 3 == 0:
            changes.append(transactions.state_kept(ended, running))
        wanted[identity] = ended if number % 3 == 0 else running
        waiting += [writer.commit([change]) for change in changes]
    await asyncio.gather(*waiting)
    for identity, state in wanted.items():
        assert await transactions.load(db, identity, "tx") == state
