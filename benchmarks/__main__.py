"""`python -m benchmarks`: runs the scenarios, prints the table with the floors beside it."""

import argparse
import asyncio
import contextlib
import json
import os
import signal
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from benchmarks import report
from benchmarks.claims import claims
from benchmarks.figures import Series, Verdict, judge
from benchmarks.plan import FULL, QUICK, TINY
from benchmarks.processes import Cores, pin, raise_file_limit
from benchmarks.scenarios import SCENARIOS, Bench
from benchmarks.subjects import yard

PLANS = {"full": FULL, "quick": QUICK, "tiny": TINY}
SCENARIO_S = 900.0
BUSY = 0.7
WIDTH = 140


@dataclass
class Result:
    """Everything of one run."""

    began: str
    plan: str
    machine: dict[str, str]
    load_before: float
    missing: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    series: list[Series] = field(default_factory=list)
    verdicts: list[Verdict] = field(default_factory=list)
    load_after: float = 0.0

    def as_json(self) -> str:
        """All rounds and all ratios."""
        plain: dict[str, Any] = asdict(self)
        for verdict, each in zip(plain["verdicts"], self.verdicts, strict=True):
            verdict["met"] = each.met
        return json.dumps(plain, indent=1)


def _load() -> float:
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0


async def measure(size: str, only: Sequence[str], console: Console, *, offline: bool = False) -> Result:
    """Run the scenarios one after the other. One that fails is told, and the others still run."""
    plan = PLANS[size]
    raise_file_limit()
    _end_in_order()
    result = Result(datetime.now(UTC).isoformat(timespec="seconds"), size, report.machine(), _load())
    cores = Cores.found()
    pin(0, cores.load)
    columns = SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn()
    async with AsyncExitStack() as stack:
        progress = stack.enter_context(Progress(*columns, console=console, transient=True))
        task = progress.add_task("preparing", total=None)
        place = await stack.enter_async_context(yard(cores, offline=offline))
        result.missing = place.missing
        result.machine["fsync"] = report.disk(place.folder)
        load = await stack.enter_async_context(place.generator())
        bench = Bench(place, load, plan, lambda text: progress.update(task, description=text))
        for name in only or SCENARIOS:
            console.print(f"{name} …", style="dim")
            begun = time.perf_counter()
            await _scenario(name, bench, result)
            result.seconds[name] = round(time.perf_counter() - begun, 1)
    result.load_after = _load()
    return result


def _end_in_order() -> None:
    """SIGTERM ends a run as Ctrl-C does: with all servers stopped and the temporary folder gone."""
    task = asyncio.current_task()
    assert task is not None
    with contextlib.suppress(NotImplementedError):  # not on every platform
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)


async def _scenario(name: str, bench: Bench, result: Result) -> None:
    try:
        async with asyncio.timeout(SCENARIO_S):
            series = await SCENARIOS[name](bench)
    except Exception as error:
        first = error.exceptions[0] if isinstance(error, ExceptionGroup) else error
        result.failed[name] = f"{type(first).__name__}: {first}"
        return
    result.series += series
    result.verdicts += judge(claims(name, bench.plan), series)


def show(result: Result, console: Console) -> None:
    """The tables, and what could not be measured."""
    for table in report.absolutes(result.series):
        table.show(console)
    report.verdicts(result.verdicts).show(console)
    console.print(report.summed_up(result.verdicts))
    console.print(
        f"{result.began}, {result.plan}; 1-minute load {result.load_before:.2f} before, "
        f"{result.load_after:.2f} after; " + ", ".join(f"{k} {v}" for k, v in result.machine.items())
    )
    if result.load_before > BUSY:
        console.print("The machine was busy when this began: absolute figures are too low.")
    for name, reason in result.missing.items():
        console.print(f"NOT BROUGHT: {name}: {reason}")
    for name, reason in result.failed.items():
        console.print(f"FAILED: {name}: {reason}")


def as_markdown(result: Result) -> str:
    """The same for the documentation."""
    machine = ", ".join(map(" ".join, result.machine.items()))
    told = [
        f"{result.began[:10]}; {machine}. A {result.plan} run; 1-minute load {result.load_before:.2f} "
        f"before, {result.load_after:.2f} after; {sum(result.seconds.values()) / 60:.0f} minutes.",
        report.summed_up(result.verdicts),
        *(f"Not brought: {name}: {reason}." for name, reason in result.missing.items()),
        *(f"Failed: {name}: {reason}." for name, reason in result.failed.items()),
        "A ratio of a latency or of memory is better if it is smaller, and its floor is a ceiling.",
    ]
    tables = [report.verdicts(result.verdicts), *report.absolutes(result.series)]
    return "\n".join([*(f"{text}\n" for text in told), *(table.markdown() for table in tables)])


def main(arguments: Sequence[str] | None = None) -> int:
    """0 if all scenarios ran, whatever they measured; a floor that is not met is told, not an error."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_const", const="quick", dest="size", help="about 2 minutes")
    parser.add_argument("--tiny", action="store_const", const="tiny", dest="size", help=argparse.SUPPRESS)
    parser.add_argument("--only", action="append", choices=SCENARIOS, default=[], help="may be repeated")
    parser.add_argument("--json", type=Path, help="write every round of every measurement to this file")
    parser.add_argument("--page", type=Path, help="write the tables between the marks of this Markdown page")
    parser.add_argument("--offline", action="store_true", help="without ocpp-rpc (npm) and PostgreSQL")
    options = parser.parse_args(arguments)
    console = Console()
    if not console.is_terminal:
        console = Console(width=WIDTH)
    result = asyncio.run(measure(options.size or "full", options.only, console, offline=options.offline))
    show(result, console)
    if options.json is not None:
        options.json.write_text(result.as_json())
    if options.page is not None and not options.only:  # a part of the result would look like all of it
        page = options.page.read_text()
        options.page.write_text(report.in_page(page, as_markdown(result)))
    return 1 if result.failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
