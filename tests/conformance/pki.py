"""Real certificates and a real OCSP responder over loopback HTTP, for the cases that need a PKI."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID

_DAY = timedelta(days=1)


@dataclass
class Signer:
    """A certificate with its key; `url` is the responder that those below it name."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey
    url: str = ""

    @property
    def pem(self) -> str:
        """The certificate."""
        return self.certificate.public_bytes(Encoding.PEM).decode()

    def issue(
        self,
        name: str,
        *,
        ca: bool = False,
        days: tuple[int, int] = (-1, 10),
        usage: x509.ObjectIdentifier | None = None,
        key: ec.EllipticCurvePrivateKey | None = None,
        named: bool = True,
        subject_key: rsa.RSAPrivateKey | None = None,
    ) -> "Signer":
        """A certificate below this one; `named`: it tells where its status can be asked for."""
        own = ec.generate_private_key(ec.SECP256R1())
        builder = _builder(name, self.certificate.subject, subject_key or own, days, ca)
        if usage is not None:
            builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        if named and self.url:
            access = x509.AccessDescription(
                AuthorityInformationAccessOID.OCSP, x509.UniformResourceIdentifier(self.url)
            )
            builder = builder.add_extension(x509.AuthorityInformationAccess([access]), critical=False)
        return Signer(builder.sign(key or self.key, hashes.SHA256()), own, self.url)


def root(name: str, url: str) -> Signer:
    """A root."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    return Signer(_builder(name, subject, key, (-1, 100), ca=True).sign(key, hashes.SHA256()), key, url)


def _builder(
    name: str,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey,
    days: tuple[int, int],
    ca: bool,
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    usage = x509.KeyUsage(
        digital_signature=not ca,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=not ca,
        key_cert_sign=ca,
        crl_sign=ca,
        encipher_only=False,
        decipher_only=False,
    )
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + days[0] * _DAY)
        .not_valid_after(now + days[1] * _DAY)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(usage, critical=True)
    )


def hash_data(child: Signer, issuer: Signer, url: str | None = None) -> dict[str, str]:
    """OCSPRequestDataType of a certificate, as a station makes it."""
    name = hashes.Hash(hashes.SHA256())
    name.update(issuer.certificate.subject.public_bytes())
    key = hashes.Hash(hashes.SHA256())
    bits = issuer.certificate.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    key.update(bits)
    return {
        "hashAlgorithm": "SHA256",
        "issuerNameHash": name.finalize().hex(),
        "issuerKeyHash": key.finalize().hex(),
        "serialNumber": f"{child.certificate.serial_number:x}",
        "responderURL": child.url if url is None else url,
    }


@dataclass
class Server:
    """An HTTP server: by default it answers as OCSP responder for all certificates of `signers`."""

    url: str = ""
    signers: list[Signer] = field(default_factory=list)
    revoked: set[int] = field(default_factory=set)
    asked: list[bytes] = field(default_factory=list)
    holds_for: timedelta | None = timedelta(hours=1)
    delegated: bool = False
    status: int = 200
    body: bytes | None = None
    location: str | None = None
    silent: bool = False

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request."""
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
            size = int(head.partition("content-length:")[2].partition("\r\n")[0] or 0)
            body = await reader.readexactly(size)
            self.asked.append(body)
            if self.silent:
                await reader.read()
                return
            told = self.answer(body) if self.body is None else self.body
            to = f"Location: {self.location}\r\n" if self.location else ""
            start = (
                f"HTTP/1.1 {self.status} X\r\n{to}Content-Length: {len(told)}\r\nConnection: close\r\n\r\n"
            )
            writer.write(start.encode() + told)
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    def answer(self, der: bytes) -> bytes:
        """What OCSP says of the certificate that a request names."""
        request = ocsp.load_der_ocsp_request(der)
        issuer = next(one for one in self.signers if _key_hash(one) == request.issuer_key_hash)
        now = datetime.now(UTC)
        gone = request.serial_number in self.revoked
        signer = issuer
        builder = ocsp.OCSPResponseBuilder()
        if self.delegated:
            signer = issuer.issue("responder", usage=ExtendedKeyUsageOID.OCSP_SIGNING)
            builder = builder.certificates([signer.certificate])
        builder = builder.add_response_by_hash(
            issuer_name_hash=request.issuer_name_hash,
            issuer_key_hash=request.issuer_key_hash,
            serial_number=request.serial_number,
            algorithm=request.hash_algorithm,
            cert_status=ocsp.OCSPCertStatus.REVOKED if gone else ocsp.OCSPCertStatus.GOOD,
            this_update=now,
            next_update=None if self.holds_for is None else now + self.holds_for,
            revocation_time=now if gone else None,
            revocation_reason=None,
        ).responder_id(ocsp.OCSPResponderEncoding.HASH, signer.certificate)
        return builder.sign(signer.key, hashes.SHA256()).public_bytes(Encoding.DER)

    def says(self, value: object) -> None:
        """Answer with this JSON whatever is asked."""
        self.body = json.dumps(value).encode()


def _key_hash(signer: Signer) -> bytes:
    return bytes.fromhex(hash_data(signer, signer)["issuerKeyHash"])


@asynccontextmanager
async def server(path: str = "/ocsp") -> AsyncIterator[Server]:
    """A running server."""
    made = Server()
    listener = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}{path}"
    async with listener:
        yield made
