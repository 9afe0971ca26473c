"""The station's connection: connect, hold, reconnect with a jittered back-off. Seconds here are real ones."""

import asyncio
import base64
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from ssl import SSLContext
from urllib.parse import quote, urlsplit

from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus, WebSocketException
from websockets.typing import Subprotocol

from chargepoint_sim.station.certificates import BadCertificate
from chargepoint_sim.station.knobs import Knobs
from chargepoint_sim.station.wire import Traffic, Wire
from chargepoint_sim.station.words import Socket

_OCPP = ("ws", "wss")


def wrong_address(url: str, schemes: tuple[str, ...] = _OCPP) -> str | None:
    """Why nobody can connect to an address of a server; None if somebody could."""
    try:
        parts = urlsplit(url)
        _ = parts.port, (parts.hostname or "").encode("idna")  # both are checked when looked at
    except ValueError as failure:
        return str(failure)
    if parts.scheme not in schemes:
        return f"it must begin with {' or '.join(f'{scheme}://' for scheme in schemes)}"
    if not parts.hostname or parts.username is not None or parts.query or parts.fragment:
        return "it has a host, and neither user, query nor fragment"
    return None


@dataclass(frozen=True)
class BackOff:
    """Wait `first_s`, twice as long after each failure up to `doublings` times, plus up to `random_s`."""

    first_s: float = 1.0
    random_s: float = 2.0
    doublings: int = 5

    def wait_s(self, failures: int, draw: random.Random) -> float:
        """How long to wait after so many failures in a row."""
        return self.first_s * 2.0 ** min(max(0, failures - 1), self.doublings) + draw.uniform(
            0, self.random_s
        )


@dataclass(frozen=True)
class Address:
    """Where the server is and how to get in. `password` is asked at every connect."""

    url: str
    identity: str
    password: Callable[[], str]
    subprotocol: str = "ocpp2.0.1"
    compress: bool = True
    ping_interval_s: Callable[[], float | None] = lambda: 20.0
    open_timeout_s: float = 10.0
    security_profile: int = 1
    context: Callable[[], SSLContext | None] = lambda: None

    def target(self) -> str:
        """The station's own address."""
        return f"{self.url.rstrip('/')}/{quote(self.identity, safe='')}"

    def headers(self) -> dict[str, str]:
        """What is sent along: with a certificate no password is (A00.FR.429)."""
        return {} if self.security_profile == 3 else {"Authorization": self.authorization()}

    def authorization(self) -> str:
        """The value of the Authorization header."""
        pair = f"{self.identity}:{self.password()}".encode()
        return f"Basic {base64.b64encode(pair).decode('ascii')}"


class Link:
    """One station's connection. `cut` breaks it, `hold_off` keeps it broken, for one reason or several."""

    def __init__(
        self,
        address: Callable[[], Address],
        back_off_s: Callable[[int], float],
        knobs: Knobs,
    ) -> None:
        self.traffic = Traffic()
        self._address = address
        self._knobs = knobs
        self._back_off_s = back_off_s
        self._socket: Wire | None = None
        self._allowed = asyncio.Event()
        self._allowed.set()
        self._reasons: set[str] = set()

    async def run(self, converse: Callable[[Socket], Awaitable[None]], failed: Callable[[str], None]) -> None:
        """Connect for ever; `converse` holds a connection until it breaks, `failed` hears why none came."""
        failures = 0
        while True:
            await self._allowed.wait()
            try:
                async with self._connect() as socket:
                    failures = 0
                    self._socket = Wire(socket, self._knobs, self.traffic)
                    try:
                        if self._allowed.is_set():
                            await converse(self._socket)
                    finally:
                        await socket.close()
            except InvalidStatus as refusal:
                failed(f"HTTP {refusal.response.status_code}")
            except (OSError, TimeoutError, WebSocketException, BadCertificate) as failure:
                failed(str(failure) or type(failure).__name__)
            finally:
                self._socket = None
                self.traffic.hung_up()
            if self._allowed.is_set():
                failures += 1
                await asyncio.sleep(self._back_off_s(failures))

    def _connect(self) -> connect:
        address = self._address()
        return connect(
            address.target(),
            subprotocols=[Subprotocol(address.subprotocol)],
            additional_headers=address.headers(),
            compression="deflate" if address.compress else None,
            open_timeout=address.open_timeout_s,
            ping_interval=address.ping_interval_s(),
            ssl=address.context(),
            close_timeout=2.0,
            max_queue=64,
        )

    async def twin(self, every_s: float) -> None:
        """Another one with the same name and password connects; `every_s` after its end it comes again."""
        while True:
            try:
                async with self._connect() as socket:
                    await socket.wait_closed()
            except (OSError, TimeoutError, WebSocketException, BadCertificate):
                pass  # refused: that is what the server may do
            await asyncio.sleep(every_s)

    def freeze(self) -> None:
        """Nothing comes through any more, and neither end is told; until `abort`."""
        if self._socket is not None:
            self._socket.freeze()
            self.traffic.hung_up()

    def abort(self) -> None:
        """The line breaks without a word; it comes back by itself."""
        if self._socket is not None:
            self._socket.abort()

    async def cut(self) -> None:
        """Break the connection; it comes back by itself."""
        if self._socket is not None:
            await self._socket.close()

    async def hold_off(self, why: str = "offline") -> None:
        """Break the connection and do not connect again until `resume` for the same reason."""
        self._reasons.add(why)
        self._allowed.clear()
        await self.cut()

    def resume(self, why: str = "offline") -> None:
        """Connect again, unless there is another reason not to."""
        self._reasons.discard(why)
        if not self._reasons:
            self._allowed.set()
