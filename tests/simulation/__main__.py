"""`python -m tests.simulation --seeds 0:10000 --jobs 2`, or `--seed N --trace` to see one run."""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from itertools import islice
from pathlib import Path
from time import monotonic

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from tests.simulation.run import Outcome, run

AHEAD = 4  # seeds that wait for each worker
RENEWED_AFTER = 500  # seeds of one worker process
TOLD_EVERY = 50  # seeds, where no bar can be shown
SHOWN = 3  # violations of one seed
COUNTED = ("heard", "said", "events", "transactions", "asked", "upgrade", "mishap")


def outcomes(seeds: Sequence[int], jobs: int) -> Iterator[Outcome]:
    """Of each seed, as they come."""
    left = iter(seeds)
    with ProcessPoolExecutor(jobs, max_tasks_per_child=RENEWED_AFTER) as pool:
        waiting = {pool.submit(run, seed) for seed in islice(left, jobs * AHEAD)}
        while waiting:
            done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            for each in done:
                waiting |= {pool.submit(run, seed) for seed in islice(left, 1)}
                yield each.result()


def campaign(seeds: Sequence[int], jobs: int, report: Path | None) -> int:
    """Run them all with a bar that tells how far it is; 1 if any failed."""
    console, began = Console(), monotonic()
    failed: list[Outcome] = []
    counts: Counter[str] = Counter()
    simulated_s, done = 0.0, 0
    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=console) as bar:
        task = bar.add_task("none failed", total=len(seeds))
        for outcome in outcomes(seeds, jobs):
            simulated_s += outcome.simulated_s
            counts.update(outcome.counts)
            if outcome.violations:
                failed.append(outcome)
                for violation in outcome.violations[:SHOWN]:
                    console.print(f"seed {outcome.seed}: {violation[:300]}", markup=False, highlight=False)
            told = f"{len(failed)} failed" if failed else "none failed"
            bar.update(task, advance=1, description=told)
            done += 1
            if done % TOLD_EVERY == 0 and not console.is_terminal:
                console.print(f"{done} seeds, {told}, {monotonic() - began:.0f} s")
    summary = {
        "seeds": len(seeds),
        "failed": sorted(outcome.seed for outcome in failed),
        "real_s": round(monotonic() - began, 1),
        "simulated_h": round(simulated_s / 3600, 1),
        "counts": dict(sorted(counts.items())),
    }
    told = ", ".join(f"{counts[name]:,} {name}" for name in COUNTED)
    console.print(
        f"{len(seeds):,} seeds, {summary['simulated_h']:,} simulated hours: {told}", highlight=False
    )
    console.print(f"failed: {summary['failed'] or 'none'}", markup=False)
    if report is not None:
        report.write_text(json.dumps(summary, indent=1) + "\n")
    return int(bool(failed))


def replay(seed: int, *, trace: bool) -> int:
    """One seed, perhaps with all that happens in it; 1 if it failed."""
    outcome = run(seed, print if trace else None)
    for violation in outcome.violations:
        print("violation:", violation)
    print(f"seed {seed}: {outcome.simulated_s:.1f} s, trace {outcome.trace_hash}")
    return int(bool(outcome.violations))


def _range(text: str) -> range:
    first, _, end = text.rpartition(":")
    return range(int(first or 0), int(end))


def main() -> int:
    """The command line; the exit code says whether a seed has failed."""
    parser = argparse.ArgumentParser(prog="tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=_range, default=range(300), help="first:end, or how many from 0")
    parser.add_argument("--jobs", type=int, default=1, help="processes at once")
    parser.add_argument("--report", type=Path, help="write the sums here, as JSON")
    parser.add_argument("--seed", type=int, help="run this one alone")
    parser.add_argument("--trace", action="store_true", help="with --seed: print what happens")
    given = parser.parse_args()
    if given.seed is not None:
        return replay(given.seed, trace=given.trace)
    return campaign(given.seeds, given.jobs, given.report)


if __name__ == "__main__":
    sys.exit(main())
