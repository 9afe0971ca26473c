"""`csms station dialect` and `dialects`: how a station takes orders, over REST."""

import tomllib
from pathlib import Path
from typing import Annotated

import typer

from csms.cli.options import URL, Identity, Json, Url, client
from csms.cli.orders import path
from csms.cli.outcome import Exit, Failed, as_json, fields, say, table
from csms.cli.rest import Object

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
def dialects(json: Json = False, url: Url = URL) -> None:
    """The dialect records that come with the product."""
    found = client(url).get("/dialect-records")["items"]
    if json:
        as_json(found)
        return
    table("Dialect records", _COLUMNS, [one | {"discharge": one["record"]["discharge"]} for one in found])


def _read(file: Path) -> Object:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise Failed(f"{file} cannot be read: {error}", Exit.WRONG_USE) from None
