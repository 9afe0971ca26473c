"""The live view of one grid event: facts as they come, a look at the store in between.

A rich panel on a terminal; a line per dispatch elsewhere.
"""

import json as jsonlib
import math
import sys
import time
from collections import deque
from collections.abc import Iterator
from datetime import datetime
from urllib.parse import quote

from rich.console import Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from csms.cli.outcome import Failed, as_json, say
from csms.cli.rest import Object, Rest
from csms.domain.units import format_power

_KINDS = ["DispatchMade", "GridEventChanged", "SettlementReady"]
_OVER = ("settled", "cancelled")
_BLOCKS = " ▁▂▃▄▅▆▇█"
_WIDTH = 60
_TRIES = 5


class View:
    """What is known of the event so far."""

    def __init__(self, event: Object) -> None:
        self.event = event
        self.newest: Object | None = None
        self.measured: deque[float] = deque(maxlen=_WIDTH)

    def take(self, dispatch: Object) -> None:
        """One more dispatch."""
        self.newest = dispatch
        self.measured.append(dispatch["measuredW"])

    def line(self) -> str:
        """The newest dispatch as one line."""
        one = self.newest
        if one is None:
            return f"{self.event['id']} {self.event['state']}"
        return (
            f"{one['at']} target {format_power(one['targetW'])} measured {format_power(one['measuredW'])} "
            f"vehicles {one['evses']} lowest SoC margin {margin(one['lowestSocMargin'])}"
        )

    def __rich__(self) -> RenderableType:
        """The panel."""
        event, one = self.event, self.newest or {}
        shown = Table(show_header=False, box=None)
        shown.add_column(style="bold")
        shown.add_column()
        shown.add_row("event", Text(f"{event['id']}, {event['state']}"))
        shown.add_row("target", format_power(one["targetW"] if one else event["targetW"]))
        shown.add_row("delivered", Text(format_power(one.get("measuredW", 0.0)), style="green"))
        shown.add_row("ordered", format_power(one.get("setpointW", 0.0)))
        shown.add_row("shortfall", format_power(one.get("shortfallW", 0.0)))
        shown.add_row("vehicles", str(one.get("evses", 0)))
        shown.add_row("lowest SoC margin", margin(one.get("lowestSocMargin")))
        done = self._done_s(one)
        bar = ProgressBar(total=event["durationS"], completed=done, width=_WIDTH)
        return Group(shown, Text(self._spark(), style="green"), bar)

    def _spark(self) -> str:
        """Delivered power over the last dispatches, a full block for the target."""
        full = self.event["targetW"] or 1.0
        levels = (min(max(power / full, 0.0), 1.0) for power in self.measured)
        return "".join(_BLOCKS[round(level * (len(_BLOCKS) - 1))] for level in levels)

    def _done_s(self, one: Object) -> float:
        if "at" not in one:
            return 0.0
        return (_moment(one["at"]) - _moment(self.event["start"])).total_seconds()


def watch(rest: Rest, event_id: str, *, json: bool) -> None:
    """Show an event until it is settled or cancelled."""
    path = f"/grid-events/{quote(event_id, safe='')}"
    view = View(rest.get(path))
    rich = sys.stdout.isatty() and not json
    if rich:
        with Live(view, refresh_per_second=8) as live:
            for _ in follow(rest, path, view):
                live.refresh()
    else:
        for dispatch in follow(rest, path, view):
            if json:
                as_json(dispatch, lines=True)
            else:
                say(view.line())
    if json:
        as_json({"event": view.event["id"], "state": view.event["state"]}, lines=True)
    else:
        say(f"{view.event['id']} is {view.event['state']}.")


def follow(rest: Rest, path: str, view: View, within_s: float = math.inf) -> Iterator[Object]:
    """Each dispatch of the event, those before the call first, until it is over; keeps `view` up to date.

    A stream that breaks is opened again and what was missed is read from the store. Fails if the event is not
    over within so many real seconds.
    """
    cursor: str | None = None
    deadline = time.monotonic() + within_s
    for _ in range(_TRIES):
        with rest.stream("/live", {"kind": _KINDS}) as lines:
            for _bell in _bells(lines, view.event["id"]):
                view.event = rest.get(path)
                found, cursor = _later(rest, path, cursor)
                for dispatch in found:
                    view.take(dispatch)
                    yield dispatch
                if view.event["state"] in _OVER:
                    return
                if time.monotonic() > deadline:
                    raise Failed(f"{view.event['id']} is not over in time; it is {view.event['state']}.")
    raise Failed("The live stream breaks off again and again.")


def _later(rest: Rest, path: str, after: str | None) -> tuple[list[Object], str | None]:
    """Dispatches after the one with this id; and the id of the newest."""
    found: list[Object] = []
    params: dict[str, str | int | list[str]] = {"limit": 1000}
    if after is not None:
        params["after"] = after
    while True:
        page = rest.get(f"{path}/dispatches", params)
        found += page["items"]
        if not page["next"]:
            break
        params["after"] = page["next"]
    return found, (found[-1]["cursor"] if found else after)


def _bells(lines: Iterator[str], event_id: str) -> Iterator[None]:
    """One for each fact of this event, and for each sign of life: then it is time to look at the store."""
    for line in lines:
        fact = line.startswith("data: ") and jsonlib.loads(line[6:]).get("eventId") == event_id
        if fact or line.startswith(":"):
            yield


def margin(value: float | None) -> str:
    """A SoC margin for people."""
    return "-" if value is None else f"{value:.1f} %"


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
