"""The fold of transaction events: any order, any repetition, the same transaction."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from csms.domain import transaction as tx
from csms.domain.fold import begin, fold
from csms.domain.meter import Reading
from csms.domain.transaction import EventType, IdToken, Transaction, TransactionEvent, Verdict

T0 = datetime(2026, 11, 22, 10, tzinfo=UTC)
DRIVER, OTHER = IdToken("AABB", "ISO14443"), IdToken("CCDD", "ISO14443")


def event(seq_no: int, kind: EventType = EventType.UPDATED, **more: object) -> TransactionEvent:
    at = T0 + timedelta(seconds=10 * seq_no)
    known = {"type": kind, "transaction_id": "t", "seq_no": seq_no, "at": at, "trigger": "Trigger", **more}
    return TransactionEvent(digest=bytes([seq_no % 256]), **known)  # type: ignore[arg-type]


def folded(*events: TransactionEvent) -> Transaction:
    transaction = Transaction("cs", "t", 1)
    for one in events:
        transaction = fold(transaction, one)
    return transaction


def started(seq_no: int = 0, **more: object) -> TransactionEvent:
    return event(seq_no, EventType.STARTED, **more)


def ended(seq_no: int, **more: object) -> TransactionEvent:
    return event(seq_no, EventType.ENDED, **more)


def test_a_whole_transaction() -> None:
    whole = folded(
        started(evse_id=1, connector_id=1, id_token=DRIVER, charging_state="EVConnected"),
        event(1, charging_state="Charging"),
        ended(2, stopped_reason="EVDisconnected", id_token=OTHER),
    )
    assert (whole.started_at, whole.ended_at) == (T0, T0 + timedelta(seconds=20))
    assert (whole.evse_id, whole.connector_id, whole.id_token) == (1, 1, DRIVER)
    assert (whole.charging_state, whole.stopped_reason) == (None, "EVDisconnected")
    assert whole.seen == ((0, 2),)
    assert tx.is_complete(whole)


def test_row_33_a_repeat_changes_nothing() -> None:
    before = folded(started(), event(1))
    assert tx.judge(before, event(1), event(1).digest) is Verdict.REPEAT
    assert fold(before, event(1)) is before


def test_row_34_other_content_under_the_same_number_is_a_conflict_and_the_first_is_kept() -> None:
    before = folded(started(), event(1, charging_state="Charging"))
    other = replace(event(1, charging_state="Idle"), digest=b"other")
    assert tx.judge(before, other, event(1).digest) is Verdict.CONFLICT
    assert fold(before, other).charging_state == "Charging"
    assert tx.with_conflict(before).conflicts == 1


def test_row_35_gaps_are_known() -> None:
    assert tx.gaps(folded(started(), event(3), event(4), event(9))) == ((1, 2), (5, 8))
    assert not tx.is_complete(folded(started(), ended(2)))


def test_row_36_numbers_may_run_on_from_the_last_transaction() -> None:
    whole = folded(started(57), event(58), ended(59))
    assert whole.seen == ((57, 59),)
    assert tx.is_complete(whole)


def test_row_37_ended_is_sticky_and_late_events_do_not_reopen() -> None:
    whole = folded(ended(2), started(0, charging_state="EVConnected"), event(7, charging_state="Charging"))
    assert whole.ended_at == T0 + timedelta(seconds=20)
    assert whole.charging_state is None


def test_row_38_offline_is_remembered() -> None:
    assert folded(started(), event(1, offline=True)).offline
    assert not folded(started(), event(1)).offline


def test_row_40_split_data_with_one_time_stamp_both_count() -> None:
    at = T0 + timedelta(seconds=5)
    whole = folded(
        event(1, readings=(Reading(at, import_wh=10.0),)),
        event(2, readings=(Reading(at, export_wh=3.0, soc=50.0),)),
    )
    assert whole.first == Reading(at, import_wh=10.0, export_wh=3.0)
    assert whole.soc == 50


def test_a_refused_soc_makes_the_soc_unknown() -> None:
    whole = folded(
        event(1, readings=(Reading(T0, soc=50.0),)),
        event(2, readings=(Reading(T0 + timedelta(seconds=1), soc_refused=True),)),
    )
    assert (whole.soc, whole.soc_refused, whole.soc_at) == (None, True, T0 + timedelta(seconds=1))


def test_a_register_first_seen_later_counts_from_there() -> None:
    whole = folded(
        started(readings=(Reading(T0, import_wh=1000.0),)),
        event(1, readings=(Reading(T0 + timedelta(seconds=9), import_wh=1100.0, export_wh=40.0),)),
        ended(2, readings=(Reading(T0 + timedelta(seconds=20), import_wh=1100.0, export_wh=90.0),)),
    )
    assert tx.energy_wh(whole) == (100, 50)


def test_a_transaction_stored_without_marks_folds_on() -> None:
    stored = replace(
        folded(started(charging_state="EVConnected"), event(5, charging_state="Charging")), marks=None
    )
    assert fold(stored, event(3, charging_state="Idle")).charging_state == "Charging"
    assert fold(stored, event(6, charging_state="Idle")).charging_state == "Idle"
    closed = replace(fold(stored, ended(6)), marks=None)
    assert fold(closed, event(8, charging_state="Charging")).charging_state is None


def test_no_transaction_yet_is_new() -> None:
    assert tx.judge(None, started(), None) is Verdict.NEW
    assert begin("cs", started(), 1).seen == ((0, 0),)


@st.composite
def histories(draw: st.DrawFn) -> list[TransactionEvent]:
    """A sound transaction: a station counts, meters and tells, with coarse and equal time stamps."""
    count = draw(st.integers(1, 8))
    first = draw(st.sampled_from([0, 0, 57]))
    imported = exported = 0.0
    at = T0
    events = []
    for index in range(count):
        at += timedelta(seconds=draw(st.integers(0, 2)))
        imported += draw(st.integers(0, 50))
        exported += draw(st.integers(0, 50))
        some = Reading(
            at,
            power_w=draw(st.none() | st.integers(-9000, 9000).map(float)),
            import_wh=draw(st.none() | st.just(imported)),
            export_wh=draw(st.none() | st.just(exported)),
            soc=draw(st.none() | st.integers(0, 100).map(float)),
        )
        kind = EventType.UPDATED
        if index == 0:
            kind = EventType.STARTED
        elif index == count - 1:
            kind = EventType.ENDED
        events.append(
            TransactionEvent(
                type=kind,
                transaction_id="t",
                seq_no=first + index,
                at=at,
                trigger="Trigger",
                charging_state=draw(st.none() | st.sampled_from(["Charging", "Idle"])),
                evse_id=draw(st.none() | st.just(1)),
                connector_id=draw(st.none() | st.integers(1, 2)),
                id_token=draw(st.none() | st.sampled_from([DRIVER, OTHER])),
                remote_start_id=draw(st.none() | st.integers(1, 9)),
                readings=draw(st.sampled_from([(), (some,)])),
                offline=draw(st.booleans()),
            )
        )
    return events


@given(histories(), st.data())
def test_any_order_and_repetition_folds_to_the_same_transaction(
    history: list[TransactionEvent], data: st.DataObject
) -> None:
    repeated = history + data.draw(st.lists(st.sampled_from(history), max_size=6))
    shuffled = data.draw(st.permutations(repeated))
    one, other = folded(*shuffled), folded(*history)
    assert replace(one, marks=None) == replace(other, marks=None)


@given(histories(), st.data())
def test_g2_energy_is_counted_once(history: list[TransactionEvent], data: st.DataObject) -> None:
    """What a transaction took is what its first and last register say, however its events came."""
    shuffled = data.draw(st.permutations(history * 2))
    imports = [r.import_wh for e in history for r in e.readings if r.import_wh is not None]
    exports = [r.export_wh for e in history for r in e.readings if r.export_wh is not None]
    expected = tuple(max(values) - min(values) if values else None for values in (imports, exports))
    assert tx.energy_wh(folded(*shuffled)) == expected


@given(st.lists(st.integers(0, 40), unique=True, min_size=1), st.data())
def test_seen_numbers_are_merged_ranges(numbers: list[int], data: st.DataObject) -> None:
    whole = folded(*(event(n) for n in data.draw(st.permutations(numbers))))
    inside = {n for first, last in whole.seen for n in range(first, last + 1)}
    missing = {n for first, last in tx.gaps(whole) for n in range(first, last + 1)}
    assert inside == set(numbers)
    assert missing == set(range(min(numbers), max(numbers) + 1)) - inside
    assert all(tx.has_seen(whole, n) == (n in inside) for n in range(42))
