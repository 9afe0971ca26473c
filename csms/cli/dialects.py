"""`csms station dialect` and `dialects`: how a station takes orders, over REST."""

import tomllib
from pathlib import Path
from typing import Annotated

import typer

from csms.cli.options import URL, Identity, Json, Url, client, text_of
from csms.cli.orders import followed, path
from csms.cli.outcome import Exit, Failed, as_json, fields, say, table
from csms.cli.rest import Object
from csms.domain.units import parse_power

app = typer.Typer()

_COLUMNS = ("name", "vendor", "model", "versions", "firmwareFrom", "firmwareBelow", "discharge", "source")


@app.command()
def dialect(
    identity: Identity,
    use: Annotated[str | None, typer.Option(metavar="NAME", help="Take this shipped record.")] = None,
    file: Annotated[
        Path | None, typer.Option("--set", metavar="FILE", help="Take the record in this TOML file.")
    ] = None,
    forget: Annotated[
        bool, typer.Option("--forget", help="Go back to what ships for its name plate.")
    ] = False,
    json: Json = False,
    url: Url = URL,
) -> None:
    """How a station takes orders: its dialect record; or another one for it."""
    if (use is not None) + (file is not None) + forget > 1:
        raise Failed("Give one of --use, --set and --forget.", Exit.WRONG_USE)
    rest, place = client(url), path(identity, "dialect-record")
    if forget:
        rest.delete(place)
    elif use is not None:
        rest.put(place, {"shipped": use})
    elif file is not None:
        rest.put(place, {"record": _read(file)})
    found = rest.get(place)
    if json:
        as_json(found)
        return
    record = found.pop("record")
    fields(f"Station {found['station']}", found)
    fields("Record", record)
    if found["void"]:
        say(f"Void, so no discharge: {found['void']}. Probe it again: csms station probe {found['station']}")


@app.command()
def probe(  # noqa: PLR0913 - one option for each thing that can be said
    identity: Identity,
    attended: Annotated[
        bool, typer.Option("--attended", help="Somebody stands at the vehicle and its driver agrees.")
    ] = False,
    evse: Annotated[int, typer.Option(min=1)] = 1,
    power: Annotated[str, typer.Option(help="How much to charge and discharge.")] = "1.5kW",
    discharge: Annotated[str | None, typer.Option(help="The form to try, else by OCPP version.")] = None,
    through: Annotated[
        int, typer.Option(min=1, max=9, help="Last step: 7 cuts the network, 8 restarts, 9 writes.")
    ] = 6,
    json: Json = False,
    url: Url = URL,
) -> None:
    """Find out on an attended vehicle how a station takes orders, and write its dialect record."""
    body: Object = {
        "attended": attended,
        "evseId": evse,
        "powerW": abs(parse_power(power, "--power")),
        "through": through,
    }
    if discharge is not None:
        body["discharge"] = discharge
    rest = client(url)
    found = rest.post(path(identity, "probe"), body)
    followed(rest, identity, found, wait=True, json=json)


@app.command()
def dialects(json: Json = False, url: Url = URL) -> None:
    """The dialect records that come with the product."""
    found = client(url).get("/dialect-records")["items"]
    if json:
        as_json(found)
        return
    table("Dialect records", _COLUMNS, [one | {"discharge": one["record"]["discharge"]} for one in found])


def _read(file: Path) -> Object:
    try:
        return tomllib.loads(text_of(file))
    except tomllib.TOMLDecodeError as error:
        raise Failed(f"{file} is not TOML: {error}", Exit.WRONG_USE) from None
