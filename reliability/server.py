"""`csms serve` as a process that is started, hurt and started again on the same store."""

import asyncio
import json
import os
import resource
import signal
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import httpx

from reliability.lives import Cold, Life, Nursery

ROOT = Path(__file__).parents[1]
READY_S = 180.0
REGISTER_AT_ONCE = 8


class NotReady(Exception):
    """The server has ended, or said nothing, instead of listening."""


class Server:
    """The process, whatever number of lives it has. Its standard error is `server.log` in the folder."""

    def __init__(self, folder: Path, store: str, *, warm: bool = False) -> None:
        """`warm`: each life is forked from a process that has its imports behind it."""
        self.folder = folder
        self.ocpp = self.api = ""
        self.starts: list[float] = []
        """Seconds from each start to its ready line."""
        self.log = folder / "server.log"
        self._environment = {
            "PYTHONPATH": str(ROOT),
            "CSMS_STORE__URL": store,
            "CSMS_ADMIN_KEY_FILE": str(folder / "admin.key"),
            "CSMS_OCPP__PORT": "0",
            "CSMS_API__PORT": "0",
            "CSMS_LOG__LEVEL": "warning",
            "CSMS_LOG__FORMAT": "json",
        }
        self._warm = warm
        self._nursery: Nursery | None = None
        self._life: Life | None = None

    @property
    def pid(self) -> int:
        """Of the process that runs."""
        assert self._life is not None
        return self._life.pid

    @property
    def runs(self) -> bool:
        """Whether there is a process."""
        return self._life is not None and not self._life.ended

    async def spawn(self) -> None:
        """Start the process and do not wait for it."""
        if not self._warm:
            self._life = await Cold.begin(self.folder, self.log, self._environment)
            return
        if self._nursery is None:
            self._nursery = await Nursery.open(self.folder, self.log, self._environment)
        self._life = await self._nursery.begin()

    async def start(self) -> None:
        """Start the process and wait until it listens. Raises `NotReady`."""
        begun = time.perf_counter()
        await self.spawn()
        assert self._life is not None
        try:
            async with asyncio.timeout(READY_S):
                while line := await self._life.line():
                    if line.startswith(b"{"):
                        told = json.loads(line)
                        self.ocpp, self.api = told["ocpp"], told["api"]
                        self.starts.append(time.perf_counter() - begun)
                        return
        except TimeoutError:
            raise NotReady(f"nothing said in {READY_S:g} s") from None
        raise NotReady(f"ended with {await self._life.wait()}: {self._last_words()}")

    def send(self, number: signal.Signals) -> None:
        """Send the process a signal, if there is one."""
        if self.runs:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    async def wait(self) -> int:
        """Its exit code."""
        assert self._life is not None
        return await self._life.wait()

    async def kill(self) -> None:
        """SIGKILL; returns when it is gone."""
        if self.runs:
            self.send(signal.SIGKILL)
            await self.wait()

    async def close(self) -> None:
        """Kill it, for good."""
        await self.kill()
        if self._nursery is not None:
            await self._nursery.close()
            self._nursery = None

    async def stop(self, within_s: float = 30.0) -> tuple[int, float]:
        """SIGTERM: its exit code, and how many seconds it took. Raises `TimeoutError`, and kills it then."""
        begun = time.perf_counter()
        self.send(signal.SIGTERM)
        try:
            async with asyncio.timeout(within_s):
                code = await self.wait()
        except TimeoutError:
            await self.kill()
            raise
        return code, time.perf_counter() - begun

    def limit_files_to(self, size: int | None) -> None:
        """No file of the process may grow beyond so many bytes: a write that would is an error. None: any."""
        _, hard = resource.prlimit(self.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(self.pid, resource.RLIMIT_FSIZE, (hard if size is None else size, hard))

    def resident_mib(self) -> float:
        """Memory that the process holds."""
        pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 2**20

    def cpu_s(self) -> float:
        """CPU seconds of all its threads."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def rest(self) -> httpx.AsyncClient:
        """A client with the administrator's key."""
        key = (self.folder / "admin.key").read_text().strip()
        headers = {"Authorization": f"Bearer {key}"}
        return httpx.AsyncClient(base_url=f"{self.api}/api/v1", headers=headers, timeout=30.0)

    async def register(self, identities: Sequence[str], password: str) -> None:
        """Make stations known, as a person would."""
        room = asyncio.Semaphore(REGISTER_AT_ONCE)
        async with self.rest() as rest, asyncio.TaskGroup() as group:

            async def one(identity: str) -> None:
                async with room:
                    body = {"identity": identity, "password": password, "onboarding": "none"}
                    answer = await rest.post("/stations", json=body)
                answer.raise_for_status()

            for identity in identities:
                group.create_task(one(identity))

    def complaints(self) -> list[str]:
        """What the log says on level error, but for what a hurt store makes it say, and tracebacks."""
        found = []
        for line in self.log.read_text(errors="replace").splitlines():
            if line.startswith("{"):
                told = json.loads(line)
                if told.get("level") in ("error", "critical") and not told["event"].startswith(EXPECTED):
                    found.append(line)
            elif line.startswith("Traceback") or "Task exception" in line:
                found.append(line)
        return found

    def _last_words(self) -> str:
        return self.log.read_text(errors="replace")[-2000:]


EXPECTED = (
    "store failed, closing all stations",
    "Exception closing connection",
    "not stopped in time, leaving",
)
