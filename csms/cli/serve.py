"""`csms serve`: settings -> app."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from csms.cli.outcome import as_json, say

if TYPE_CHECKING:
    from csms.app import Ready

ConfigOption = Annotated[
    Path | None, typer.Option("--config", help="A TOML file; see configs/csms.toml.", show_default=False)
]


def serve(
    config: ConfigOption = None,
    ready_json: Annotated[
        bool, typer.Option("--ready-json", help="Print one JSON line when it listens, nothing else.")
    ] = False,
) -> None:
    """Run the server until SIGTERM or Ctrl-C."""
    from csms import app  # the whole server: not for the other commands to wait for
    from csms.settings import load

    settings = load(config)

    def ready(where: "Ready") -> None:
        if ready_json:
            as_json({"event": "ready", "ocpp": where.ocpp, "api": where.api}, lines=True)
            return
        say(f"Stations connect to {where.ocpp}/IDENTITY")
        say(f"REST and status page at {where.api}")
        if where.new_key is not None:
            say(f"Administrator key (shown this once, kept in {settings.admin_key_file}): {where.new_key}")

    app.run(settings, ready)
