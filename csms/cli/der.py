"""`csms station der ...`, `csms station afrr` and what a 2.1 transaction may be told, over REST."""

from enum import StrEnum
from typing import Annotated, Any
from urllib.parse import quote

import typer

from csms.cli.options import URL, Identity, Json, Url, client
from csms.cli.orders import Wait, followed, path, told
from csms.cli.outcome import Exit, Failed, as_json, say, table
from csms.cli.rest import Object, parsed

app = typer.Typer()
transactions = typer.Typer()
der = typer.Typer(help="DER controls: the grid operator's bounds on inverters (2.1).", no_args_is_help=True)
app.add_typer(der, name="der")

_CONTROLS = ("controlId", "controlType", "isDefault", "priority", "state", "dischargePct", "changedAt")
_ALARMS = ("at", "controlType", "fault", "endedAt", "extraInfo")
Control = Annotated[str, typer.Argument(metavar="CONTROL", help="The control's id.")]
Kind = Annotated[str | None, typer.Option("--type", help="Only of this type, for example LimitMaxDischarge.")]
Default = Annotated[bool, typer.Option("--default", help="The defaults, not the controls set for a time.")]
Transaction = Annotated[str, typer.Argument(metavar="TRANSACTION")]


class Switch(StrEnum):
    """On or off."""

    ON = "on"
    OFF = "off"


def _given(**said: object) -> Object:
    return {name: value for name, value in said.items() if value is not None}


@der.command("list")
def list_controls(identity: Identity, json: Json = False, url: Url = URL) -> None:
    """The controls of a station."""
    found = client(url).get(path(identity, "der-controls"))["items"]
    as_json(found) if json else table("DER controls", _CONTROLS, found)


@der.command()
def alarms(identity: Identity, json: Json = False, url: Url = URL) -> None:
    """What a station has told of the grid; nothing discharges there while an alarm stands."""
    found = client(url).get(path(identity, "der-alarms"))["items"]
    as_json(found) if json else table("Grid alarms", _ALARMS, found)


@der.command()
def release(identity: Identity, json: Json = False, url: Url = URL) -> None:
    """Say that the grid is well at a station which does not tell it any more."""
    found = client(url).post(path(identity, "der-alarms", "end"), None)["items"]
    as_json(found) if json else say(f"No alarm stands at {identity}.")


@der.command("set")
def set_control(  # noqa: PLR0913 - one option for each thing that can be said
    identity: Identity,
    control: Control,
    kind: Annotated[str, typer.Argument(metavar="TYPE", help="For example LimitMaxDischarge.")],
    settings: Annotated[str, typer.Argument(help="JSON, as in OCPP.")],
    default: Default = False,
    json: Json = False,
    url: Url = URL,
) -> None:
    """Set a control."""
    given: Any = parsed(settings, "SETTINGS")
    if not isinstance(given, dict):
        raise Failed("SETTINGS is not a JSON object.", Exit.WRONG_USE)
    body = {"controlType": kind, "isDefault": default, "settings": given}
    place = path(identity, "der-controls", quote(control, safe=""))
    told(client(url).call(place, body, method="PUT"), json)


@der.command()
def clear(
    identity: Identity,
    control: Annotated[str | None, typer.Argument(metavar="CONTROL", help="Only this one.")] = None,
    kind: Kind = None,
    default: Default = False,
    json: Json = False,
    url: Url = URL,
) -> None:
    """Clear one control, or all."""
    if control is not None:
        place = path(identity, "der-controls", quote(control, safe=""), "clear")
        told(client(url).call(place), json)
        return
    body = _given(isDefault=default, controlType=kind)
    told(client(url).call(path(identity, "der-controls", "clear"), body), json)


@der.command()
def report(
    identity: Identity,
    kind: Kind = None,
    wait: Wait = False,
    json: Json = False,
    url: Url = URL,
) -> None:
    """Have the station tell its controls."""
    rest = client(url)
    found = rest.call(path(identity, "der-controls", "report"), _given(controlType=kind))
    followed(rest, identity, found, wait, json)


@app.command()
def afrr(
    identity: Identity,
    signal: Annotated[int, typer.Argument(help="The signal's number; -- before a negative one.")],
    json: Json = False,
    url: Url = URL,
) -> None:
    """Pass on a signal of automatic frequency restoration."""
    told(client(url).call(path(identity, "afrr-signal"), {"signal": signal}), json)


@transactions.command()
def priority(transaction: Transaction, switch: Switch, json: Json = False, url: Url = URL) -> None:
    """Charge a vehicle before all else, or no longer; who has priority takes no part in grid events."""
    place = f"/transactions/{quote(transaction, safe='')}/priority-charging"
    told(client(url).call(place, {"activate": switch is Switch.ON}), json)


@transactions.command()
def allow(
    transaction: Transaction,
    transfers: Annotated[list[str], typer.Argument(help="For example DC DC_BPT.")],
    json: Json = False,
    url: Url = URL,
) -> None:
    """Let the vehicle choose among these energy transfers from now on."""
    place = f"/transactions/{quote(transaction, safe='')}/allowed-energy-transfer"
    told(client(url).call(place, {"transfers": transfers}), json)


@transactions.command()
def tariff(
    transaction: Transaction,
    tariff: Annotated[str, typer.Argument(metavar="TARIFF")],
    json: Json = False,
    url: Url = URL,
) -> None:
    """Have the station count a running transaction by this tariff from now on."""
    place = f"/transactions/{quote(transaction, safe='')}/tariff"
    told(client(url).call(place, {"tariffId": tariff}), json)
