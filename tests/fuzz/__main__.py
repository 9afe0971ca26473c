"""`make fuzz ROUNDS=100 SEED=1`: many rounds, and what came of them.

A round is a seed: `make fuzz ROUNDS=1 SEED=n` plays it again. `URL=postgresql://...` uses that database, one
of its own, and one round of it: nobody empties it.
"""

import argparse
import asyncio
import sys
import time
from datetime import UTC, datetime

from tests.flows.gateway import front
from tests.fuzz.lanes import Score
from tests.fuzz.rounds import play

COUNT = 2000


def main() -> int:
    """Play the rounds; 1 if anything went wrong."""
    options = _options()
    front.WAIT_S = 120.0  # it runs beside other work
    total, begun = Score(), time.monotonic()
    for seed in range(options.seed, options.seed + options.rounds):
        try:
            score = asyncio.run(play(seed, options.count, options.url))
        except KeyboardInterrupt:
            options.rounds = seed - options.seed
            break
        total.add(score)
        for failure in score.failures:
            print(f"FAILED {failure}", flush=True)
        if options.minutes and time.monotonic() - begun > options.minutes * 60:
            options.rounds = seed - options.seed + 1
            break
    print(_summary(total, options.seed, options.rounds, time.monotonic() - begun))
    return 1 if total.failures else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1, help="of the first round")
    parser.add_argument("--count", type=int, default=COUNT, help="inputs of a lane in a round")
    parser.add_argument("--minutes", type=float, default=0.0, help="stop after the round that passes this")
    parser.add_argument("--url", default="sqlite://")
    return parser.parse_args()


def _summary(total: Score, seed: int, rounds: int, seconds: float) -> str:
    count = sum(total.inputs.values())
    lines = [
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC: {count} inputs in {seconds:.0f} s "
        f"({count / seconds * 3600:.0f} an hour), seeds {seed} to {seed + rounds - 1}, "
        f"{len(total.failures)} failures, slowest answer to the good station {total.slowest_s * 1000:.0f} ms",
        "inputs    " + ", ".join(f"{name} {number}" for name, number in sorted(total.inputs.items())),
        "outcomes  " + ", ".join(f"{name} {number}" for name, number in sorted(total.outcomes.items())),
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
