"""`csms demo` as a user runs it, in small: real processes, real sessions, the real event in seconds."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from csms.cli.processes import own_environment


@pytest.mark.timeout(150)
def test_the_demo_exports_meters_and_settles(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "csms", "demo", "--stations", "6", "--seconds", "45", "--json"],
        cwd=tmp_path,
        env=own_environment({}),
        capture_output=True,
        text=True,
        timeout=140,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["stations"] == 6
    assert told["vehicles"] > 0
    assert told["event"]["target_w"] < 0
    assert told["event"]["duration_s"] == 960
    assert told["performance"] >= 0.95
    assert told["reserve_violations"] == 0
    assert 0 < told["negative_limits_accepted"] <= told["negative_limits_sent"]
    assert told["exported_wh"] == pytest.approx(told["simulated_meters_exported_wh"], rel=0.02)
    lines = told["settlement"]["lines"]
    assert sum(line["deliveredWh"] for line in lines) == pytest.approx(told["delivered_wh"], abs=0.1)
    assert (tmp_path / "demo.png").read_bytes().startswith(b"\x89PNG")


def test_wrong_arguments_are_one_line(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "csms", "demo", "--stations", "0"],
        cwd=tmp_path,
        env=own_environment({}),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("csms: ")
    assert done.stderr.count("\n") == 1
