"""`csms config`: look a configuration over before it is used."""

from pathlib import Path
from typing import Annotated

import typer

from csms.cli.options import Json
from csms.cli.outcome import as_json, say

app = typer.Typer(help="The configuration.", no_args_is_help=True)


@app.command()
def check(file: Annotated[Path, typer.Argument(help="A TOML file.")], json: Json = False) -> None:
    """Read a configuration file together with the environment and say whether it can be used."""
    from csms.settings import load  # no other command shall wait for it

    settings = load(file)
    if json:
        as_json(settings.model_dump(mode="json", exclude={"store": {"url"}, "mqtt": {"url"}}))
    else:
        say(f"{file} can be used.")
