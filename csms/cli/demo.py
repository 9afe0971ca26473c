"""`csms demo`: the main job end to end, with real processes, real sessions and a real grid event.

The server and the simulated fleet are processes of their own that talk OCPP over loopback. The event is
created by the command line that everybody uses. What was delivered is what the server's settlement says;
whether a reserve was broken is asked of the simulator, which knows.
"""

import json as jsonlib
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer
from rich.live import Live

from csms.cli import plot, watch
from csms.cli.options import Json
from csms.cli.outcome import Exit, Failed, as_json, say, table
from csms.cli.processes import Child, own_environment
from csms.cli.replay import Replay, chosen
from csms.cli.rest import Object, Rest
from csms.domain.units import format_energy, format_power

_PROGRAM = "default"
_PLOT = Path("demo.png")
_LEAD_S = 180  # house seconds between creating the event and its start: time for the fallbacks
_SHARE = 0.6  # of what the fleet can do now: the rest covers vehicles that leave or reach their reserve
_READY_S = 60.0
_SETTLE_S = 45.0
_NOT_SENT = ("StationOffline", "AskSuperseded", "NotSupportedByDialect")


@dataclass(frozen=True, slots=True)
class Stage:
    """What runs, and how the demo was asked for. `rate`: house seconds per real second."""

    server: Child
    fleet: Child
    rest: Rest
    api: str
    key: str
    replay: Replay
    rate: float
    truth: Path
    quiet: bool


def demo(
    stations: Annotated[int, typer.Option(min=1, max=1000, help="How many simulated stations.")] = 50,
    seconds: Annotated[
        float, typer.Option(min=10, max=960, help="Real seconds the event shall take.")
    ] = 60.0,
    json: Json = False,
) -> None:
    """Show the main job: a fleet connects, a grid event comes, energy is exported, metered and settled."""
    replay = chosen()
    rate = replay.duration_s / seconds
    with tempfile.TemporaryDirectory(prefix="csms-demo-") as folder, ExitStack() as stack:
        stage = _set_up(Path(folder), stack, replay, rate, stations, json)
        event, dispatches = _play(stage)
        summary = _sum_up(stage, event)
    plot.save(dispatches, f"{replay.title}, {summary['vehicles']} vehicles", _PLOT)
    _show(stage, summary)
    _judge(summary)


def _set_up(folder: Path, stack: ExitStack, replay: Replay, rate: float, stations: int, quiet: bool) -> Stage:
    """Start both processes and wait until the fleet charges."""
    environment = {"CSMS_OCPP__PORT": "0", "CSMS_API__PORT": "0", "CSMS_CLOCK__RATE": str(rate)}
    server = stack.enter_context(
        Child("csms", ["serve", "--ready-json"], environment | {"CSMS_LOG__FORMAT": "json"}, folder)
    )
    where = server.expect("ready", _READY_S)
    key = (folder / "var" / "admin.key").read_text(encoding="utf-8").strip()
    _tell(
        quiet, f"The server listens at {where['ocpp']}; house time runs {rate:g} times as fast as real time."
    )
    truth = folder / "truth.jsonl"
    before_s = _LEAD_S + 10 * rate  # the sessions stand where they would when the event begins
    arguments = {
        "--count": stations,
        "--url": where["ocpp"],
        "--register": where["api"],
        "--program": _PROGRAM,
        "--sessions": replay.sessions,
        "--session-time": replay.session_time_before(before_s).isoformat(),
        "--speed": rate,
        "--seed": 1,
        "--meter-interval": 15,
        "--truth": truth,
    }
    flat = [str(part) for pair in arguments.items() for part in pair]
    fleet = stack.enter_context(
        Child("chargepoint_sim", ["fleet", *flat, "--json"], {"CSMS_API_KEY": key}, folder)
    )
    ready = fleet.expect("ready", _READY_S)
    _tell(quiet, f"{ready['stations']} stations are connected, {ready['vehicles']} vehicles are plugged in.")
    return Stage(server, fleet, Rest(where["api"], key), where["api"], key, replay, rate, truth, quiet)


def _play(stage: Stage) -> tuple[Object, list[Object]]:
    """Create the event by the command line and follow it to its settlement."""
    power_w, now = _wait_for_offers(stage)
    command = _command(power_w, now + timedelta(seconds=_LEAD_S), stage.replay.duration_s)
    _tell(stage.quiet, f"{stage.replay.title}, laid over this fleet:")
    _tell(stage.quiet, f"$ csms {' '.join(command)}")
    event = _create(stage, command)
    view, dispatches = watch.View(event), []
    within_s = (_LEAD_S + stage.replay.duration_s) / stage.rate + _SETTLE_S
    found = watch.follow(stage.rest, f"/grid-events/{event['id']}", view, within_s)
    if stage.quiet or not sys.stdout.isatty():
        for number, dispatch in enumerate(found):
            dispatches.append(dispatch)
            if number % 10 == 0:
                _tell(stage.quiet, view.line())
    else:
        with Live(view, refresh_per_second=8):
            dispatches = list(found)
    if not dispatches or view.event["state"] != "settled":
        raise Failed(f"The event was not carried out; it is {view.event['state']}.")
    return view.event, dispatches


def _wait_for_offers(stage: Stage) -> tuple[float, datetime]:
    """The power to ask for, negative, and house time; waits until the meters of the fleet have spoken."""
    deadline, before_w = time.monotonic() + _READY_S, -1.0
    while time.monotonic() < deadline:
        fleet = stage.rest.get("/fleet")
        group = next(one for one in fleet["programs"] if one["id"] == _PROGRAM)
        sustained_w = group["availableWh"] * 3600 / stage.replay.duration_s
        can_w = min(abs(group["canDischargeW"]), sustained_w)
        if 0 < can_w <= before_w * 1.02:
            whole = round(-_SHARE * can_w, -3)
            return whole or -_SHARE * can_w, datetime.fromisoformat(fleet["at"])
        before_w = can_w
        time.sleep(1.0)
    raise Failed("No vehicle of the fleet offers to discharge.")


def _command(power_w: float, start: datetime, duration_s: int) -> list[str]:
    power = f"{power_w / 1e3:g}kW"
    return [
        "event",
        "create",
        "--power",
        power,
        "--for",
        f"{duration_s}s",
        "--start",
        f"{start:%Y-%m-%dT%H:%M:%SZ}",
    ]


def _create(stage: Stage, command: list[str]) -> Object:
    done = subprocess.run(  # noqa: S603 - our own command line
        [sys.executable, "-m", "csms", *command, "--json"],
        env=own_environment({"CSMS_URL": stage.api, "CSMS_API_KEY": stage.key}),
        capture_output=True,
        text=True,
        timeout=_READY_S,
        check=False,
    )
    if done.returncode != Exit.DONE:
        raise Failed(f"The event was refused: {done.stderr.removeprefix('csms: ')}")
    event: Object = jsonlib.loads(done.stdout)
    return event


def _sum_up(stage: Stage, event: Object) -> Object:
    """The object that `--json` prints; ends the fleet, which then tells the truth."""
    settlement = stage.rest.get(f"/grid-events/{event['id']}/settlement")
    orders = _orders(stage.rest.metrics())
    stage.fleet.ask_to_end()
    summary = stage.fleet.expect("summary", _READY_S)
    stage.fleet.end()
    return {
        "stations": summary["stations"],
        "vehicles": summary["vehicles"],
        "event": {"id": event["id"], "target_w": event["targetW"], "duration_s": event["durationS"]},
        "delivered_wh": settlement["deliveredWh"],
        "exported_wh": settlement["exportedWh"],
        "performance": settlement["performance"],
        "negative_limits_sent": sum(count for name, count in orders.items() if name not in _NOT_SENT),
        "negative_limits_accepted": orders.get("accepted", 0),
        "reserve_violations": _violations(stage.truth),
        "simulated_meters_exported_wh": summary["exported_wh"],
        "source": stage.replay.title,
        "plot": str(_PLOT),
        "settlement": settlement,
    }


def _orders(metrics: str) -> dict[str, int]:
    """Orders to discharge, by what became of them."""
    head, found = 'csms_discharge_orders_total{outcome="', {}
    for line in metrics.splitlines():
        if line.startswith(head):
            name, _, count = line.removeprefix(head).partition('"} ')
            found[name] = int(float(count))
    return found


def _violations(truth: Path) -> int:
    """Vehicles that were below their driver's reserve while they discharged."""
    vehicles = [jsonlib.loads(line) for line in truth.read_text(encoding="utf-8").splitlines()]
    return sum(
        one["lowest_discharging_soc"] is not None and one["lowest_discharging_soc"] < one["reserve_soc"]
        for one in vehicles
    )


def _show(stage: Stage, summary: Object) -> None:
    if stage.quiet:
        as_json(summary)
        return
    event, settlement = summary["event"], summary["settlement"]
    facts = (
        ("stations, vehicles", f"{summary['stations']}, {summary['vehicles']}"),
        ("asked for", f"{format_power(event['target_w'])} for {event['duration_s'] / 60:g} min"),
        ("delivered", f"{format_energy(summary['delivered_wh'])} of {format_energy(settlement['targetWh'])}"),
        ("performance", f"{summary['performance']:.1%}"),
        ("exported, by the meters as told", format_energy(summary["exported_wh"])),
        ("exported, by the simulator's own", format_energy(summary["simulated_meters_exported_wh"])),
        (
            "negative limits sent, accepted",
            f"{summary['negative_limits_sent']}, {summary['negative_limits_accepted']}",
        ),
        ("reserves broken", str(summary["reserve_violations"])),
        ("payment", f"{settlement['payment']:.2f} {settlement['currency']}"),
        ("plot", summary["plot"]),
    )
    table("What came of it", ("what", "value"), [{"what": what, "value": value} for what, value in facts])


def _judge(summary: Object) -> None:
    """Exit 0 only if energy was exported and metered, and nobody's reserve was broken."""
    metered = any(line["metered"] and line["exportWh"] for line in summary["settlement"]["lines"])
    if not metered or summary["exported_wh"] <= 0:
        raise Failed("No energy was exported and metered.")
    if summary["reserve_violations"]:
        raise Failed(f"{summary['reserve_violations']} vehicles were discharged below their reserve.")


def _tell(quiet: bool, line: str) -> None:
    if not quiet:
        say(line)
