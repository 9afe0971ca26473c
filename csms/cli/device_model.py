"""`csms station variables`, `drift`, `configure`, `approve`, `password`, `import`: set up stations."""

import csv
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Annotated
from urllib.parse import quote

import typer

from csms.cli.options import URL, Identity, Json, Url, client, text_of
from csms.cli.orders import path
from csms.cli.outcome import Exit, Failed, as_json, say, table
from csms.cli.rest import Object

app = typer.Typer()
sites = typer.Typer()

_VARIABLE = ("component", "evseId", "variable", "variableInstance", "value", "wanted", "unit", "mutability")
_RESULT = ("component", "evseId", "variable", "variableInstance", "value", "status", "reason")
_DRIFT = ("component", "evseId", "variable", "variableInstance", "wanted", "reported", "status")
_ADVICE = ("component", "variable", "reported", "recommended", "status", "why")
_NUMBERS: dict[str, Callable[[str], object]] = {
    "securityProfile": int,
    "messageTimeoutS": float,
    "pingIntervalS": float,
    "newestWins": {"true": True, "false": False}.__getitem__,
}


@app.command()
def variables(
    identity: Identity,
    component: Annotated[str | None, typer.Option(help="Only of this component.")] = None,
    read: Annotated[
        list[str] | None, typer.Option(help="Ask the station now: COMPONENT.VARIABLE; may be repeated.")
    ] = None,
    change: Annotated[
        list[str] | None,
        typer.Option("--set", help="Set: COMPONENT.VARIABLE=VALUE; may be repeated."),
    ] = None,
    json: Json = False,
    url: Url = URL,
) -> None:
    """The device model of a station: as it was reported, read now, or set."""
    rest, place = client(url), path(identity, "variables")
    title = f"Variables of {identity}"
    columns: tuple[str, ...] = _RESULT
    if change:
        found = rest.call(place, [_setting(one) for one in change])["items"]
    elif read:
        found = rest.call(f"{place}/read", [name_of(one) for one in read])["items"]
    else:
        params = {} if component is None else {"component": component}
        found, columns = rest.get(place, params)["items"], _VARIABLE
    as_json(found) if json else table(title, columns, found)
    if (read or change) and any(one["status"] not in ("Accepted", "RebootRequired") for one in found):
        raise Failed("Not all were accepted.")


@app.command()
def drift(identity: Identity, json: Json = False, url: Url = URL) -> None:
    """What was ordered and is not so."""
    found = client(url).get(path(identity, "variables", "drift"))["items"]
    as_json(found) if json else table(f"Drift of {identity}", _DRIFT, found)


@app.command()
def configure(
    identity: Identity,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would be set, and why.")] = False,
    json: Json = False,
    url: Url = URL,
) -> None:
    """Bring a station's variables to the recommended values."""
    rest, place = client(url), path(identity, "configuration")
    found = (rest.get(place) if dry_run else rest.call(place))["items"]
    if json:
        as_json(found)
    elif found:
        table(f"Configuration of {identity}", _ADVICE, found)
    else:
        say(f"{identity} is as recommended.")


@app.command()
def approve(identity: Identity, json: Json = False, url: Url = URL) -> None:
    """Accept a station; one that has enrolled by itself gets a password of its own first."""
    found = client(url).call(path(identity, "approve"), {})
    if json:
        as_json(found)
        return
    say(f"{found['identity']} is accepted from its next boot on.")
    if found.get("password"):
        say(f"Password, shown this once: {found['password']}")


@app.command()
def password(
    identity: Identity,
    new: Annotated[str | None, typer.Option(help="Made if it is not given, and shown once.")] = None,
    json: Json = False,
    url: Url = URL,
) -> None:
    """Give a connected station another password."""
    body = {} if new is None else {"password": new}
    found = client(url).call(path(identity, "password"), body)
    as_json(found) if json else say(f"{found['status']} {found.get('password') or ''}".rstrip())
    if not found.get("password"):
        raise Failed(f"The station said {found['status']}.")


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="CSV with a head line, or TOML with [[stations]].")],
    json: Json = False,
    url: Url = URL,
) -> None:
    """Register the stations of a whole site, all or none; prints their passwords, this once."""
    stations = _read(file)
    found = client(url).post("/stations/import", {"stations": stations})["stations"]
    as_json(found) if json else table("Stations", ("identity", "password", "site", "registration"), found)


@sites.command()
def enrolment(
    site: Annotated[str, typer.Argument(metavar="SITE")],
    new: Annotated[str | None, typer.Option("--password", help="Without it enrolment is off.")] = None,
    json: Json = False,
    url: Url = URL,
) -> None:
    """Let stations enrol at a site by a password, as Pending and no further; without one no longer."""
    found = client(url).put(f"/sites/{quote(site, safe='')}/enrolment", {"password": new})
    as_json(found) if json else say(
        f"Enrolment at {found['siteId']} is {'on' if found['enrolment'] else 'off'}."
    )


def name_of(text: str) -> Object:
    """`Component.Variable`, each perhaps with an instance: `DeviceDataCtrlr.ItemsPerMessage[GetReport]`."""
    component, dot, variable = text.partition(".")
    if not (component and dot and variable):
        raise Failed(f"{text!r} is not COMPONENT.VARIABLE.", Exit.WRONG_USE)
    name, _, instance = variable.rstrip("]").partition("[")
    part, _, component_instance = component.rstrip("]").partition("[")
    return {
        "component": part,
        "componentInstance": component_instance,
        "variable": name,
        "variableInstance": instance,
    }


def _setting(text: str) -> Object:
    place, equals, value = text.partition("=")
    if not equals:
        raise Failed(f"{text!r} is not COMPONENT.VARIABLE=VALUE.", Exit.WRONG_USE)
    return name_of(place) | {"value": value}


def _read(file: Path) -> list[Object]:
    text = text_of(file)
    if file.suffix.lower() != ".toml":
        return [_row(row) for row in csv.DictReader(text.splitlines())]
    try:
        stations = tomllib.loads(text).get("stations")
    except tomllib.TOMLDecodeError as error:
        raise Failed(f"{file}: {error}", Exit.WRONG_USE) from None
    if not isinstance(stations, list) or not all(isinstance(one, dict) for one in stations):
        raise Failed(f"{file}: there are no [[stations]].", Exit.WRONG_USE)
    return stations


def _row(row: dict[str, str]) -> Object:
    """A CSV line; an empty cell says nothing."""
    try:
        return {name: _NUMBERS.get(name, str)(text) for name, text in row.items() if name and text}
    except (ValueError, KeyError):
        told = f"{row.get('identity')}: a number is no number, or newestWins is neither true nor false."
        raise Failed(told, Exit.WRONG_USE) from None
