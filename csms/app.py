"""The composition root: builds every part from the settings and runs them in one task group.

Going down: no new requests, streams end; the gateway closes its sockets with 1001; what has gathered is
flushed; then the database is closed.
"""

import asyncio
import contextlib
import errno
import gc
import logging
import os
import signal
import socket
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import structlog
import uvicorn

from csms import log as logs
from csms.api import app as api
from csms.api.idempotency import forget_old_answers
from csms.api.numbers import CountedBus, Numbers
from csms.api.wiring import Wiring
from csms.blocks import AFTER, ROUTER
from csms.blocks.calls import Desk
from csms.blocks.context import Policy
from csms.blocks.inquiry import Inquiry
from csms.blocks.retries import Retries
from csms.blocks.signing import Signing
from csms.blocks.tariff import RunningCost
from csms.bus.memory import MemoryBus
from csms.clock import Clock, RealClock, ScaledClock
from csms.domain.program import Program
from csms.errors import ConfigurationError
from csms.feeds.mqtt_signal import MqttSignal
from csms.feeds.mqtt_soc import MqttSoc
from csms.gateway.house import GatewaySettings, House
from csms.gateway.listener import Ports
from csms.gateway.server import Gateway
from csms.gateway.tls import TlsSettings
from csms.grid.charging_needs import Offers
from csms.grid.loop import GridLoop
from csms.grid.settlement import Settler
from csms.grid.timekeeper import Timekeeper
from csms.pki import passwords, trust
from csms.settings import OcppSettings, Settings
from csms.store import journal, programs, users
from csms.store.database import Database
from csms.store.writer import Writer
from csms.web import mount
from csms.wire.v16 import DIALECT as V16
from csms.wire.v21 import DIALECT as V21
from csms.wire.v201 import DIALECT as V201

log = structlog.get_logger()

DEFAULT_PROGRAM = "default"
DIALECTS = (V21, V201, V16)  # in our order of preference
_GRACEFUL_S = 5
_GARBAGE = (50_000, 10, 5)
"""Python's own have what a thousand messages in work hold looked through for a fifth of the time."""
_PART_S = 2.0
"""How long a part that serves nobody may take to end before the stations are told to go."""
_STOP_S = 9.0
"""A store that does not answer must not hold up the end; whoever is not acknowledged tells again."""
_END = (signal.SIGTERM, signal.SIGINT)


@dataclass(frozen=True, slots=True)
class Ready:
    """Where the server listens; `new_key` is the administrator's key if it was made just now."""

    ocpp: str
    api: str
    new_key: str | None = field(repr=False)


class App:
    """The whole server. Make it with `build`."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._numbers = Numbers()
        self._bus = CountedBus(MemoryBus(), self._numbers)
        self._stop = asyncio.Event()
        self._trust = trust.build(trust.Sources(**settings.pki.model_dump()), clock.now)

    def stop(self) -> None:
        """Go down in good order."""
        self._stop.set()

    async def run(self, ready: Callable[[Ready], None]) -> None:
        """Serve until `stop`; `ready` is called when both doors are open.

        Raises `ConfigurationError` (a port that is taken among others) and `StoreUnavailable`.
        """
        with _listen(self._settings.api.host, self._settings.api.port) as door:
            db = await Database.open(self._settings.store.url)
            try:
                await db.migrate()
                async with db.begin() as conn:
                    await journal.calls_lapsed(conn, self._clock.now())
                new_key = await _first_start(db, self._clock, self._settings.admin_key_file)
                await self._serve(db, door, new_key, ready)
            finally:
                await db.close()

    async def _serve(
        self, db: Database, door: socket.socket, new_key: str | None, ready: Callable[[Ready], None]
    ) -> None:
        writer = Writer(db)
        gateway = self._gateway(db, writer)
        wiring = Wiring(
            db,
            self._bus,
            self._clock,
            health=lambda: {"store": writer.healthy, "gateway": gateway.started.is_set()},
            connections=lambda: gateway.connections,
            numbers=self._numbers,
            dialects=DIALECTS,
            trust=self._trust,
        )
        http = self._http(wiring)
        async with asyncio.TaskGroup() as group:
            flushing = group.create_task(writer.run(), name="writer")
            stations = group.create_task(gateway.run(), name="gateway")
            rest = group.create_task(http.run_on(door), name="api")
            others = [
                group.create_task(run(), name=name) for name, run in self._others(db, writer, wiring).items()
            ]
            await gateway.started.wait()
            _keep_what_is_here()
            ready(self._where(gateway.ports, door, new_key))
            await self._stop.wait()
            log.info("stopping")
            wiring.closing.set()
            http.should_exit = True
            await _ended(*others, within_s=_PART_S)
            await _ended(stations)
            await rest
            await writer.close()
            await flushing
        log.info("stopped")

    def _gateway(self, db: Database, writer: Writer) -> Gateway:
        ocpp = self._settings.ocpp
        policy = Policy(ocpp.heartbeat_interval_s, ocpp.pending_interval_s, trust=self._trust)
        settings = GatewaySettings(
            plain=ocpp.plain,
            host=ocpp.host,
            port=ocpp.port,
            tls=_tls(ocpp),
            path=ocpp.path,
            allow_insecure_bind=ocpp.allow_insecure_bind,
            max_message_bytes=ocpp.max_message_kib * 1024,
            ping_interval_s=ocpp.ping_interval_s,
            **self._settings.limits.model_dump(),
        )
        return Gateway(House(db, writer, self._bus, self._clock, ROUTER, DIALECTS, policy, settings))

    def _others(
        self, db: Database, writer: Writer, wiring: Wiring
    ) -> dict[str, Callable[[], Coroutine[None, None, None]]]:
        """What serves nobody directly, by name."""
        grid, mqtt = self._settings.grid, self._settings.mqtt
        desk = Desk(db, self._bus, self._clock, AFTER)
        node = f"{socket.gethostname()}:{os.getpid()}"
        parts: dict[str, Callable[[], Coroutine[None, None, None]]] = {
            "grid loop": GridLoop(db, self._bus, self._clock, node, tick_s=grid.tick_s).run,
            "settler": Settler(db, self._bus, self._clock, every_s=grid.settle_every_s).run,
            "timekeeper": Timekeeper(db, self._clock).run,
            "inquiry": Inquiry(db, self._bus, self._clock).run,
            "old answers": lambda: forget_old_answers(writer, self._clock),
            "retries": Retries(desk).run,
            "running cost": RunningCost(desk).run,
        }
        if self._settings.ocpp.offer_schedules:
            parts["offers"] = Offers(db, self._bus, self._clock).run
        if self._trust.authority is not None:
            parts["signing"] = Signing(desk, self._trust.authority).run
        if mqtt.url:
            feed = MqttSignal(db, self._bus, self._clock, mqtt.url, mqtt.topic_in, mqtt.topic_out)
            parts["mqtt"] = feed.run
            parts["mqtt soc"] = MqttSoc(db, self._bus, self._clock, mqtt.url, mqtt.topic_soc).run
        return parts

    def _http(self, wiring: Wiring) -> "_Http":
        application = api.build(wiring)
        mount.mount(application)
        config = uvicorn.Config(
            application,
            log_config=None,
            access_log=False,
            server_header=False,
            lifespan="off",
            ws="none",
            h11_max_incomplete_event_size=64 * 1024,
            timeout_graceful_shutdown=_GRACEFUL_S,
        )
        return _Http(config)

    def _where(self, ports: Ports, door: socket.socket, new_key: str | None) -> Ready:
        ocpp, rest = self._settings.ocpp, self._settings.api
        stations = ("ws", ocpp.host, ports.plain) if ports.plain else ("wss", ocpp.tls_host, ports.tls)
        scheme, host, port = stations
        return Ready(
            f"{scheme}://{_in_url(host)}:{port}{ocpp.path}",
            f"http://{_in_url(rest.host)}:{door.getsockname()[1]}",
            new_key,
        )


class _Http(uvicorn.Server):
    """uvicorn without its own signal handlers: the house decides when it goes down."""

    async def run_on(self, door: socket.socket) -> None:
        """Serve until `should_exit`; a cancelled server leaves no listener behind."""
        try:
            await self.serve([door])
        finally:
            for server in self.servers:
                server.close()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _open_files() -> None:
    """A socket is a file, and many systems allow 1,024 until one asks for more."""
    try:
        import resource  # not on every platform
    except ImportError:
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        with contextlib.suppress(ValueError, OSError):  # then it stays as it is
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _keep_what_is_here() -> None:
    """Modules, tables and routes stay until the end: no garbage collection looks at them again.

    There are 200,000 objects of them, and a full collection that visits them all holds every station up for
    0.1 s. Connections are not kept so: what a frozen cycle holds is never freed.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_GARBAGE)


def build(settings: Settings) -> App:
    """The server for these settings. Call it where its event loop runs."""
    rate = settings.clock.rate
    if rate == 1.0:
        return App(settings, RealClock())
    log.warning("SCALED CLOCK: house time is not real time", rate=rate)
    return App(settings, ScaledClock(rate))


def run(settings: Settings, ready: Callable[[Ready], None]) -> None:
    """Serve until SIGTERM or SIGINT. Raises what `App.run` raises, singly."""
    logs.configure(settings.log.level, settings.log.format)
    _open_files()

    async def main() -> None:
        app = build(settings)
        loop = asyncio.get_running_loop()

        def end() -> None:
            app.stop()
            loop.call_later(_STOP_S, _give_up)

        for number in _END:
            loop.add_signal_handler(number, end)
        try:
            await app.run(ready)
        finally:  # all is done and safe: who asks once more must not make an abnormal end of it
            for number in _END:
                loop.remove_signal_handler(number)
                signal.signal(number, signal.SIG_IGN)

    try:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(main())
    except Exception as error:
        raise _of_listener(settings, _first(error)) from None


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop  # not on every platform
    except ImportError:
        return None
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory


def _first(error: Exception) -> Exception:
    """The first error inside a group; what failed because of it is not told."""
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    return error


def _tls(ocpp: OcppSettings) -> TlsSettings | None:
    if not ocpp.tls_certificates:
        return None
    return TlsSettings(
        certificates=ocpp.tls_certificates,
        keys=ocpp.tls_keys,
        client_ca=Path(ocpp.client_ca) if ocpp.client_ca else None,
        client_crl=Path(ocpp.client_crl) if ocpp.client_crl else None,
        client_organisations=ocpp.client_organisations,
        forward_secrecy_only=ocpp.forward_secrecy_only,
        host=ocpp.tls_host,
        port=ocpp.tls_port,
    )


def _of_listener(settings: Settings, error: Exception) -> Exception:
    if isinstance(error, OSError) and error.errno in (errno.EADDRINUSE, errno.EACCES, errno.EADDRNOTAVAIL):
        ocpp = settings.ocpp
        if ocpp.tls_certificates and str(ocpp.tls_port) in str(error):
            return _taken("ocpp.tls_port", ocpp.tls_host, ocpp.tls_port, error)
        return _taken("ocpp.port", ocpp.host, ocpp.port, error)
    return error


def _taken(key: str, host: str, port: int, error: OSError) -> ConfigurationError:
    reason = "is in use" if error.errno == errno.EADDRINUSE else f"cannot be used: {error.strerror}"
    return ConfigurationError(key, f"{host}:{port} {reason}")


@contextlib.contextmanager
def _listen(host: str, port: int) -> Iterator[socket.socket]:
    """The API's listener, taken before anything else is started."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as door:
        door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            door.bind((host, port))
            door.listen(1024)
        except OSError as error:
            raise _taken("api.port", host, port, error) from None
        door.setblocking(False)
        yield door


async def _ended(*tasks: asyncio.Task[None], within_s: float | None = None) -> None:
    """Cancel these and wait until they are gone, or so long."""
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks, timeout=within_s)


def _give_up() -> None:
    """The end of the process, though not all could be finished."""
    log.error("not stopped in time, leaving")
    logging.shutdown()
    os._exit(1)


async def _first_start(db: Database, clock: Clock, file: Path) -> str | None:
    """Make what a new house needs: the default program, and an administrator whose key is returned."""
    if await programs.get(db, DEFAULT_PROGRAM) is None:
        async with db.begin() as conn:
            await programs.put(conn, Program(DEFAULT_PROGRAM, "Default program"))
    if await users.any_administrator(db):
        return None
    key = passwords.generate_key()
    _write_secret(file, key)
    async with db.begin() as conn:
        await users.add(conn, "admin", "administrator", passwords.hash_key(key), clock.now())
    return key


def _write_secret(file: Path, text: str) -> None:
    """Write a file that only its owner can read, whatever it was before."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.unlink(missing_ok=True)
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as out:
            out.write(f"{text}\n")
    except OSError as error:
        raise ConfigurationError("admin_key_file", f"{file} cannot be written: {error.strerror}") from None


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host
