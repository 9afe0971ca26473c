"""Frames, discovery, TCP and TLS, and what a bad peer sends."""

import asyncio
import json
import os
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from ipaddress import IPv6Address
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chargepoint_sim.clock import HandClock, RealClock
from chargepoint_sim.ev.vehicle import PowerLimits
from chargepoint_sim.iso15118.channel import ChannelClosed, Undecodable
from chargepoint_sim.iso15118.exi.bits import ExiError
from chargepoint_sim.iso15118.exi.codec import MOST_BYTES
from chargepoint_sim.iso15118.outlet import Ending
from chargepoint_sim.iso15118.pki import Curve, TestPki, make_pki
from chargepoint_sim.iso15118.protocols import from_frame, to_frame
from chargepoint_sim.iso15118.sdp import (
    Beacon,
    NoStation,
    Security,
    StationAddress,
    answer,
    discover,
    question,
    read_answer,
    read_question,
)
from chargepoint_sim.iso15118.secc import Hardware, Secc
from chargepoint_sim.iso15118.tls import station_context, vehicle_context
from chargepoint_sim.iso15118.v2gtp import BadFrame, Frames, PayloadType, frame
from chargepoint_sim.iso15118.v20 import messages as m
from chargepoint_sim.iso15118.v20 import station
from chargepoint_sim.iso15118.wire import WireChannel, connect, listen
from chargepoint_sim.station.evse import Evse
from tests.unit.chargepoint_sim.iso15118.table import START

STOP = m.SessionStopReq(
    Header=m.MessageHeaderType(SessionID=bytes(8), TimeStamp=1), ChargingSession="Terminate"
)
WAIT_S = 10.0


# Frames


@given(st.lists(st.tuples(st.integers(0, 0xFFFF), st.binary(max_size=40)), max_size=6), st.data())
def test_frames_come_back_however_the_stream_is_split(
    frames: list[tuple[int, bytes]], data: st.DataObject
) -> None:
    stream = b"".join(frame(*one) for one in frames)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    whole = Frames()
    found: list[tuple[int, bytes]] = []
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        found += whole.feed(stream[start:end])
    assert found == frames


def test_a_frame_split_at_every_byte() -> None:
    stream = frame(PayloadType.DC, b"abc") + frame(PayloadType.AC, b"")
    whole = Frames()
    found = [one for byte in stream for one in whole.feed(bytes([byte]))]
    assert found == [(PayloadType.DC, b"abc"), (PayloadType.AC, b"")]


@pytest.mark.parametrize("start", [b"\x02\xfd", b"\x01\x01", b"\x00\xfe", b"GET / HTTP/1.1"])
def test_wrong_magic_is_no_frame(start: bytes) -> None:
    with pytest.raises(BadFrame):
        list(Frames().feed(start + bytes(8)))


def test_a_length_above_the_cap_is_refused_before_the_payload_comes() -> None:
    header = frame(PayloadType.DC, b"")[:4] + (MOST_BYTES + 1).to_bytes(4, "big")
    with pytest.raises(BadFrame):
        list(Frames().feed(header))


@pytest.mark.parametrize("payload_type", [0x8005, 0x8006, 0x9000, 0x0000, 0xFFFF, PayloadType.AC])
def test_a_payload_type_that_does_not_fit_is_no_message(payload_type: int) -> None:
    ((_, payload),) = Frames().feed(to_frame(STOP))
    assert from_frame(PayloadType.COMMON, payload, agreed=True) == STOP
    with pytest.raises(ExiError):
        from_frame(payload_type, payload, agreed=True)


# A bad peer


@asynccontextmanager
async def socket_of_a_station(
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[tuple[int, asyncio.Future[WireChannel]]]:
    clock = RealClock()
    arrived: asyncio.Future[WireChannel] = asyncio.get_running_loop().create_future()
    server = await listen("127.0.0.1", 0, (clock, clock), arrived.set_result, tls)
    try:
        yield server.sockets[0].getsockname()[1], arrived
    finally:
        server.close()
        await server.wait_closed()


BAD = {
    "wrong magic": b"GET / HTTP/1.1\r\n\r\n",
    "too long": bytes.fromhex("01fe8002") + b"\xff\xff\xff\xff",
    "undecodable": frame(PayloadType.COMMON, b"\x80\xff\xff\xff"),
    "another schema": frame(PayloadType.DC, to_frame(STOP)[8:]),
    "unknown payload type": frame(0x8006, b"\x80"),
    "nothing in it": frame(PayloadType.COMMON, b""),
    "a response": to_frame(m.SessionStopRes(Header=STOP.Header, ResponseCode="OK")),
}


@pytest.mark.parametrize("bad", list(BAD))
async def test_bytes_that_are_no_request_end_the_session_with_an_open_contactor(bad: str) -> None:
    async with socket_of_a_station() as (port, arrived):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        channel = await arrived
        evse = Evse(1, PowerLimits(11_000, 11_000), RealClock())
        evse.set_contactor(True)
        secc = Secc(channel, evse, RealClock(), Hardware("ZZTEST1"), station.DIALECTS)
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(secc.run())
            writer.write(BAD[bad])
            assert await asyncio.wait_for(reader.read(), WAIT_S) == b""
        assert running.result() is Ending.BROKEN
        assert secc.failure
        assert not evse.closed
        writer.close()


async def test_what_came_before_the_end_is_still_delivered() -> None:
    async with socket_of_a_station() as (port, arrived):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(to_frame(STOP) * 2 + b"rubbish!")
        writer.close()
        channel = await arrived
        assert await channel.recv(WAIT_S) == STOP
        assert await channel.recv(WAIT_S) == STOP
        with pytest.raises((Undecodable, ChannelClosed)):
            await channel.recv(WAIT_S)
        channel.close()


async def test_a_flood_of_requests_is_not_read_any_further() -> None:
    async with socket_of_a_station() as (port, arrived):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        channel = await arrived
        for _ in range(2000):
            writer.write(to_frame(STOP) * 50)
        await channel.recv(WAIT_S)
        held = len(channel._inbox)
        assert held < 20_000  # what one read of the socket brings, and no more
        for _ in range(3 * held):
            assert await channel.recv(WAIT_S) == STOP
        channel.close()
        writer.transport.abort()


async def test_a_silent_peer_is_waited_for_by_the_clock() -> None:
    clock = HandClock(START)
    channel = WireChannel(clock, clock)
    waiting = asyncio.create_task(channel.recv(5))
    await clock.advance(4.9)
    assert not waiting.done()
    await clock.advance(0.2)
    assert isinstance(waiting.exception(), TimeoutError)


# TLS


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> TestPki:
    return make_pki(tmp_path_factory.mktemp("one"), Curve.P521)


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> TestPki:
    return make_pki(tmp_path_factory.mktemp("two"), Curve.P256)


@pytest.fixture(scope="module")
def expired(tmp_path_factory: pytest.TempPathFactory) -> TestPki:
    return make_pki(tmp_path_factory.mktemp("three"), Curve.P256, days=-1)


async def spoken(server: ssl.SSLContext, client: ssl.SSLContext) -> str | None:
    """Send one message each way; the TLS version, or an exception."""
    async with socket_of_a_station(server) as (port, arrived):
        clock = RealClock()
        vehicle_end = await connect("127.0.0.1", port, (clock, clock), client)
        try:
            station_end = await asyncio.wait_for(arrived, 2)
        except TimeoutError:
            with pytest.raises(ChannelClosed):
                await vehicle_end.recv(WAIT_S)
            raise
        await vehicle_end.send(STOP)
        assert await station_end.recv(WAIT_S) == STOP
        await station_end.send(STOP)
        assert await vehicle_end.recv(WAIT_S) == STOP
        assert vehicle_end._transport is not None
        version = vehicle_end._transport.get_extra_info("ssl_object").version()
        vehicle_end.close()
        station_end.close()
        return str(version)


async def test_both_show_their_chains_over_tls_1_3(pki: TestPki) -> None:
    assert await spoken(station_context(pki.station), vehicle_context(pki.vehicle)) == "TLSv1.3"


async def test_a_station_with_another_root_is_refused(pki: TestPki, stranger: TestPki) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        await spoken(station_context(stranger.station), vehicle_context(pki.vehicle))


async def test_an_expired_station_is_refused(expired: TestPki) -> None:
    with pytest.raises(ssl.SSLCertVerificationError, match="expired"):
        await spoken(station_context(expired.station), vehicle_context(expired.vehicle))


async def refused_by_the_station(server: ssl.SSLContext, client: ssl.SSLContext) -> None:
    """In TLS 1.3 a client learns of it only after its own handshake is done."""
    async with socket_of_a_station(server) as (port, arrived):
        clock = RealClock()
        vehicle_end = await connect("127.0.0.1", port, (clock, clock), client)
        with pytest.raises(ChannelClosed):
            await vehicle_end.recv(WAIT_S)
        assert not arrived.done()


async def test_a_vehicle_with_another_root_is_refused(pki: TestPki, stranger: TestPki) -> None:
    client = vehicle_context(stranger.vehicle)
    client.load_verify_locations(pki.vehicle.trusted)
    await refused_by_the_station(station_context(pki.station), client)


async def test_a_vehicle_without_a_certificate_is_refused(pki: TestPki) -> None:
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname = False
    client.load_verify_locations(pki.vehicle.trusted)
    await refused_by_the_station(station_context(pki.station), client)


async def test_an_older_tls_is_refused(pki: TestPki) -> None:
    client = vehicle_context(pki.vehicle)
    client.minimum_version = ssl.TLSVersion.TLSv1_2
    client.maximum_version = ssl.TLSVersion.TLSv1_2
    with pytest.raises((ssl.SSLError, ConnectionError)):
        await spoken(station_context(pki.station), client)


def test_keys_are_for_their_owner_only(pki: TestPki) -> None:
    for identity in (pki.station, pki.vehicle):
        assert identity.key.stat().st_mode & 0o077 == 0


# Discovery

ADDRESS = StationAddress(IPv6Address("fe80::1"), 50_000, Security.TLS)


def test_the_datagrams_are_those_of_the_standard() -> None:
    assert question(Security.TLS).hex() == "01fe9000000000020000"
    assert question(Security.NONE).hex() == "01fe9000000000021000"
    assert answer(ADDRESS).hex() == "01fe900100000014fe80" + "00" * 13 + "01c3500000"
    assert read_question(question(Security.NONE)) is Security.NONE
    assert read_answer(answer(ADDRESS)) == ADDRESS


@given(st.binary(max_size=60))
@example(bytes(3))  # a question with a byte too many
def test_any_other_datagram_is_nothing(datagram: bytes) -> None:
    for read in (read_question, read_answer):
        assert read(datagram) is None
        assert read(question(Security.TLS)[:-2] + datagram) is None or len(datagram) == 2


@pytest.mark.parametrize("length", range(28))
def test_a_cut_answer_is_nothing(length: int) -> None:
    assert read_answer(answer(ADDRESS)[:length]) is None


async def test_a_station_is_found_on_loopback() -> None:
    async with Beacon(ADDRESS, port=0) as beacon:
        assert await discover(RealClock(), Security.TLS, port=beacon.port) == ADDRESS
        # It has no plain socket: the vehicle hears what there is, and decides.
        assert await discover(RealClock(), Security.NONE, port=beacon.port) == ADDRESS


async def test_a_station_that_does_not_answer_is_asked_fifty_times_in_twelve_and_a_half_seconds() -> None:
    clock = HandClock(START)
    asked: asyncio.Queue[bytes] = asyncio.Queue()

    class Deaf(asyncio.DatagramProtocol):
        def datagram_received(self, data: bytes, addr: object) -> None:
            asked.put_nowait(data)

    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(Deaf, local_addr=("::1", 0))
    port = transport.get_extra_info("sockname")[1]
    searching = asyncio.create_task(discover(clock, Security.TLS, port=port))
    for _ in range(50):
        assert await asyncio.wait_for(asked.get(), WAIT_S) == question(Security.TLS)
        assert not searching.done()
        await clock.advance(0.25)
    with pytest.raises(NoStation):
        await asyncio.wait_for(searching, WAIT_S)
    assert asked.empty()
    transport.close()


NETNS = """
import asyncio, sys
from ipaddress import IPv6Address
from chargepoint_sim.clock import RealClock
from chargepoint_sim.iso15118.sdp import Beacon, Security, StationAddress, discover
address = StationAddress(IPv6Address("fe80::2"), 50000, Security.TLS)
async def station():
    async with Beacon(address, interface=sys.argv[2]):
        print("ready", flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
async def vehicle():
    print(await discover(RealClock(), Security.TLS, sys.argv[2]) == address, flush=True)
asyncio.run({"station": station, "vehicle": vehicle}[sys.argv[1]]())
"""


def _ip(*words: str) -> bool:
    try:
        return subprocess.run(["ip", *words], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


@pytest.fixture
def link() -> Iterator[tuple[str, str]]:
    """Two network namespaces, a vehicle's (with ev0) and a station's (with se0), joined by a cable."""
    one, two = f"ev-{os.getpid()}", f"se-{os.getpid()}"
    if not (_ip("netns", "add", one) and _ip("netns", "add", two)):
        _ip("netns", "del", one)
        pytest.skip("network namespaces need iproute2 and root")
    try:
        assert _ip("link", "add", "ev0", "netns", one, "type", "veth", "peer", "name", "se0", "netns", two)
        for space, name, address in ((one, "ev0", "fe80::1/64"), (two, "se0", "fe80::2/64")):
            assert _ip("-n", space, "addr", "add", address, "dev", name, "nodad")
            assert _ip("-n", space, "link", "set", name, "up")
        yield one, two
    finally:
        _ip("netns", "del", one)
        _ip("netns", "del", two)


def test_a_station_is_found_by_multicast_on_a_cable(tmp_path: Path, link: tuple[str, str]) -> None:
    script = tmp_path / "ends.py"
    script.write_text(NETNS)
    ev, se = (["ip", "netns", "exec", one, sys.executable, str(script)] for one in link)
    with subprocess.Popen(
        [*se, "station", "se0"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as station_:
        assert station_.stdout is not None
        assert station_.stdout.readline() == "ready\n"
        run = [*ev, "vehicle", "ev0"]
        found = subprocess.run(run, capture_output=True, text=True, timeout=30, check=False)
        station_.communicate("end\n", timeout=30)
    assert found.stdout == "True\n", found.stderr


def test_both_commands_meet_on_a_cable(tmp_path: Path, link: tuple[str, str]) -> None:
    ev, se = (["ip", "netns", "exec", one, sys.executable, "-m", "chargepoint_sim"] for one in link)
    pki = ["--pki", str(tmp_path / "pki"), "--json"]
    command = [*se, "secc", "--interface", "se0", *pki, "--limit-w", "-5000", "--sessions", "1"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as station_:
        assert station_.stdout is not None
        assert json.loads(station_.stdout.readline())["event"] == "listening"
        run = [*ev, "ev", "--interface", "ev0", *pki, "--loops", "30", "--loop-period-s", "0.05"]
        done = subprocess.run(run, capture_output=True, text=True, timeout=60, check=False)
        out, _ = station_.communicate(timeout=60)
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert (done.returncode, done.stderr) == (0, "")
    assert events[0]["host"].startswith("fe80::")
    assert events[0]["host"].endswith("%ev0")
    assert events[0]["tls"] is True
    assert events[1]["power_w"] == pytest.approx(-5000)
    assert json.loads(out.splitlines()[-1])["how"] == "by vehicle"
