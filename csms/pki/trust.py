"""`Trust`: all that the house has to vouch with and to check by, as the operator has set it up."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from cryptography import x509

from csms.errors import ConfigurationError
from csms.pki import authority as authorities
from csms.pki.authority import Authority
from csms.pki.contracts import ContractService
from csms.pki.firmware import FirmwareChecks
from csms.pki.ocsp import Responders


@dataclass(frozen=True, slots=True)
class Trust:
    """What is None or empty is not set up: who asks for it is told so, and nothing is promised.

    `contract_roots` are the MO and V2G roots (and sub CAs) under which contract certificates are believed.
    """

    authority: Authority | None = None
    responders: Responders | None = None
    contracts: ContractService | None = None
    firmware: FirmwareChecks | None = None
    contract_roots: tuple[x509.Certificate, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class Sources:
    """Where `Trust` is made from: the authority's folder, files of roots, addresses."""

    folder: Path
    valid_days: int = 365
    contract_roots: Sequence[Path] = ()
    ocsp_responders: Sequence[str] = ()
    ocsp_timeout_s: float = 5.0
    contract_service: str = ""
    firmware_sources: Sequence[str] = ()
    firmware_roots: Sequence[Path] = ()


def build(sources: Sources, now: Callable[[], datetime]) -> Trust:
    """Read all files. Raises `ConfigurationError`."""
    folder = sources.folder
    authority = authorities.load(folder, sources.valid_days) if authorities.exists(folder) else None
    roots = _all("contract_roots", sources.contract_roots)
    own = () if authority is None else (authority.root, authority.sub)
    responders = None
    if sources.ocsp_responders:
        responders = Responders(sources.ocsp_responders, (*roots, *own), now, sources.ocsp_timeout_s)
    contracts = ContractService(sources.contract_service) if sources.contract_service else None
    firmware = None
    if sources.firmware_sources:
        makers = _all("firmware_roots", sources.firmware_roots)
        firmware = FirmwareChecks(sources.firmware_sources, makers, now)
    return Trust(authority, responders, contracts, firmware, roots)


def _all(key: str, files: Sequence[Path]) -> tuple[x509.Certificate, ...]:
    found: list[x509.Certificate] = []
    for file in files:
        try:
            found += x509.load_pem_x509_certificates(file.read_bytes())
        except (OSError, ValueError) as error:
            raise ConfigurationError(f"pki.{key}", f"{file}: {error}") from None
    return tuple(found)
