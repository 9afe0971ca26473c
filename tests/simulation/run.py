"""One seed from its beginning to its end."""

import asyncio
import gc
import logging
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import structlog

from tests.simulation import house, mishaps
from tests.simulation.audit import Usual, audit, check_quiet
from tests.simulation.disk import in_place
from tests.simulation.loop import Stuck, VirtualLoop
from tests.simulation.stations import Station
from tests.simulation.world import World

QUIET_S = 1200.0
GONE_S = 60.0
AGREE_S = 30.0
WATCH_S = 5.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a seed. `simulated_s` are seconds of its own time."""

    seed: int
    violations: tuple[str, ...]
    trace_hash: str
    simulated_s: float
    counts: dict[str, int]


def run(seed: int, echo: Callable[[str], None] | None = None) -> Outcome:
    """Run one seed."""
    loop = VirtualLoop()
    with house.folder() as folder:
        house.lay_out(folder / "csms.db")
        world = World(seed, loop, folder, echo)
        with in_place(world.disk), _listening(world):
            try:
                loop.run_until_complete(_play(world))
            except Stuck as stuck:
                world.blame(f"nothing will ever happen again, or there is no end of it: {stuck}")
            except Exception as error:
                world.blame(f"the simulation itself: {error!r} {''.join(traceback.format_exception(error))}")
            finally:
                _close(loop)
        for fault in loop.faults:
            world.blame(f"nobody has taken care of: {fault}")
        audit(world, world.house.path)
    return Outcome(seed, tuple(world.violations), world.trace_hash, world.now, dict(world.counts))


async def _play(world: World) -> None:
    await world.furnish()
    world.house.start()
    await asyncio.sleep(5.0)
    usual = Usual(world)
    actors = [each for station in world.stations for each in (station.run(), station.live())]
    running = [asyncio.ensure_future(each) for each in actors]
    for work in (mishaps.people(world), *(mishaps.misbehave(world, each) for each in world.stations)):
        world.job(work)
    world.job(_watch(world))
    storm = asyncio.ensure_future(mishaps.happen(world))
    await asyncio.sleep(world.plan.length_s)
    world.calm = True
    world.note("calm")
    await storm
    await _settle(world)
    check_quiet(world, world.house.path)
    world.ending = True
    for station in world.stations:
        station.wake()
    await asyncio.wait(running)
    for actor in running:
        actor.result()
    world.note("all gone")
    for job in world.jobs:
        job.cancel()
    await asyncio.sleep(GONE_S)
    running.clear()
    actors.clear()
    usual.check(world)
    await world.stop_house()


async def _watch(world: World) -> None:
    """What must hold at any moment, looked at now and then."""
    while not world.ending:
        await asyncio.sleep(WATCH_S)
        world.check_waits()


async def _settle(world: World) -> None:
    """Until everybody has told everything; then a little longer."""
    for station in world.stations:
        while not await world.changed(station, registration="Accepted"):
            await asyncio.sleep(1.0)
    begun = world.now

    def settled(station: Station) -> bool:
        return not station.outbox and station.accepted and station.answered_at > begun

    while world.now < begun + QUIET_S and not all(map(settled, world.stations)):
        await asyncio.sleep(5.0)
    await asyncio.sleep(AGREE_S)
    for station in world.stations:
        station.pause_s = 1e6  # says nothing new
    await asyncio.sleep(AGREE_S)
    # but one that has been asked to boot just now is in the middle of it
    asked = world.now
    while world.now < asked + AGREE_S and any(tap.open and tap.unanswered for tap in world.conversations):
        await asyncio.sleep(0.01)


def _close(loop: VirtualLoop) -> None:
    left = asyncio.all_tasks(loop)
    for task in left:
        task.cancel()
    if left:
        loop.run_until_complete(asyncio.wait(left, timeout=100.0))
    loop.run_until_complete(loop.shutdown_asyncgens())
    loop.close()


@contextmanager
def _listening(world: World) -> Iterator[None]:
    """What the house logs and Python complains of goes to the world."""

    def take(_: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        error = event.pop("exc_info", None)
        if error:
            event["error"] = repr(error if isinstance(error, BaseException) else sys.exc_info()[1])
        world.logged(method, str(event.pop("event")), dict(event))
        raise structlog.DropEvent

    def unraisable(found: Any) -> None:
        world.loop.faults.append(f"unraisable: {found.exc_value!r} in {found.object!r}")

    structlog.configure(
        processors=[take],
        wrapper_class=structlog.make_filtering_bound_logger(20),
        cache_logger_on_first_use=False,
    )
    hook, sys.unraisablehook = sys.unraisablehook, unraisable
    logging.disable()
    gc.collect()
    gc.freeze()  # what is there before a seed is none of its business
    gc.disable()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            yield
            gc.collect()
    finally:
        gc.enable()
        logging.disable(logging.NOTSET)
        sys.unraisablehook = hook
        structlog.reset_defaults()
