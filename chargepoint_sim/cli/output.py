"""How the command line says what happens: JSON lines, or lines for people."""

import sys
from collections.abc import Collection
from datetime import UTC, datetime

import orjson
from rich.console import Console

from chargepoint_sim.faults import FAULTS

_LOUD = {"connection_failed", "message_failed", "late", "profile_rejected"}


class Output:
    """Writes events to stdout. `only` (if given) says which are shown."""

    def __init__(self, as_json: bool, only: Collection[str] | None = None) -> None:
        self._as_json = as_json
        self._only = only
        self._console = Console(highlight=False, soft_wrap=True)

    def event(self, event: str, fields: dict[str, object]) -> None:
        """Show an event."""
        if self._only is not None and event not in self._only:
            return
        if self._as_json:
            self._write(orjson.dumps({"event": event} | fields).decode())
            return
        style = "yellow" if event in _LOUD else ""
        moment = datetime.now(UTC).strftime("%H:%M:%S")
        rest = "  ".join(f"{name}={value}" for name, value in fields.items() if name != "at")
        self._console.print(f"{moment}  {event.replace('_', ' ')}  {rest}", style=style, markup=False)

    def _write(self, line: str) -> None:
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()


def fault_lines(markdown: bool) -> list[str]:
    """The list of all faults, for people or as a table."""
    if not markdown:
        return [f"{fault.written:<32} {fault.says}" for fault in FAULTS.values()]
    rows = [f"| `{fault.written}` | {fault.kind} | {fault.says} |" for fault in FAULTS.values()]
    return ["| fault | about | what it does |", "| --- | --- | --- |", *rows]


def complain(message: str) -> None:
    """One line on stderr."""
    first = " ".join(message.split())
    sys.stderr.write(f"chargepoint-sim: {first}\n")
