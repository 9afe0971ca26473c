"""`csms program ...`, `csms driver ...`, `csms settlement ...`, over REST."""

from pathlib import Path
from typing import Annotated
from urllib.parse import quote

import typer

from csms.cli.options import URL, Json, Url, client, time_of
from csms.cli.outcome import Failed, as_json, fields, say, table
from csms.cli.rest import Object, Rest
from csms.domain.units import format_energy, parse_power

programs = typer.Typer(
    help="Programs: standing agreements under which grid events come.", no_args_is_help=True
)
drivers = typer.Typer(help="Drivers: enrolments, needs, opt-outs.", no_args_is_help=True)
settlements = typer.Typer(help="Settlement statements.", no_args_is_help=True)

_LINE = (
    "driverId",
    "station",
    "start",
    "metered",
    "importWh",
    "exportWh",
    "baselineWh",
    "deliveredWh",
    "payment",
)
Program = Annotated[str, typer.Argument(metavar="PROGRAM")]
Driver = Annotated[str, typer.Argument(metavar="DRIVER")]
EventOption = Annotated[str | None, typer.Option("--event", help="Only for this event.")]


@programs.command("list")
def list_programs(json: Json = False, url: Url = URL) -> None:
    """All programs."""
    found = client(url).all("/programs")
    as_json(found) if json else table("Programs", ("programId", "name", "terms"), found)


@programs.command("show")
def show_program(program: Program, json: Json = False, url: Url = URL) -> None:
    """One program and its terms."""
    found = client(url).get(f"/programs/{quote(program, safe='')}")
    as_json(found) if json else fields(f"Program {found['programId']}: {found['name']}", found["terms"])


@programs.command("add")
def add_program(  # noqa: PLR0913 - one option for each thing that can be said
    program: Program,
    name: Annotated[str | None, typer.Option(help="What people call it.")] = None,
    price: Annotated[float | None, typer.Option(help="Per delivered kWh.")] = None,
    currency: Annotated[str | None, typer.Option(help="Three letters.")] = None,
    max_power: Annotated[
        str | None, typer.Option(help="Largest target of an event, for example 2MW.")
    ] = None,
    baseline: Annotated[str | None, typer.Option(help="zero or pre_event.")] = None,
    json: Json = False,
    url: Url = URL,
) -> None:
    """Set a program up; terms that are not said have their defaults."""
    terms: Object = {"pricePerKwh": price, "currency": currency, "baseline": baseline}
    if max_power is not None:
        terms["maxPowerW"] = abs(parse_power(max_power, "--max-power"))
    body: Object = {
        "programId": program,
        "terms": {key: value for key, value in terms.items() if value is not None},
    }
    found = client(url).post("/programs", body | ({} if name is None else {"name": name}))
    as_json(found) if json else say(f"Program {found['programId']} is set up.")


@drivers.command("add")
def add_driver(
    driver: Driver,
    name: Annotated[str | None, typer.Option()] = None,
    json: Json = False,
    url: Url = URL,
) -> None:
    """Register a driver."""
    found = client(url).post("/drivers", {"driverId": driver, "name": name})
    as_json(found) if json else say(f"Driver {found['driverId']} is registered.")


@drivers.command("list")
def list_drivers(json: Json = False, url: Url = URL) -> None:
    """All drivers."""
    found = client(url).all("/drivers")
    as_json(found) if json else table("Drivers", ("driverId", "name"), found)


@drivers.command()
def enrol(driver: Driver, program: Program, json: Json = False, url: Url = URL) -> None:
    """Let a driver take part in a program."""
    found = client(url).post(f"/drivers/{quote(driver, safe='')}/enrolments", {"programId": program})
    as_json(found) if json else say(f"{driver} takes part in {program}.")


@drivers.command()
def need(  # noqa: PLR0913 - one option for each thing that can be said
    driver: Driver,
    reserve: Annotated[float | None, typer.Option(help="Never discharge below this, in percent.")] = None,
    departure: Annotated[str | None, typer.Option(help="When the vehicle leaves, RFC 3339.")] = None,
    target_soc: Annotated[float | None, typer.Option(help="Percent wanted at departure.")] = None,
    target_energy: Annotated[float | None, typer.Option(help="Wh more wanted at departure.")] = None,
    json: Json = False,
    url: Url = URL,
) -> None:
    """Say what a driver wants kept, or show it if nothing is said."""
    body: Object = {
        "reserveSoc": reserve,
        "departure": None if departure is None else time_of(departure, "--departure"),
        "targetSoc": target_soc,
        "targetEnergyWh": target_energy,
    }
    said = {name: value for name, value in body.items() if value is not None}
    rest, path = client(url), f"/drivers/{quote(driver, safe='')}/needs"
    found = rest.post(path, said) if said else rest.get(path)
    as_json(found) if json else fields(f"Driver {driver}", found)


@drivers.command("opt-out")
def opt_out(
    driver: Driver, program: Program, event: EventOption = None, json: Json = False, url: Url = URL
) -> None:
    """Take a driver out, at once."""
    body = {"programId": program, "eventId": event}
    found = client(url).post(f"/drivers/{quote(driver, safe='')}/opt-outs", body)
    as_json(found) if json else say(f"{driver} is out of {event or program}.")


@drivers.command("opt-in")
def opt_in(
    driver: Driver, program: Program, event: EventOption = None, json: Json = False, url: Url = URL
) -> None:
    """Take an opt-out back."""
    params = {"programId": program} | ({} if event is None else {"eventId": event})
    client(url).delete(f"/drivers/{quote(driver, safe='')}/opt-outs", params)
    as_json({"driverId": driver, **params}) if json else say(f"{driver} is in again.")


@settlements.command("show")
def show_settlement(
    event: Annotated[str, typer.Argument(metavar="EVENT")],
    csv: Annotated[Path | None, typer.Option(help="Write the lines to this file for a spreadsheet.")] = None,
    json: Json = False,
    url: Url = URL,
) -> None:
    """Who delivered what, and what it earns."""
    rest = client(url)
    if csv is not None:
        text = rest.text(f"/grid-events/{quote(event, safe='')}/settlement", {"format": "csv"})
        try:
            csv.write_text(text, encoding="utf-8", newline="")
        except OSError as error:
            raise Failed(f"{csv} cannot be written: {error.strerror}") from None
    show_statement(rest, event, json)


def show_statement(rest: Rest, event: str, json: bool) -> None:
    """Print the statement of an event."""
    found = rest.get(f"/grid-events/{quote(event, safe='')}/settlement")
    if json:
        as_json(found)
        return
    table(f"Settlement of {found['eventId']}", _LINE, found["lines"])
    say(
        f"Delivered {format_energy(found['deliveredWh'])} of {format_energy(found['targetWh'])} "
        f"({found['performance']:.1%}), exported {format_energy(found['exportedWh'])}, "
        f"pays {found['payment']:.2f} {found['currency']}."
    )
