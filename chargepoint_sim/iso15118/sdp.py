"""SECC discovery protocol: how a vehicle finds its station, over UDP and IPv6.

The vehicle asks the link (`ff02::1`, port 15118) every 250 ms, at most 50 times; the station answers with
its address. On an interface without multicast, such as loopback, it asks an address of its own choice.
"""

import asyncio
import socket
import struct
from dataclasses import dataclass
from enum import IntEnum
from ipaddress import IPv6Address
from pathlib import Path
from types import TracebackType

from chargepoint_sim.clock import Clock, deadline
from chargepoint_sim.iso15118.v2gtp import BadFrame, Frames, PayloadType, frame

PORT = 15118
GROUP = "ff02::1"
_REPEAT_S = 0.25
_TRIES = 50
_TCP = 0x00
_ADDRESSES = Path("/proc/net/if_inet6")
_TENTATIVE = 0x40  # the system still looks whether somebody else has it
_ANSWER = struct.Struct(">16sHBB")


class Security(IntEnum):
    """Whether TLS is spoken."""

    TLS = 0x00
    NONE = 0x10


class NoStation(Exception):
    """Nobody answered."""


@dataclass(frozen=True)
class StationAddress:
    """Where a station listens."""

    host: IPv6Address
    port: int
    security: Security


def link_local(interface: str) -> IPv6Address:
    """An interface's own address on its link; `NoStation` if it has none, or none that is ready."""
    for line in _ADDRESSES.read_text().splitlines():
        digits, *_, flags, name = line.split()
        address = IPv6Address(bytes.fromhex(digits))
        ready = not int(flags, 16) & _TENTATIVE
        if name == interface and address.is_link_local and ready:
            return address
    raise NoStation(f"{interface} has no link-local IPv6 address that is ready")


def question(security: Security) -> bytes:
    """The datagram of a vehicle."""
    return frame(PayloadType.SDP_REQUEST, bytes([security, _TCP]))


def answer(address: StationAddress) -> bytes:
    """The datagram of a station."""
    body = _ANSWER.pack(address.host.packed, address.port, address.security, _TCP)
    return frame(PayloadType.SDP_RESPONSE, body)


def read_question(datagram: bytes) -> Security | None:
    """The security that a vehicle asks for; None for what is no such question."""
    payload = _payload(datagram, PayloadType.SDP_REQUEST)
    if payload is None or len(payload) != 2 or payload[1] != _TCP:
        return None
    return Security(payload[0]) if payload[0] in set(Security) else None


def read_answer(datagram: bytes) -> StationAddress | None:
    """A station's address; None for what is no such answer."""
    payload = _payload(datagram, PayloadType.SDP_RESPONSE)
    if payload is None or len(payload) != _ANSWER.size:
        return None
    host, port, security, transport = _ANSWER.unpack(payload)
    if transport != _TCP or security not in set(Security) or port == 0:
        return None
    return StationAddress(IPv6Address(host), port, Security(security))


def _payload(datagram: bytes, wanted: PayloadType) -> bytes | None:
    """What the one frame brings that a datagram is; None if it is another, or more or less than one."""
    try:
        whole = list(Frames(most=64).feed(datagram))
    except BadFrame:
        return None
    if len(whole) != 1 or whole[0][0] != wanted or len(frame(wanted, whole[0][1])) != len(datagram):
        return None
    return whole[0][1]


class _Datagrams(asyncio.DatagramProtocol):
    """Gives a station's answers and a vehicle's questions to whoever waits for them."""

    def __init__(self, addresses: dict[Security, StationAddress] | None = None) -> None:
        self._addresses = addresses
        self.transport: asyncio.DatagramTransport | None = None
        self.found: asyncio.Future[StationAddress] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        """The socket is open."""
        self.transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str | object, int]) -> None:
        """Answer a question, take an answer, ignore anything else."""
        if self._addresses is None:
            if (address := read_answer(data)) is not None and not self.found.done():
                self.found.set_result(address)
            return
        wanted = read_question(data)
        if wanted is None or self.transport is None:
            return
        # A station without the wanted security tells what it has; the vehicle decides.
        address = self._addresses.get(wanted) or next(iter(self._addresses.values()))
        self.transport.sendto(answer(address), addr)

    def error_received(self, exc: Exception) -> None:
        """An unreachable station is found later or not at all."""


class Beacon:
    """A station that lets itself be found; a context in which it does."""

    def __init__(self, *addresses: StationAddress, interface: str | None = None, port: int = PORT) -> None:
        self._addresses = {address.security: address for address in addresses}
        self._interface = interface
        self.port = port
        self._transport: asyncio.DatagramTransport | None = None

    async def __aenter__(self) -> "Beacon":
        """Listen: to the group on an interface, or to loopback."""
        link = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        link.setblocking(False)
        if self._interface is None:
            link.bind(("::1", self.port))
        else:
            number = socket.if_nametoindex(self._interface)
            link.bind(("::", self.port))
            member = IPv6Address(GROUP).packed + struct.pack("@I", number)
            link.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, member)
        self.port = link.getsockname()[1]
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(
            lambda: _Datagrams(self._addresses), sock=link
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Be silent."""
        if self._transport is not None:
            self._transport.close()


async def discover(
    clock: Clock, security: Security, interface: str | None = None, port: int = PORT
) -> StationAddress:
    """Ask the link of an interface, or loopback, until a station answers; `NoStation` if none does."""
    link = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    link.setblocking(False)
    target: tuple[str, int, int, int] = ("::1", port, 0, 0)
    if interface is not None:
        number = socket.if_nametoindex(interface)
        link.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, number)
        target = (GROUP, port, 0, number)
    loop = asyncio.get_running_loop()
    transport, datagrams = await loop.create_datagram_endpoint(_Datagrams, sock=link)
    try:
        for _ in range(_TRIES):
            transport.sendto(question(security), target)
            try:
                async with deadline(clock, _REPEAT_S):
                    return await asyncio.shield(datagrams.found)
            except TimeoutError:
                continue
        raise NoStation(f"no station answered {_TRIES} questions")
    finally:
        datagrams.found.cancel()
        transport.close()
