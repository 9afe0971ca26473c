"""`csms event ...`, over REST."""

import time
import uuid
from datetime import UTC, datetime
from typing import Annotated
from urllib.parse import quote

import typer

from csms.cli import watch as watching
from csms.cli.options import URL, Json, Url, client, time_of
from csms.cli.outcome import Failed, as_json, fields, say, table
from csms.cli.programs import show_statement
from csms.cli.rest import Object, Rest
from csms.domain.units import format_power, parse_duration, parse_power

app = typer.Typer(help="Grid events: calls for flexibility.", no_args_is_help=True)

_COLUMNS = ("id", "state", "programId", "targetW", "start", "durationS")
_OVER = ("settled", "cancelled")
_POLL_S = 1.0
_GRACE_S = 3600.0
Event = Annotated[str, typer.Argument(metavar="EVENT", help="An event's id.")]


@app.command()
def create(  # noqa: PLR0913 - one option for each thing that can be said
    power: Annotated[
        str, typer.Option(help="What the fleet shall do net, for example -300kW: into the grid.")
    ],
    length: Annotated[str, typer.Option("--for", help="For how long: 15m, 1h30m, 90s, PT15M.")],
    start: Annotated[str | None, typer.Option(help="RFC 3339; now if it is not given.")] = None,
    program: Annotated[str, typer.Option(help="The program it comes under.")] = "default",
    site: Annotated[str | None, typer.Option(help="Only stations of this site.")] = None,
    station: Annotated[list[str] | None, typer.Option(help="Only this station; may be repeated.")] = None,
    min_soc: Annotated[
        float | None, typer.Option(help="A floor in percent besides every driver's reserve.")
    ] = None,
    priority: Annotated[int, typer.Option(help="Lower wins where events overlap.")] = 100,
    wait: Annotated[bool, typer.Option("--wait", help="Wait for the settlement and print it.")] = False,
    json: Json = False,
    url: Url = URL,
) -> None:
    """Call for flexibility."""
    body: Object = {
        "programId": program,
        "targetW": parse_power(power, "--power"),
        "durationS": parse_duration(length, "--for"),
        "priority": priority,
    }
    if start is not None:
        body["start"] = time_of(start, "--start")
    if site is not None or station:
        body["scope"] = {"site": site, "stations": station or []}
    if min_soc is not None:
        body["minSoc"] = min_soc
    rest = client(url)
    event = rest.post("/grid-events", body, key=str(uuid.uuid4()))
    if not wait:
        as_json(event) if json else say(_line(event))
        return
    if not json:
        say(_line(event))
    _wait(rest, event, json)


@app.command("list")
def list_(
    state: Annotated[list[str] | None, typer.Option(help="Only in this state; may be repeated.")] = None,
    json: Json = False,
    url: Url = URL,
) -> None:
    """All grid events."""
    found = client(url).all("/grid-events", {"state": state} if state else {})
    as_json(found) if json else table("Grid events", _COLUMNS, found)


@app.command()
def show(event: Event, json: Json = False, url: Url = URL) -> None:
    """One event with its history and performance."""
    rest, path = client(url), f"/grid-events/{quote(event, safe='')}"
    found = rest.get(path)
    performance = rest.get(f"{path}/performance")
    series = performance.pop("series")
    if json:
        as_json(found | {"performance": performance | {"series": series}})
        return
    history = found.pop("history")
    fields(f"Grid event {found['id']}", found)
    table("History", ("at", "state", "detail"), history)
    fields("Performance", performance)


@app.command()
def watch(event: Event, json: Json = False, url: Url = URL) -> None:
    """Target, delivered power, vehicles and SoC margin, live until the event is settled."""
    watching.watch(client(url), event, json=json)


@app.command()
def cancel(event: Event, json: Json = False, url: Url = URL) -> None:
    """End an event and its orders; one that is over stays as it is."""
    found = client(url).post(f"/grid-events/{quote(event, safe='')}/cancel")
    as_json(found) if json else say(f"{found['id']} is {found['state']}.")


def _wait(rest: Rest, event: Object, json: bool) -> None:
    deadline = time.monotonic() + event["durationS"] + max(0.0, _seconds_until(event["start"])) + _GRACE_S
    while True:
        found = rest.get(f"/grid-events/{event['id']}")
        if found["state"] in _OVER:
            break
        if time.monotonic() > deadline:
            raise Failed(f"{event['id']} is not settled an hour after its end; it is {found['state']}.")
        time.sleep(_POLL_S)
    if found["state"] == "cancelled":
        raise Failed(f"{event['id']} was cancelled.")
    show_statement(rest, event["id"], json)


def _line(event: Object) -> str:
    power, minutes = format_power(event["targetW"]), event["durationS"] / 60
    return f"{event['id']} is {event['state']}: {power} for {minutes:g} min from {event['start']}."


def _seconds_until(text: str) -> float:
    return (datetime.fromisoformat(text) - datetime.now(UTC)).total_seconds()
