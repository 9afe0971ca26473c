"""Wrong words on the command line: one clear line, exit code 2, before anything runs; and at the console."""

import asyncio
import socket
import sys
from pathlib import Path
from typing import Any

import pytest

from chargepoint_sim.cli import main
from chargepoint_sim.cli.console import Driver
from chargepoint_sim.clock import HandClock
from chargepoint_sim.fleet.catalogue import Catalogue
from chargepoint_sim.iso15118.pki import Curve, make_pki
from chargepoint_sim.profiles.profile import Values
from chargepoint_sim.scenario import BadScenario, read_scenario
from chargepoint_sim.station.station import Behaviour, Station
from chargepoint_sim.station.steering import Change, Surroundings
from chargepoint_sim.station.variables import Fixed, standard_variables
from tests.unit.chargepoint_sim.profile_texts import NOW

RUN = ("run", "--url", "ws://127.0.0.1:1", "--identity", "A", "--password", "P")
FLEET = ("fleet", "--url", "ws://127.0.0.1:1", "--count", "1")
ARRIVAL = "[[arrival]]\nstation = 1\nsoc = 50\nleaves_s = 3"


def refused(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *words: str) -> str:
    """The one line that a command says to wrong words."""
    monkeypatch.setattr(sys, "argv", ["chargepoint-sim", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    told = capsys.readouterr()
    assert (ended.value.code, told.out, told.err.count("\n")) == (2, "", 1), told
    return told.err


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("run", "--url", "ws://", *RUN[3:]), "--url"),
        (("run", "--url", "ws://h:99999", *RUN[3:]), "Port out of range"),
        (("run", "--url", "ws://[bad", *RUN[3:]), "IPv6"),
        (("run", "--url", f"ws://{'a' * 64}.org", *RUN[3:]), "--url"),
        ((*RUN[:4], "", *RUN[5:]), "--identity"),
        ((*RUN[:4], "a:b", *RUN[5:]), "colon"),
        ((*RUN, "--speed", "nan"), "--speed"),
        ((*RUN, "--speed", "inf"), "--speed"),
        ((*RUN, "--loop-period", "inf"), "--loop-period"),
        ((*RUN, "--max-charge-w", "inf"), "--max-charge-w"),
        ((*RUN, "--fault", "lose-answers:5"), "from 0 to 1"),
        ((*RUN, "--fault", "clock-skew:1e300"), "clock-skew"),
        (("run", "--url", "ws://me:secret@h", *RUN[3:]), "neither user"),
        (("run", "--url", "ws://h/?at=1", *RUN[3:]), "query"),
        ((*RUN, "--fault", "cut:1"), "--fault: fault 'cut' takes no argument"),
        ((*RUN, "--vehicle", ""), "--vehicle: no vehicle ''"),
        ((*FLEET, "--metrics-port", "99999"), "--metrics-port"),
        ((*FLEET, "--figures-every", "inf"), "--figures-every"),
        ((*FLEET, "--session-time", "2019-07-01T12:00:00Z"), "--session-time needs --sessions"),
        ((*FLEET, "--register", "http://", "--api-key", "k"), "--register: it has a host"),
        ((*FLEET, "--register", "http://[x", "--api-key", "k"), "--register: "),
        ((*FLEET, "--register", "http://h", "--api-key", "k\u00e4"), "--api-key"),
        ((*FLEET, "--register", "http://h", "--api-key", "k\n"), "--api-key"),
        ((*FLEET, "--truth", "/nowhere/truth.jsonl"), "--truth"),
        ((*FLEET, "--prefix", ""), "--prefix"),
        (("ev", "--secc", "127.0.0.1:1", "--stay-s", "inf"), "--stay-s"),
        (("ev", "--secc", "127.0.0.1:1", "--pki", __file__), "--pki"),
        (("ev", "--secc", "127.0.0.1:1", "--pki", "/proc/nowhere"), "--pki: /proc/nowhere"),
        (("ev", "--interface", "nowhere0"), "--interface: no 'nowhere0' among: "),
        (("secc", "--interface", "nowhere0"), "--interface: no 'nowhere0' among: "),
        (("secc", "--max-charge-w", "inf"), "--max-charge-w"),
        (("secc", "--limit-w", "nan"), "--limit-w"),
    ],
)
def test_wrong_words_are_named(capsys: Any, monkeypatch: Any, words: tuple[str, ...], says: str) -> None:
    assert says in refused(capsys, monkeypatch, *words)


@pytest.mark.parametrize("words", [("secc",), ("ev", "--secc", "127.0.0.1:1")])
def test_a_folder_without_usable_certificates_is_named(
    capsys: Any, monkeypatch: Any, tmp_path: Path, words: tuple[str, ...]
) -> None:
    make_pki(tmp_path, Curve.P256)
    for file in tmp_path.iterdir():
        file.write_text("junk")
    assert f"--pki: {tmp_path}" in refused(capsys, monkeypatch, *words, "--pki", str(tmp_path))


@pytest.mark.parametrize("content", [b"junk", b"\xff\xfe\x00"])
@pytest.mark.parametrize("option", ["--ca", "--certificate", "--key"])
def test_files_that_hold_no_certificate_or_key_are_refused(
    capsys: Any, monkeypatch: Any, tmp_path: Path, option: str, content: bytes
) -> None:
    pki, wrong = make_pki(tmp_path, Curve.P256), tmp_path / "wrong.pem"
    wrong.write_bytes(content)
    files = {"--ca": pki.station.trusted, "--certificate": pki.station.chain, "--key": pki.station.key}
    files[option] = wrong
    words = [word for name, file in files.items() for word in (name, str(file))]
    assert option in refused(capsys, monkeypatch, *RUN, *words)


def test_a_key_of_another_certificate_is_refused(capsys: Any, monkeypatch: Any, tmp_path: Path) -> None:
    pki = make_pki(tmp_path, Curve.P256)
    words = ("--certificate", str(pki.station.chain), "--key", str(pki.vehicle.key))
    assert "another" in refused(capsys, monkeypatch, *RUN, *words)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("arrival,departure\n1,2\n", "there is no column 'estimated_departure'"),
        (
            "station_id,arrival,departure,requested_energy (kWh),delivered_energy (kWh),estimated_departure\n"
            "A,2019-01-01T00:00:00+00:00,2019-01-01T01:00:00+00:00,nan,1,\n",
            "nan is no energy",
        ),
        (
            "station_id,arrival,departure,requested_energy (kWh),delivered_energy (kWh),estimated_departure\n"
            "A,2019-01-01T00:00:00+00:00\n",
            "sessions.csv",
        ),
    ],
)
def test_a_file_of_sessions_with_rows_missing_is_refused(
    capsys: Any, monkeypatch: Any, tmp_path: Path, content: str, says: str
) -> None:
    file = tmp_path / "sessions.csv"
    file.write_text(content)
    assert says in refused(capsys, monkeypatch, *FLEET, "--sessions", str(file))


@pytest.mark.parametrize(
    ("fleet", "more", "says"),
    [
        ("speed = inf", "", "fleet.speed"),
        ("speed = nan", "", "fleet.speed"),
        ("prefix = ''", "", "fleet.prefix"),
        ("soc = [90.0, 10.0]", "", "fleet.soc"),
        ("url = 'ws://h:99999'", "", "fleet.url"),
        ("", "[[event]]\npower = nan\nfor_s = 1", "event[0].power"),
        ("", "[[expect]]\nwhat = 'online'\nmin = 3\nmax = 1", "expect[0]"),
        ("", "[[around]]\nat_s = 1", "around[0]"),
        ("", "[[around]]\nat_s = 9\nload = 1", "around[0].at_s"),
        ("", "[[around]]\nload = '5 kWh'", "around[0].load"),
        ("", "[[around]]\nload = 1\nstation = 2", "around[0].station"),
        ("", "[[expect]]\nthat = 'online >= 1 at -5 s'", "expect[0].that"),
        ("", "[[expect]]\nwhat = 'online'\nmin = nan", "expect[0].min"),
        ("evses = 101", "", "fleet.evses"),
        ("vehicles = { '' = 1 }", "", "fleet.vehicles"),
        ("sessions = 'nowhere.csv'", "", "fleet.sessions"),
        ("sessions = ''", "", "fleet.sessions"),
        ("session_time = 2019-07-01T12:00:00Z", "", "It needs `fleet.sessions`"),
        ("", "[[fault]]\nfault = 'cut'\nstation = []", "fault[0].station"),
        ("", "[[event]]\npower = -1\nfor_s = 0.2", "event[0].for_s"),
        ("", "[[event]]\npower = -1\nfor_s = 5\nat_s = 6", "event[0].at_s"),
        ("", f"{ARRIVAL}\nvehicle = 'Trabant'", "arrival[0].vehicle"),
        ("", f"{ARRIVAL}\nvehicle = 'Leaf'\nat_s = 4", "arrival[0].leaves_s"),
        ("", f"{ARRIVAL}\nvehicle = 'Leaf'\n{ARRIVAL}\nvehicle = 'Leaf'\nat_s = 2", "arrival[1].at_s"),
        ("", f"{ARRIVAL.replace('= 1', '= 2')}\nvehicle = 'Leaf'", "arrival[0].station"),
    ],
)
def test_a_scenario_that_cannot_be_played_is_refused(
    tmp_path: Path, fleet: str, more: str, says: str
) -> None:
    file = tmp_path / "scenario.toml"
    url = "" if "url" in fleet else "url = 'ws://127.0.0.1:1'\n"
    file.write_text(f"duration_s = 5\n[fleet]\n{url}count = 1\n{fleet}\n{more}\n")
    with pytest.raises(BadScenario) as refusal:
        read_scenario(file, None)
    assert says in str(refusal.value)


def test_results_that_cannot_be_written_are_refused_before_the_play(
    capsys: Any, monkeypatch: Any, tmp_path: Path
) -> None:
    file = tmp_path / "scenario.toml"
    file.write_text("duration_s = 5\n[fleet]\nurl = 'ws://127.0.0.1:1'\ncount = 1\n")
    assert "--junit" in refused(capsys, monkeypatch, "scenario", str(file), "--junit", "/nowhere/a.xml")
    assert "--plot" in refused(capsys, monkeypatch, "scenario", str(file), "--plot", "/nowhere/a.png")


@pytest.mark.parametrize(
    ("line", "around"),
    [
        ("frequency 50.2", Surroundings(frequency_hz=50.2)),
        ("load -3000", Surroundings(load_w=-3000.0)),
        ("manager limit 4000", Surroundings(external=Values(limit=(4000.0,)))),
        ("manager setpoint -2000", Surroundings(external=Values(setpoint=(-2000.0,)))),
    ],
)
async def test_grid_site_and_manager_by_typing(line: str, around: Surroundings) -> None:
    station = Station(
        Fixed("A", "P" * 16), "ws://127.0.0.1:1", HandClock(NOW), lambda *event: None, Behaviour()
    )
    equipment = station.cabinet.equipment
    rung = asyncio.create_task(equipment.profiles_changed.wait(station.clock, 1.0))
    await asyncio.sleep(0)
    await Driver(station, lambda *event: None, Catalogue().named("Leaf"), "1").obey(line)
    assert equipment.around == around
    assert await rung  # it is followed at once


def test_grid_site_and_manager_in_a_scenario(tmp_path: Path) -> None:
    file = tmp_path / "scenario.toml"
    file.write_text(
        "duration_s = 5\n[fleet]\nurl = 'ws://127.0.0.1:1'\ncount = 3\n"
        "[[around]]\nat_s = 2\nfrequency_hz = 49.8\nload = '12 kW'\nstation = [1, 3]\n"
        "[[around]]\nat_s = 3\nlimit = 0\n"
    )
    first, second = read_scenario(file, None).around
    assert (first.at_s, first.stations) == (2.0, (1, 3))
    assert first.change == Change(frequency_hz=49.8, load_w=12_000.0)
    assert (second.change, second.stations) == (Change(limit_w=0.0), None)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("frequency", "frequency HZ"),
        ("frequency fast", "could not convert"),
        ("load inf", "no number"),
        ("manager 5", "manager limit|setpoint W"),
        ("alarm Fire", "OverVoltage"),
        ("plug 1 TAG 200", "no state of charge"),
        ("plug 1 TAG nan", "no state of charge"),
        ("plug 9", "not free"),
        ("plug one", "invalid literal"),
        ("unplug 2", "no vehicle is plugged in at EVSE 2"),
        ("pause", "no vehicle is plugged in at EVSE 1"),
        ("swipe 9 TAG", "there is no EVSE 9"),
        ("swipe 1", "plug [EVSE]"),
        ("", "plug [EVSE]"),
    ],
)
async def test_a_wrong_line_at_the_console_changes_nothing(line: str, says: str) -> None:
    told: list[tuple[str, dict[str, object]]] = []
    station = Station(
        Fixed("A", "P" * 16), "ws://127.0.0.1:1", HandClock(NOW), lambda *event: None, Behaviour()
    )
    model = Catalogue().named("Leaf")
    driver = Driver(station, lambda name, fields: told.append((name, fields)), model, "1")
    assert await driver.obey(line)
    ((event, fields),) = told
    assert (event, says in str(fields["why"])) == ("mistake", True), fields
    assert station.cabinet.visits == {}


def test_the_name_for_certificates_of_a_station_with_a_long_name_fits() -> None:
    """X.509 has 64 characters for a common name."""
    variables = standard_variables(Fixed("x" * 60, "P" * 16))
    (found,) = [one for one in variables if one.name == "SeccId"]
    assert len(found.value) == 64


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("ev", "--secc", "127.0.0.1:{free}"), "127.0.0.1:{free}: "),
        (("secc", "--port", "{taken}"), "--host, --port: nobody can listen at 127.0.0.1:{taken}: "),
        ((*FLEET, "--metrics-port", "{taken}"), "--metrics-port: {taken}: "),
        (
            (*FLEET, "--register", "http://127.0.0.1:{free}", "--api-key", "k"),
            "http://127.0.0.1:{free}/api/v1/sites: ",
        ),
    ],
)
def test_what_cannot_be_reached_is_named(
    capsys: Any, monkeypatch: Any, words: tuple[str, ...], says: str
) -> None:
    with socket.socket() as taken, socket.socket() as free:
        for one in (taken, free):
            one.bind(("127.0.0.1", 0))
        taken.listen()
        ports = {"taken": taken.getsockname()[1], "free": free.getsockname()[1]}
        monkeypatch.setattr(sys, "argv", ["chargepoint-sim", *(word.format(**ports) for word in words)])
        with pytest.raises(SystemExit) as ended:
            main()
    told = capsys.readouterr()
    assert (ended.value.code, told.err.count("\n")) == (1, 1)
    assert says.format(**ports) in told.err
