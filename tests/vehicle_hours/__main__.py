"""`python -m tests.vehicle_hours --hours 1000000`: so many simulated vehicle-hours, over seeds from one on.

Prints what it has come to, and each seed that found something; exit code 1 if any did.
"""

import argparse
import gc
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait

from tests.vehicle_hours.world import Counts, World

HOURS_OF_ONE = 48.0
TOLD_EVERY = 50  # seeds


def play(seed: int) -> Counts:
    """One seed. Nothing that it makes outlives it, so garbage is looked for between seeds only."""
    gc.collect()
    gc.disable()
    return World(seed, HOURS_OF_ONE).run()


def main() -> int:
    """Play seeds until the vehicle-hours are full."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--hours", type=float, default=1_000_000.0)
    options.add_argument("--seed", type=int, default=0, help="the first one")
    options.add_argument("--jobs", type=int, default=2)
    told = options.parse_args()
    total, began, bad = Counts(), time.perf_counter(), 0
    for seed, counts in _played(told.seed, told.jobs, lambda: total.vehicle_hours < told.hours):
        total.vehicle_hours += counts.vehicle_hours
        total.site_hours += counts.site_hours
        total.orders += counts.orders
        total.discharges += counts.discharges
        total.exported_wh += counts.exported_wh
        total.crashes += counts.crashes
        for what in counts.violations:
            bad += 1
            print(f"seed {seed}: {what}", flush=True)
        if seed % TOLD_EVERY == TOLD_EVERY - 1:
            end = "\r" if sys.stderr.isatty() else "\n"
            print(f"{total.vehicle_hours:,.0f} vehicle-hours", end=end, file=sys.stderr, flush=True)
    print(
        f"{total.vehicle_hours:,.0f} vehicle-hours, {total.site_hours:,.0f} site-hours, "
        f"{total.orders:,} leases, {total.discharges:,} of them to discharge, "
        f"{total.exported_wh / 1e6:,.1f} MWh exported, {total.crashes:,} deaths of the server, "
        f"{bad} violations, {time.perf_counter() - began:,.0f} s"
    )
    return 1 if bad else 0


def _played(first: int, jobs: int, more: Callable[[], bool]) -> Iterator[tuple[int, Counts]]:
    """Seeds as they end, so many at a time."""
    seed = first
    running: dict[Future[Counts], int] = {}
    with ProcessPoolExecutor(jobs) as pool:
        while True:
            while len(running) < 2 * jobs and more():
                running[pool.submit(play, seed)] = seed
                seed += 1
            if not running:
                return
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for one in done:
                yield running.pop(one), one.result()


if __name__ == "__main__":
    sys.exit(main())
