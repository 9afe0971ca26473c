"""`python -m reliability WHAT`: hurts the server in one way, says what held; 1 if anything did not."""

import argparse
import os
import platform
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from benchmarks.processes import on_fast_loop, raise_file_limit
from reliability import crash, disk, flood, herd, outage, report, restart, stopping
from reliability.report import Result

SEED = 20261122
SQLITE, POSTGRESQL = "sqlite", "postgresql"
FAULTS_SHOWN = 40
WIDTH = 160


class Run:
    """One command: where it works, on what, and how it tells."""

    def __init__(self, options: argparse.Namespace, progress: Progress) -> None:
        self._options = options
        self._progress = progress
        self._task = progress.add_task(options.what, total=None)

    async def results(self) -> list[Result]:
        """What the command asks for."""
        told: list[Result] = await getattr(self, self._options.what)()
        return told

    async def crash(self) -> list[Result]:
        """Crash audit."""
        told: list[Result] = []
        options = self._options
        stations = options.stations or 24
        plan = crash.Plan(options.rounds, options.seed, stations, minutes=options.minutes)
        for name in self._stores():
            self._progress.update(self._task, total=plan.rounds, completed=0, description=f"crash {name}")
            with self._folder() as folder:
                run = crash.on_sqlite if name == SQLITE else crash.on_postgresql
                told.append(await run(folder, plan, self._count))
        return told

    async def outage(self) -> list[Result]:
        """PostgreSQL goes away."""
        plan = outage.Plan(self._options.seconds, self._options.stations or 24, self._options.seed)
        with self._folder() as folder:
            return [*await outage.outages(folder, plan, self._say)]

    async def disk(self) -> list[Result]:
        """The disk takes nothing."""
        options = self._options
        plan = disk.Plan(options.seconds, options.times, options.stations or 24, options.seed)
        told: list[Result] = []
        for run in (disk.full_disk, disk.refused_writes):
            with self._folder() as folder:
                told += await run(folder, plan, self._say)
        return told

    async def stop(self) -> list[Result]:
        """SIGTERM under load."""
        plan = stopping.Plan(self._options.times, self._options.stations or 24, self._options.seed)
        told: list[Result] = []
        for name in self._stores():
            run = stopping.stops_on_sqlite if name == SQLITE else stopping.stops_on_postgresql
            with self._folder() as folder:
                told += await run(folder, plan, self._say)
        return told

    async def restart(self) -> list[Result]:
        """With the state of a fleet."""
        plan = restart.Plan(self._options.stations or 10_000)
        told: list[Result] = []
        for name in self._stores():
            run = restart.restarts_on_sqlite if name == SQLITE else restart.restarts_on_postgresql
            with self._folder() as folder:
                told.append(await run(folder, plan, self._say))
        return told

    async def herd(self) -> list[Result]:
        """All come back at once."""
        plan = herd.Plan(self._options.stations or 5_000, self._options.seed)
        with self._folder() as folder:
            return [*await herd.herds(folder, plan, self._say)]

    async def flood(self) -> list[Result]:
        """Good stations among bad ones."""
        with self._folder() as folder:
            return [await flood.flood(folder, flood.Plan(), self._say)]

    def _stores(self) -> list[str]:
        return [self._options.only] if self._options.only else [SQLITE, POSTGRESQL]

    def _say(self, text: str) -> None:
        self._progress.update(self._task, description=f"{self._options.what}: {text}")

    def _count(self, done: int, faults: int) -> None:
        self._progress.update(self._task, completed=done)
        if faults:
            self._progress.update(self._task, description=f"{self._options.what}: {faults} FAULTS")

    @contextmanager
    def _folder(self) -> Iterator[Path]:
        with tempfile.TemporaryDirectory(prefix="csms-reliability-", ignore_cleanup_errors=True) as folder:
            yield Path(folder)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m reliability", description=__doc__)
    parser.add_argument("what", choices=("crash", "outage", "disk", "stop", "restart", "herd", "flood"))
    parser.add_argument("--rounds", type=int, default=300, help="crash: deaths on each database")
    parser.add_argument("--minutes", type=float, default=1440.0, help="crash: begin no round after these")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--stations", type=int, help="how many; each command has its own default")
    parser.add_argument("--seconds", type=float, default=60.0, help="outage, disk: how long it is gone")
    parser.add_argument("--times", type=int, default=5, help="disk, stop: how often")
    parser.add_argument("--only", choices=(SQLITE, POSTGRESQL), help="crash, stop, restart: one database")
    parser.add_argument("--json", type=Path, help="write everything to this file")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """0 if everything held."""
    options = _options(arguments)
    console = Console()
    if not console.is_terminal:
        console = Console(width=WIDTH)
    raise_file_limit()
    results: list[Result] = []
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    begun, began = time.perf_counter(), datetime.now(UTC).isoformat(timespec="seconds")

    async def work() -> None:
        with Progress(*columns, console=console, transient=True) as progress:
            results.extend(await Run(options, progress).results())

    on_fast_loop(work())
    for sheet in report.sheets(results):
        sheet.show(console)
    wrong = [text for result in results for text in report.faults(result)]
    for text in wrong[:FAULTS_SHOWN]:
        console.print(f"FAULT: {text}", markup=False)
    machine = f"{platform.platform()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    console.print(f"{began}, {time.perf_counter() - begun:.0f} s, seed {options.seed}; {machine}")
    if options.json is not None:
        report.write(options.json, results, {"began": began, "seed": options.seed, "machine": machine})
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
