"""Lives of the server: processes that start cold, with all their imports, or are forked from a warm one."""

import asyncio
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

LINE_MAX = 1024 * 1024
END_S = 5.0


class Life(Protocol):
    """One process."""

    @property
    def pid(self) -> int:
        """Its id."""
        ...

    @property
    def ended(self) -> bool:
        """Whether it is gone."""
        ...

    async def line(self) -> bytes:
        """The next line of its standard output; empty at its end."""
        ...

    async def wait(self) -> int:
        """Its exit code, negative for a signal."""
        ...


class Cold:
    """`python -m csms serve`."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.pid = process.pid

    @classmethod
    async def begin(cls, folder: Path, log: Path, environment: Mapping[str, str]) -> "Cold":
        """Start one; its standard error goes to the end of `log`."""
        arguments = ("-m", "csms", "serve", "--ready-json")
        return cls(await _python(arguments, folder, log, environment))

    @property
    def ended(self) -> bool:
        """See `Life`."""
        return self._process.returncode is not None

    async def line(self) -> bytes:
        """See `Life`."""
        assert self._process.stdout is not None
        return await self._process.stdout.readline()

    async def wait(self) -> int:
        """See `Life`."""
        return await self._process.wait()


class Forked:
    """A process that the nursery has made."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.lines: asyncio.Queue[bytes] = asyncio.Queue()
        self.code: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    @property
    def ended(self) -> bool:
        """See `Life`."""
        return self.code.done()

    async def line(self) -> bytes:
        """See `Life`."""
        return await self.lines.get()

    async def wait(self) -> int:
        """See `Life`."""
        return await asyncio.shield(self.code)


class Nursery:
    """A process that has imported everything (`reliability.warm`), and its children, one at a time."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._child: Forked | None = None
        self._born: asyncio.Future[Forked] | None = None
        self._listening = asyncio.create_task(self._listen())

    @classmethod
    async def open(cls, folder: Path, log: Path, environment: Mapping[str, str]) -> "Nursery":
        """Start it."""
        return cls(await _python(("-m", "reliability.warm"), folder, log, environment))

    async def begin(self) -> Forked:
        """One more server; the last one has to be dead."""
        assert self._process.stdin is not None
        self._born = asyncio.get_running_loop().create_future()
        self._process.stdin.write(b"\n")
        return await self._born

    async def close(self) -> None:
        """End it, and a child that it may have."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            async with asyncio.timeout(END_S):
                await self._process.wait()
        except TimeoutError:
            self._process.kill()
            await self._process.wait()
        self._listening.cancel()

    async def _listen(self) -> None:
        assert self._process.stdout is not None
        while line := await self._process.stdout.readline():
            told = json.loads(line) if line.startswith(b"{") else {}
            if "pid" in told:
                self._child = Forked(told["pid"])
                if self._born is not None:
                    self._born.set_result(self._child)
            elif self._child is None:
                continue
            elif told.get("ended") == self._child.pid:
                self._child.code.set_result(told["code"])
                self._child.lines.put_nowait(b"")
            else:
                self._child.lines.put_nowait(line)


async def _python(
    arguments: tuple[str, ...], folder: Path, log: Path, environment: Mapping[str, str]
) -> asyncio.subprocess.Process:
    with log.open("ab") as errors:
        return await asyncio.create_subprocess_exec(
            sys.executable,
            *arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=errors,
            limit=LINE_MAX,
            env={**os.environ, **environment},
            cwd=folder,
        )
