"""The certificates that a station trusts (block M), and what they are compared by."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from itertools import pairwise

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization

from chargepoint_sim.clock import Clock
from chargepoint_sim.station.device_model import DeviceModel, Place

_MOST_LENGTH = 5500
_ALGORITHMS: dict[str, type[hashes.HashAlgorithm]] = {
    "SHA256": hashes.SHA256,
    "SHA384": hashes.SHA384,
    "SHA512": hashes.SHA512,
}


class Use(StrEnum):
    """What a certificate is for."""

    V2G_ROOT = "V2GRootCertificate"
    MO_ROOT = "MORootCertificate"
    CSMS_ROOT = "CSMSRootCertificate"
    MANUFACTURER_ROOT = "ManufacturerRootCertificate"
    OEM_ROOT = "OEMRootCertificate"
    """Of the makers of vehicles; only 2.1 knows it."""
    V2G_CHAIN = "V2GCertificateChain"


ROOTS = (Use.V2G_ROOT, Use.MO_ROOT, Use.CSMS_ROOT, Use.MANUFACTURER_ROOT, Use.OEM_ROOT)


@dataclass(frozen=True)
class HashData:
    """What identifies a certificate in OCPP."""

    algorithm: str
    issuer_name: str
    issuer_key: str
    serial: str


class BadCertificate(Exception):
    """A certificate or a chain that cannot be used: why."""


@dataclass
class Certificates:
    """What is installed, by use. It outlives a restart. `chain` is the V2G chain, leaf first."""

    model: DeviceModel
    clock: Clock
    installed: dict[Use, list[x509.Certificate]] = field(default_factory=dict)
    chain: tuple[x509.Certificate, ...] = ()

    def install(self, use: Use, pem: str) -> str:
        """Install a root: Accepted, Rejected for what is none, Failed without room (M05)."""
        try:
            found = read_chain(pem)
        except BadCertificate:
            return "Rejected"
        if use not in ROOTS or len(found) != 1 or not _is_authority(found[0]):
            return "Rejected"
        if not _valid(found[0], self.clock.now()):
            return "Rejected"
        kept = self.installed.setdefault(use, [])
        if found[0] in kept:
            return "Accepted"
        most = self.model.limit("SecurityCtrlr", "CertificateEntries")
        if most is not None and self.count() >= most:
            return "Failed"  # M05.FR.03
        kept.append(found[0])
        self.counted()
        return "Accepted"

    def delete(self, wanted: HashData) -> str:
        """Delete a root: Accepted, NotFound, or Failed for the last one the server is known by (M04)."""
        for use, kept in self.installed.items():
            for one in kept:
                if hash_data(one, (one, *kept), wanted.algorithm) != wanted:
                    continue
                if use is Use.CSMS_ROOT and len(kept) == 1 and self._needs_root():
                    return "Failed"
                kept.remove(one)
                self.counted()
                return "Accepted"
        if self.chain and hash_data(self.chain[0], self.chain, wanted.algorithm) == wanted:
            self.chain = ()
            self.counted()
            return "Accepted"
        return "NotFound"

    def _needs_root(self) -> bool:
        return self.model.integer("SecurityCtrlr", "SecurityProfile") >= 2

    def listed(self, uses: Iterable[Use]) -> list[tuple[Use, HashData, list[HashData]]]:
        """What is installed of some uses: each with its own hash data and those of its children (M03)."""
        rows: list[tuple[Use, HashData, list[HashData]]] = []
        for use in uses:
            if use is Use.V2G_CHAIN and self.chain:
                hashed = [hash_data(one, self.chain) for one in self.chain]
                rows.append((use, hashed[0], hashed[1:]))
            rows += [(use, hash_data(one, (one,)), []) for one in self.installed.get(use, [])]
        return rows

    def roots(self, use: Use) -> list[x509.Certificate]:
        """The trusted roots of a use."""
        return list(self.installed.get(use, []))

    def roots_pem(self, use: Use) -> str:
        """The same as text."""
        return "".join(
            one.public_bytes(serialization.Encoding.PEM).decode("ascii") for one in self.roots(use)
        )

    def trusts(self, use: Use, pem: str) -> bool:
        """Whether a chain, leaf first, holds now and ends at one of these roots."""
        try:
            check_chain(read_chain(pem), self.roots(use), self.clock.now())
        except BadCertificate:
            return False
        return True

    def count(self) -> int:
        """How many are installed."""
        return sum(len(kept) for kept in self.installed.values()) + bool(self.chain)

    def counted(self) -> None:
        """Show in the device model how many there are."""
        self.model.put(Place("SecurityCtrlr"), "CertificateEntries", str(self.count()))


def read_chain(pem: str) -> tuple[x509.Certificate, ...]:
    """The certificates in a text. Raises `BadCertificate`."""
    try:
        found = tuple(x509.load_pem_x509_certificates(pem.encode()))
    except ValueError as failure:
        raise BadCertificate(str(failure)) from failure
    if not found or len(pem) > 2 * _MOST_LENGTH:
        raise BadCertificate("no certificate, or too many")
    return found


def check_chain(chain: tuple[x509.Certificate, ...], roots: list[x509.Certificate], now: datetime) -> None:
    """Each is issued by the next, the last by a root, and all hold now. Raises `BadCertificate`."""
    for one in chain:
        if not _valid(one, now):
            raise BadCertificate("not valid now")
    for one, issuer in pairwise(chain):
        if not issued(one, issuer):
            raise BadCertificate("the chain is broken")
    last = chain[-1]
    if not any(last == root or issued(last, root) for root in roots if _valid(root, now)):
        raise BadCertificate("no trusted root")


def issued(one: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Whether one certificate is issued by another, which may do that."""
    try:
        one.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return _is_authority(issuer)


def _valid(one: x509.Certificate, now: datetime) -> bool:
    return one.not_valid_before_utc <= now <= one.not_valid_after_utc


def _is_authority(one: x509.Certificate) -> bool:
    try:
        return one.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False


def hash_data(
    one: x509.Certificate, known: Iterable[x509.Certificate], algorithm: str = "SHA256"
) -> HashData:
    """What identifies a certificate; its issuer is looked for among the known ones, else it is its own."""
    kind = _ALGORITHMS[algorithm]
    issuer = next((other for other in known if other.subject == one.issuer), one)
    return HashData(
        algorithm,
        _digest(kind, one.issuer.public_bytes()),
        _digest(kind, _key_bits(issuer)),
        f"{one.serial_number:x}",
    )


def _key_bits(one: x509.Certificate) -> bytes:
    """The public key without the words about its kind, as the standard wants it (RFC 6960)."""
    encoding, key = serialization.Encoding, one.public_key()
    der = key.public_bytes(encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return _bit_string(der)


def _bit_string(der: bytes) -> bytes:
    """The last element of a SubjectPublicKeyInfo: the bits of its BIT STRING."""
    _, start, _ = _element(der, 0)
    _, algorithm, length = _element(der, start)
    tag, bits, size = _element(der, algorithm + length)
    assert tag == 0x03
    return der[bits + 1 : bits + size]


def _element(der: bytes, at: int) -> tuple[int, int, int]:
    """Tag, start and length of the content of a DER element."""
    tag, first = der[at], der[at + 1]
    if first < 0x80:
        return tag, at + 2, first
    size = first & 0x7F
    return tag, at + 2 + size, int.from_bytes(der[at + 2 : at + 2 + size], "big")


def _digest(kind: type[hashes.HashAlgorithm], content: bytes) -> str:
    digest = hashes.Hash(kind())
    digest.update(content)
    return digest.finalize().hex()
