"""`scenario`: a fleet, faults and expectations from a file."""

from pathlib import Path
from typing import Annotated

import typer

from chargepoint_sim.cli import options
from chargepoint_sim.cli.output import Output
from chargepoint_sim.cli.process import run
from chargepoint_sim.scenario import Scenario, play, read_scenario

_FAILED = 1


def scenario(
    file: Annotated[Path, typer.Argument(help="A TOML file.")],
    url: Annotated[str | None, typer.Option(help="The server instead of the one in the file.")] = None,
    register: options.Register = None,
    api_key: options.ApiKey = None,
    program: options.Program = None,
    as_json: options.AsJson = False,
) -> None:
    """Play a scenario; exit code 1 if an expectation fails."""
    story = read_scenario(file, None if url is None else options.websocket(url))
    run(_play(story, Output(as_json), options.Server(register, api_key, program)))


async def _play(story: Scenario, output: Output, server: options.Server) -> None:
    registrar = server.registrar(story.program)
    try:
        outcome = await play(story, output.event, registrar)
    finally:
        if registrar is not None:
            await registrar.close()
    for sentence, held in outcome.checks:
        output.event("expectation", {"held": held, "what": sentence})
    output.event("scenario", {"name": story.name, "passed": outcome.passed})
    if not outcome.passed:
        raise typer.Exit(_FAILED)
