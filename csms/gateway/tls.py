"""TLS for security profiles 2 and 3: the context, renewed when its files change, and what a certificate says.

Sources: OCPP 2.0.1 Part 2 A00.FR.3xx (server side), A00.FR.4xx (client certificates), A00.FR.701 (renewal).
"""

import asyncio
import ssl
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import structlog

from csms.errors import ConfigurationError

log = structlog.get_logger()

LOOK_EVERY_S = 10.0
_EPHEMERAL = "ECDHE+AESGCM"
_ALL = f"{_EPHEMERAL}:AES128-GCM-SHA256:AES256-GCM-SHA384"  # A00.FR.318, A00.FR.421


@dataclass(frozen=True, slots=True)
class TlsSettings:
    """PEM files, and what is asked of stations' certificates. Without `client_ca` there is no profile 3."""

    certificates: tuple[Path, ...]
    """Chains, the server's own first; an ECDSA and an RSA one serve every station (A00.FR.318)."""
    keys: tuple[Path, ...]
    """Of each certificate, in their order."""
    client_ca: Path | None = None
    client_crl: Path | None = None
    client_organisations: tuple[str, ...] = ()
    """One of these must be the O of a station's certificate (A00.FR.404)."""
    forward_secrecy_only: bool = False
    host: str = "127.0.0.1"
    port: int = 9443

    @property
    def files(self) -> tuple[Path, ...]:
        """All that a context is made of."""
        return *self.certificates, *self.keys, *(file for file in (self.client_ca, self.client_crl) if file)


@dataclass(frozen=True, slots=True)
class ClientCertificate:
    """A station's certificate, verified by the handshake. `serial_number` is the station's own, from CN."""

    serial_number: str
    organisations: tuple[str, ...]
    fingerprint: str


class Tls:
    """The context of new connections. Those that there are keep theirs when it is renewed (A00.FR.701)."""

    def __init__(self, settings: TlsSettings) -> None:
        """Raises `ConfigurationError` if a file is missing, or is not what it should be."""
        self.settings = settings
        self._seen = _state(settings.files)
        self.context = _context(settings)

    async def watch(self, every_s: float = LOOK_EVERY_S) -> None:
        """Renew the context whenever a file has changed; one that cannot be read changes nothing."""
        while True:
            await asyncio.sleep(every_s)
            await asyncio.to_thread(self.look)

    def look(self) -> None:
        """Renew the context if a file has changed."""
        try:
            seen = _state(self.settings.files)
            if seen == self._seen:
                return
            self.context = _context(self.settings)
        except ConfigurationError as error:  # perhaps half of the files are there: look again
            log.error("certificates not renewed", reason=str(error))
        else:
            self._seen = seen
            log.info("certificates renewed")


def certificate_of(tls: ssl.SSLObject) -> ClientCertificate | None:
    """What the peer has shown and the handshake has verified; None if it has shown none."""
    decoded, encoded = tls.getpeercert(), tls.getpeercert(binary_form=True)
    if not decoded or encoded is None:
        return None
    subject: list[tuple[str, str]] = [pair for name in decoded["subject"] for pair in name]  # type: ignore[misc]
    names = [value for kind, value in subject if kind == "commonName"]
    return ClientCertificate(
        serial_number=names[0] if len(names) == 1 else "",
        organisations=tuple(value for kind, value in subject if kind == "organizationName"),
        fingerprint=sha256(encoded).hexdigest(),
    )


def _context(settings: TlsSettings) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2  # A00.FR.313
    context.set_ciphers(_EPHEMERAL if settings.forward_secrecy_only else _ALL)
    context.options |= (
        ssl.OP_NO_COMPRESSION  # A00.FR.321, A00.FR.424
        | ssl.OP_NO_RENEGOTIATION
        | ssl.OP_CIPHER_SERVER_PREFERENCE
        | ssl.OP_NO_TICKET  # each connection proves anew who it is
    )
    context.num_tickets = 0
    for certificate, key in zip(settings.certificates, settings.keys, strict=True):
        try:
            context.load_cert_chain(certificate, key)
        except (OSError, ssl.SSLError) as error:
            raise ConfigurationError("ocpp.tls_certificates", f"{certificate}, {key}: {error}") from None
    if settings.client_ca is not None:
        _ask_for_certificates(context, settings.client_ca, settings.client_crl)
    return context


def _ask_for_certificates(context: ssl.SSLContext, ca: Path, crl: Path | None) -> None:
    """Stations of profile 3 show one; those of profile 2 need not. Only this CA counts (A00.FR.403)."""
    context.verify_mode = ssl.CERT_OPTIONAL
    try:
        context.load_verify_locations(ca)
    except (OSError, ssl.SSLError) as error:
        raise ConfigurationError("ocpp.client_ca", f"{ca}: {error}") from None
    if crl is not None:  # A00.FR.702
        try:
            context.load_verify_locations(crl)
        except (OSError, ssl.SSLError) as error:
            raise ConfigurationError("ocpp.client_crl", f"{crl}: {error}") from None
        context.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF


def _state(files: tuple[Path, ...]) -> list[tuple[int, int, int]]:
    try:
        stats = [file.stat() for file in files]
    except OSError as error:
        raise ConfigurationError("ocpp.tls_certificates", str(error)) from None
    return [(stat.st_mtime_ns, stat.st_size, stat.st_ino) for stat in stats]
