"""Certificates for tests: both chains that ISO 15118-20 wants, made on the spot, worth nothing elsewhere.

V2G root, CPO sub 1, CPO sub 2, SECC leaf on the station's side; OEM root, two subs and a leaf on the
vehicle's. Signed with ECDSA on P-521 (-20) or P-256 (-2).
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_UNUSED = ("content_commitment", "key_encipherment", "data_encipherment", "encipher_only", "decipher_only")
_DAY = timedelta(days=1)
_HASHES: dict[int, hashes.SHA256 | hashes.SHA512] = {256: hashes.SHA256(), 521: hashes.SHA512()}


class Curve(StrEnum):
    """What keys are made on."""

    P256 = "P-256"
    P521 = "P-521"

    def new_key(self) -> ec.EllipticCurvePrivateKey:
        """A key."""
        return ec.generate_private_key(ec.SECP256R1() if self is Curve.P256 else ec.SECP521R1())


@dataclass(frozen=True)
class _Authority:
    """A certificate with the key that signs those below it."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey


@dataclass(frozen=True)
class Identity:
    """One end: its chain (leaf first, without root) and key, and the root that it trusts; PEM files."""

    chain: Path
    key: Path
    trusted: Path


@dataclass(frozen=True)
class TestPki:
    """Files for a station and for a vehicle that trust each other."""

    __test__ = False  # no test class, whatever its name suggests

    station: Identity
    vehicle: Identity


def pki_in(folder: Path) -> TestPki:
    """The files that `make_pki` has written to a folder; makes them if there are none."""
    if not (folder / "vehicle_chain.pem").exists():
        return make_pki(folder)
    ends = [
        Identity(folder / f"{end}_chain.pem", folder / f"{end}_key.pem", folder / f"{other}_root.pem")
        for end, other in (("station", "oem"), ("vehicle", "v2g"))
    ]
    return TestPki(*ends)


def make_pki(folder: Path, curve: Curve = Curve.P521, days: float = 30.0) -> TestPki:
    """Make both chains and write them to a folder; leaves hold for `days` (below zero: have expired)."""
    folder.mkdir(parents=True, exist_ok=True)
    v2g, oem = _root("V2G Root", curve), _root("OEM Root", curve)
    roots = {"v2g": v2g, "oem": oem}
    for name, root in roots.items():
        (folder / f"{name}_root.pem").write_bytes(_pem(root.certificate))
    station = _identity(folder, "station", v2g, ("CPO Sub 1", "CPO Sub 2", "SECC"), (curve, days))
    vehicle = _identity(folder, "vehicle", oem, ("OEM Sub 1", "OEM Sub 2", "EVCC"), (curve, days))
    return TestPki(
        Identity(*station, folder / "oem_root.pem"),
        Identity(*vehicle, folder / "v2g_root.pem"),
    )


def _identity(
    folder: Path, name: str, root: _Authority, names: tuple[str, str, str], kind: tuple[Curve, float]
) -> tuple[Path, Path]:
    """Write a leaf with what stands between it and its root."""
    curve, days = kind
    upper = _issue(names[0], root, curve, depth=1)
    lower = _issue(names[1], upper, curve, depth=0)
    leaf = _issue(names[2], lower, curve, days=days)
    chain, key = folder / f"{name}_chain.pem", folder / f"{name}_key.pem"
    chain.write_bytes(b"".join(_pem(one.certificate) for one in (leaf, lower, upper)))
    key.touch(mode=0o600)
    key.write_bytes(
        leaf.key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return chain, key


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _root(name: str, curve: Curve) -> _Authority:
    """A certificate that signs itself."""
    key = curve.new_key()
    return _signed(name, key, (_name(name), key), depth=2, days=365.0)


def _issue(
    name: str, issuer: _Authority, curve: Curve, depth: int | None = None, days: float = 90.0
) -> _Authority:
    """A certificate below another; `depth` says how many may stand below it, None for a leaf."""
    return _signed(name, curve.new_key(), (issuer.certificate.subject, issuer.key), depth, days)


def _signed(
    name: str,
    key: ec.EllipticCurvePrivateKey,
    issuer: tuple[x509.Name, ec.EllipticCurvePrivateKey],
    depth: int | None,
    days: float,
) -> _Authority:
    now, (issuer_name, issuer_key) = datetime.now(UTC), issuer
    usage = dict.fromkeys(_UNUSED, False)
    authority = depth is not None
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name(name))
        .issuer_name(issuer_name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - 2 * abs(days) * _DAY)
        .not_valid_after(now + days * _DAY)
        .add_extension(x509.BasicConstraints(authority, depth), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False
        )
        .add_extension(
            x509.KeyUsage(
                digital_signature=not authority,
                key_agreement=not authority,
                key_cert_sign=authority,
                crl_sign=authority,
                **usage,
            ),
            critical=True,
        )
    )
    return _Authority(builder.sign(issuer_key, _HASHES[issuer_key.curve.key_size]), key)


def _name(name: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COMMON_NAME, f"Test {name}"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Charge point simulator"),
        ]
    )
