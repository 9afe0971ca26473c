"""Results as tables for people and as JSON for programs."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from reliability.crash import Outcome
from reliability.crowd import Experience
from reliability.flood import Flood
from reliability.herd import Herd
from reliability.restart import Restarts

READY_CPU_S = 5.0
TWICE = 2.0
Result = Outcome | Experience | Restarts | Herd | Flood


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table: a title, column names, rows of text."""

    title: str
    names: Sequence[str]
    rows: Sequence[Sequence[str]]

    def show(self, console: Console) -> None:
        """Print it."""
        table = Table(title=self.title, title_justify="left")
        for name in self.names:
            table.add_column(name, justify="left" if name == self.names[0] else "right")
        for row in self.rows:
            table.add_row(*row)
        console.print(table)


def faults(result: Result) -> list[str]:
    """What did not hold, in words."""
    if isinstance(result, Restarts):
        return [
            f"{result.store}: listened after {start.ready_cpu_s:.1f} CPU seconds"
            for start in result.starts
            if start.ready_cpu_s > READY_CPU_S
        ]
    return result.faults


def sheets(results: Sequence[Result]) -> list[Sheet]:
    """One table a kind of result."""
    makers: tuple[tuple[type, Callable[[Any], Sheet]], ...] = (
        (Outcome, _crash),
        (Experience, _experiences),
        (Restarts, _restarts),
        (Herd, _herds),
        (Flood, _floods),
    )
    told = []
    for kind, make in makers:
        mine = [result for result in results if isinstance(result, kind)]
        if mine:
            told.append(make(mine))
    return told


def write(file: Path, results: Sequence[Result], about: dict[str, object]) -> None:
    """Everything of a run as JSON."""
    plain = [
        {"kind": type(result).__name__.lower(), **_plain(result), "faults": faults(result)}
        for result in results
    ]
    file.write_text(json.dumps({**about, "results": plain}, indent=1))


def _plain(value: Any) -> Any:
    """As JSON has it. (`dataclasses.asdict` takes a Counter apart wrongly.)"""
    if is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, list | tuple) else value


def _crash(outcomes: Sequence[Outcome]) -> Sheet:
    names = (
        "crash audit", "rounds", "seed", "deaths", "acknowledged", "in doubt", "told again", "conflicts",
        "missing, twice, wrong", "energy", "start p50", "took",
    )  # fmt: skip
    return Sheet("Crash audit", names, [_crash_row(outcome) for outcome in outcomes])


def _crash_row(outcome: Outcome) -> list[str]:
    starts = sorted(outcome.start_s)
    equal = abs(outcome.finding.energy_wh - outcome.finding.energy_acknowledged_wh) < 1e-3
    return [
        outcome.store,
        str(outcome.rounds),
        str(outcome.plan.seed),
        ", ".join(f"{kind} {count}" for kind, count in outcome.deaths.items()),
        f"{outcome.acknowledged:,}",
        f"{outcome.in_doubt:,}",
        f"{outcome.repeats:,}",
        f"{outcome.finding.conflicts:,}",
        str(len(outcome.faults)),
        f"{outcome.finding.energy_wh / 1000:,.1f} kWh {'equal' if equal else 'NOT EQUAL'}",
        f"{starts[len(starts) // 2]:.1f} s" if starts else "-",
        f"{outcome.seconds:.0f} s",
    ]


def _experiences(experiences: Sequence[Experience]) -> Sheet:
    names = (
        "what", "to the last cut or the end", "all back after", "acknowledged", "ended with",
        "attempts", "queue", "faults",
    )  # fmt: skip
    return Sheet("Outages and stops", names, [
        [
            each.name, _seconds(each.cut_s), _seconds(each.back_s), f"{each.acknowledged:,}",
            ", ".join(f"{how} x{count}" for how, count in sorted(each.endings.items())) or "-",
            str(each.attempts_max), str(each.longest_queue), str(len(each.faults)),
        ]
        for each in experiences
    ])  # fmt: skip


def _restarts(restarts: Sequence[Restarts]) -> Sheet:
    names = ("store", "stations", "events", "ready", "ready, CPU", "first boot", "worst /healthz", "memory")
    return Sheet("Restart with the state of a fleet", names, [
        [
            each.store, f"{each.stations:,}", f"{each.events:,}", _seconds(start.ready_s),
            _seconds(start.ready_cpu_s), _seconds(start.accepted_s), _seconds(start.worst_answer_s),
            f"{start.resident_mib:.0f} MiB",
        ]
        for each in restarts
        for start in each.starts
    ])  # fmt: skip


def _herds(herds: Sequence[Herd]) -> Sheet:
    names = ("herd", "stations", "booted", "all after", "p50", "p99", "upgrades", "CPU", "memory", "faults")
    return Sheet("Herds", names, [
        [
            each.manner, f"{each.stations:,}", f"{each.booted:,}", _seconds(each.seconds),
            _seconds(each.p50_s), _seconds(each.p99_s),
            ", ".join(f"{how} x{count:,}" for how, count in sorted(each.knocks.items())),
            _seconds(each.cpu_s),
            f"{each.resident_before_mib:.0f} to {each.resident_peak_mib:.0f} MiB",
            str(len(each.faults)),
        ]
        for each in herds
    ])  # fmt: skip


def _floods(floods: Sequence[Flood]) -> Sheet:
    names = (
        "flood",
        "calm p50, p99",
        "flooded p50, p99",
        "ratio",
        "bad upgrades",
        "slow",
        "memory",
        "faults",
    )
    return Sheet("Floods", names, [
        [
            f"{each.plan.good:,} good, {each.bad_rate:,.0f} bad/s, {each.plan.slow:,} slow",
            "; ".join(f"{p50:.1f}, {p99:.1f} ms" for p50, p99 in each.calm),
            "; ".join(f"{p50:.1f}, {p99:.1f} ms" for p50, p99 in each.flooded),
            f"{each.ratio(0):.2f}, {each.ratio(1):.2f}",
            ", ".join(f"{how} x{count:,}" for how, count in sorted(each.bad.items())),
            ", ".join(f"{how} x{count:,}" for how, count in sorted(each.slow.items())),
            f"{each.resident_calm_mib:.0f}, {each.resident_flooded_mib:.0f} MiB",
            str(len(each.faults)),
        ]
        for each in floods
    ])  # fmt: skip


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f} s"
