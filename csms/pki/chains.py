"""Chains of certificates as ISO 15118 has them: who is vouched for by whom.

A contract certificate stands under the mobility operator's sub CAs and its root (MO, or the V2G root). Those
certificates are trusted that our operator names; whatever comes with a message only leads there.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from enum import StrEnum

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.x509.oid import NameOID

from csms.errors import Invalid

UNREADABLE = (
    ValueError, x509.ExtensionNotFound, x509.DuplicateExtension, x509.UnsupportedGeneralNameType,
)  # fmt: skip
"""What the extensions of a stranger's certificate may raise."""

LENGTH_MAX = 6  # leaf, two subs and a root are the longest that ISO 15118 has


class Standing(StrEnum):
    """What a chain is worth, in OCPP's words (AuthorizeCertificateStatusEnumType)."""

    ACCEPTED = "Accepted"
    EXPIRED = "CertificateExpired"
    BROKEN = "CertChainError"
    FORGED = "SignatureError"


def read(pem: str) -> list[x509.Certificate]:
    """The certificates in a PEM text, leaf first. Raises `Invalid`."""
    try:
        found = x509.load_pem_x509_certificates(pem.encode())
        for one in found:
            one.public_key()  # keys of kinds that nobody knows
    except (ValueError, UnsupportedAlgorithm):
        raise Invalid("certificate", "It is no chain of certificates in PEM.") from None
    if len(found) > LENGTH_MAX:
        raise Invalid("certificate", f"A chain has at most {LENGTH_MAX} certificates.")
    return found


def parted(
    known: Iterable[x509.Certificate],
) -> tuple[list[x509.Certificate], list[x509.Certificate]]:
    """Roots, which vouch for themselves, and sub CAs, of which it must be asked whether they are revoked."""
    roots: list[x509.Certificate] = []
    subs: list[x509.Certificate] = []
    for one in known:
        (roots if one.subject == one.issuer else subs).append(one)
    return roots, subs


def standing(
    chain: Sequence[x509.Certificate], anchors: Sequence[x509.Certificate], now: datetime
) -> tuple[Standing, list[x509.Certificate]]:
    """What a chain (leaf first, others in any order) is worth, and the way to the anchor, both ends in it."""
    way = [chain[0]]
    while len(way) <= LENGTH_MAX:
        last = way[-1]
        if last in anchors:
            return (Standing.ACCEPTED if _in_force(way, now) else Standing.EXPIRED), way
        named = [one for one in (*anchors, *chain[1:]) if one.subject == last.issuer and one not in way]
        issuer = next((one for one in named if _vouches(one, last, len(way) - 1)), None)
        if issuer is None:
            return (Standing.FORGED if named else Standing.BROKEN), way
        way.append(issuer)
    return Standing.BROKEN, way


def _in_force(way: Iterable[x509.Certificate], now: datetime) -> bool:
    return all(one.not_valid_before_utc <= now <= one.not_valid_after_utc for one in way)


def _vouches(issuer: x509.Certificate, child: x509.Certificate, below: int) -> bool:
    """Whether `issuer` is a CA that has signed `child`; `below`: so many CAs follow behind it."""
    try:
        child.verify_directly_issued_by(issuer)
        constraints = issuer.extensions.get_extension_for_class(x509.BasicConstraints).value
        usage = issuer.extensions.get_extension_for_class(x509.KeyUsage).value
    except (*UNREADABLE, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    length = constraints.path_length
    return constraints.ca and usage.key_cert_sign and (length is None or below <= length)


def emaid(certificate: x509.Certificate) -> str | None:
    """The contract that a certificate is for, from its common name."""
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return normal_emaid(str(names[0].value)) if len(names) == 1 else None


def normal_emaid(text: str) -> str:
    """An eMAID without separators and in capitals, so that its spellings are equal (ISO 15118-2 annex H)."""
    plain = text.replace("-", "").replace("*", "").upper()
    return plain[:14] if len(plain) == 15 else plain  # the check digit may be left out
