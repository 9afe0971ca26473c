"""Commands for 2.1: DER controls, frequency signals, priority and permission of a transaction."""

from collections.abc import Iterator

import pytest

from tests.cli.conftest import Cli
from tests.cli.scripted import NOW, Station, served

LIMIT = '{"priority": 1, "pctMaxDischargePower": 40}'


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Cli, Station]]:
    with served(tmp_path_factory.mktemp("server"), "2.1") as pair:
        yield pair


def test_der_controls_are_set_listed_reported_and_cleared(running: tuple[Cli, Station]) -> None:
    csms, station = running
    assert csms("station", "der", "set", "C1", "one", "LimitMaxDischarge", LIMIT).out.strip() == "Accepted"
    assert station.asked[-1][0] == "SetDERControl"
    assert station.asked[-1][1]["limitMaxDischarge"]["pctMaxDischargePower"] == 40
    (shown,) = csms("station", "der", "list", "C1", "--json").json
    assert (shown["controlId"], shown["state"], shown["dischargePct"]) == ("one", "active", 40)
    assert "one" in csms("station", "der", "list", "C1").out
    done = csms("station", "der", "report", "C1", "--type", "LimitMaxDischarge", "--wait", "--json")
    assert (done.code, done.json["state"]) == (0, "complete")
    assert {one["controlId"] for one in csms("station", "der", "list", "C1", "--json").json} == {"one", "l"}
    assert csms("station", "der", "clear", "C1", "one").code == 0
    assert station.asked[-1] == ("ClearDERControl", {"isDefault": False, "controlId": "one"})
    assert csms("station", "der", "clear", "C1", "--type", "LimitMaxDischarge").code == 0
    assert csms("station", "der", "list", "C1", "--json").json == []


def test_what_is_no_control_is_refused_in_one_line(running: tuple[Cli, Station]) -> None:
    csms, station = running
    before = len(station.asked)
    csms("station", "der", "set", "C1", "x", "LimitMaxDischarge", "{").refused(2, "SETTINGS")
    csms("station", "der", "set", "C1", "x", "LimitMaxDischarge", "[]").refused(2, "SETTINGS")
    csms("station", "der", "set", "C1", "x", "Nonsense", LIMIT).refused(1, "controlType")
    csms("station", "der", "set", "C1", "x", "VoltVar", LIMIT).refused(1, "settings")
    csms("station", "der", "set", "C1", "x", "Gradients", LIMIT).refused(1, "settings")
    csms("station", "der", "clear", "C1", "none").refused(1, "none")
    csms("station", "der", "list", "C9").refused(1, "c9")
    assert len(station.asked) == before


def test_alarms_are_shown(running: tuple[Cli, Station]) -> None:
    csms, station = running
    told = {"controlType": "HVMustTrip", "gridEventFault": "OverVoltage", "timestamp": NOW}
    station.call("NotifyDERAlarm", told)
    csms("station", "clear-cache", "C1")  # what the station said before this is heard by now
    (alarm,) = csms("station", "der", "alarms", "C1", "--json").json
    assert (alarm["fault"], alarm["endedAt"]) == ("OverVoltage", None)
    assert csms("station", "der", "release", "C1").out.strip() == "No alarm stands at C1."
    (alarm,) = csms("station", "der", "alarms", "C1", "--json").json
    assert alarm["endedAt"] is not None


def test_signals_priority_and_permission(running: tuple[Cli, Station]) -> None:
    csms, station = running
    assert csms("station", "afrr", "C1", "--", "-5").out.strip() == "Accepted"
    assert station.asked[-1][1]["signal"] == -5
    event = {
        "eventType": "Started",
        "timestamp": NOW,
        "triggerReason": "CablePluggedIn",
        "seqNo": 0,
        "transactionInfo": {"transactionId": "tx-1"},
        "evse": {"id": 1},
    }
    station.call("TransactionEvent", event)
    csms("station", "clear-cache", "C1")
    assert csms("transaction", "priority", "tx-1", "on").out.strip() == "Accepted"
    assert station.asked[-1] == ("UsePriorityCharging", {"transactionId": "tx-1", "activate": True})
    assert csms("transaction", "allow", "tx-1", "DC", "DC_BPT").code == 0
    assert station.asked[-1][1]["allowedEnergyTransfer"] == ["DC", "DC_BPT"]
    csms("transaction", "allow", "tx-1", "UP").refused(1, "transfers")
    csms("transaction", "priority", "tx-9", "off").refused(1, "tx-9")


def test_a_tariff_is_sent_to_the_station_and_to_a_transaction(running: tuple[Cli, Station]) -> None:
    csms, station = running
    assert csms("tariff", "add", "day", "--currency", "EUR", "--energy", "0.30").code == 0
    told = {"tariffId": "day", "currency": "EUR", "energy": {"prices": [{"priceKwh": 0.3}]}}
    assert csms("tariff", "send", "day", "C1", "--evse", "1").out.strip() == "Accepted"
    assert station.asked[-1] == ("SetDefaultTariff", {"evseId": 1, "tariff": told})
    (shown,) = csms("tariff", "list", "--station", "C1", "--json").json
    assert (shown["evseId"], shown["tariffId"]) == (1, "day")
    assert csms("transaction", "tariff", "tx-1", "day").out.strip() == "Accepted"
    assert station.asked[-1] == ("ChangeTransactionTariff", {"transactionId": "tx-1", "tariff": told})
    assert csms("tariff", "add", "v2g", "--currency", "EUR", "--export", "0.10").code == 0
    before = len(station.asked)
    csms("tariff", "send", "v2g", "C1").refused(1, "exportPerKwh")
    csms("tariff", "send", "none", "C1").refused(1, "tariffId")
    csms("tariff", "send", "day", "C9").refused(1, "c9")
    csms("transaction", "tariff", "tx-9", "day").refused(1, "tx-9")
    assert len(station.asked) == before
