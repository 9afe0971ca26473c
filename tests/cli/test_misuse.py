"""Every command used wrongly: one line that says what is wrong, a documented exit code, and nothing is done.

The commands are taken from the tree itself, so that one that is added is tried too.
"""

import os
from collections.abc import Callable, Iterator
from enum import Enum
from pathlib import Path
from typing import Any

import httpx
import pytest
import typer

from csms.cli.main import app
from csms.cli.outcome import Exit
from tests.cli.conftest import Cli, Ended
from tests.cli.scripted import Here, Station, beside, person, served

LOCAL = {"serve", "demo", "db", "pki", "config"}
"""These need no server."""
NOT_UTF8 = b"\x91\xff"
HUGE = "9" * 30
SAID = {"--power": "-5kW", "--for": "15m", "settings": "{}"}


def _commands(group: Any, name: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    for word, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from _commands(command, (*name, word))
        else:
            yield (*name, word), command


COMMANDS = {name: command for name, command in _commands(typer.main.get_command(app)) if name[0] not in LOCAL}


def _value(option: Any) -> str:
    kind = option.type_descriptor.annotation
    if isinstance(kind, type) and issubclass(kind, Enum):
        return str(next(iter(kind)).value)
    if kind is Path:
        return os.devnull
    return SAID.get(option.opts[0], "1" if kind in (int, float, list[int]) else "EVSE.Power")


def _line(name: tuple[str, ...]) -> list[str]:
    """A command with all that it needs, well formed."""
    line = list(name)
    for option in COMMANDS[name].params:
        if option.required:
            named = isinstance(option, typer.core.TyperOption)
            line += [option.opts[0], _value(option)] if named else [_value(option)]
    return line


@pytest.fixture
def here(csms: Cli, capsys: pytest.CaptureFixture[str]) -> Iterator[Here]:
    with beside(csms, capsys) as command:
        yield command


EVERY = pytest.mark.parametrize("name", COMMANDS, ids=" ".join)


@EVERY
def test_without_a_server_or_a_key(
    here: Here, monkeypatch: pytest.MonkeyPatch, name: tuple[str, ...]
) -> None:
    line = _line(name)
    here(*line, "--url", "http://127.0.0.1:9").refused(Exit.UNREACHABLE, "cannot be reached")
    here(*line, "--url", "nonsense").refused(Exit.WRONG_USE, "not a URL")
    monkeypatch.setenv("CSMS_API_KEY", "wrong")
    here(*line).refused(Exit.FAILED, "key")


@EVERY
def test_what_has_no_such_option(here: Here, name: tuple[str, ...]) -> None:
    here(*_line(name), "--no-such-option").refused(Exit.WRONG_USE, "--no-such-option")


def _floats() -> Iterator[tuple[tuple[str, ...], str]]:
    for name, command in COMMANDS.items():
        for option in command.params:
            if option.type_descriptor.annotation is float:
                yield name, option.opts[0]


@pytest.mark.parametrize("number", ["nan", "inf"])
@pytest.mark.parametrize(
    ("name", "option"), list(_floats()), ids=lambda one: one if isinstance(one, str) else "-".join(one)
)
def test_a_number_that_is_none(here: Here, name: tuple[str, ...], option: str, number: str) -> None:
    line = _line(name)
    needed = [
        one for one in COMMANDS[name].params if one.required and isinstance(one, typer.core.TyperArgument)
    ]
    names = [one.opts[0] for one in needed]
    if option in names:
        line[len(name) + names.index(option)] = number
    else:
        line += [option, number]
    ended = here(*line)
    assert ended.code in (Exit.FAILED, Exit.WRONG_USE)
    ended.refused(ended.code)
    assert "unexpected" not in ended.err


def test_json_that_is_none(here: Here) -> None:
    for payload in ('{"limit": NaN}', '{"limit": Infinity}', "[" * 100_000):
        here("station", "call", "C1", "Reset", payload).refused(Exit.WRONG_USE, "not JSON")
    here("station", "call", "C1", "Reset", '{"limit": 1e999}').refused(Exit.WRONG_USE, "limit", "finite")


def test_an_address_that_is_no_csms(csms: Cli, here: Here) -> None:
    for path in ("/wrong", "/api/v1"):
        here("station", "list", "--url", csms.env["CSMS_URL"] + path).refused(1, "--url")


FILES: dict[str, tuple[str, ...]] = {
    "call": ("station", "call", "C1", "Reset", "@FILE"),
    "import": ("station", "import", "FILE"),
    "dialect": ("station", "dialect", "C1", "--set", "FILE"),
    "install": ("certificate", "install", "C1", "CSMSRootCertificate", "FILE"),
    "firmware": ("station", "firmware", "C1", "https://f.example/1", "--certificate", "FILE"),
}


@pytest.mark.parametrize("line", FILES.values(), ids=FILES)
def test_a_file_that_cannot_be_read(here: Here, tmp_path: Path, line: tuple[str, ...]) -> None:
    odd = tmp_path / "odd"
    odd.write_bytes(NOT_UTF8)
    for file in (odd, tmp_path / "none", tmp_path):
        ended = here(*(word.replace("FILE", str(file)) for word in line))
        ended.refused(Exit.WRONG_USE, str(file), "cannot be read")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (("station", "log", "C1", "/tmp/x"), ("location", "https://")),
        (("station", "publish", "C1", "https://f.example/1", "12"), ("checksum", "hexadecimal")),
        (("tariff", "add", "t", "--currency", "euro"), ("currency", "EUR")),
        (("tariff", "add", "a b", "--currency", "EUR"), ("tariffId", "letters")),
        (("transaction", "allow", "t", "UP"), ("transfers.0",)),
        (("certificate", "revoke", "07"), ("certificate authority", "pki.folder")),
        (("certificate", "revoke", "a/b"), ("slash", "a/b")),
        (("site", "enrolment", "a/b"), ("slash", "a/b")),
        (("station", "request", "C1", HUGE), ("request_id",)),
        (("reservation", "cancel", "C1", HUGE), ("reservation_id",)),
    ],
)
def test_what_is_wrong_is_named_in_words(here: Here, line: tuple[str, ...], words: tuple[str, ...]) -> None:
    ended = here(*line)
    ended.refused(Exit.FAILED, *words)
    assert "pattern" not in ended.err


def test_a_certificate_that_no_station_has_told_of(here: Here) -> None:
    assert here("station", "add", "C1").code == 0
    here("certificate", "delete", "C1", "07").refused(Exit.FAILED, "no certificate", "certificate read")


def test_numbers_that_no_store_holds_are_problems_of_the_request(csms: Cli) -> None:
    with person(csms) as http:
        http.post("/stations", json={"identity": "C1"})
        for method, path in (
            ("GET", f"/stations/C1/requests/{HUGE}"),
            ("DELETE", f"/stations/C1/requests/-{HUGE}"),
            ("GET", f"/stations/C1/reservations/{2**63}"),
            ("GET", f"/stations/C1/messages?after={2**63}"),
        ):
            answer: httpx.Response = http.request(method, path)
            assert answer.status_code == 422, path
            assert answer.headers["content-type"] == "application/problem+json"


REFUSALS: tuple[tuple[tuple[str, ...], str, str], ...] = (
    (("station", "reset", "C1"), "Reset", "Rejected"),
    (("station", "unlock", "C1", "--evse", "9"), "UnlockConnector", "UnknownConnector"),
    (("station", "trigger", "C1", "Heartbeat"), "TriggerMessage", "NotImplemented"),
    (("station", "availability", "C1", "Operative"), "ChangeAvailability", "Rejected"),
    (("reservation", "add", "C1", "T1"), "ReserveNow", "Occupied"),
)


def test_a_station_that_says_no(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with served(tmp_path, "2.0.1", onboarding="none") as (csms, station), beside(csms, capsys) as here:
        for line, action, status in REFUSALS:
            _says_no(here, station, line, (action, status))
        station.replies = {"ChangeAvailability": {"status": "Scheduled"}}
        assert here("station", "availability", "C1", "Inoperative").code == Exit.DONE
        station.replies = {"Reset": {"status": "Rejected"}}
        raw = here("station", "call", "C1", "Reset", '{"type":"OnIdle"}')
        assert (raw.code, raw.json) == (Exit.DONE, {"status": "Rejected"})  # who calls raw reads the answer


def _says_no(
    here: Callable[..., Ended], station: Station, line: tuple[str, ...], no: tuple[str, str]
) -> None:
    action, status = no
    station.replies = {action: {"status": status, "statusInfo": {"reasonCode": "Why"}}}
    ended = here(*line)
    ended.refused(Exit.FAILED, status)
    assert ended.out.splitlines() == [status, "Why"]
    shown = here(*line, "--json")
    assert (shown.code, shown.json["answer"]["status"]) == (Exit.FAILED, status)
