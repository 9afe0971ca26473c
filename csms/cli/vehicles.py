"""`csms vehicle ...`, over REST."""

from typing import Annotated
from urllib.parse import quote

import typer

from csms.cli.options import URL, Json, Url, client, time_of
from csms.cli.outcome import as_json, say, table
from csms.cli.rest import Object
from csms.domain.units import parse_duration, parse_energy, parse_power

app = typer.Typer(help="Vehicles: batteries that drivers bring.", no_args_is_help=True)

_COLUMNS = ("vehicleId", "driverId", "bidirectional", "capacityWh", "maxChargeW", "maxDischargeW")
_SOC = ("source", "soc", "accuracy", "toldAt", "validUntil", "ageS", "counts")
Power = Annotated[str | None, typer.Option(help="A power, for example 10kW.")]


@app.command()
def add(  # noqa: PLR0913 - one option for each thing that can be said
    vehicle: Annotated[str, typer.Argument(metavar="VEHICLE")],
    driver: Annotated[str | None, typer.Option(help="Who drives it.")] = None,
    bidirectional: Annotated[
        bool, typer.Option("--bidirectional", help="It can discharge. Not said means that it cannot.")
    ] = False,
    capacity: Annotated[str | None, typer.Option(help="Of its battery, for example 60kWh.")] = None,
    max_charge: Power = None,
    max_discharge: Power = None,
    json: Json = False,
    url: Url = URL,
) -> None:
    """Register a vehicle. What is not said may come from the vehicle itself, over its cable."""
    body: Object = {"vehicleId": vehicle, "bidirectional": bidirectional}
    if driver is not None:
        body["driverId"] = driver
    if capacity is not None:
        body["capacityWh"] = parse_energy(capacity, "--capacity")
    if max_charge is not None:
        body["maxChargeW"] = parse_power(max_charge, "--max-charge")
    if max_discharge is not None:
        body["maxDischargeW"] = abs(parse_power(max_discharge, "--max-discharge"))
    found = client(url).post("/vehicles", body)
    as_json(found) if json else say(f"Vehicle {found['vehicleId']} is registered.")


@app.command("list")
def list_(json: Json = False, url: Url = URL) -> None:
    """All vehicles."""
    found = client(url).all("/vehicles")
    as_json(found) if json else table("Vehicles", _COLUMNS, found)


@app.command()
def soc(  # noqa: PLR0913 - one option for each thing that can be said
    vehicle: Annotated[str, typer.Argument(metavar="VEHICLE")],
    percent: Annotated[float | None, typer.Argument(help="Its state of charge; left out: show.")] = None,
    source: Annotated[str, typer.Option(help="telematics, or manual for what a person has read.")] = "manual",
    at: Annotated[str | None, typer.Option(help="When it was read; now if not said.")] = None,
    accuracy: Annotated[float | None, typer.Option(help="How far off it may be, percent.")] = None,
    valid_for: Annotated[str | None, typer.Option(help="How long it says anything, for example 1h.")] = None,
    json: Json = False,
    url: Url = URL,
) -> None:
    """Tell, or show, the state of charge of a vehicle whose station does not know it."""
    path = f"/vehicles/{quote(vehicle, safe='')}/soc"
    if percent is None:
        found = client(url).get(path)
    else:
        body: Object = {"soc": percent, "source": source}
        if at is not None:
            body["at"] = time_of(at, "--at")
        if accuracy is not None:
            body["accuracy"] = accuracy
        if valid_for is not None:
            body["validForS"] = parse_duration(valid_for, "--valid-for")
        found = client(url).post(path, body)
    as_json(found) if json else table(f"State of charge of {vehicle}", _SOC, found["items"])
