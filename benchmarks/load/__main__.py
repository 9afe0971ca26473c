"""The generator's process: a JSON command a line on standard input, a JSON answer a line on standard output.

A `set` is a number of stations connected to one server; several may stand at a time, one is at work.
"""

import asyncio
import gc
import ssl
import sys
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import orjson

from benchmarks.load.loops import ClosedLoop, OpenLoop
from benchmarks.load.station import Station
from benchmarks.processes import on_fast_loop, raise_file_limit

CONNECT_S = 120.0
LINE_MAX = 64 * 1024 * 1024
Command = dict[str, Any]
Answer = dict[str, float]


@dataclass
class Sets:
    """Stations by the name of their set."""

    sets: dict[str, list[Station]]

    async def connect(self, command: Command) -> Answer:
        """Connect stations, at most `at_once` at a time; `boot`: each boots as well. How long it took."""
        url = urlsplit(command["url"])
        context = _trusting() if url.scheme == "wss" else None
        room = asyncio.Semaphore(command["at_once"])
        run = f"{time.time_ns() // 1000 & 0xFFFFFFFF:08x}"
        stations: list[Station] = []

        async def one(identity: str, secret: str) -> None:
            async with room:
                station = Station(identity, secret, url.path, echo=command["echo"], run=run)
                stations.append(station)
                loop = asyncio.get_running_loop()
                await loop.create_connection(lambda: station, url.hostname or "", url.port or 80, ssl=context)
                await station.opened
                if command["boot"]:
                    booted: asyncio.Future[object] = loop.create_future()
                    station.failed = lambda error: None if booted.done() else booted.set_exception(error)
                    station.say("boot", booted.set_result)
                    await booted

        begun = time.perf_counter()
        async with asyncio.timeout(CONNECT_S), asyncio.TaskGroup() as group:
            for identity, secret in command["stations"]:
                group.create_task(one(identity, secret))
        seconds = time.perf_counter() - begun
        self.sets.setdefault(command["set"], []).extend(stations)
        gc.collect()
        gc.freeze()
        return {"seconds": seconds, "rate": len(stations) / seconds}

    async def closed(self, command: Command) -> Answer:
        """A closed loop."""
        loop = ClosedLoop(self.sets[command["set"]], command["kind"])
        return (await loop.run(command["seconds"])).summary()

    async def open(self, command: Command) -> Answer:
        """An open loop."""
        loop = OpenLoop(self.sets[command["set"]], command["kind"], command["rate"])
        return (await loop.run(command["seconds"])).summary()

    async def answered(self, command: Command) -> Answer:
        """How many calls of the server the stations of a set have answered so far."""
        return {"count": sum(station.answered for station in self.sets[command["set"]])}

    async def close(self, command: Command) -> Answer:
        """Disconnect a set."""
        for station in self.sets.pop(command["set"], []):
            station.close()
        gc.unfreeze()
        return {}

    async def obey(self, command: Command) -> dict[str, Any]:
        """Do what is asked; what goes wrong is told and not raised."""
        cpu, wall = time.process_time(), time.perf_counter()
        try:
            answer: dict[str, Any] = await getattr(self, command["do"])(command)
        except Exception as error:
            causes = error.exceptions if isinstance(error, ExceptionGroup) else [error]
            return {"error": f"{type(causes[0]).__name__}: {causes[0]}"}
        elapsed = time.perf_counter() - wall
        return {**answer, "generator_cpu": (time.process_time() - cpu) / elapsed if elapsed else 0.0}


def _trusting() -> ssl.SSLContext:
    """Whoever is at the other end: the generator's own checks must cost nothing."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


async def main() -> None:
    """Obey until standard input ends."""
    raise_file_limit()
    reader = asyncio.StreamReader(limit=LINE_MAX)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    sets = Sets({})
    while line := await reader.readline():
        sys.stdout.buffer.write(orjson.dumps(await sets.obey(orjson.loads(line))) + b"\n")
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    on_fast_loop(main())
