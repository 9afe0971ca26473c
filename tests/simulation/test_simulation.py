"""A few hundred seeds of the simulation, those that have found something, and whether a seed is one run.

What a seed is about, and what is checked: `tests/simulation/world.py`. To look at one:
`python -m tests.simulation --seed N --trace`.
"""

import os
import subprocess
import sys

import pytest

from tests.simulation.run import run

SEEDS = int(os.environ.get("SIMULATION_SEEDS", "96"))
PARTS = 8
FOUND = (5, 10, 115, 123)
"""Seeds that have failed once."""


@pytest.mark.parametrize("part", range(PARTS))
def test_no_seed_finds_anything(part: int) -> None:
    for seed in range(part, SEEDS, PARTS):
        outcome = run(seed)
        assert not outcome.violations, f"seed {seed}: {outcome.violations[:3]}"


@pytest.mark.parametrize("seed", FOUND)
def test_what_was_found_stays_mended(seed: int) -> None:
    assert not run(seed).violations


def test_a_seed_is_one_run_in_any_process() -> None:
    seeds = (1, 4, 7)
    program = f"from tests.simulation.run import run; print([run(seed).trace_hash for seed in {seeds}])"
    told = set()
    for hashes in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": hashes}
        done = subprocess.run(
            [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
        )
        told.add(done.stdout)
    assert told == {f"{[run(seed).trace_hash for seed in seeds]}\n"}
