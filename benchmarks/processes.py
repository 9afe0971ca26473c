"""Processes that are measured: pinned to a core, started until they are ready, asked over pipes."""

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import AsyncIterator, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

READY_S = 60.0
STOP_S = 20.0
ANSWER_S = 300.0
LINE_MAX = 64 * 1024 * 1024
FILES = 65_536


class Failed(Exception):
    """A process of the benchmark did not do what it was asked; nothing it would have measured is told."""


def on_fast_loop(main: Coroutine[Any, Any, None]) -> None:
    """Run on uvloop where there is one."""
    try:
        import uvloop  # not on every platform
    except ImportError:
        asyncio.run(main)
    else:
        uvloop.run(main)


def raise_file_limit() -> None:
    """As many open sockets as we are allowed (`ulimit -n`), for this process and all that it starts."""
    with contextlib.suppress(ImportError):
        import resource

        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        for most in (max(hard, FILES), hard):  # more than the hard limit only for who may
            with contextlib.suppress(ValueError, OSError):
                resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
                return


@dataclass(frozen=True, slots=True)
class Cores:
    """Who runs where; empty: wherever the system likes, and the figures say less."""

    server: frozenset[int]
    load: frozenset[int]

    @classmethod
    def found(cls) -> "Cores":
        """One core for the server, another one for the generator (and for PostgreSQL), if there are two."""
        if not hasattr(os, "sched_getaffinity"):
            return cls(frozenset(), frozenset())
        free = sorted(os.sched_getaffinity(0))
        if len(free) < 2:
            return cls(frozenset(), frozenset())
        return cls(frozenset(free[:1]), frozenset(free[1:2]))


def pin(pid: int, cores: frozenset[int]) -> None:
    """Keep a process (0: this one) on these cores, with all that it starts from now on."""
    if cores and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(pid, cores)


@dataclass(slots=True)
class Child:
    """A running process that answers one line for each line."""

    name: str
    process: asyncio.subprocess.Process

    async def line(self, timeout_s: float) -> dict[str, Any]:
        """The next line that is a JSON object. Raises `Failed`."""
        assert self.process.stdout is not None
        try:
            async with asyncio.timeout(timeout_s):
                while True:
                    text = await self.process.stdout.readline()
                    if not text:
                        raise Failed(f"{self.name} has ended")
                    if text.startswith(b"{"):
                        found: dict[str, Any] = json.loads(text)
                        return found
        except TimeoutError:
            raise Failed(f"{self.name} said nothing for {timeout_s:g} s") from None

    async def ask(self, **command: object) -> dict[str, Any]:
        """Send a command and wait for its answer. Raises `Failed`, also for what went wrong there."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(command).encode() + b"\n")
        answer = await self.line(ANSWER_S)
        if "error" in answer:
            raise Failed(f"{self.name}: {answer['error']}")
        return answer

    def cpu_s(self) -> float:
        """CPU seconds that the process has used, all threads; 0 where /proc does not tell."""
        try:
            fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return 0.0
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def resident_kib(self) -> float:
        """Memory that the process holds, in KiB; 0 where /proc does not tell."""
        try:
            pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        except OSError:
            return 0.0
        return pages * os.sysconf("SC_PAGE_SIZE") / 1024


@asynccontextmanager
async def running(
    name: str,
    command: Sequence[str],
    cores: frozenset[int],
    folder: Path,
    environment: Mapping[str, str] | None = None,
) -> AsyncIterator[Child]:
    """A process from its `ready` line to its end; its standard error goes to a file in `folder`."""
    with (folder / f"{name}.log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=log,
            env={**os.environ, **(environment or {})},
            limit=LINE_MAX,
        )
    child = Child(name, process)
    try:
        pin(process.pid, cores)
        yield child
    finally:
        await _stopped(process)


async def _stopped(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    process.terminate()
    try:
        async with asyncio.timeout(STOP_S):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


def python(module: str, *arguments: str) -> list[str]:
    """The command line of one of our modules."""
    return [sys.executable, "-m", module, *arguments]
