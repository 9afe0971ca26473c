"""`csms monitor ...` and `csms display ...`, over REST."""

from typing import Annotated

import typer

from csms.cli.device_model import name_of
from csms.cli.options import URL, Identity, Json, Url, client, time_of
from csms.cli.orders import Wait, followed, path, told
from csms.cli.outcome import Failed, as_json, table
from csms.cli.rest import Object

monitors = typer.Typer(help="Monitors of variables at stations.", no_args_is_help=True)
displays = typer.Typer(help="Messages on stations' displays.", no_args_is_help=True)

_MONITOR = ("monitorId", "component", "evseId", "variable", "kind", "value", "severity", "origin")
_SET = ("id", "component", "variable", "type", "severity", "status")
_MESSAGE = ("messageId", "priority", "state", "start", "end", "transactionId", "content", "status")
Number = Annotated[int, typer.Argument(metavar="ID")]


def _given(**said: object) -> Object:
    return {name: value for name, value in said.items() if value is not None}


@monitors.command("list")
def list_monitors(identity: Identity, json: Json = False, url: Url = URL) -> None:
    """The monitors of a station as far as they were set or reported."""
    found = client(url).get(path(identity, "monitors"))["items"]
    as_json(found) if json else table(f"Monitors of {identity}", _MONITOR, found)


@monitors.command("set")
def set_monitor(  # noqa: PLR0913 - one option for each thing that can be said
    identity: Identity,
    variable: Annotated[str, typer.Argument(help="COMPONENT.VARIABLE, for example EVSE.Power.")],
    kind: Annotated[
        str, typer.Argument(help="UpperThreshold, LowerThreshold, Delta, Periodic, PeriodicClockAligned.")
    ],
    value: Annotated[float, typer.Argument(help="The threshold, the change, or the seconds.")],
    severity: Annotated[int, typer.Option(min=0, max=9, help="0 is danger, 9 debugging.")] = 8,
    evse: Annotated[int | None, typer.Option(min=1, help="Only at this EVSE.")] = None,
    json: Json = False,
    url: Url = URL,
) -> None:
    """Have a station tell when a variable passes something."""
    one = name_of(variable) | {"type": kind, "value": value, "severity": severity} | _given(evseId=evse)
    _judged(client(url).call(path(identity, "monitors"), {"monitors": [one]})["items"], json)


@monitors.command("clear")
def clear_monitors(
    identity: Identity,
    ids: Annotated[list[int], typer.Argument(metavar="ID...", help="As `list` shows them.")],
    json: Json = False,
    url: Url = URL,
) -> None:
    """Have a station forget monitors."""
    _judged(client(url).call(path(identity, "monitors", "clear"), {"ids": ids})["items"], json)


@monitors.command("report")
def report_monitors(identity: Identity, wait: Wait = False, json: Json = False, url: Url = URL) -> None:
    """Have a station report its monitors; `list` shows them."""
    rest = client(url)
    followed(rest, identity, rest.call(path(identity, "monitors", "report"), {}), wait, json)


@monitors.command("base")
def monitoring_base(
    identity: Identity,
    base: Annotated[str, typer.Argument(help="All, FactoryDefault, HardWiredOnly.")],
    json: Json = False,
    url: Url = URL,
) -> None:
    """Which monitors a station begins with."""
    told(client(url).call(path(identity, "monitoring"), {"base": base}, method="PUT"), json)


@monitors.command("level")
def monitoring_level(
    identity: Identity,
    level: Annotated[int, typer.Argument(min=0, max=9, metavar="LEVEL")],
    json: Json = False,
    url: Url = URL,
) -> None:
    """Up to which severity a station tells of events (0: only danger, 9: all)."""
    told(client(url).call(path(identity, "monitoring"), {"level": level}, method="PUT"), json)


@displays.command("list")
def list_messages(identity: Identity, json: Json = False, url: Url = URL) -> None:
    """The messages of a station as far as they were set or reported."""
    found = client(url).get(path(identity, "display-messages"))["items"]
    as_json(found) if json else table(f"Messages of {identity}", _MESSAGE, found)


@displays.command("show")
def show_message(  # noqa: PLR0913 - one option for each thing that can be said
    identity: Identity,
    text: Annotated[str, typer.Argument(metavar="TEXT")],
    number: Annotated[int | None, typer.Option("--id", min=0, help="Replace this one.")] = None,
    priority: Annotated[str | None, typer.Option(help="NormalCycle, InFront, AlwaysFront.")] = None,
    state: Annotated[str | None, typer.Option(help="Charging, Faulted, Idle, Unavailable.")] = None,
    transaction: Annotated[str | None, typer.Option(help="Only in this transaction.")] = None,
    start: Annotated[str | None, typer.Option(help="From then on.")] = None,
    end: Annotated[str | None, typer.Option(help="Until then.")] = None,
    language: Annotated[str | None, typer.Option(help="For example en.")] = None,
    json: Json = False,
    url: Url = URL,
) -> None:
    """Show a message."""
    body = _given(
        content=text,
        id=number,
        priority=priority,
        state=state,
        transactionId=transaction,
        start=None if start is None else time_of(start, "--start"),
        end=None if end is None else time_of(end, "--end"),
        language=language,
    )
    told(client(url).call(path(identity, "display-messages"), body), json)


@displays.command("clear")
def clear_message(identity: Identity, number: Number, json: Json = False, url: Url = URL) -> None:
    """Show a message no longer."""
    told(client(url).call(path(identity, "display-messages", str(number)), method="DELETE"), json)


@displays.command("report")
def report_messages(identity: Identity, wait: Wait = False, json: Json = False, url: Url = URL) -> None:
    """Have a station tell its messages; `list` shows them."""
    rest = client(url)
    followed(rest, identity, rest.call(path(identity, "display-messages", "report"), {}), wait, json)


def _judged(found: list[Object], json: bool) -> None:
    as_json(found) if json else table("The station's word", _SET, found)
    if any(one["status"] != "Accepted" for one in found):
        raise Failed("Not all were accepted.")
