"""`fleet`: many stations in one process."""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import orjson
import typer

from chargepoint_sim.cli import options
from chargepoint_sim.cli.live import LiveView
from chargepoint_sim.cli.output import Output
from chargepoint_sim.cli.process import WrongUse, run, stop_on_signals
from chargepoint_sim.faults import FaultOrder, inject
from chargepoint_sim.fleet.figures import figures_of, serve_metrics
from chargepoint_sim.fleet.fleet import Fleet, Plan
from chargepoint_sim.station.equipment import HighLevel
from chargepoint_sim.station.words import Version

_SHOWN = frozenset(
    {"registered", "late", "ready", "summary", "figures", "connection_failed", "message_failed", "fault"}
)


@dataclass(frozen=True)
class _Show:
    """How the fleet is watched: figures every so many real seconds (0: not), a live view, a port."""

    every_s: float
    live: bool
    metrics_port: int | None
    truth: Path | None
    as_json: bool

    def output(self) -> Output:
        """Where events are said; `WrongUse` for two views at once."""
        if self.live and self.as_json:
            raise WrongUse("either --live or --json")
        return Output(self.as_json, {"summary"} if self.live else _SHOWN)


_Count = Annotated[int, typer.Option(min=1, max=100_000, help="How many stations.")]
_Moment = Annotated[str | None, typer.Option(help="The instant in the file to start at.")]
_Prefix = Annotated[str, typer.Option(help="What the stations' identities begin with.")]
_Password = Annotated[str | None, typer.Option(help="One for all, instead of one for each.")]
_Versions = Annotated[list[str] | None, typer.Option(help="VERSION or VERSION=SHARE, repeatable.")]
_Truth = Annotated[Path | None, typer.Option(help="Append what is true of each vehicle at the end.")]
_Every = Annotated[float, typer.Option(min=0.0, max=86_400.0, help="Real seconds between figures; 0: none.")]
_Port = Annotated[
    int | None, typer.Option(min=1, max=65_535, help="Prometheus text on this port of loopback.")
]
_Live = Annotated[bool, typer.Option("--live", help="A live view instead of lines.")]


def fleet(  # noqa: PLR0913 - a command's options are its arguments
    url: options.Url,
    count: _Count,
    register: options.Register = None,
    api_key: options.ApiKey = None,
    program: options.Program = None,
    sessions: options.Sessions = None,
    session_time: _Moment = None,
    speed: options.Speed = 1.0,
    seed: options.Seed = "1",
    prefix: _Prefix = "SIM",
    password: _Password = None,
    version: _Versions = None,
    hlc: options.Hlc = HighLevel.MEMORY,
    loop_period: options.LoopPeriod = 5.0,
    meter_interval: options.MeterInterval = 30,
    site_import_w: options.Watts = None,
    site_export_w: options.Watts = None,
    fault: options.Faults = None,
    truth: _Truth = None,
    figures_every: _Every = 0.0,
    metrics_port: _Port = None,
    live: _Live = False,
    as_json: options.AsJson = False,
) -> None:
    """Many stations, with vehicles that come and go. Ends at SIGINT or SIGTERM with a summary."""
    name = options.name("--prefix", prefix)
    if session_time is not None and sessions is None:
        raise WrongUse("--session-time needs --sessions")
    plan = Plan(options.websocket(url), count, name, seed, speed, meter_interval)
    plan = replace(
        plan, sessions=sessions, session_time=options.moment(session_time), password=password
    ).with_site(site_import_w, site_export_w)
    behaviour = replace(plan.behaviour, high_level=hlc, loop_period_s=loop_period)
    plan = replace(plan, versions=read_shares(version or []), behaviour=behaviour)
    show = _Show(figures_every, live, metrics_port, options.written_to("--truth", truth), as_json)
    server = options.Server(register, api_key, program)
    run(_many_stations(plan, server, options.faults(fault), show))


def read_shares(texts: list[str]) -> dict[Version, float]:
    """VERSION or VERSION=SHARE; `WrongUse` for what is neither."""
    shares: dict[Version, float] = {}
    for text in texts:
        name, _, share = text.partition("=")
        try:
            shares[Version(name)] = float(share or 1.0)
        except ValueError:
            known = ", ".join(Version)
            raise WrongUse(
                f"--version: {text!r} is not VERSION or VERSION=SHARE; there are: {known}"
            ) from None
        if not 0.0 < shares[Version(name)] < float("inf"):
            raise WrongUse(f"--version: the share in {text!r} is not above 0")
    return shares


async def _many_stations(plan: Plan, server: options.Server, orders: list[FaultOrder], show: _Show) -> None:
    """Run a fleet until a signal comes; then the summary."""
    output = show.output()
    stop, registrar = stop_on_signals(), server.registrar()
    whole = Fleet(plan, output.event, registrar)
    for station in whole.stations:
        for order in orders:
            await inject(station, order)
    async with AsyncExitStack() as around:
        if registrar is not None:
            around.push_async_callback(registrar.close)
        if show.metrics_port is not None:
            around.callback(_metrics(whole, show.metrics_port))
        if show.live:
            around.enter_context(LiveView(whole))
        telling = asyncio.create_task(_tell_figures(whole, output, show.every_s))
        around.callback(telling.cancel)
        await whole.run(stop)
    output.event("summary", whole.summary())
    if show.truth is not None:
        with show.truth.open("ab") as file:
            file.writelines(orjson.dumps(guest.truth()) + b"\n" for guest in whole.guests)


def _metrics(whole: Fleet, port: int) -> Callable[[], None]:
    """Serve Prometheus text; `OSError` names the option."""
    try:
        return serve_metrics(whole, port)
    except OSError as why:
        raise OSError(f"--metrics-port: {port}: {why}") from why


async def _tell_figures(whole: Fleet, output: Output, every_s: float) -> None:
    while every_s > 0.0:
        await asyncio.sleep(every_s)
        output.event("figures", dict(figures_of(whole)))
