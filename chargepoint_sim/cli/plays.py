"""`scenario`: a fleet, faults and expectations from a file."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from chargepoint_sim.cli import options
from chargepoint_sim.cli.output import Output
from chargepoint_sim.cli.process import WrongUse, run
from chargepoint_sim.scenario import Scenario, play, read_scenario
from chargepoint_sim.scenario.results import draw, write_junit

_FAILED = 1


@dataclass(frozen=True)
class _Files:
    """Where the results are written, if anywhere."""

    junit: Path | None
    plot: Path | None


def scenario(  # noqa: PLR0913 - a command's options are its arguments
    file: Annotated[Path, typer.Argument(help="A TOML file.")],
    url: Annotated[str | None, typer.Option(help="The server instead of the one in the file.")] = None,
    register: options.Register = None,
    api_key: options.ApiKey = None,
    program: options.Program = None,
    junit: Annotated[Path | None, typer.Option(help="Write the result as JUnit XML.")] = None,
    plot: Annotated[Path | None, typer.Option(help="Draw the course of it: a PNG, SVG or PDF file.")] = None,
    as_json: options.AsJson = False,
) -> None:
    """Play a scenario. Exit code 0: all expectations held, 1: one failed, 2: the file is wrong."""
    story = read_scenario(file, None if url is None else options.websocket(url))
    if story.events and register is None:
        raise WrongUse(f"{file} calls grid events: it needs --register and --api-key")
    if plot is not None and plot.suffix not in (".png", ".svg", ".pdf"):
        raise WrongUse("--plot is a file that ends with .png, .svg or .pdf")
    server = options.Server(register, api_key, program)
    files = _Files(options.written_to("--junit", junit), options.written_to("--plot", plot))
    run(_play(story, Output(as_json), server, files))


async def _play(story: Scenario, output: Output, server: options.Server, files: _Files) -> None:
    registrar, began = server.registrar(story.program), time.monotonic()
    try:
        outcome = await play(story, output.event, registrar)
    finally:
        if registrar is not None:
            await registrar.close()
    for check in outcome.checks:
        output.event("expectation", {"held": check.held, "what": check.sentence})
    output.event("scenario", {"name": story.name, "passed": outcome.passed})
    if files.junit is not None:
        write_junit(files.junit, story, outcome, time.monotonic() - began)
    if files.plot is not None:
        draw(files.plot, story, outcome)
    if not outcome.passed:
        raise typer.Exit(_FAILED)
