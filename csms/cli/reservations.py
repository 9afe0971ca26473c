"""`csms reservation ...` and `csms tariff ...`, over REST."""

from typing import Annotated
from urllib.parse import quote

import typer

from csms.cli.options import URL, Identity, Json, Url, client, time_of
from csms.cli.orders import path, told
from csms.cli.outcome import as_json, say, table
from csms.cli.rest import Object

reservations = typer.Typer(help="Reservations.", no_args_is_help=True)
tariffs = typer.Typer(help="Tariffs: what charging costs.", no_args_is_help=True)

_RESERVATION = ("station", "reservationId", "evseId", "connectorType", "idToken", "expiry", "state")
_TARIFF = ("tariffId", "currency", "startFee", "energyPerKwh", "exportPerKwh", "timePerHour", "minimum")
_STANDING = ("evseId", "tariffId", "kind", "changedAt")
Amount = Annotated[str, typer.Option(help="A decimal, for example 0.35.")]
Tariff = Annotated[str, typer.Argument(metavar="TARIFF")]


def _given(**said: object) -> Object:
    return {name: value for name, value in said.items() if value is not None}


@reservations.command("add")
def reserve(  # noqa: PLR0913 - one option for each thing that can be said
    identity: Identity,
    token: Annotated[str, typer.Argument(metavar="TOKEN")],
    minutes: Annotated[int, typer.Option("--for", min=1, help="For so many minutes from now.")] = 15,
    until: Annotated[str | None, typer.Option(help="Until this time instead.")] = None,
    evse: Annotated[int | None, typer.Option(min=1, help="This EVSE; else any.")] = None,
    connector: Annotated[str | None, typer.Option(help="Any EVSE with this type of connector.")] = None,
    json: Json = False,
    url: Url = URL,
) -> None:
    """Reserve an EVSE for a token."""
    when: Object = {"forS": minutes * 60} if until is None else {"expiry": time_of(until, "--until")}
    body = _given(station=identity, idToken=token, evseId=evse, connectorType=connector) | when
    told(client(url).call("/reservations", body), json)


@reservations.command("list")
def list_reservations(
    station: Annotated[str | None, typer.Option(help="Only at this station.")] = None,
    json: Json = False,
    url: Url = URL,
) -> None:
    """The newest reservations."""
    found = client(url).get("/reservations", {} if station is None else {"station": station})["items"]
    as_json(found) if json else table("Reservations", _RESERVATION, found)


@reservations.command("cancel")
def cancel(
    identity: Identity,
    number: Annotated[int, typer.Argument(metavar="RESERVATION")],
    json: Json = False,
    url: Url = URL,
) -> None:
    """Cancel a reservation."""
    told(client(url).call(path(identity, "reservations", str(number), "cancel")), json)


@tariffs.command("add")
def add_tariff(  # noqa: PLR0913 - one option for each thing that can be said
    tariff: Tariff,
    currency: Annotated[str, typer.Option(help="ISO 4217, for example EUR.")],
    energy: Amount = "0",
    export: Amount = "0",
    hour: Amount = "0",
    fee: Amount = "0",
    minimum: Amount = "0",
    update: Annotated[int, typer.Option(min=0, help="Tell the running cost each so many seconds.")] = 0,
    json: Json = False,
    url: Url = URL,
) -> None:
    """Add a tariff: prices per kWh, per kWh given back, per hour, and a fee at the start."""
    body = {
        "tariffId": tariff,
        "currency": currency,
        "energyPerKwh": energy,
        "exportPerKwh": export,
        "timePerHour": hour,
        "startFee": fee,
        "minimum": minimum,
        "updateEveryS": update,
    }
    found = client(url).post("/tariffs", body)
    as_json(found) if json else say(f"Tariff {found['tariffId']} is added.")


@tariffs.command("list")
def list_tariffs(
    station: Annotated[str | None, typer.Option(help="Those that stand in this 2.1 station.")] = None,
    json: Json = False,
    url: Url = URL,
) -> None:
    """All tariffs, or those in a station by which it counts itself."""
    place = "/tariffs" if station is None else path(station, "station-tariffs")
    found = client(url).get(place)["items"]
    as_json(found) if json else table("Tariffs", _TARIFF if station is None else _STANDING, found)


@tariffs.command("use")
def use_tariff(tariff: Tariff, identity: Identity, json: Json = False, url: Url = URL) -> None:
    """Have a tariff hold at a station."""
    found = client(url).put(path(identity, "tariff"), {"tariffId": tariff})
    as_json(found) if json else say(f"Tariff {found['tariffId']} holds at {identity}.")


@tariffs.command("send")
def send_tariff(
    tariff: Tariff,
    identity: Identity,
    evse: Annotated[int, typer.Option(min=0, help="Only at this EVSE; 0: at all.")] = 0,
    json: Json = False,
    url: Url = URL,
) -> None:
    """Have a 2.1 station count by a tariff itself and show the cost; `use` says what is charged by here."""
    body = {"tariffId": tariff, "evseId": evse}
    told(client(url).call(path(identity, "station-tariffs"), body), json)


@tariffs.command("remove")
def remove_tariff(tariff: Tariff, json: Json = False, url: Url = URL) -> None:
    """Forget a tariff."""
    client(url).delete(f"/tariffs/{quote(tariff, safe='')}")
    as_json({"removed": tariff}) if json else say(f"Tariff {tariff} is removed.")
