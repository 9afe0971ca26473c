"""The witnesses themselves: an audit that sees nothing wrong must be able to see it."""

import json
from pathlib import Path

import pytest

from reliability import fold
from reliability.audit import Kept, compare
from reliability.crash import Outcome, Plan
from reliability.crowd import Experience
from reliability.ledger import Ledger
from reliability.report import sheets, write
from reliability.story import EVENT, Story, Told


def told_story(count: int = 60) -> Ledger:
    """The ledger of a station that told so many messages, all acknowledged."""
    story, ledger = Story("s", 1), Ledger()
    for _ in range(count):
        told = story.next()
        ledger.sends(told)
        ledger.hears(told, 1)
    return ledger


def kept_of(ledger: Ledger) -> Kept:
    """What a sound server keeps of it."""
    events = {
        transaction: {seq_no: told.payload for seq_no, told in acknowledged.items()}
        for transaction, acknowledged in ledger.acknowledged.items()
        if transaction
    }
    states = {transaction: (0, fold.state(payloads)) for transaction, payloads in events.items()}
    readings = {
        (transaction, seq_no if transaction else -1, each.order[1], each.at): (
            each.power_w, each.import_wh, each.export_wh, each.soc,
        )
        for transaction, acknowledged in ledger.acknowledged.items()
        for seq_no, told in acknowledged.items()
        for each in fold.readings(json.loads(told.payload), seq_no)
    }  # fmt: skip
    return Kept(events, states, readings, {}, sum(map(len, events.values())))


def test_a_sound_database_has_no_faults() -> None:
    ledger = told_story()
    finding = compare("s", ledger, kept_of(ledger))
    assert not finding.faults
    assert finding.energy_wh == finding.energy_acknowledged_wh > 0


@pytest.mark.parametrize("hurt", ["missing", "changed", "foreign", "state", "reading", "twice"])
def test_every_kind_of_loss_is_seen(hurt: str) -> None:
    ledger = told_story()
    kept = kept_of(ledger)
    events = {transaction: dict(payloads) for transaction, payloads in kept.events.items()}
    states, readings = dict(kept.states), dict(kept.readings)
    transaction = next(iter(events))
    last = max(events[transaction])
    if hurt == "missing":
        del events[transaction][last]
    elif hurt == "changed":
        events[transaction][last] += b" "
    elif hurt == "foreign":
        events[transaction][last + 1] = events[transaction][last]
    elif hurt == "state":
        states[transaction] = states["s-2"]
    elif hurt == "reading":
        readings.popitem()
    else:
        key, values = next(iter(readings.items()))
        readings[(*key[:2], key[2] + 1, key[3])] = values
    finding = compare("s", ledger, Kept(events, states, readings, {}, 0))
    assert finding.faults


def test_what_was_never_acknowledged_may_be_kept_or_not() -> None:
    ledger = told_story()
    unsure = Story("s", 2).next()
    assert unsure.action == EVENT
    ledger.sends(Told(EVENT, ("s-99", 0), unsure.payload))
    assert not compare("s", ledger, kept_of(ledger)).faults


def test_a_story_is_the_same_for_the_same_seed() -> None:
    one, other = Story("s", 5), Story("s", 5)
    assert [one.next() for _ in range(200)] == [other.next() for _ in range(200)]


def test_the_fold_takes_events_in_any_order() -> None:
    events = kept_of(told_story()).events["s-1"]
    backwards = dict(reversed(events.items()))
    assert fold.state(events) == fold.state(backwards)
    assert fold.state(events).seen == f"0-{max(events)}"


def test_a_result_is_told_as_a_table_and_as_json(tmp_path: Path) -> None:
    outcome = Outcome("SQLite", Plan(3), rounds=3, faults=["something is missing"])
    outcome.deaths["server"] = 3
    told = Experience("stopped", 0.1, 0.2)
    told.endings["closed 1013"] = 24
    assert [sheet.title for sheet in sheets([outcome, told])] == ["Crash audit", "Outages and stops"]
    write(tmp_path / "result.json", [outcome, told], {"seed": 1})
    first, second = json.loads((tmp_path / "result.json").read_text())["results"]
    assert first["deaths"] == {"server": 3}
    assert first["faults"] == ["something is missing"]
    assert second["endings"] == {"closed 1013": 24}
