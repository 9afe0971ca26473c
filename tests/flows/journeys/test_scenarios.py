"""The scenarios that ship, each as a process of its own against one server whose house time runs fast."""

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import pytest

from chargepoint_sim.scenario import read_scenario
from csms.cli.processes import Child, own_environment
from csms.cli.rest import Object

_FOLDER = Path(__file__).parents[3] / "configs" / "scenarios"
_FILES = sorted(_FOLDER.glob("*.toml"))
_AT_ONCE = 4
_LONGEST_S = 150.0


@dataclass(frozen=True)
class Played:
    """What a scenario said and left behind."""

    code: int
    lines: list[Object]
    complaints: str
    junit: Path
    plot: Path


def _play(file: Path, server: Object, key: str, folder: Path) -> Played:
    junit, plot = folder / f"{file.stem}.xml", folder / f"{file.stem}.png"
    arguments = ["scenario", str(file), "--url", server["ocpp"], "--register", server["api"]]
    arguments += ["--junit", str(junit), "--plot", str(plot), "--json"]
    done = subprocess.run(
        [sys.executable, "-m", "chargepoint_sim", *arguments],
        env=own_environment({"CSMS_API_KEY": key}),
        capture_output=True,
        text=True,
        timeout=_LONGEST_S,
        check=False,
    )
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    return Played(done.returncode, lines, done.stderr, junit, plot)


def _play_at(rate: float, files: list[Path], folder: Path) -> dict[str, Played]:
    """All scenarios of one speed, some at a time, against a server whose house time runs as fast."""
    settings = {"CSMS_OCPP__PORT": "0", "CSMS_API__PORT": "0", "CSMS_CLOCK__RATE": str(rate)}
    folder.mkdir()
    with (
        Child("csms", ["serve", "--ready-json"], settings, folder) as server,
        ThreadPoolExecutor(_AT_ONCE) as workers,
    ):
        ready = server.expect("ready", 60.0)
        key = (folder / "var" / "admin.key").read_text().strip()
        results = workers.map(lambda file: _play(file, ready, key, folder), files)
        return dict(zip((file.stem for file in files), results, strict=True))


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Played]:
    """All of them; those of one speed share a server."""
    folder = tmp_path_factory.mktemp("scenarios")
    found: dict[str, Played] = {}
    speeds = {file: read_scenario(file, None).plan.speed for file in _FILES}
    for rate in sorted(set(speeds.values())):
        files = [file for file in _FILES if speeds[file] == rate]
        found |= _play_at(rate, files, folder / f"rate-{rate:g}")
    return found


@pytest.mark.timeout(400)
@pytest.mark.parametrize("name", [file.stem for file in _FILES])
def test_what_a_scenario_expects_holds(played: dict[str, Played], name: str) -> None:
    one = played[name]
    wrong = [line["what"] for line in one.lines if line["event"] == "expectation" and not line["held"]]
    assert (wrong, one.complaints) == ([], "")
    assert (one.code, one.lines[-1]["passed"]) == (0, True)
    suite = ElementTree.parse(one.junit).getroot()
    assert int(suite.get("tests", "0")) == len(suite) > 0
    assert one.plot.read_bytes().startswith(b"\x89PNG")


def test_ten_ship() -> None:
    assert len(_FILES) >= 10
