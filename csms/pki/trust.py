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
from csms.pki.ocsp import Responders


@dataclass(frozen=True, slots=True)
class Trust:
    """What is None or empty is not set up: who asks for it is told so, and nothing is promised.

    `contract_roots` are the MO and V2G roots (and sub CAs) under which contract certificates are believed.
    """

    authority: Authority | None = None
    responders: Responders | None = None
    contracts: ContractService | None = None
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


def build(sources: Sources, now: Callable[[], datetime]) -> Trust:
    """Read all files. Raises `ConfigurationError`."""
    folder = sources.folder
    authority = authorities.load(folder, sources.valid_days) if authorities.exists(folder) else None
    roots = tuple(one for file in sources.contract_roots for one in _certificates(file))
    own = () if authority is None else (authority.root, authority.sub)
    responders = None
    if sources.ocsp_responders:
        responders = Responders(sources.ocsp_responders, (*roots, *own), now, sources.ocsp_timeout_s)
    contracts = ContractService(sources.contract_service) if sources.contract_service else None
    return Trust(authority, responders, contracts, roots)


def _certificates(file: Path) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(file.read_bytes())
    except (OSError, ValueError) as error:
        raise ConfigurationError("pki.contract_roots", f"{file}: {error}") from None
