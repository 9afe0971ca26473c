"""A few hundred seeds of the simulation, those that have found something, and whether a seed is one run.

What a seed is about, and what is checked: `tests/simulation/world.py`. To look at one:
`python -m tests.simulation --seed N --trace`.
"""

import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from csms.gateway.connection import Connection
from csms.gateway.inbound import Inbound
from csms.gateway.outbound import Outbound
from csms.gateway.registry import Registry
from tests.simulation.run import run

SEEDS = int(os.environ.get("SIMULATION_SEEDS", "208"))
PARTS = 16
FOUND = (5, 115, 123, 290)
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


# ---- would it notice? Each is a mistake that somebody might make.


def _answers_first(self: Any, work: Any, request: object, ctx: object, reply: object) -> None:
    work.reply, work.payload = reply, self._talk.dialect.write_answer(work.call.action, reply)
    self._notice(request, ctx)
    if work.kept:
        self._house.writer.submit(work.kept, lambda error: None)
    self._answer(work)


async def _displaces(self: Any, identity: str) -> bool:
    held = self._held.get(identity)
    if held is not None:
        self.release(identity, held.epoch)
        held.holder.evict()
    return True


async def _never_evicts(self: Any, identity: str) -> bool:
    return identity not in self._held


def _sends_late(self: Any) -> None:
    if self._flight is not None:
        self._flight.rest()
        self._flight = None
    if self._waiting:
        asked = self._waiting.popleft()
        asked.rest()
        self._start(asked)


def _minds_no_epoch(tell_gone: Callable[..., None]) -> Callable[..., None]:
    return lambda self, epoch, **told: tell_gone(self, epoch + 1, **told)


@pytest.mark.parametrize(
    ("seed", "changes"),
    [
        (0, ((Inbound, "_handled", _answers_first),)),
        (0, ((Registry, "is_free", _displaces),)),
        (1, ((Registry, "is_free", _never_evicts),)),
        (0, ((Outbound, "_free", _sends_late), (Outbound, "_unsent", lambda self, asked: None))),
        (0, ((Outbound, "close", lambda self: None),)),
        (0, ((Connection, "tell_gone", _minds_no_epoch(Connection.tell_gone)),)),
    ],
    ids=["answer-before-commit", "displaced", "locked-out", "late", "left-waiting", "presence"],
)
def test_a_mistake_is_found(
    monkeypatch: pytest.MonkeyPatch, seed: int, changes: tuple[tuple[type, str, object], ...]
) -> None:
    for kind, name, wrong in changes:
        monkeypatch.setattr(kind, name, wrong)
    assert run(seed).violations
