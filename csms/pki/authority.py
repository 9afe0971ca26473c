"""A local certificate authority in one folder: a root, a sub CA that signs, what was issued and revoked.

    root.pem root.key    the anchor that stations and we trust; its key may be taken away after `create`
    sub.pem  sub.key     signs certificates and the list of the revoked
    ledger.jsonl         a line for each certificate issued and for each revoked
    crl.pem              the revoked, for `ocpp.client_crl`

Keys are ECDSA on P-256 (A00.FR.506, ISO 15118-2). Whoever can read the key files can be the authority: 0600.
"""

import errno
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from csms.errors import ConfigurationError, Conflict, NotFound
from csms.pki.csr import Wish

ROOT_DAYS = 40 * 365  # as long as V2G roots live
SUB_DAYS = 10 * 365
_EARLIER = timedelta(minutes=10)  # for whom our clock is ahead
_ROOT, _SUB, _KEY, _SUB_KEY, _LEDGER, _CRL = (
    "root.pem", "sub.pem", "root.key", "sub.key", "ledger.jsonl", "crl.pem",
)  # fmt: skip


class Use(StrEnum):
    """What a certificate is for, and so what it may do in TLS."""

    STATION = "ChargingStationCertificate"
    V2G = "V2GCertificate"
    COMBINED = "Combined"
    SERVER = "Server"


_MAY = {
    Use.STATION: (ExtendedKeyUsageOID.CLIENT_AUTH,),
    # towards vehicles a station is a server: it cannot log in here with this one
    Use.V2G: (ExtendedKeyUsageOID.SERVER_AUTH,),
    Use.COMBINED: (ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH),
    Use.SERVER: (ExtendedKeyUsageOID.SERVER_AUTH,),
}


@dataclass(frozen=True, slots=True)
class Issued:
    """A certificate that the authority has issued; `chain` is PEM, its own first, without the root."""

    serial: str
    use: str
    name: str
    identity: str | None
    issued_at: datetime
    expires_at: datetime
    chain: str
    revoked_at: datetime | None = None


@dataclass(frozen=True)
class Authority:
    """Signs, revokes, tells what it has done. All methods block: call them in a thread."""

    folder: Path
    root: x509.Certificate
    sub: x509.Certificate
    key: ec.EllipticCurvePrivateKey
    valid_days: int = 365

    @property
    def organisation(self) -> str:
        """The O of all that it issues (A00.FR.404)."""
        return str(self.sub.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)[0].value)

    @property
    def root_pem(self) -> str:
        """The anchor, in PEM."""
        return _pem(self.root)

    def issue(self, wish: Wish, use: Use, now: datetime, identity: str | None = None) -> Issued:
        """Sign a public key under a name, and write that down. Who asks was checked before (`csr`)."""
        until = min(now + timedelta(days=self.valid_days), self.sub.not_valid_after_utc)
        subject = _name(self.organisation, wish.name)
        builder = _builder(subject, self.sub.subject, wish.public_key, now, until)
        builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        builder = builder.add_extension(_usage(signs=False), critical=True)
        builder = builder.add_extension(x509.ExtendedKeyUsage(_MAY[use]), critical=False)
        if use is Use.SERVER:
            names = x509.SubjectAlternativeName([_host(wish.name)])
            builder = builder.add_extension(names, critical=False)
        certificate = _signed(builder, self.sub.public_key(), self.key)
        chain = _pem(certificate) + _pem(self.sub)
        issued = Issued(f"{certificate.serial_number:x}", use, wish.name, identity, now, until, chain)
        self._note(
            {
                "serial": issued.serial,
                "use": use.value,
                "name": issued.name,
                "identity": identity,
                "issued_at": now.isoformat(),
                "expires_at": until.isoformat(),
                "chain": chain,
            }
        )
        return issued

    def issued(self) -> list[Issued]:
        """All that was issued, oldest first, with what was revoked of it."""
        found: dict[str, Issued] = {}
        revoked: dict[str, datetime] = {}
        for line in self._lines():
            serial = str(line["serial"])
            if "revoked_at" in line:
                revoked.setdefault(serial, datetime.fromisoformat(str(line["revoked_at"])))
                continue
            found[serial] = Issued(
                serial,
                str(line["use"]),
                str(line["name"]),
                None if line["identity"] is None else str(line["identity"]),
                datetime.fromisoformat(str(line["issued_at"])),
                datetime.fromisoformat(str(line["expires_at"])),
                str(line["chain"]),
            )
        return [_revoked(one, revoked.get(one.serial)) for one in found.values()]

    def revoke(self, serial: str, now: datetime) -> Issued:
        """Trust a certificate no longer; once more changes nothing. Raises `NotFound`."""
        known = next((one for one in self.issued() if one.serial == serial.lower()), None)
        if known is None:
            raise NotFound("certificate", serial)
        if known.revoked_at is None:
            self._note({"serial": known.serial, "revoked_at": now.isoformat()})
            known = _revoked(known, now)
        self.write_crl(now)
        return known

    def write_crl(self, now: datetime) -> None:
        """The list of the revoked, for our own TLS listener alone: so it never lapses."""
        builder = x509.CertificateRevocationListBuilder().issuer_name(self.sub.subject)
        builder = builder.last_update(now - _EARLIER).next_update(self.sub.not_valid_after_utc)
        for one in self.issued():
            if one.revoked_at is not None:
                entry = x509.RevokedCertificateBuilder().serial_number(int(one.serial, 16))
                builder = builder.add_revoked_certificate(entry.revocation_date(one.revoked_at).build())
        crl = builder.sign(self.key, hashes.SHA256())
        _write(self.folder / _CRL, crl.public_bytes(serialization.Encoding.PEM), 0o644)

    def _note(self, line: Mapping[str, object]) -> None:
        """Append to the ledger, on the disk before anybody is given the certificate.

        What a full disk or a crash has cut off before is left behind as a line of its own. Raises `OSError`.
        """
        file = os.open(self.folder / _LEDGER, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            size = os.fstat(file).st_size
            whole = size == 0 or os.pread(file, 1, size - 1) == b"\n"
            text = (b"" if whole else b"\n") + json.dumps(line).encode() + b"\n"
            if os.write(file, text) != len(text):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fsync(file)
        finally:
            os.close(file)

    def _lines(self) -> list[dict[str, object]]:
        try:
            text = (self.folder / _LEDGER).read_text("utf-8")
        except FileNotFoundError:
            return []
        return [line for line in map(_line, text.splitlines()) if line is not None]


def _line(text: str) -> dict[str, object] | None:
    """A line of the ledger; None for one that was cut off: what it tells of was never given to anybody."""
    try:
        line: dict[str, object] = json.loads(text)
    except ValueError:
        return None
    return line


def create(folder: Path, organisation: str, now: datetime) -> Authority:
    """Make an authority in a folder. Raises `Conflict` if there is one, `ConfigurationError` if it cannot."""
    if exists(folder):
        raise Conflict(f"There is an authority in {folder} already.")
    root_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    top = _name(organisation, "Root CA")
    root = _authority(top, top, root_key, root_key, (now, ROOT_DAYS, 1))
    sub = _authority(_name(organisation, "Station CA"), top, key, root_key, (now, SUB_DAYS, 0))
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        _write(folder / _KEY, _private(root_key), 0o600)
        _write(folder / _SUB_KEY, _private(key), 0o600)
        _write(folder / _SUB, _pem(sub).encode(), 0o644)
        _write(folder / _ROOT, _pem(root).encode(), 0o644)
    except OSError as error:
        raise ConfigurationError("pki.folder", f"{folder} cannot be written: {error.strerror}") from None
    made = Authority(folder, root, sub, key)
    made.write_crl(now)
    return made


def exists(folder: Path) -> bool:
    """Whether an authority was made there."""
    return (folder / _ROOT).exists()


def load(folder: Path, valid_days: int = 365) -> Authority:
    """The authority in a folder. Raises `ConfigurationError`."""
    try:
        root = x509.load_pem_x509_certificate((folder / _ROOT).read_bytes())
        sub = x509.load_pem_x509_certificate((folder / _SUB).read_bytes())
        key = serialization.load_pem_private_key((folder / _SUB_KEY).read_bytes(), None)
    except (OSError, ValueError, TypeError) as error:
        raise ConfigurationError("pki.folder", f"{folder}: {error}") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != sub.public_key():
        raise ConfigurationError("pki.folder", f"{folder}: {_SUB_KEY} is not the key of {_SUB}")
    return Authority(folder, root, sub, key, valid_days)


def write_private(file: Path, key: ec.EllipticCurvePrivateKey) -> None:
    """A key that only its owner can read."""
    _write(file, _private(key), 0o600)


def _authority(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    signer: ec.EllipticCurvePrivateKey,
    life: tuple[datetime, int, int],
) -> x509.Certificate:
    """A CA certificate; `life` is from when, for how many days, and how many CAs may follow."""
    now, days, below = life
    builder = _builder(subject, issuer, key.public_key(), now, now + timedelta(days=days))
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=below), critical=True)
    builder = builder.add_extension(_usage(signs=True), critical=True)
    return _signed(builder, signer.public_key(), signer)


def _builder(
    subject: x509.Name, issuer: x509.Name, public_key: object, now: datetime, until: datetime
) -> x509.CertificateBuilder:
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer)
    builder = builder.public_key(public_key).serial_number(x509.random_serial_number())  # type: ignore[arg-type]
    builder = builder.not_valid_before(now - _EARLIER).not_valid_after(until)
    known = x509.SubjectKeyIdentifier.from_public_key(public_key)  # type: ignore[arg-type]
    return builder.add_extension(known, critical=False)


def _signed(
    builder: x509.CertificateBuilder, issuer: object, key: ec.EllipticCurvePrivateKey
) -> x509.Certificate:
    by = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer)  # type: ignore[arg-type]
    return builder.add_extension(by, critical=False).sign(key, hashes.SHA256())


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=not signs,
        key_cert_sign=signs,
        crl_sign=signs,
        encipher_only=False,
        decipher_only=False,
    )


def _name(organisation: str, name: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation),
            x509.NameAttribute(NameOID.COMMON_NAME, name),
        ]
    )


def _host(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _revoked(one: Issued, at: datetime | None) -> Issued:
    return replace(one, revoked_at=at)


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def _private(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _write(file: Path, content: bytes, mode: int) -> None:
    """A whole file or the old one, with these rights from its first byte on."""
    part = file.with_name(f".{file.name}.{os.getpid()}")
    part.unlink(missing_ok=True)
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as out:
        out.write(content)
        out.flush()
        os.fsync(out.fileno())
    part.replace(file)
