"""The WebSocket listener: who may come in, and one `Connection` for each who has."""

import asyncio
from http import HTTPStatus
from ipaddress import ip_address

import structlog
from websockets.http11 import Request

from csms.blocks.onboarding import Onboarding
from csms.domain.facts import SecurityAlarmRaised, StationRegistered
from csms.errors import ConfigurationError, StoreUnavailable
from csms.gateway.connection import POLICY_VIOLATION, TRY_AGAIN_LATER, Connection
from csms.gateway.frame_log import FrameLog, Recorder
from csms.gateway.handshake import Claim, Doorkeeper, Peer, Turned
from csms.gateway.house import House
from csms.gateway.listener import Listener, Ports
from csms.gateway.registry import Registry
from csms.gateway.socket import StationSocket
from csms.gateway.tls import Tls
from csms.store import stations

log = structlog.get_logger()

DUPLICATE = "duplicate identity"
INTERNAL_ERROR = 1011


class Gateway:
    """Serves stations until cancelled."""

    def __init__(self, house: House) -> None:
        """Raises `ConfigurationError` for an open address without TLS (T-03)."""
        self.house = house
        self.ports = Ports(None, None)
        self.started = asyncio.Event()
        settings = house.settings
        self._doorkeeper = Doorkeeper(house)
        self._registry: Registry[Connection] = Registry(settings.probe_timeout_s)
        self._frame_log = FrameLog(house.db, house.writer, house.clock, settings.frames_kept)
        self._tls = None if settings.tls is None else Tls(settings.tls)
        if settings.plain and not (settings.allow_insecure_bind or _is_loopback(settings.host)):
            raise ConfigurationError(
                "ocpp.host", "Plain WebSockets are for loopback only; allow_insecure_bind overrides this."
            )

    @property
    def port(self) -> int:
        """Of the plain listener; 0 if there is none."""
        return self.ports.plain or 0

    @property
    def connections(self) -> int:
        """How many stations are connected."""
        return len(self._registry)

    async def run(self) -> None:
        """Listen until cancelled; then all sockets are closed with 1001."""
        house = self.house
        await house.writer.commit([stations.all_disconnected()])
        house.writer.on_failure(self._store_failed)
        if house.settings.plain:
            log.warning("stations connect without TLS", host=house.settings.host)  # T-03
        async with asyncio.TaskGroup() as group:
            group.create_task(self._watch())
            group.create_task(self._frame_log.run())
            group.create_task(Onboarding(house.db, house.bus, house.clock, house.policy).run())
            if self._tls is not None:
                group.create_task(self._tls.watch())
            async with self._listener(group).open() as self.ports:
                log.info("stations can connect", plain=self.ports.plain, tls=self.ports.tls)
                self.started.set()
                await asyncio.Event().wait()

    def _listener(self, tasks: asyncio.TaskGroup) -> Listener:
        return Listener(
            self.house.settings,
            [dialect.subprotocol for dialect in self.house.dialects],  # row 1
            self._screen,
            self._admit,
            lambda socket: tasks.create_task(self._serve(socket, tasks)),
            self._tls,
        )

    def _screen(self, socket: StationSocket, request: Request) -> Claim:
        peer = Peer(request.path, request.headers, socket.address, socket.profile, socket.certificate)
        return self._doorkeeper.screen(peer)

    async def _admit(self, socket: StationSocket, claim: Claim) -> None:
        """Before any upgrade: may this peer be this station, and is its place free."""
        station = await self._doorkeeper.admit(claim)
        socket.let_in(station)
        if not await self._registry.is_free(station.identity, newest_wins=station.newest_wins):
            await self._conflict(station.identity)
            raise Turned(HTTPStatus.CONFLICT, "This station is connected.\n")

    async def _serve(self, socket: StationSocket, tasks: asyncio.TaskGroup) -> None:
        """Begin the conversation; it needs no task from then on. Never raises."""
        try:
            await self._begin(socket, tasks)
        except Exception as error:  # one station's trouble is not the others'
            log.error("connection failed", address=socket.address, exc_info=error)
            socket.end(INTERNAL_ERROR, "")

    async def _begin(self, socket: StationSocket, tasks: asyncio.TaskGroup) -> None:
        station = socket.station
        assert station is not None
        socket.station = None  # a row is large, and what is needed of it the connection keeps
        identity = station.identity
        dialect = next(d for d in self.house.dialects if d.subprotocol == socket.subprotocol)
        recorder = Recorder(self._frame_log, identity)
        connection = Connection(self.house, socket, station, dialect, recorder, tasks)
        while (epoch := self._registry.register(identity, connection, station.connection_epoch)) is None:
            if not await self._registry.is_free(identity, newest_wins=station.newest_wins):
                await self._conflict(identity)
                connection.end(POLICY_VIOLATION, DUPLICATE)
                return

        def over() -> None:
            newest = self._registry.release(identity, epoch)
            connection.tell_gone(epoch, newest=newest)

        try:
            await connection.begin(epoch, over)
        except BaseException:
            self._registry.release(identity, epoch)  # nobody will tell that it is over
            raise

    async def _conflict(self, identity: str) -> None:
        """Two claim to be one station: it gets no discharge order until a person has looked (row 2)."""
        log.error(DUPLICATE, station_id=identity)
        try:
            await self.house.writer.commit([stations.held(identity, DUPLICATE)])
        except StoreUnavailable:
            log.warning("hold not kept", station_id=identity)
        self.house.bus.publish(SecurityAlarmRaised(self.house.clock.now(), identity, DUPLICATE))

    async def _watch(self) -> None:
        """People change stations; their connections must look again."""
        async with self.house.bus.subscribe(StationRegistered) as facts:
            async for fact in facts:
                assert isinstance(fact, StationRegistered)
                await self._look_again(fact.station_id)

    async def _look_again(self, identity: str) -> None:
        connection = self._registry.get(identity)
        if connection is None:
            return
        try:
            connection.look_again(await stations.get(self.house.db, identity))
        except StoreUnavailable:
            connection.end(TRY_AGAIN_LATER, "store unavailable")

    def _store_failed(self) -> None:
        """Row 31: stations must go offline and queue."""
        log.error("store failed, closing all stations", connections=len(self._registry))
        for connection in self._registry:
            connection.end(TRY_AGAIN_LATER, "store unavailable")


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
