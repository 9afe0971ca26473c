"""`csms serve`: starts, tells, refuses, goes down in good order."""

import signal
import socket
import stat
from pathlib import Path

import httpx
import pytest

from tests.cli.conftest import ROOT, Cli, start, stop


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_goes_down_in_good_order(tmp_path: Path, number: int) -> None:
    process, ready = start(tmp_path)
    assert ready["ocpp"].startswith("ws://127.0.0.1:")
    assert httpx.get(f"{ready['api']}/readyz").json()["ready"] is True
    key = (tmp_path / "var" / "admin.key").read_text().strip()
    headers = {"Authorization": f"Bearer {key}"}
    with httpx.stream("GET", f"{ready['api']}/api/v1/live", headers=headers) as stream:
        assert next(stream.iter_lines()) == ": hello"
        assert stop(process, number) == 0  # an open stream does not hold it up
    log = (tmp_path / "server.log").read_text()
    assert '"stopped"' in log
    assert "Traceback" not in log


def test_the_first_start_makes_a_key_and_the_second_does_not(tmp_path: Path) -> None:
    file = tmp_path / "var" / "admin.key"
    process, _ = start(tmp_path)
    assert stop(process) == 0
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    key = file.read_text()
    process, ready = start(tmp_path)
    headers = {"Authorization": f"Bearer {key.strip()}"}
    assert httpx.get(f"{ready['api']}/api/v1/programs/default", headers=headers).status_code == 200
    assert stop(process) == 0
    assert file.read_text() == key
    for path in tmp_path.rglob("*"):
        if path.is_file() and path != file:
            assert key.strip().encode() not in path.read_bytes(), path


def test_a_port_that_is_taken_is_told_in_one_line(tmp_path: Path) -> None:
    csms = Cli(tmp_path, {"CSMS_OCPP__PORT": "0", "CSMS_API__PORT": "0"})
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        csms("serve", CSMS_API__PORT=port).refused(1, "api.port", port, "in use")
        done = csms("serve", CSMS_OCPP__PORT=port)
    lines = [line for line in done.err.splitlines() if line.startswith("csms: ")]
    assert done.code == 1
    assert len(lines) == 1
    assert "ocpp.port" in lines[0]
    assert "in use" in lines[0]
    assert "Traceback" not in done.err


@pytest.mark.parametrize(
    ("env", "word"),
    [
        ({"CSMS_OCPP__PROT": "1"}, "ocpp.prot"),
        ({"CSMS_OCPP__PORT": "many"}, "ocpp.port"),
        ({"CSMS_STORE__URL": "oracle://x"}, "store.url"),
        ({"CSMS_API__HOST": "0.0.0.0"}, "api.host"),
        (
            {"CSMS_OCPP__HOST": "0.0.0.0", "CSMS_OCPP__ALLOW_INSECURE_BIND": "true", "CSMS_CLOCK__RATE": "9"},
            "clock",
        ),
        ({"CSMS_ADMIN_KEY_FILE": "/proc/none/key"}, "admin_key_file"),
    ],
)
def test_a_wrong_setting_is_told_in_one_line(tmp_path: Path, env: dict[str, str], word: str) -> None:
    csms = Cli(tmp_path, {"CSMS_OCPP__PORT": "0", "CSMS_API__PORT": "0"})
    csms("serve", **env).refused(1, "configuration error", word)


def test_a_scaled_clock_is_said_loudly(tmp_path: Path) -> None:
    process, _ = start(tmp_path, CSMS_CLOCK__RATE="4")
    assert stop(process) == 0
    assert "SCALED CLOCK" in (tmp_path / "server.log").read_text()


def test_config_check(tmp_path: Path) -> None:
    csms = Cli(tmp_path, {})
    assert csms("config", "check", str(ROOT / "configs" / "csms.toml")).code == 0
    wrong = tmp_path / "wrong.toml"
    wrong.write_text("[ocpp]\nprot = 1\n")
    csms("config", "check", str(wrong)).refused(1, "ocpp.prot")
    csms("config", "check", str(tmp_path / "none.toml")).refused(1, "cannot be read")


def test_database_commands(tmp_path: Path) -> None:
    csms = Cli(tmp_path, {})
    assert csms("db", "migrate").code == 0
    assert csms("db", "check", "--json").json["ok"] is True
    copy = tmp_path / "copy.db"
    assert csms("db", "backup", str(copy)).code == 0
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    csms("db", "backup", str(copy)).refused(1, "exists")
    assert csms("db", "check", CSMS_STORE__URL=f"sqlite:///{copy}").code == 0
    copy.write_bytes(b"this is no database, however long one looks at it" * 100)
    csms("db", "check", CSMS_STORE__URL=f"sqlite:///{copy}").refused(1, "database")
