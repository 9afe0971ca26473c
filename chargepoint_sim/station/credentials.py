"""The station's own key and certificate: asked for, checked, renewed (A02 to A04), used in TLS."""

import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from chargepoint_sim.clock import Clock, Timer
from chargepoint_sim.station.certificates import BadCertificate, Certificates, Use, check_chain, read_chain
from chargepoint_sim.station.device_model import DeviceModel
from chargepoint_sim.station.notices import Notice, SigningNews
from chargepoint_sim.station.words import SecurityNews

STATION = "ChargingStationCertificate"
V2G = "V2GCertificate"
_BEFORE_EXPIRY = timedelta(days=30)
_CONTROLLER = "SecurityCtrlr"


@dataclass(frozen=True)
class Pair:
    """A certificate chain, leaf first, and its key; both PEM."""

    chain: str
    key: str

    def leaf(self) -> x509.Certificate:
        """The certificate itself."""
        return read_chain(self.chain)[0]

    def check(self) -> None:
        """Raises `BadCertificate` if it is no certificate with its own key."""
        leaf = self.leaf()
        try:
            key = serialization.load_pem_private_key(self.key.encode(), None)
        except (ValueError, TypeError) as failure:
            raise BadCertificate(f"no key that can be read without a password: {failure}") from failure
        if key.public_key() != leaf.public_key():
            raise BadCertificate("the key is another one's")


@dataclass
class _Asked:
    """A request under way: its key, how often it was repeated, when that happens again."""

    key: ec.EllipticCurvePrivateKey
    csr: str
    times: int = 0
    timer: Timer | None = None


@dataclass
class Credentials:
    """`emit` tells the server. `pair` is what the station shows; it outlives a restart."""

    model: DeviceModel
    clock: Clock
    certificates: Certificates
    emit: Callable[[Notice | SecurityNews], None]
    pair: Pair | None = None
    v2g: Pair | None = None
    _asked: dict[str, _Asked] = field(default_factory=dict)
    _renewal: Timer | None = None

    def ask(self, kind: str) -> None:
        """Make a new key and ask the server to have its certificate signed (A02.FR.02, A02.FR.03)."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name(
            [
                x509.NameAttribute(NameOID.COMMON_NAME, self._common_name(kind)),
                x509.NameAttribute(
                    NameOID.ORGANIZATION_NAME, self.model.text(_CONTROLLER, "OrganizationName")
                ),
            ]
        )
        request = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256())
        csr = request.public_bytes(serialization.Encoding.PEM).decode("ascii")
        self._forget(kind)
        self._asked[kind] = _Asked(key, csr)
        self._send(kind)

    def _common_name(self, kind: str) -> str:
        if kind == V2G:
            return self.model.text("ISO15118Ctrlr", "SeccId")
        return self.model.text("ChargingStation", "SerialNumber")

    def _send(self, kind: str) -> None:
        """Ask; without an answer again, each time after twice as long (A02.FR.17 to A02.FR.19)."""
        asked = self._asked[kind]
        self.emit(SigningNews(asked.csr, kind))
        wait_s = self.model.integer(_CONTROLLER, "CertSigningWaitMinimum")
        if asked.times >= self.model.integer(_CONTROLLER, "CertSigningRepeatTimes") or not wait_s:
            return
        asked.timer = self.clock.call_later(wait_s * 2.0**asked.times, lambda: self._send(kind))
        asked.times += 1

    def signed(self, kind: str, chain: str) -> bool:
        """The server sends a signed certificate; whether it is taken (A02.FR.04 to A02.FR.07)."""
        asked = self._asked.get(kind)
        try:
            self._check(asked, kind, chain)
        except BadCertificate as why:
            self.emit(SecurityNews("InvalidChargingStationCertificate", self.clock.now(), str(why)))
            return False
        assert asked is not None
        key = asked.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        self._forget(kind)
        pair = Pair(chain, key.decode("ascii"))
        if kind == V2G:
            self.v2g, self.certificates.chain = pair, read_chain(chain)
            self.certificates.counted()
        else:
            self.use(pair)
        return True

    def use(self, pair: Pair) -> None:
        """Show this certificate from the next connection on."""
        self.pair = pair
        self._watch_expiry()

    def _check(self, asked: _Asked | None, kind: str, chain: str) -> None:
        found = read_chain(chain)
        if asked is None or found[0].public_key() != asked.key.public_key():
            raise BadCertificate("not of the key that was asked for")
        roots = self.certificates.roots(Use.V2G_ROOT if kind == V2G else Use.CSMS_ROOT)
        # Without a root of that kind there is only the chain itself to go by.
        check_chain(found, roots or [found[-1]], self.clock.now())

    def _forget(self, kind: str) -> None:
        asked = self._asked.pop(kind, None)
        if asked is not None and asked.timer is not None:
            asked.timer.cancel()

    def _watch_expiry(self) -> None:
        """Ask for the next certificate a month before this one ends (A03.FR.02)."""
        if self._renewal is not None:
            self._renewal.cancel()
        if self.pair is None:
            return
        due = renewal_at(self.pair.leaf())
        left_s = max(0.0, (due - self.clock.now()).total_seconds())
        self._renewal = self.clock.call_later(left_s, lambda: self.ask(STATION))

    def context(self, security_profile: int) -> ssl.SSLContext | None:
        """How to connect: trust in the server's roots, with the own certificate for profile 3; None below 2.

        Raises `BadCertificate` if there is nothing to show.
        """
        if security_profile < 2:
            return None
        context = ssl.create_default_context(cadata=self.certificates.roots_pem(Use.CSMS_ROOT) or None)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if security_profile == 3:
            if self.pair is None:
                raise BadCertificate("no certificate to show")
            _load(context, self.pair)
        return context


def renewal_at(leaf: x509.Certificate) -> datetime:
    """When a certificate is to be renewed: a month before its end, or half-way through a short life."""
    life = leaf.not_valid_after_utc - leaf.not_valid_before_utc
    return leaf.not_valid_after_utc - min(_BEFORE_EXPIRY, life / 2)


def _load(context: ssl.SSLContext, pair: Pair) -> None:
    """The interface of `ssl` takes files only; these are gone before anybody else could look."""
    with TemporaryDirectory() as folder:
        chain, key = Path(folder, "chain.pem"), Path(folder, "key.pem")
        chain.write_text(pair.chain)
        key.touch(mode=0o600)
        key.write_text(pair.key)
        context.load_cert_chain(chain, key)
