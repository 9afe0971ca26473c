"""The commands: one station, a fleet, a scenario."""

import asyncio
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Annotated, TypeVar

import orjson
import typer

from chargepoint_sim.cli import ends
from chargepoint_sim.cli.console import Driver, typed_lines
from chargepoint_sim.cli.output import Output, complain, fault_lines
from chargepoint_sim.cli.process import WrongUse, model_named, stop_on_signals
from chargepoint_sim.cli.process import run as run_process
from chargepoint_sim.clock import ScaledClock
from chargepoint_sim.ev.vehicle import PowerLimits
from chargepoint_sim.faults import BadFault, FaultOrder, inject, parse_fault
from chargepoint_sim.fleet.fleet import Fleet, Plan
from chargepoint_sim.fleet.registration import Registrar, RegistrationFailed
from chargepoint_sim.fleet.sessions import BadSessions
from chargepoint_sim.iso15118.sdp import NoStation
from chargepoint_sim.scenario import BadScenario, Scenario, play, read_scenario
from chargepoint_sim.station.equipment import HighLevel
from chargepoint_sim.station.station import Behaviour, Station
from chargepoint_sim.station.variables import Fixed
from chargepoint_sim.station.words import Version

_FAILED, _WRONG_USE = 1, 2
_FLEET_EVENTS = frozenset(
    {"registered", "late", "ready", "summary", "connection_failed", "message_failed", "fault"}
)

app = typer.Typer(
    help="Simulated charging stations and vehicles.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

app.command()(ends.ev)
app.command()(ends.secc)

_T = TypeVar("_T")
# The parser's own errors have no public name of their own.
_UsageError: type[Exception] = next(
    kind for kind in typer.BadParameter.__mro__ if kind.__name__ == "ClickException"
)


Url = Annotated[str, typer.Option(help="The server's OCPP address, without the identity.")]
AsJson = Annotated[bool, typer.Option("--json", help="Say what happens as JSON lines.")]
Speed = Annotated[float, typer.Option(min=0.01, help="Simulated seconds per real second.")]
Faults = Annotated[
    list[str] | None, typer.Option("--fault", help="NAME or NAME:ARG; may be given more than once.")
]
Seed = Annotated[str, typer.Option(help="Which vehicles come.")]
MeterInterval = Annotated[int, typer.Option(min=1, help="Simulated seconds between meter values.")]
Register = Annotated[str | None, typer.Option(help="The server's REST address.")]
ApiKey = Annotated[str | None, typer.Option(envvar="CSMS_API_KEY", help="The key for --register.")]
Program = Annotated[str | None, typer.Option(help="The program that drivers are enrolled in.")]
Watts = Annotated[float | None, typer.Option(min=0.0, help="W")]
Hlc = Annotated[HighLevel, typer.Option(help="How station and vehicle talk.")]


@app.command()
def run(  # noqa: PLR0913 - a command's options are its arguments
    url: Url,
    identity: Annotated[str, typer.Option(help="The station's identity.")],
    password: Annotated[str, typer.Option(help="Its Basic authentication password.")],
    version: Annotated[Version, typer.Option(help="OCPP version.")] = Version.V201,
    evses: Annotated[int, typer.Option(min=1, max=100)] = 2,
    hlc: Hlc = HighLevel.MEMORY,
    speed: Speed = 1.0,
    meter_interval: MeterInterval = 30,
    max_charge_w: Annotated[float, typer.Option(min=0.0, help="W")] = 11_000.0,
    max_discharge_w: Annotated[float, typer.Option(min=0.0, help="W")] = 11_000.0,
    plug_at_start: Annotated[int, typer.Option(min=0, help="So many vehicles are plugged in.")] = 0,
    token: Annotated[str, typer.Option(help="The token of vehicles plugged in at the start.")] = "TAG-1",  # noqa: S107
    vehicle: Annotated[str, typer.Option(help="Part of a vehicle's name in the catalogue.")] = "Leaf e+",
    seed: Seed = "1",
    fault: Faults = None,
    as_json: AsJson = False,
) -> None:
    """One station with a console: plug, unplug, stop, vanish, status, quit."""
    if plug_at_start > evses:
        raise WrongUse("--plug-at-start is more than --evses")
    fixed = Fixed(
        identity=identity,
        password=password,
        serial_number=identity[:25],
        evses=evses,
        rating=PowerLimits(max_charge_w, max_discharge_w),
        meter_interval_s=meter_interval,
        version=version,
    )
    output, orders = Output(as_json), [parse_fault(text) for text in fault or []]
    station = Station(fixed, _websocket(url), ScaledClock(speed), output.event, Behaviour(high_level=hlc))
    driver = Driver(station, output.event, model_named(vehicle), seed)
    run_process(_one_station(station, driver, orders, [token] * plug_at_start))


async def _one_station(station: Station, driver: Driver, orders: list[FaultOrder], tokens: list[str]) -> None:
    """Run a station until somebody says quit or a signal comes."""
    stop = stop_on_signals()
    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(station.run()), tasks.create_task(_console(driver, stop))]
        running.append(tasks.create_task(_begin(station, driver, orders, tokens)))
        await stop.wait()
        driver.tell_status()
        for task in running:
            task.cancel()


async def _begin(station: Station, driver: Driver, orders: list[FaultOrder], tokens: list[str]) -> None:
    for order in orders:
        await inject(station, order)
    await station.booted.wait()
    for evse_id, token in enumerate(tokens, start=1):
        driver.plug(evse_id, token, None)


async def _console(driver: Driver, stop: asyncio.Event) -> None:
    lines = typed_lines()
    while await driver.obey(await lines.get()):
        pass
    stop.set()


@app.command()
def fleet(  # noqa: PLR0913
    url: Url,
    count: Annotated[int, typer.Option(min=1, help="How many stations.")],
    register: Register = None,
    api_key: Annotated[
        str | None, typer.Option(envvar="CSMS_API_KEY", help="The key for --register.")
    ] = None,
    program: Annotated[str | None, typer.Option(help="The program that drivers are enrolled in.")] = None,
    sessions: Annotated[Path | None, typer.Option(help="Real sessions: CSV or CSV.GZ, ACN format.")] = None,
    session_time: Annotated[str | None, typer.Option(help="The instant in the file to start at.")] = None,
    speed: Speed = 1.0,
    seed: Seed = "1",
    prefix: Annotated[str, typer.Option(help="What the stations' identities begin with.")] = "SIM",
    hlc: Hlc = HighLevel.MEMORY,
    meter_interval: MeterInterval = 30,
    site_import_w: Watts = None,
    site_export_w: Watts = None,
    fault: Faults = None,
    truth: Annotated[
        Path | None, typer.Option(help="Append what is true of each vehicle at the end.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Many stations, with vehicles that come and go. Ends at SIGINT or SIGTERM with a summary."""
    plan = Plan(
        url=_websocket(url),
        count=count,
        prefix=prefix,
        seed=seed,
        speed=speed,
        meter_interval_s=meter_interval,
        sessions=sessions,
        session_time=_moment(session_time),
        behaviour=Behaviour(high_level=hlc, compress=False, validate_every=20),
    )
    plan = plan.with_site(site_import_w, site_export_w)
    orders = [parse_fault(text) for text in fault or []]
    output = Output(as_json, _FLEET_EVENTS)
    run_process(_many_stations(plan, output, _Server(register, api_key, program), orders, truth))


class _Server:
    """Where the fleet is registered, if anywhere."""

    def __init__(self, url: str | None, api_key: str | None, program: str | None) -> None:
        if url is not None and api_key is None:
            raise WrongUse("--register needs --api-key")
        if url is not None and not url.startswith(("http://", "https://")):
            raise WrongUse("--register must begin with http:// or https://")
        self._url, self._api_key, self._program = url, api_key, program

    def registrar(self, program: str | None = None) -> Registrar | None:
        """A client of its REST interface."""
        if self._url is None or self._api_key is None:
            return None
        return Registrar(self._url, self._api_key, self._program or program)


async def _many_stations(
    plan: Plan, output: Output, server: _Server, orders: list[FaultOrder], truth: Path | None
) -> None:
    """Run a fleet until a signal comes; then the summary."""
    stop, registrar = stop_on_signals(), server.registrar()
    whole = Fleet(plan, output.event, registrar)
    for station in whole.stations:
        for order in orders:
            await inject(station, order)
    try:
        await whole.run(stop)
    finally:
        if registrar is not None:
            await registrar.close()
    output.event("summary", whole.summary())
    if truth is not None:
        with truth.open("ab") as file:
            file.writelines(orjson.dumps(guest.truth()) + b"\n" for guest in whole.guests)


@app.command()
def scenario(
    file: Annotated[Path, typer.Argument(help="A TOML file.")],
    url: Annotated[str | None, typer.Option(help="The server instead of the one in the file.")] = None,
    register: Register = None,
    api_key: Annotated[
        str | None, typer.Option(envvar="CSMS_API_KEY", help="The key for --register.")
    ] = None,
    program: Annotated[str | None, typer.Option(help="The program that drivers are enrolled in.")] = None,
    as_json: AsJson = False,
) -> None:
    """Play a scenario; exit code 1 if an expectation fails."""
    story = read_scenario(file, None if url is None else _websocket(url))
    run_process(_play(story, Output(as_json), _Server(register, api_key, program)))


async def _play(story: Scenario, output: Output, server: _Server) -> None:
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


@app.command()
def faults(
    markdown: Annotated[bool, typer.Option(help="As a table for documentation.")] = False,
) -> None:
    """All faults by name, with their usual arguments."""
    for line in fault_lines(markdown):
        typer.echo(line)


def _websocket(url: str) -> str:
    if not url.startswith(("ws://", "wss://")):
        raise WrongUse("--url must begin with ws:// or wss://")
    return url


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise WrongUse(f"--session-time: {text!r} is not a time") from None
    if moment.tzinfo is None:
        raise WrongUse("--session-time needs a zone, such as -07:00")
    return moment


def main() -> None:
    """Entry point: wrong use is one line and exit code 2, what failed one line and exit code 1."""
    code = 0
    try:
        result = app(standalone_mode=False)
        code = result if isinstance(result, int) else 0
    except* typer.Exit as endings:
        code = max(_each(endings, lambda ending: int(getattr(ending, "exit_code", _FAILED))))
    except* (_UsageError, WrongUse, BadFault, BadScenario, BadSessions) as mistakes:
        complain(_each(mistakes, _sentence)[0])
        code = _WRONG_USE
    except* (RegistrationFailed, NoStation, OSError) as failures:
        complain(_each(failures, _sentence)[0])
        code = _FAILED
    sys.exit(code)


def _each(group: BaseException, read: Callable[[BaseException], _T]) -> list[_T]:
    """Something of every single failure in a group."""
    if not isinstance(group, BaseExceptionGroup):
        return [read(group)]
    return [found for inner in group.exceptions for found in _each(inner, read)]


def _sentence(failure: BaseException) -> str:
    """What a failure says."""
    written = getattr(failure, "format_message", None)
    return str(written()) if written is not None else str(failure)
