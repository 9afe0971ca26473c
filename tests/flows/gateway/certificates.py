"""Certificates for tests: a root each, servers and stations below it."""

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
CLIENT, SERVER = ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH


def new_key(*, rsa_key: bool = False) -> Key:
    """A private key."""
    if rsa_key:
        return rsa.generate_private_key(65537, 2048)
    return ec.generate_private_key(ec.SECP256R1())


def _name(common_name: str, organisation: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


@dataclass
class Files:
    """A certificate and its key on disk."""

    certificate: Path
    key: Path


class Authority:
    """Signs what it is told to."""

    def __init__(self, folder: Path, name: str = "root") -> None:
        self._folder = folder
        self._key = new_key()
        self._name = _name(name, "Authority")
        now = datetime.now(UTC)
        self.certificate = (
            x509.CertificateBuilder()
            .subject_name(self._name)
            .issuer_name(self._name)
            .public_key(self._key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=30))
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(self._key, hashes.SHA256())
        )
        self.file = folder / f"{name}.pem"
        self.file.write_bytes(self.certificate.public_bytes(serialization.Encoding.PEM))

    def issue(
        self,
        name: str,
        organisation: str = "Operator",
        *,
        rsa_key: bool = False,
        usage: x509.ObjectIdentifier = CLIENT,
        days: tuple[int, int] = (-1, 10),
    ) -> Files:
        """A certificate for a station, or for a server on this machine."""
        key, now = new_key(rsa_key=rsa_key), datetime.now(UTC)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(_name(name, organisation))
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + timedelta(days=days[0]))
            .not_valid_after(now + timedelta(days=days[1]))
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
            .add_extension(
                x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False
            )
            .sign(self._key, hashes.SHA256())
        )
        kind = "rsa" if rsa_key else "ec"
        files = Files(self._folder / f"{name}-{kind}.pem", self._folder / f"{name}-{kind}.key")
        files.certificate.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        files.key.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        return files

    def sign(self, csr: str, days: tuple[int, int] = (-1, 10)) -> str:
        """A certificate for who asks, PEM."""
        asked, now = x509.load_pem_x509_csr(csr.encode()), datetime.now(UTC)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(asked.subject)
            .issuer_name(self._name)
            .public_key(asked.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + timedelta(days=days[0]))
            .not_valid_after(now + timedelta(days=days[1]))
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .sign(self._key, hashes.SHA256())
        )
        return certificate.public_bytes(serialization.Encoding.PEM).decode()

    def revoke(self, files: Files) -> Path:
        """A list that has this certificate on it."""
        revoked = x509.load_pem_x509_certificate(files.certificate.read_bytes())
        now = datetime.now(UTC)
        crl = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self._name)
            .last_update(now - timedelta(days=1))
            .next_update(now + timedelta(days=1))
            .add_revoked_certificate(
                x509.RevokedCertificateBuilder()
                .serial_number(revoked.serial_number)
                .revocation_date(now - timedelta(hours=1))
                .build()
            )
            .sign(self._key, hashes.SHA256())
        )
        path = self._folder / "revoked.crl"
        path.write_bytes(crl.public_bytes(serialization.Encoding.PEM))
        return path


def client(server_root: Authority, station: Files | None = None) -> ssl.SSLContext:
    """A station's context: it trusts one root, and perhaps shows a certificate."""
    context = ssl.create_default_context(cafile=str(server_root.file))
    if station is not None:
        context.load_cert_chain(station.certificate, station.key)
    return context
