"""`python -m benchmarks.simulator`: how many simulated stations fit on one core.

The fleet is a process of its own, the command that everybody uses; its peer a scripted server on another
core. What counts is the CPU time of the fleet's process for each loop that it did, which a shared machine
blurs less than the time on the wall: what all loops in time would need has to be less than a core.
"""

import argparse
import asyncio
import json
import tempfile
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks import report
from benchmarks.processes import Child, Cores, python, raise_file_limit, running

READY_S = 300.0
SETTLE = 10  # figures, one a second
FULL = 0.95  # of a core
WIDTH = 140


@dataclass(frozen=True)
class Case:
    """A fleet. `loop_s`: seconds between two exchanges of station and vehicle."""

    name: str
    stations: int
    high_level: str
    loop_s: float
    seconds: float


@dataclass(frozen=True)
class Measured:
    """What a fleet did in so many seconds, once it stood."""

    case: Case
    vehicles: int
    seconds: float
    cpu_s: float
    loops: int
    sent: int
    resident_kib: float

    @property
    def on_time(self) -> float:
        """The share of its loops that it did in time: below 1 where the machine had no more to give."""
        return self.loops * self.case.loop_s / (self.vehicles * self.seconds)

    @property
    def core(self) -> float:
        """The share of a core that all loops in time need."""
        return self.cpu_s / self.seconds / min(1.0, self.on_time)

    @property
    def each_us(self) -> float:
        """CPU time for each station and second, microseconds."""
        return self.core / self.case.stations * 1e6

    @property
    def fits(self) -> bool:
        """Whether one core carries it."""
        return self.core <= FULL


CASES = (
    Case("in memory", 5_000, "memory", 5.0, 60.0),
    Case("on the wire", 1_000, "wire", 1.0, 60.0),
)


async def measure(case: Case, cores: Cores, folder: Path) -> Measured:
    """Start peer and fleet, wait until all charge, take the difference of two readings."""
    async with AsyncExitStack() as stack:
        peer = running("server", python("benchmarks.peers.answering"), cores.load, folder)
        server = await stack.enter_async_context(peer)
        url = str((await _event(server, "ready"))["ocpp"])
        options = {
            "--url": url,
            "--count": case.stations,
            "--hlc": case.high_level,
            "--loop-period": case.loop_s,
            "--sessions": "acn-jpl",
            "--figures-every": 1,
        }
        arguments = [str(part) for pair in options.items() for part in pair]
        command = python("chargepoint_sim", "fleet", *arguments, "--json")
        fleet = await stack.enter_async_context(running("fleet", command, cores.server, folder))
        vehicles = await _settled(case, fleet)
        return await _difference(case, fleet, vehicles)


async def _event(child: Child, name: str) -> dict[str, Any]:
    """The next event of this name."""
    while True:
        found = await child.line(READY_S)
        if found.get("event") == name:
            return found


async def _settled(case: Case, fleet: Child) -> int:
    """Wait until all stations are there and no more vehicles come; how many those are."""
    seen, quiet = 0, 0
    while quiet < SETTLE:
        figures = await _event(fleet, "figures")
        steady = figures["online"] == case.stations and figures["vehicles"] == seen > 0
        quiet, seen = quiet + 1 if steady else 0, int(figures["vehicles"])
    return seen


async def _difference(case: Case, fleet: Child, vehicles: int) -> Measured:
    """From one reading to another one so many seconds later."""
    first, began = await _event(fleet, "figures"), time.monotonic()
    while time.monotonic() < began + case.seconds:
        last = await _event(fleet, "figures")
    seconds = time.monotonic() - began
    done = {name: last[name] - first[name] for name in ("cpu_s", "loops", "sent")}
    return Measured(
        case, vehicles, seconds, done["cpu_s"], int(done["loops"]), int(done["sent"]), fleet.resident_kib()
    )


def table(found: Sequence[Measured]) -> Table:
    """What came of it."""
    shown = Table(title="Simulated stations on one core")
    for name in (
        "case",
        "stations",
        "vehicles",
        "loop, s",
        "of a core",
        "loops in time",
        "us a station and s",
        "KiB a station",
        "fits",
    ):
        shown.add_column(name)
    for one in found:
        shown.add_row(
            one.case.name,
            f"{one.case.stations:,}",
            f"{one.vehicles:,}",
            f"{one.case.loop_s:g}",
            f"{one.core:.2f}",
            f"{one.on_time:.1%}",
            f"{one.each_us:.0f}",
            f"{one.resident_kib / one.case.stations:.0f}",
            "yes" if one.fits else "NO",
        )
    return shown


async def _all(cases: Sequence[Case], console: Console) -> list[Measured]:
    cores, found = Cores.found(), []
    raise_file_limit()
    with tempfile.TemporaryDirectory(prefix="bench-simulator-") as folder:
        for case in cases:
            console.print(f"{case.name}: {case.stations:,} stations", style="dim")
            one = await measure(case, cores, Path(folder))
            console.print(f"{one.each_us:.0f} us a station and second, {one.core:.2f} of a core", style="dim")
            found.append(one)
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """0 where every case fits on a core."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.simulator", description=__doc__)
    parser.add_argument("--scale", type=float, default=1.0, help="so many times the stations of each case")
    parser.add_argument("--seconds", type=float, default=60.0, help="how long each case is measured")
    parser.add_argument("--only", choices=[case.name for case in CASES], action="append", default=[])
    parser.add_argument("--json", type=Path, help="write what was measured to this file")
    options = parser.parse_args(arguments)
    cases = [
        replace(case, stations=max(1, round(case.stations * options.scale)), seconds=options.seconds)
        for case in CASES
        if case.name in options.only or not options.only
    ]
    console = Console() if Console().is_terminal else Console(width=WIDTH)
    found = asyncio.run(_all(cases, console))
    console.print(table(found))
    console.print(", ".join(f"{key} {value}" for key, value in report.machine().items()))
    if options.json is not None:
        options.json.write_text(json.dumps([asdict(one) for one in found], indent=1))
    return 0 if all(one.fits for one in found) else 1


if __name__ == "__main__":
    raise SystemExit(main())
