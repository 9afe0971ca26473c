"""Transactions and the grid's sense of the fleet, on both databases."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from csms.domain.fold import begin, fold
from csms.domain.meter import Reading
from csms.domain.station import ConnectorStatus, EvseRating, Registration, StatusReport
from csms.domain.transaction import EventType, IdToken, Transaction, TransactionEvent
from csms.errors import ChangeRefused, StoreUnavailable
from csms.store import profiles, programs, readings, stations, tokens, transactions
from csms.store.database import Database
from csms.store.transaction_states import state_values
from csms.store.writer import Writer

START = datetime(2026, 1, 1, 12, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def told(seq_no: int, kind: EventType = EventType.UPDATED, **more: object) -> TransactionEvent:
    event = TransactionEvent(kind, "tx", seq_no, at(60 * seq_no), "Trigger", raw=b'{"a":1}', digest=b"d")
    return replace(event, **more)


STARTED = told(
    0,
    EventType.STARTED,
    evse_id=1,
    connector_id=1,
    id_token=IdToken("Card", "ISO14443"),
    remote_start_id=2**40,
)
MEASURED = told(
    1,
    charging_state="Charging",
    readings=(Reading(at(60), -6950.0, 100.0, 20.0, 55.5), Reading(at(60), power_w=-1.0)),
)
ENDED = told(5, EventType.ENDED, offline=True, stopped_reason="EVDisconnected")


def folded(*events: TransactionEvent, station: str = "a") -> Transaction:
    transaction = begin(station, events[0])
    for event in events[1:]:
        transaction = fold(transaction, event)
    return transaction


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
    await writer.commit([transactions.event_kept("a", MEASURED, "Accepted", at(61))])
    await writer.commit([transactions.event_kept("a", other, "Invalid", at(62))])
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


async def test_listing_and_getting(db: Database, writer: Writer) -> None:
    for station, state in (("a", folded(STARTED)), ("b", folded(STARTED, ENDED, station="b"))):
        other = replace(state, transaction_id="uz", updated_at=at(999))
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
        changes.append(transactions.event_kept("a", event, None, START, 1))
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
    before, seq_no = begin("a", told(0)), 0
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


async def furnished(db: Database, writer: Writer) -> None:
    """One station at a site, one driver with vehicle and need, one open transaction with readings."""
    async with db.begin() as conn:
        row = stations.StationRow(identity="a", password_hash="x", site_id="s", created_at=START)
        row.discharge = "negative_limit"
        await stations.add(conn, row, [EvseRating(1, 11_000.0, 10_000.0)])
        site = stations.SiteRow(site_id="s", import_limit_w=1e6, export_limit_w=5e5)
        await stations.put_site(conn, site)
        card = tokens.IdTokenRow(token="card", type="ISO14443", driver_id="d", vehicle_id="v")
        await tokens.put(conn, card)
        vehicle = programs.VehicleRow(vehicle_id="v", capacity_wh=60_000.0, bidirectional=True)
        await programs.put_vehicle(conn, vehicle)
        need = programs.NeedRow(driver_id="d", reserve_soc=40.0, departure=at(3600), changed_at=START)
        await programs.put_need(conn, need)
    await writer.commit([stations.connected("a", 1, "ocpp2.0.1", START), stations.clock_skew("a", 0.5)])
    await writer.commit([transactions.state_kept(folded(STARTED, MEASURED))])


async def only(db: Database) -> transactions.FleetRow:
    (row,) = await transactions.all_open(db)
    return row


def needs(when: datetime) -> transactions.ChargingNeedsRow:
    return transactions.ChargingNeedsRow(
        identity="a",
        evse_id=1,
        at=when,
        transfer="AC_BPT",
        soc=50.0,
        energy_request_wh=9000.0,
        departure=at(7200),
    )


async def test_the_fleet_in_one_query(db: Database, writer: Writer) -> None:
    await furnished(db, writer)
    row = await only(db)
    assert (row.station_id, row.evse_id, row.transaction_id, row.started_at) == ("a", 1, "tx", START)
    assert row.site_id == "s"
    assert (row.connected, row.registration, row.discharge, row.hold) == (
        True,
        "Accepted",
        "negative_limit",
        None,
    )
    assert (row.max_charge_w, row.max_discharge_w, row.clock_skew_s) == (11_000.0, 10_000.0, 0.5)
    assert (row.driver_id, row.vehicle_id, row.vehicle_capacity_wh) == ("d", "v", 60_000.0)
    assert (row.vehicle_bidirectional, row.vehicle_max_charge_w) == (True, None)
    assert (row.soc, row.soc_at, row.soc_refused) == (55.5, at(60), False)
    assert (row.power_w, row.power_at) == (-1.0, at(60))
    assert (row.first_import_wh, row.last_export_wh, row.last_at) == (100.0, 20.0, at(60))
    assert (row.need_reserve_soc, row.need_departure) == (40.0, at(3600))
    assert (row.ev_at, row.fallback_acknowledged, row.faulted) == (None, False, False)
    assert row.charging_state == "Charging"


async def test_needs_of_the_vehicle_before_do_not_count(db: Database, writer: Writer) -> None:
    await furnished(db, writer)
    await writer.commit([transactions.needs_kept(needs(at(-60)))])
    assert (await only(db)).ev_at is None
    await writer.commit([transactions.needs_kept(needs(at(5)))])
    row = await only(db)
    assert (row.ev_at, row.ev_energy_request_wh, row.ev_soc) == (at(5), 9000.0, 50.0)
    assert (row.ev_departure, row.ev_transfer, row.ev_max_discharge_w) == (at(7200), "AC_BPT", None)
    await writer.commit([transactions.needs_kept(needs(at(-60)))])  # an older word comes late
    assert (await only(db)).ev_at == at(5)


async def test_a_faulted_connector_marks_its_evse_only(db: Database, writer: Writer) -> None:
    await furnished(db, writer)
    other = StatusReport(2, 1, ConnectorStatus.FAULTED, START)
    await writer.commit([stations.connector_status("a", other)])
    assert not (await only(db)).faulted
    mine = StatusReport(1, 2, ConnectorStatus.FAULTED, START)
    await writer.commit([stations.connector_status("a", mine)])
    assert (await only(db)).faulted
    await writer.commit(
        [stations.connector_status("a", replace(mine, status=ConnectorStatus.OCCUPIED, at=at(1)))]
    )
    assert not (await only(db)).faulted


async def test_v_04_a_fallback_counts_in_this_boot_and_for_its_evse_or_all(
    db: Database, writer: Writer
) -> None:
    await furnished(db, writer)
    for evse_id, counts in ((2, False), (1, True), (0, True)):
        row = profiles.ProfileRow(
            identity="a",
            evse_id=evse_id,
            profile_id=1,
            role="fallback",
            purpose="TxDefaultProfile",
            limit_w=0.0,
            state="accepted",
            boot_epoch=0,
            changed_at=START,
        )
        async with db.begin() as conn:
            await profiles.forget(conn, "a")
            await profiles.sent(conn, row)
        assert (await only(db)).fallback_acknowledged is counts
    boot = stations.booted(
        "a",
        vendor="V",
        model="M",
        serial=None,
        firmware=None,
        reason="PowerUp",
        at=START,
        registration=Registration.ACCEPTED,
    )
    await writer.commit([boot])
    row_after = await only(db)
    assert (row_after.fallback_acknowledged, row_after.boot_epoch) == (False, 1)


async def test_what_is_not_known_is_none(db: Database, writer: Writer) -> None:
    async with db.begin() as conn:
        await stations.add(conn, stations.StationRow(identity="a", password_hash="x", created_at=START))
    bare = told(3, evse_id=1)
    await writer.commit([transactions.state_kept(folded(bare))])
    await writer.commit([transactions.needs_kept(needs(at(5)))])
    row = await only(db)
    assert (row.site_id, row.max_discharge_w, row.driver_id, row.vehicle_bidirectional) == (None,) * 4
    assert (row.started_at, row.ev_at, row.soc, row.power_w, row.need_reserve_soc) == (None,) * 5


async def test_the_driver_may_be_known_by_the_vehicle(db: Database, writer: Writer) -> None:
    await furnished(db, writer)
    async with db.begin() as conn:
        await tokens.change(conn, "card", driver_id=None)
        await programs.put_vehicle(conn, programs.VehicleRow(vehicle_id="v", driver_id="d"))
    row = await only(db)
    assert (row.driver_id, row.need_reserve_soc) == ("d", 40.0)


async def test_who_is_not_in_the_fleet(db: Database, writer: Writer) -> None:
    await furnished(db, writer)
    nowhere = replace(folded(told(0, EventType.STARTED)), transaction_id="nowhere")
    stranger = replace(folded(STARTED), station_id="stranger")
    await writer.commit([transactions.state_kept(nowhere), transactions.state_kept(stranger)])
    assert (await only(db)).transaction_id == "tx"
    await writer.commit([transactions.state_kept(folded(STARTED, MEASURED, ENDED))])
    assert await transactions.all_open(db) == []


async def test_what_open_transactions_told_first_of_their_soc(db: Database, writer: Writer) -> None:
    assert await readings.first_socs(db) == []
    events = [
        replace(STARTED, readings=(Reading(at(0), 0.0, 90.0, 10.0),)),
        MEASURED,
        told(2, readings=(Reading(at(120), 0.0, 99.0, 30.0, 90.0),)),
    ]
    for event in events:
        await writer.commit([transactions.event_kept("a", event, None, at(0), 1)])
    await writer.commit([transactions.state_kept(folded(*events))])
    assert await readings.first_socs(db) == [("a", "tx", 55.5, at(60), 100.0, 20.0)]
    apart = [Reading(at(30), 0.0, 95.0, 15.0, 60.0), Reading(at(20), 0.0, 94.0, 14.0)]
    await writer.commit([transactions.readings_kept("a", 1, apart, "tx", 0)])
    assert await readings.first_socs(db) == [("a", "tx", 60.0, at(30), 95.0, 15.0)]
    await writer.commit([transactions.state_kept(folded(*events, ENDED))])
    assert await readings.first_socs(db) == []


async def test_each_register_has_its_time(db: Database, writer: Writer) -> None:
    """A meter that tells what flows out more rarely than what flows in."""
    await furnished(db, writer)
    exported = told(1, readings=(Reading(at(60), import_wh=100.0, export_wh=50.0),))
    imported = told(2, readings=(Reading(at(120), import_wh=100.0),))
    for events, expected in (
        ((STARTED, exported, imported), at(60)),
        ((STARTED, exported), at(60)),
        ((STARTED, imported), None),
    ):
        await writer.commit([transactions.state_kept(folded(*events))])
        assert (await only(db)).exported_at == expected
