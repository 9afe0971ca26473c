"""A process of its own that says what happens in JSON lines; it never outlives us."""

import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType

import csms
from csms.cli.outcome import Failed
from csms.cli.rest import Object

_END_S = 15.0


class Child:
    """One started module. A context manager: on the way out it is asked to end, then made to."""

    def __init__(
        self, module: str, arguments: Sequence[str], environment: Mapping[str, str], folder: Path
    ) -> None:
        self._name = module
        self._log = folder / f"{module}.log"
        self._lines: queue.Queue[Object | None] = queue.Queue()
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own modules
                [sys.executable, "-m", module, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                cwd=folder,
                env=own_environment(environment),
                text=True,
            )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> "Child":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    def expect(self, event: str, within_s: float) -> Object:
        """The next line with this event; `Failed` with the process's last word if it does not come."""
        deadline = time.monotonic() + within_s
        while True:
            try:
                line = self._lines.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                raise Failed(f"{self._name} was not {event} within {within_s:.0f} s.") from None
            if line is None:
                raise Failed(f"{self._name} ended: {self._last_word()}")
            if line.get("event") == event:
                return line

    def ask_to_end(self) -> None:
        """SIGTERM; harmless if it has ended."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)

    def end(self) -> None:
        """Have it ended when this returns."""
        self.ask_to_end()
        try:
            self._process.wait(_END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join()
        if self._process.stdout is not None:
            self._process.stdout.close()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for text in self._process.stdout:
            try:
                line = json.loads(text)
            except ValueError:
                continue
            if isinstance(line, dict):
                self._lines.put(line)
        self._lines.put(None)

    def _last_word(self) -> str:
        lines = self._log.read_text(encoding="utf-8", errors="replace").split("\n")
        return next((line for line in reversed(lines) if line.strip()), "it said nothing")


def own_environment(more: Mapping[str, str]) -> dict[str, str]:
    """Our environment without what was set for another server, and with this very code to import."""
    kept = {name: value for name, value in os.environ.items() if not name.upper().startswith("CSMS_")}
    places = [str(Path(csms.__file__).parents[1]), kept.get("PYTHONPATH", "")]
    return kept | {"PYTHONPATH": os.pathsep.join(place for place in places if place)} | dict(more)
