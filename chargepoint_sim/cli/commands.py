"""The commands: one station, a fleet, a scenario."""

import asyncio
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from chargepoint_sim.cli import crowds, ends, options, plays
from chargepoint_sim.cli.console import Driver, typed_lines
from chargepoint_sim.cli.output import Output, complain, fault_lines
from chargepoint_sim.cli.process import WrongUse, model_named, stop_on_signals
from chargepoint_sim.cli.process import run as run_process
from chargepoint_sim.clock import ScaledClock
from chargepoint_sim.ev.vehicle import PowerLimits
from chargepoint_sim.faults import FaultOrder, inject
from chargepoint_sim.fleet.registration import RegistrationFailed
from chargepoint_sim.fleet.sessions import BadSessions
from chargepoint_sim.iso15118.sdp import NoStation
from chargepoint_sim.scenario import BadScenario
from chargepoint_sim.station.certificates import BadCertificate, read_chain
from chargepoint_sim.station.credentials import Pair
from chargepoint_sim.station.equipment import HighLevel
from chargepoint_sim.station.station import Behaviour, Station
from chargepoint_sim.station.variables import Fixed
from chargepoint_sim.station.words import Version

_FAILED, _WRONG_USE = 1, 2

app = typer.Typer(
    help="Simulated charging stations and vehicles.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

app.command()(ends.ev)
app.command()(ends.secc)
app.command()(crowds.fleet)
app.command()(plays.scenario)

_T = TypeVar("_T")
# The parser's own errors have no public name of their own.
_UsageError: type[Exception] = next(
    kind for kind in typer.BadParameter.__mro__ if kind.__name__ == "ClickException"
)


@app.command()
def run(  # noqa: PLR0913 - a command's options are its arguments
    url: options.Url,
    identity: Annotated[str, typer.Option(help="The station's identity.")],
    password: Annotated[str, typer.Option(help="Its Basic authentication password.")],
    version: Annotated[Version, typer.Option(help="OCPP version.")] = Version.V201,
    evses: Annotated[int, typer.Option(min=1, max=100)] = 2,
    hlc: options.Hlc = HighLevel.MEMORY,
    loop_period: options.LoopPeriod = 5.0,
    speed: options.Speed = 1.0,
    meter_interval: options.MeterInterval = 30,
    max_charge_w: options.Rating = 11_000.0,
    max_discharge_w: options.Rating = 11_000.0,
    plug_at_start: Annotated[int, typer.Option(min=0, help="So many vehicles are plugged in.")] = 0,
    token: Annotated[str, typer.Option(help="The token of vehicles plugged in at the start.")] = "TAG-1",  # noqa: S107
    vehicle: Annotated[str, typer.Option(help="Part of a vehicle's name in the catalogue.")] = "Leaf e+",
    ca: options.Trust = None,
    certificate: options.Chain = None,
    key: options.Key = None,
    seed: options.Seed = "1",
    fault: options.Faults = None,
    as_json: options.AsJson = False,
) -> None:
    """One station with a console: plug, unplug, swipe, stop, pause, wake, frequency, alarm, ..."""
    if plug_at_start > evses:
        raise WrongUse("--plug-at-start is more than --evses")
    fixed = Fixed(
        identity=options.name("--identity", identity),
        password=password,
        serial_number=identity[:25],
        evses=evses,
        rating=PowerLimits(max_charge_w, max_discharge_w),
        meter_interval_s=meter_interval,
        version=version,
    )
    behaviour = Behaviour(high_level=hlc, loop_period_s=loop_period, seed=seed)
    output, orders = Output(as_json), options.faults(fault)
    fixed = _with_files(fixed, ca, certificate, key)
    station = Station(fixed, options.websocket(url), ScaledClock(speed), output.event, behaviour)
    driver = Driver(station, output.event, model_named(vehicle), seed)
    run_process(_one_station(station, driver, orders, [token] * plug_at_start))


def _with_files(fixed: Fixed, ca: Path | None, certificate: Path | None, key: Path | None) -> Fixed:
    """A station that shows and trusts what is in these files."""
    if (certificate is None) is not (key is None):
        raise WrongUse("--certificate and --key come together")
    trust, chain, secret = (
        options.pem(option, file)
        for option, file in (("--ca", ca), ("--certificate", certificate), ("--key", key))
    )
    try:
        if ca is not None:
            read_chain(trust)
        if certificate is not None:
            Pair(chain, secret).check()
    except BadCertificate as why:
        raise WrongUse(f"--ca, --certificate, --key: {why}") from why
    return replace(fixed, trust_pem=trust, chain_pem=chain, key_pem=secret)


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
def faults(
    markdown: Annotated[bool, typer.Option(help="As a table for documentation.")] = False,
) -> None:
    """All faults by name, with their usual arguments."""
    for line in fault_lines(markdown):
        typer.echo(line)


def main() -> None:
    """Entry point: wrong use is one line and exit code 2, what failed one line and exit code 1."""
    code = 0
    try:
        result = app(standalone_mode=False)
        code = result if isinstance(result, int) else 0
    except* typer.Exit as endings:
        code = max(_each(endings, lambda ending: int(getattr(ending, "exit_code", _FAILED))))
    except* (_UsageError, WrongUse, BadScenario, BadSessions) as mistakes:
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
    said = str(written()) if written is not None else str(failure)
    return said or type(failure).__name__
