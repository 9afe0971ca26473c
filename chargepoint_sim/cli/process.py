"""What every command does as a process: run, end on a signal, refuse wrong options."""

import asyncio
import resource
import signal
from collections.abc import Coroutine
from typing import Any

import uvloop

from chargepoint_sim.ev.vehicle import VehicleModel
from chargepoint_sim.fleet.catalogue import Catalogue

_SOCKETS_WANTED = 65_536


class WrongUse(Exception):
    """Options that do not go together."""


def model_named(name: str) -> VehicleModel:
    """A vehicle of the catalogue by part of its name; `WrongUse` if there is none."""
    try:
        return Catalogue().named(name)
    except KeyError as unknown:
        raise WrongUse(f"--vehicle: {unknown.args[0]}") from None


def stop_on_signals() -> asyncio.Event:
    """Set when the process is asked to end."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    return stop


def run(work: Coroutine[Any, Any, None]) -> None:
    """Run to the end, with as many sockets as the system gives."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _SOCKETS_WANTED if most == resource.RLIM_INFINITY else min(most, _SOCKETS_WANTED)
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))
    uvloop.run(work)
