"""TLS: T-01 to T-09 of section 1.1 and C-01 to C-07 of section 1.3, on the wire."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import uvloop
from websockets.exceptions import InvalidMessage, InvalidStatus

from csms.domain.facts import SecurityAlarmRaised
from csms.errors import ConfigurationError
from csms.gateway.tls import Tls, TlsSettings
from csms.gateway.tls_transport import TlsTransport, Turnstile
from csms.store import stations
from tests.flows.gateway.certificates import SERVER, Authority, Files, client
from tests.flows.gateway.front import PASSWORD, STATION, WAIT_S, Client, Front, basic, front
from tests.flows.gateway.wire import Wire

SERIAL = "SN-1"


@dataclass
class Pki:
    """Both roots, the server's certificates and the gateway's settings."""

    servers: Authority
    stations: Authority
    settings: TlsSettings


@pytest.fixture
def pki(tmp_path: Path) -> Pki:
    servers, stations = Authority(tmp_path, "servers"), Authority(tmp_path, "stations")
    own = [servers.issue("csms.example.org", usage=SERVER, rsa_key=rsa_key) for rsa_key in (False, True)]
    return Pki(
        servers,
        stations,
        TlsSettings(
            certificates=tuple(files.certificate for files in own),
            keys=tuple(files.key for files in own),
            client_ca=stations.file,
            client_organisations=("Operator", "Partner"),
            port=0,
        ),
    )


@asynccontextmanager
async def secured(pki: Pki, profile: int = 2, **changes: Any) -> AsyncIterator[Front]:
    """A gateway with TLS, and the station registered with a security profile."""
    async with front(tls=replace(pki.settings, **changes)) as door:
        async with door.db.begin() as conn:
            await stations.change(conn, STATION, security_profile=profile, serial_number=SERIAL)
        yield door


def knock(door: Front, context: ssl.SSLContext | None, *, password: bool = True, **options: Any) -> Any:
    """Come by TLS, or plainly."""
    headers = {"Authorization": basic(STATION, PASSWORD)} if password else {}
    return door.knock(headers=headers, ssl=context, **options)


async def outcome(door: Front, context: ssl.SSLContext | None, *, password: bool = True) -> int:
    """The HTTP status; 0 if TLS fails."""
    try:
        async with knock(door, context, password=password) as socket:
            await Client(socket).call("Heartbeat", {})
            return 101
    except InvalidStatus as refused:
        return refused.response.status_code
    except (ssl.SSLError, ConnectionError, InvalidMessage):
        return 0
    finally:
        await door.connections(0)


@pytest.mark.parametrize("configured", [1, 2, 3])
async def test_t_01_only_the_configured_profile_connects(pki: Pki, configured: int) -> None:
    station = pki.stations.issue(SERIAL)
    offers = {
        1: (None, True),
        2: (client(pki.servers), True),
        3: (client(pki.servers, station), False),
    }
    async with secured(pki, configured) as door:
        for offered, (context, password) in offers.items():
            status = await outcome(door, context, password=password)
            assert status == (101 if offered == configured else 401), offered
        assert await outcome(door, None, password=False) == 401
        assert await outcome(door, client(pki.servers), password=False) == 401


@pytest.mark.parametrize(
    ("maximum", "works"),
    [(ssl.TLSVersion.TLSv1_1, False), (ssl.TLSVersion.TLSv1_2, True), (ssl.TLSVersion.TLSv1_3, True)],
)
async def test_t_04_tls_1_2_and_1_3_only(pki: Pki, maximum: ssl.TLSVersion, works: bool) -> None:
    context = client(pki.servers)
    if not works:
        context.set_ciphers("ALL:@SECLEVEL=0")
        with pytest.warns(DeprecationWarning, match="TLSv1_1"):
            context.minimum_version = context.maximum_version = maximum
    else:
        context.minimum_version = context.maximum_version = maximum
    async with secured(pki) as door:
        assert (await outcome(door, context) == 101) == works


SUITES = [
    ("ECDHE-ECDSA-AES128-GCM-SHA256", False),
    ("ECDHE-ECDSA-AES256-GCM-SHA384", False),
    ("AES128-GCM-SHA256", True),
    ("AES256-GCM-SHA384", True),
]


@pytest.mark.parametrize(("suite", "old"), SUITES)
@pytest.mark.parametrize("forward_secrecy_only", [False, True])
async def test_t_05_t_06_the_four_suites(pki: Pki, suite: str, old: bool, forward_secrecy_only: bool) -> None:
    context = client(pki.servers)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(suite)
    async with secured(pki, forward_secrecy_only=forward_secrecy_only) as door:
        works = not (old and forward_secrecy_only)
        assert (await outcome(door, context) == 101) == works


async def test_t_05_cbc_is_refused(pki: Pki) -> None:
    context = client(pki.servers)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("ECDHE-RSA-AES128-SHA256:AES128-SHA")
    async with secured(pki) as door:
        assert await outcome(door, context) == 0


def test_t_07_no_compression_and_no_renegotiation(pki: Pki) -> None:
    options = Tls(pki.settings).context.options
    assert options & ssl.OP_NO_COMPRESSION
    assert options & ssl.OP_NO_RENEGOTIATION


async def serial_of(door: Front, pki: Pki) -> int:
    """Which certificate a new connection gets."""
    assert door.gateway.ports.tls is not None
    _, writer = await asyncio.open_connection("127.0.0.1", door.gateway.ports.tls, ssl=client(pki.servers))
    serial = int(writer.get_extra_info("peercert")["serialNumber"], 16)
    writer.close()
    return serial


async def test_t_09_a_renewed_certificate_is_used_and_no_connection_dropped(pki: Pki) -> None:
    async with secured(pki) as door, knock(door, client(pki.servers)) as socket:
        station = Client(socket)
        assert await station.boot() == "Accepted"
        before = await serial_of(door, pki)
        pki.settings.keys[0].write_text("half a file")
        tls = door.gateway._tls
        assert tls is not None
        tls.look()
        assert await serial_of(door, pki) == before
        pki.servers.issue("csms.example.org", usage=SERVER)
        tls.look()
        assert await serial_of(door, pki) != before
        await station.result("Heartbeat", {})


async def test_messages_of_any_size_pass_both_ways(pki: Pki) -> None:
    async with secured(pki) as door, knock(door, client(pki.servers)) as socket:
        station = Client(socket)
        assert await station.boot() == "Accepted"
        for size in (10, 4000, 20_000, 200_000):
            payload = {"vendorId": "v", "data": "x" * size}
            answer = await station.call("DataTransfer", payload)
            assert answer[0] in (3, 4)
        await socket.ping()
        await station.send("x" * 300_000)
        assert await station.closed() == 1009


async def test_section_2_2_row_14_a_slow_tls_handshake_is_cut(pki: Pki) -> None:
    async with front(tls=pki.settings, upgrade_timeout_s=0.2) as door:
        assert door.gateway.ports.tls is not None
        for first in (b"", b"\x16\x03\x01\x02\x00\x01"):
            reader, writer = await asyncio.open_connection("127.0.0.1", door.gateway.ports.tls)
            writer.write(first)
            async with asyncio.timeout(WAIT_S):
                assert await reader.read() == b""
            writer.close()


async def test_who_speaks_no_tls_is_hung_up_on(pki: Pki) -> None:
    async with front(tls=pki.settings) as door:
        assert door.gateway.ports.tls is not None
        reader, writer = await asyncio.open_connection("127.0.0.1", door.gateway.ports.tls)
        writer.write(b"GET /ocpp/cs-1 HTTP/1.1\r\n\r\n")
        async with asyncio.timeout(WAIT_S):
            await reader.read()
        writer.close()


BAD: dict[str, Callable[[Pki, Path], Files]] = {
    "unknown authority": lambda pki, folder: Authority(folder, "others").issue(SERIAL),
    "the servers' authority": lambda pki, _: pki.servers.issue(SERIAL),
    "expired": lambda pki, _: pki.stations.issue(SERIAL, days=(-5, -1)),
    "not yet valid": lambda pki, _: pki.stations.issue(SERIAL, days=(1, 5)),
    "for servers": lambda pki, _: pki.stations.issue(SERIAL, usage=SERVER),
    "another serial number": lambda pki, _: pki.stations.issue("SN-2"),
    "another organisation": lambda pki, _: pki.stations.issue(SERIAL, "Somebody"),
}


@pytest.mark.parametrize("bad", BAD)
async def test_c_01_to_c_05_bad_certificates_are_refused(pki: Pki, tmp_path: Path, bad: str) -> None:
    station = BAD[bad](pki, tmp_path)
    async with secured(pki, 3) as door:
        # Of an authority that the server does not ask for, the client does not even show one.
        assert await outcome(door, client(pki.servers, station), password=False) in (0, 401)
        if bad.startswith("another"):
            alarm = await door.fact(SecurityAlarmRaised)
            assert isinstance(alarm, SecurityAlarmRaised)
            assert alarm.kind == "InvalidChargingStationCertificate"


async def test_c_02_a_trusted_partners_station_is_let_in(pki: Pki) -> None:
    async with secured(pki, 3) as door:
        context = client(pki.servers, pki.stations.issue(SERIAL, "Partner"))
        assert await outcome(door, context, password=False) == 101


async def test_c_04_who_boots_with_another_serial_number_is_hung_up_on(pki: Pki) -> None:
    """B01.FR.11, B01.FR.12."""
    async with secured(pki, 3) as door:
        context = client(pki.servers, pki.stations.issue(SERIAL))
        told: dict[str, str] = {"model": "M", "vendorName": "V"}
        async with knock(door, context, password=False) as socket:
            boot = {"reason": "PowerUp", "chargingStation": {**told, "serialNumber": SERIAL}}
            assert (await Client(socket).result("BootNotification", boot))["status"] == "Accepted"
        for another in (told, {**told, "serialNumber": "SN-2"}):
            await door.connections(0)
            async with knock(door, context, password=False) as socket:
                await Client(socket).send(
                    [2, "b", "BootNotification", {"reason": "PowerUp", "chargingStation": another}]
                )
                assert await Client(socket).closed() == 1008
            alarm = await door.fact(SecurityAlarmRaised)
            assert isinstance(alarm, SecurityAlarmRaised)
            assert alarm.kind == "serial number differs"


async def test_c_06_a_revoked_certificate_is_refused(pki: Pki) -> None:
    good, bad = pki.stations.issue(SERIAL, rsa_key=True), pki.stations.issue(SERIAL)
    async with secured(pki, 3, client_crl=pki.stations.revoke(bad)) as door:
        assert await outcome(door, client(pki.servers, good), password=False) == 101
        assert await outcome(door, client(pki.servers, bad), password=False) == 0


async def test_c_07_a_certificate_opens_no_other_identity(pki: Pki) -> None:
    async with secured(pki, 3) as door:
        await door.add_station("cs-2", security_profile=3, serial_number="SN-2")
        context = client(pki.servers, pki.stations.issue(SERIAL))
        with pytest.raises(InvalidStatus):
            async with door.knock("cs-2", headers={}, ssl=context):
                pass


@pytest.mark.parametrize("wrong", ["certificates", "client_ca", "client_crl"])
def test_files_that_are_not_there_or_not_right_are_named(pki: Pki, tmp_path: Path, wrong: str) -> None:
    (tmp_path / "bad.pem").write_text("no certificate")
    for name in ("bad.pem", "missing.pem"):
        value: Any = tmp_path / name
        changes: dict[str, Any] = {wrong: (value, value) if wrong == "certificates" else value}
        with pytest.raises(ConfigurationError, match="ocpp"):
            Tls(replace(pki.settings, **changes))


class Peer:
    """A TLS client without a network, opposite a `TlsTransport` on a `Wire`."""

    def __init__(self, pki: Pki) -> None:
        self.wire, self.inner = Wire(), Inner()
        self.transport = TlsTransport(Tls(pki.settings), Turnstile(), self.inner)
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = client(pki.servers).wrap_bio(self._incoming, self._outgoing, server_hostname="127.0.0.1")
        self.transport.connection_made(self.wire)

    async def exchange(self, size: int) -> None:
        """Carry what there is to the other side, cut into portions, and back."""
        data = self._outgoing.read()
        for start in range(0, len(data), size):
            self.transport.data_received(data[start : start + size])
            await asyncio.sleep(0)  # the turnstile turns
        self._incoming.write(bytes(self.wire.sent))
        self.wire.sent.clear()

    async def shake_hands(self, size: int) -> None:
        """Until both sides are content."""
        for _ in range(4):
            with suppress(ssl.SSLWantReadError):
                self.tls.do_handshake()
            await self.exchange(size)


class Inner(asyncio.Protocol):
    """Echoes."""

    transport: asyncio.Transport
    heard = b""
    ended = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        """Back it goes."""
        self.heard += data
        self.transport.write(data)

    def eof_received(self) -> None:
        """The end."""
        self.ended = True


@pytest.mark.parametrize("size", [1, 7, 1000, 100_000])
async def test_bytes_pass_in_any_portions_and_an_end_is_an_end(pki: Pki, size: int) -> None:
    peer = Peer(pki)
    await peer.shake_hands(size)
    sent = bytes(range(256)) * 200
    for start in range(0, len(sent), 16_384):
        peer.tls.write(sent[start : start + 16_384])
    await peer.exchange(size)
    assert peer.inner.heard == sent
    back = b""
    while len(back) < len(sent):
        back += peer.tls.read(65536)
    assert back == sent
    with suppress(ssl.SSLWantReadError):
        peer.tls.unwrap()
    await peer.exchange(size)
    assert peer.inner.ended
    assert peer.wire.closed


async def test_bytes_that_are_no_tls_end_the_connection(pki: Pki) -> None:
    peer = Peer(pki)
    await peer.shake_hands(1000)
    peer.transport.data_received(b"\x17\x03\x03\x00\x20" + bytes(32))
    assert peer.wire.closed
    assert peer.inner.heard == b""
    peer.inner.transport.write(b"nobody hears it")


async def test_a_handshake_that_is_too_long_is_cut(pki: Pki) -> None:
    peer = Peer(pki)
    for _ in range(80):
        peer.transport.data_received(b"\x16" * 1024)
    assert peer.wire.closed


def test_the_product_s_own_loop_has_other_transports_and_does_the_same(pki: Pki) -> None:
    async def talk() -> None:
        async with secured(pki) as door:
            assert await outcome(door, client(pki.servers)) == 101
            assert await outcome(door, client(pki.servers), password=False) == 401
            async with knock(door, client(pki.servers)) as socket:
                station = Client(socket)
                assert await station.boot() == "Accepted"
                await (await socket.ping())
                await station.send("x" * 300_000)
                assert await station.closed() == 1009
            await door.add_station("cs-2")
            async with door.connected("cs-2") as plain:
                await plain.result("Heartbeat", {})
                await plain.send("x" * 300_000)
                assert await plain.closed() == 1009
            async with door.connected("cs-2", boot=False) as plain:
                door.gateway._registry.get("cs-2").end(1001, "bye")  # type: ignore[union-attr]
                assert await plain.closed() == 1001

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(talk())
