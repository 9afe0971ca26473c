"""Every command against a real server, with right and with wrong input."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from csms.cli.outcome import Failed
from csms.cli.rest import problem
from tests.cli.conftest import Cli


@pytest.fixture(scope="module")
def fleet(csms: Cli) -> Cli:
    """A site, a station that may discharge, a driver who is enrolled."""
    steps = [
        ("site", "add", "yard", "--import-limit", "50kW", "--export-limit", "50kW"),
        ("station", "add", "CS001", "--site", "yard", "--discharge", "negative_limit", "--evses", "2",
         "--max-charge", "11kW", "--max-discharge", "10kW", "--vendor", "V", "--serial", "S1"),
        ("driver", "add", "d1", "--name", "Driver 1"),
        ("driver", "enrol", "d1", "default"),
        ("token", "add", "TAG1", "--driver", "d1"),
    ]  # fmt: skip
    for step in steps:
        done = csms(*step)
        assert (done.code, done.err) == (0, ""), step
    return csms


def test_stations(csms: Cli) -> None:
    done = csms("station", "add", "S1", "--json")
    password = done.json["password"]
    assert done.code == 0
    assert password not in csms("station", "show", "S1").out
    assert password not in csms("station", "list", "--json").out
    csms("station", "add", "S1").refused(1, "already")
    csms("station", "add", "a:b").refused(1, "identity")
    csms("station", "add", "S2", "--password", "short").refused(1, "password")
    csms("station", "add", "S2", "--site", "none").refused(1, "site", "none")
    csms("station", "add", "S2", "--profile", "9").refused(2, "--profile")
    csms("station", "add", "S2", "--evses", "1", "--max-charge", "11").refused(2, "--max-charge", "unit")
    csms("station", "show", "none").refused(1, "none")
    assert csms("station", "messages", "S1").code == 0
    assert csms("station", "remove", "S1").code == 0
    csms("station", "remove", "S1").refused(1, "s1")


def test_sites_lie_within_each_other(csms: Cli) -> None:
    assert csms("site", "add", "feeder", "--export-limit", "100kW").code == 0
    assert csms("site", "add", "barn", "--within", "feeder", "--json").json["within"] == "feeder"
    csms("site", "add", "shed", "--within", "none").refused(1, "within", "none")
    csms("site", "change", "feeder", "--within", "barn").refused(1, "within")
    csms("site", "change", "none", "--import-limit", "1kW").refused(1, "none")
    changed = csms("site", "change", "barn", "--export-limit", "-20kW", "--json").json
    assert (changed["within"], changed["exportLimitW"]) == ("feeder", 20_000)
    assert csms("site", "change", "barn", "--within", "", "--json").json["within"] is None
    assert "feeder" in csms("site", "list").out
    csms("station", "add", "L1")
    limited = csms("station", "limit", "L1", "--import-limit", "16kW", "--json").json
    assert limited["importLimitW"] == 16_000


def test_a_pending_station_is_approved_and_a_held_one_released(csms: Cli) -> None:
    assert csms("station", "add", "P1", "--pending", "--json").json["registration"] == "Pending"
    assert "p1 is accepted" in csms("station", "approve", "P1").out
    assert csms("station", "hold", "P1", "cable torn", "--json").json["hold"] == "cable torn"
    assert csms("station", "release", "P1", "--json").json["hold"] is None
    csms("station", "approve", "none").refused(1, "none")


def test_vehicles(fleet: Cli) -> None:
    add = ("vehicle", "add", "leaf-1", "--driver", "d1", "--bidirectional", "--capacity", "62kWh")
    vehicle = fleet(*add, "--max-discharge", "10kW", "--json").json
    assert (vehicle["capacityWh"], vehicle["maxDischargeW"], vehicle["bidirectional"]) == (
        62_000,
        10_000,
        True,
    )
    fleet(*add).refused(1, "already")
    fleet("vehicle", "soc", "leaf-1", "63.5", "--valid-for", "30m")
    (word,) = fleet("vehicle", "soc", "leaf-1", "--json").json["items"]
    assert (word["soc"], word["source"], word["counts"]) == (63.5, "manual", True)
    fleet("vehicle", "soc", "leaf-1", "101").refused(1, "soc")
    fleet("vehicle", "soc", "leaf-1", "50", "--at", "yesterday").refused(2, "--at")
    fleet("vehicle", "soc", "none", "50").refused(1, "none")
    fleet("vehicle", "add", "v2", "--driver", "nobody").refused(1, "nobody")
    fleet("vehicle", "add", "v2", "--capacity", "62").refused(2, "--capacity", "kWh")
    assert "leaf-1" in fleet("vehicle", "list").out


def test_calls(fleet: Cli, tmp_path: Path) -> None:
    fleet("station", "call", "CS001", "Reset", '{"type":"Immediate"}').refused(1, "not connected")
    fleet("station", "call", "CS001", "Reset", "{").refused(2, "not json")
    fleet("station", "call", "CS001", "Reset", "-", stdin="{").refused(2, "not json")
    fleet("station", "call", "CS001", "Reset", "[]").refused(1, "payload")
    fleet("station", "call", "CS001", "Reset", f"@{tmp_path}/none").refused(2, "cannot be read")
    file = tmp_path / "payload.json"
    file.write_text(json.dumps({"chargingProfile": {"chargingSchedule": [{"limit": -5}]}}))
    fleet("station", "call", "CS001", "SetChargingProfile", f"@{file}").refused(1, "negative limit")
    fleet("station", "call", "none", "Reset").refused(1, "none")


def test_events(fleet: Cli) -> None:
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    create = ("event", "create", "--power", "-10kW", "--for", "PT15M", "--start", tomorrow)
    event = fleet(*create, "--station", "CS001", "--min-soc", "30", "--json").json
    assert (event["targetW"], event["durationS"], event["minSoc"]) == (-10000, 900, 30)
    assert event["scope"]["stations"] == ["cs001"]
    assert "scheduled" in fleet(*create, "--site", "yard").out
    assert event["id"] in {one["id"] for one in fleet("event", "list", "--json").json}
    assert event["id"] in fleet("event", "list", "--state", "scheduled").out
    shown = fleet("event", "show", event["id"])
    assert (shown.code, shown.err) == (0, "")
    assert fleet("event", "show", event["id"], "--json").json["performance"]["settled"] is False
    fleet("settlement", "show", event["id"]).refused(1, "settlement")
    for _ in "ab":
        assert fleet("event", "cancel", event["id"], "--json").json["state"] == "cancelled"
    assert "cancelled" in fleet("event", "watch", event["id"]).out
    assert fleet("event", "watch", event["id"], "--json").json == {"event": event["id"], "state": "cancelled"}


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("--power", "-3kW", "--for", "15m", "--program", "none"), 1, ("program", "none")),
        (("--power", "0kW", "--for", "15m"), 1, ("targetW",)),
        (("--power", "-3kW", "--for", "15m", "--start", "2020-01-01T00:00:00Z"), 1, ("start",)),
        (("--power", "-9GW", "--for", "15m"), 1, ("targetW",)),
        (("--power", "-3", "--for", "15m"), 2, ("--power", "unit")),
        (("--power", "-3 bananas", "--for", "15m"), 2, ("--power",)),
        (("--power", "nankW", "--for", "15m"), 2, ("--power",)),
        (("--power", "-3kW", "--for", "soon"), 2, ("--for",)),
        (("--power", "-3kW", "--for", "0s"), 1, ("durationS",)),
        (("--power", "-3kW", "--for", "15m", "--start", "noon"), 2, ("--start",)),
        (("--power", "-3kW", "--for", "15m", "--min-soc", "130"), 1, ("minSoc",)),
        (("--power", "-3kW", "--for", "15m", "--min-soc", "much"), 2, ("--min-soc",)),
        (("--power", "-3kW", "--for", "15m", "--site", "none"), 1, ()),
        (("--power", "-3kW",), 2, ("--for",)),
        (("--power", "-3kW", "--for", "15m", "--colour", "red"), 2, ("--colour",)),
    ],
)  # fmt: skip
def test_impossible_events(fleet: Cli, arguments: tuple[str, ...], code: int, words: tuple[str, ...]) -> None:
    fleet("event", "create", *arguments).refused(code, *words)


def test_no_such_event(csms: Cli) -> None:
    for command in (("event", "show"), ("event", "cancel"), ("event", "watch"), ("settlement", "show")):
        csms(*command, "none").refused(1, "none")


def test_drivers_programs_tokens_users(csms: Cli) -> None:
    assert csms("program", "add", "peak", "--price", "1.5", "--max-power", "2MW", "--name", "Peak").code == 0
    assert csms("program", "show", "peak", "--json").json["terms"]["maxPowerW"] == 2e6
    assert {one["programId"] for one in csms("program", "list", "--json").json} == {"default", "peak"}
    csms("program", "add", "peak").refused(1, "already")
    csms("program", "add", "x", "--baseline", "guess").refused(1, "baseline")
    assert csms("driver", "add", "d2").code == 0
    csms("driver", "enrol", "d2", "none").refused(1, "none")
    assert csms("driver", "enrol", "d2", "peak").code == 0
    need = csms(
        "driver", "need", "d2", "--reserve", "40", "--departure", "2099-01-01T08:00:00+02:00", "--json"
    )
    assert (need.json["reserveSoc"], need.json["departure"]) == (40, "2099-01-01T06:00:00Z")
    assert csms("driver", "need", "d2", "--json").json == need.json
    csms("driver", "need", "d2", "--reserve", "140").refused(1, "reserveSoc")
    csms("driver", "need", "none", "--reserve", "40").refused(1, "none")
    assert csms("driver", "opt-out", "d2", "peak").code == 0
    assert csms("driver", "opt-in", "d2", "peak").code == 0
    assert csms("token", "add", "T9", "--driver", "d2", "--json").json["driverId"] == "d2"
    csms("token", "add", "T9").refused(1, "already")
    assert "t9" in csms("token", "list").out
    assert csms("token", "remove", "T9").code == 0
    user = csms("user", "add", "grid", "--role", "viewer", "--json").json
    assert csms("station", "list", CSMS_API_KEY=user["key"]).code == 0
    csms("station", "add", "S9", CSMS_API_KEY=user["key"]).refused(1, "role")
    csms("user", "add", "x", "--role", "king").refused(2, "king")
    assert csms("transaction", "list", "--json").json == []
    csms("transaction", "show", "none").refused(1, "none")
    assert csms("fleet", "--json").json["pluggedIn"] == 0


def test_wrong_key(csms: Cli, tmp_path: Path) -> None:
    csms("station", "list", CSMS_API_KEY="wrong").refused(1, "key")
    csms("station", "list", CSMS_API_KEY="wr\u00f6ng").refused(2, "key")
    Cli(tmp_path, csms.env)("station", "list").refused(1, "CSMS_API_KEY")


def test_server_down(csms: Cli) -> None:
    csms("station", "list", "--url", "http://127.0.0.1:9").refused(3, "cannot be reached")
    csms("event", "create", "--power", "-3kW", "--for", "15m", "--url", "http://127.0.0.1:9").refused(3)
    csms("station", "list", "--url", "nonsense").refused(2, "not a URL")


def test_wrong_use(csms: Cli) -> None:
    csms("station", "fly").refused(2, "fly")
    csms("station", "show").refused(2, "IDENTITY")
    assert csms("station", "--help").code == 0
    for command in ((), ("event",)):
        done = csms(*command)
        assert (done.code, done.err) == (2, "")
        assert "Usage" in done.out


def test_every_command_takes_json_and_help(csms: Cli) -> None:
    for group in (
        "station",
        "token",
        "transaction",
        "event",
        "program",
        "driver",
        "settlement",
        "user",
        "db",
    ):
        done = csms(group, "--help")
        assert done.code == 0, group
    for command in (("event", "watch"), ("station", "call"), ("settlement", "show"), ("driver", "opt-out")):
        assert "--json" in csms(*command, "--help").out
        assert "--url" in csms(*command, "--help").out


def test_a_server_that_is_no_csms_is_told() -> None:
    import httpx

    assert problem(httpx.Response(500, text="<html>")) == "The server answered 500."
    assert problem(httpx.Response(500, json=[1])) == "The server answered 500."
    assert Failed("two\nlines").line == "two lines"
