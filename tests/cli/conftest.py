"""A real server process on free ports, and the real command line against it."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


def environment(more: Mapping[str, str]) -> dict[str, str]:
    """No setting of the machine's owner, no colours, this very code."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CSMS_")}
    return kept | {"PYTHONPATH": str(ROOT), "COLUMNS": "200", "NO_COLOR": "1", "TERM": "dumb"} | dict(more)


@dataclass(frozen=True)
class Ended:
    """What a command did."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    def refused(self, code: int, *words: str) -> None:
        """It ended with one line on standard error that holds these words, and nothing else."""
        assert self.code == code, (self.out, self.err)
        assert self.err.count("\n") == 1, self.err
        assert self.err.startswith("csms: ")
        assert "Traceback" not in self.err
        for word in words:
            assert word.lower() in self.err.lower(), self.err


@dataclass(frozen=True)
class Cli:
    """The command line in a folder."""

    folder: Path
    env: Mapping[str, str]

    def __call__(self, *arguments: str, stdin: str = "", **env: str) -> Ended:
        done = subprocess.run(
            [sys.executable, "-W", "error::ResourceWarning", "-m", "csms", *arguments],
            cwd=self.folder,
            env=environment({**self.env, **env}),
            input=stdin,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return Ended(done.returncode, done.stdout, done.stderr)


def start(folder: Path, **env: str) -> tuple["subprocess.Popen[str]", dict[str, Any]]:
    """A server process that listens, and its ready line."""
    with (folder / "server.log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "csms", "serve", "--ready-json"],
            cwd=folder,
            env=environment({"CSMS_OCPP__PORT": "0", "CSMS_API__PORT": "0", **env}),
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line, (folder / "server.log").read_text()
    return process, json.loads(line)


def stop(process: "subprocess.Popen[str]", number: int = signal.SIGTERM) -> int:
    """Ask it to end; its exit code."""
    process.send_signal(number)
    try:
        return process.wait(20)
    finally:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


@pytest.fixture(scope="module")
def csms(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cli]:
    """The command line, and a server that it finds."""
    folder = tmp_path_factory.mktemp("server")
    process, ready = start(folder)
    yield Cli(folder, {"CSMS_URL": ready["api"]})
    assert stop(process) == 0
