"""May this peer be this station: path, origin, credentials, subprotocol, before any upgrade.

Whoever fails learns nothing: an unknown identity, a wrong password, a wrong user name and a station of
another security profile all get the same answer for the same work (section 2.2, row 6).
"""

import asyncio
import binascii
import re
from base64 import b64decode
from collections.abc import Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from urllib.parse import unquote_to_bytes

import structlog
from websockets.datastructures import Headers
from websockets.exceptions import InvalidHeader
from websockets.headers import parse_subprotocol

from csms.blocks import enrolment
from csms.domain.facts import SecurityAlarmRaised
from csms.domain.station import canonical_identity
from csms.errors import CsmsError, Invalid, StoreUnavailable
from csms.gateway.attempts import Attempts
from csms.gateway.deadlines import spread
from csms.gateway.house import GatewaySettings, House
from csms.gateway.tls import ClientCertificate
from csms.pki import passwords
from csms.store import stations
from csms.store.stations import StationRow
from csms.wire.dialect import Dialect

log = structlog.get_logger()

INVALID_CERTIFICATE = "InvalidChargingStationCertificate"
_AUTHORIZATION_MAX = 1024
_HEX_KEY = re.compile(r"([0-9A-Fa-f]{2}){16,20}")
"""16 to 20 bytes, as OCPP 1.6 has them in `AuthorizationKey` (security white paper, A00.FR.205)."""


class Turned(CsmsError):
    """The upgrade is refused: an HTTP status, one line of text, perhaps a time to come back."""

    def __init__(self, status: HTTPStatus, text: str, retry_after_s: int | None = None) -> None:
        super().__init__(status, text)
        self.status = status
        self.text = text
        self.retry_after_s = retry_after_s


def unauthorized() -> Turned:
    """The one answer to whoever is not let in."""
    return Turned(HTTPStatus.UNAUTHORIZED, "Unauthorized.\n")


def busy(identity: str, settings: GatewaySettings) -> Turned:
    """Not now; a herd that is sent away must not come back as one."""
    seconds = round(settings.retry_after_s * (1 + spread(identity)))
    return Turned(HTTPStatus.SERVICE_UNAVAILABLE, "Try again later.\n", seconds)


@dataclass(frozen=True, slots=True)
class Peer:
    """Who knocks: the request line's path, the headers, the address, and how TLS saw it."""

    path: str
    headers: Headers
    address: str
    profile: int = 1
    certificate: ClientCertificate | None = None


@dataclass(frozen=True, slots=True)
class Login:
    """What HTTP Basic authentication says.

    A 1.6 station may be given its key in hexadecimal digits and log in with the bytes that they stand for
    (OCPP-J 1.6, 6.2.2): `password` is in digits then.
    """

    name: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Claim:
    """Who a peer says it is, by which security profile, and what shall prove it."""

    address: str
    identity: str
    profile: int
    proof: Login | ClientCertificate


class Doorkeeper:
    """Decides on each upgrade request. Raises `Turned`, with nothing done and nothing kept but a count."""

    def __init__(self, house: House) -> None:
        settings = house.settings
        self._house = house
        self._attempts = Attempts(
            settings.failed_per_identity, settings.failed_per_address, settings.failed_window_s
        )

    def screen(self, peer: Peer) -> Claim:
        """What can be said without asking the store, and so costs next to nothing."""
        if "Origin" in peer.headers:  # section 2.2, row 20: stations are not browsers
            raise Turned(HTTPStatus.FORBIDDEN, "No browsers here.\n")
        identity = identity_of(peer.path, self._house.settings.path)
        if not self._house.writer.healthy:  # row 31
            raise busy(identity, self._house.settings)
        wait_s = self._attempts.wait_s(peer.address, identity, _now())
        if wait_s > 0:
            raise Turned(HTTPStatus.TOO_MANY_REQUESTS, "Too many failed attempts.\n", int(wait_s) + 1)
        proof = peer.certificate or credentials(peer.headers)
        if proof is None:  # section 2.2, row 1
            raise unauthorized()
        common_dialect(peer.headers, self._house.dialects)
        return Claim(peer.address, identity, peer.profile, proof)

    async def admit(self, claim: Claim) -> StationRow:
        """The station that this peer is."""
        try:
            station = await stations.get(self._house.db, claim.identity)
        except StoreUnavailable:
            raise busy(claim.identity, self._house.settings) from None
        if not self._matches(claim, station):
            station = await self._second_chance(claim, station)
        if station is None:
            self._refused(claim)
            raise unauthorized()
        self._attempts.succeeded(claim.address, claim.identity)
        return station

    async def _second_chance(self, claim: Claim, station: StationRow | None) -> StationRow | None:
        """By the password that is on its way to the station, or as one that enrols."""
        if not isinstance(claim.proof, Login) or claim.proof.name.lower() != claim.identity:
            return None
        stranger = enrolment.Stranger(claim.identity, claim.proof.password, claim.profile)
        try:
            return await enrolment.second_chance(self._house.db, stranger, station, self._house.clock.now())
        except StoreUnavailable:
            raise busy(claim.identity, self._house.settings) from None

    def _refused(self, claim: Claim) -> None:
        failures = self._attempts.failed(claim.address, claim.identity, _now())
        if failures & (failures - 1) == 0:  # 1, 2, 4, 8 ...: a guesser does not fill the log
            log.warning("login refused", station_id=claim.identity, address=claim.address, failures=failures)

    def _matches(self, claim: Claim, station: StationRow | None) -> bool:
        """B-01, B-04: every condition is worked out, so that none shows in the time it takes."""
        right_profile = station is not None and station.security_profile == claim.profile  # T-01
        if isinstance(claim.proof, Login):
            return _right_login(claim.identity, claim.proof, station) and right_profile
        right_certificate = _right_certificate(claim.proof, station, self._house.settings)
        if right_profile and not right_certificate:  # A00.FR.408
            now = self._house.clock.now()
            self._house.bus.publish(SecurityAlarmRaised(now, claim.identity, INVALID_CERTIFICATE))
        return right_certificate and right_profile


def _now() -> float:
    return asyncio.get_running_loop().time()


def _right_login(identity: str, login: Login, station: StationRow | None) -> bool:
    right_name = login.name.lower() == identity  # A00.FR.204
    stored = passwords.DUMMY_HASH if station is None else station.password_hash
    fits = [passwords.verify(one, stored) for one in _spellings(login.password)]
    return any(fits) and right_name


def _spellings(password: str) -> tuple[str, ...]:
    """A key in hexadecimal digits is the same in small and in capital letters."""
    return (password, password.lower(), password.upper()) if _HEX_KEY.fullmatch(password) else (password,)


def _right_certificate(
    certificate: ClientCertificate, station: StationRow | None, settings: GatewaySettings
) -> bool:
    """C-02, C-03: of our organisation, and of the serial number that was registered for this identity."""
    trusted = () if settings.tls is None else settings.tls.client_organisations
    ours = any(name in trusted for name in certificate.organisations)  # A00.FR.404
    serial_number = None if station is None else station.serial_number
    return ours and bool(certificate.serial_number) and certificate.serial_number == serial_number


def identity_of(path: str, prefix: str) -> str:
    """The canonical identity in the path, decoded once. Raises `Turned`: 404 elsewhere, 400 for a bad one."""
    start = prefix.rstrip("/") + "/"
    if not path.startswith(start) or len(path) == len(start):
        raise Turned(HTTPStatus.NOT_FOUND, "Nothing here.\n")
    try:
        return canonical_identity(unquote_to_bytes(path[len(start) :]).decode("ascii"))
    except (UnicodeError, Invalid):  # section 2.2, row 7
        raise Turned(HTTPStatus.BAD_REQUEST, "This is no identity.\n") from None


def credentials(headers: Headers) -> Login | None:
    """User name and password of HTTP Basic authentication, split at the first colon (B-03), or None."""
    values = headers.get_all("Authorization")
    if len(values) != 1 or len(values[0]) > _AUTHORIZATION_MAX:
        return None
    scheme, _, token = values[0].partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        name, colon, password = b64decode(token.strip(), validate=True).partition(b":")
        return Login(name.decode(), _spelled(password)) if colon else None
    except (binascii.Error, UnicodeError, ValueError):
        return None


def _spelled(password: bytes) -> str:
    """A password as text; bytes that are none, as a random key's practically never are, in hexadecimal."""
    try:
        text = password.decode()
    except UnicodeError:
        return password.hex()
    return text if text.isprintable() else password.hex()


def common_dialect(headers: Headers, dialects: Sequence[Dialect]) -> Dialect:
    """Our best dialect that the station offers (row 1). Raises `Turned` 400 if none (rows 2 and 3)."""
    try:
        offered = {
            name for value in headers.get_all("Sec-WebSocket-Protocol") for name in parse_subprotocol(value)
        }
    except InvalidHeader:
        offered = set()
    for dialect in dialects:
        if dialect.subprotocol in offered:
            return dialect
    raise Turned(HTTPStatus.BAD_REQUEST, "No common subprotocol.\n")
