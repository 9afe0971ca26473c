"""Block E: what is recorded and what is answered."""

from datetime import timedelta

import pytest

from csms.domain.facts import MeterRead, SecurityAlarmRaised, TransactionUpdated
from csms.domain.meter import Reading
from csms.domain.transaction import (
    EventType,
    IdToken,
    Transaction,
    TransactionAnswer,
    TransactionEvent,
)
from csms.store import tariffs, transactions
from csms.store.tariffs import TariffRow
from csms.store.tokens import IdTokenRow
from tests.blocks.bench import START, STATION, Bench

TX = "tx-1"
TOKEN = IdToken("Driver", "ISO14443")


def _event(seq_no: int, type: EventType = EventType.UPDATED, **fields: object) -> TransactionEvent:
    digest = f"{seq_no}{fields}".encode()
    values: dict[str, object] = {
        "transaction_id": TX,
        "at": START + timedelta(seconds=seq_no),
        "trigger": "MeterValuePeriodic",
        "evse_id": 1,
        "raw": digest,
        "digest": digest,
        **fields,
    }
    return TransactionEvent(type=type, seq_no=seq_no, **values)  # type: ignore[arg-type]


def _reading(power_w: float, seq_no: int = 0) -> Reading:
    return Reading(
        at=START + timedelta(seconds=seq_no), power_w=power_w, import_wh=1000.0, export_wh=5.0, soc=60.0
    )


async def _stored(bench: Bench, transaction_id: str = TX, identity: str = STATION) -> Transaction:
    transaction = await transactions.load(bench.db, identity, transaction_id)
    assert transaction is not None
    return transaction


STARTED = _event(0, EventType.STARTED, id_token=TOKEN)
ENDED = _event(2, EventType.ENDED, stopped_reason="EVDisconnected")


async def test_e01_a_started_event_is_recorded_and_its_token_answered(bench: Bench) -> None:
    await bench.add_token(IdTokenRow(token="driver", type="ISO14443", group_token="family"))
    answer = await bench.tell(STARTED)
    assert isinstance(answer, TransactionAnswer)
    assert answer.id_token_info is not None
    assert answer.id_token_info.status == "Accepted"
    assert answer.id_token_info.group_id_token == IdToken("family", "Central")
    stored = await _stored(bench)
    assert (stored.started_at, stored.evse_id, stored.ended_at) == (START, 1, None)
    assert await transactions.event(bench.db, STATION, TX, 0) is not None


@pytest.mark.parametrize("status", ["Blocked", "Expired", "Invalid"])
async def test_e01_fr_tokens_that_are_not_accepted_are_told_and_the_event_is_kept(
    bench: Bench, status: str
) -> None:
    await bench.add_token(IdTokenRow(token="driver", type="ISO14443", status=status))
    answer = await bench.tell(STARTED)
    assert isinstance(answer, TransactionAnswer)
    assert answer.id_token_info is not None
    assert answer.id_token_info.status == status
    assert (await _stored(bench)).started_at == START


async def test_e02_an_event_without_token_has_an_empty_answer(bench: Bench) -> None:
    assert await bench.tell(_event(1)) == TransactionAnswer()


async def test_e02_readings_are_kept_and_told(bench: Bench) -> None:
    await bench.tell(_event(1, readings=(_reading(-6950.0, 1),)))
    assert bench.told(MeterRead) == [MeterRead(START, STATION, 1, -6950.0, 60.0)]
    (row,) = await transactions.readings(bench.db, STATION, 1, START, START + timedelta(hours=1), TX)
    assert (row.power_w, row.import_wh, row.export_wh, row.source, row.seq_no) == (
        -6950.0,
        1000.0,
        5.0,
        TX,
        1,
    )
    stored = await _stored(bench)
    assert (stored.power_w, stored.soc) == (-6950.0, 60.0)


async def test_tc_j_08_readings_before_the_evse_is_known_are_kept(bench: Bench) -> None:
    await bench.tell(_event(0, EventType.STARTED, evse_id=None, readings=(_reading(0.0),)))
    assert len(await transactions.readings(bench.db, STATION, 0, START, START + timedelta(hours=1), TX)) == 1


async def test_row_33_e13_a_repeat_changes_nothing_and_gets_the_first_answer(bench: Bench) -> None:
    await bench.add_token(IdTokenRow(token="driver", type="ISO14443"))
    first = await bench.tell(STARTED)
    await bench.add_token(IdTokenRow(token="driver", type="ISO14443", status="Blocked"))
    before = list(bench.facts)
    for fresh in (False, True):  # in memory, and on a new connection
        if fresh:
            bench.reconnect()
        again = await bench.tell(STARTED)
        assert isinstance(again, TransactionAnswer)
        assert isinstance(first, TransactionAnswer)
        assert again.id_token_info is not None
        assert first.id_token_info is not None
        assert again.id_token_info.status == first.id_token_info.status == "Accepted"
        assert bench.kept == []
        assert bench.facts == before


async def test_row_34_another_content_under_a_taken_number_is_kept_beside_it(bench: Bench) -> None:
    await bench.tell(_event(1, charging_state="Charging"))
    for _ in range(2):  # told again it is still one
        assert await bench.tell(_event(1, charging_state="SuspendedEV")) == TransactionAnswer()
    assert [alarm.kind for alarm in bench.told(SecurityAlarmRaised)] == ["transaction event conflict"]
    stored = await _stored(bench)
    assert (stored.charging_state, stored.conflicts) == ("Charging", 1)


async def test_row_36_tc_e_53_numbers_may_begin_anywhere(bench: Bench) -> None:
    for transaction_id, first in (("a", 0), ("b", 0), ("c", 4711)):
        await bench.tell(_event(first, EventType.STARTED, transaction_id=transaction_id))
        await bench.tell(_event(first + 1, EventType.ENDED, transaction_id=transaction_id))
        assert (await _stored(bench, transaction_id)).seen == ((first, first + 1),)


async def test_row_35_a_gap_is_tolerated_and_visible(bench: Bench) -> None:
    for seq_no in (0, 1, 5):
        await bench.tell(_event(seq_no))
    assert (await _stored(bench)).seen == ((0, 1), (5, 5))


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (2, 0, 1), (1, 2, 0)])
async def test_row_37_events_in_any_order_fold_to_the_same_and_ended_is_sticky(
    bench: Bench, order: tuple[int, ...]
) -> None:
    events = {0: STARTED, 1: _event(1, charging_state="Charging"), 2: ENDED}
    for seq_no in order:
        await bench.tell(events[seq_no])
        bench.reconnect()
    stored = await _stored(bench)
    assert stored.started_at == START
    assert stored.ended_at == START + timedelta(seconds=2)
    assert stored.stopped_reason == "EVDisconnected"
    assert stored.seen == ((0, 2),)


async def test_row_38_what_was_measured_offline_is_history(bench: Bench) -> None:
    await bench.tell(_event(1, offline=True, readings=(_reading(7000.0),)))
    assert not bench.told(MeterRead)
    assert len(bench.told(TransactionUpdated)) == 1
    assert len(await transactions.readings(bench.db, STATION, 1, START, START + timedelta(hours=1), TX)) == 1


async def test_row_38_a_late_authorization_is_still_answered(bench: Bench) -> None:
    answer = await bench.tell(_event(0, EventType.STARTED, offline=True, id_token=TOKEN))
    assert isinstance(answer, TransactionAnswer)
    assert answer.id_token_info is not None
    assert answer.id_token_info.status == "Unknown"


async def test_section_2_2_row_8_transactions_of_two_stations_do_not_touch(bench: Bench) -> None:
    await bench.add_station("cs-2")
    await bench.tell(STARTED)
    await bench.tell(ENDED, "cs-2")
    assert (await _stored(bench)).ended_at is None
    assert (await _stored(bench, TX, "cs-2")).started_at is None


async def test_more_transactions_than_are_held_in_memory(bench: Bench) -> None:
    for number in range(40):
        await bench.tell(_event(0, EventType.STARTED, transaction_id=f"t{number}"))
    await bench.tell(_event(1, EventType.ENDED, transaction_id="t0"))
    assert (await _stored(bench, "t0")).seen == ((0, 1),)


@pytest.mark.parametrize(
    ("values", "cost"),
    [((0.0, 500.0, 1000.0), 1.0), ((500.0, 200.0, 100.0), None), ((0.0, 900.0, 400.0), None)],
)
async def test_row_43_what_a_register_that_went_back_would_bill_is_held(
    bench: Bench, values: tuple[float, ...], cost: float | None
) -> None:
    async with bench.db.begin() as conn:
        row = TariffRow(tariff_id="t", currency="EUR", energy_per_kwh="1", changed_at=START)
        await tariffs.put_tariff(conn, row)
    await bench.change_station(tariff_id="t")
    kinds = (EventType.STARTED, EventType.UPDATED, EventType.ENDED)
    for seq_no, (kind, value) in enumerate(zip(kinds, values, strict=True)):
        reading = Reading(at=START + timedelta(seconds=seq_no), import_wh=value)
        answer = await bench.tell(_event(seq_no, kind, readings=(reading,)))
    assert isinstance(answer, TransactionAnswer)
    assert answer.total_cost == cost
    rows = await transactions.readings_of(bench.db, STATION, TX)
    assert [each.import_wh for each in rows] == list(values)  # stored as told
