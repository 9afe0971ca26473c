"""Whether certificates are still good: OCSP responders (RFC 6960) are asked, answers kept while they hold.

Addresses come from stations and certificates, so only responders that the operator has named are asked (no
address inside our own network by a stranger's word); redirects are not followed; time and size are bounded.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import pairwise

import httpx
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID

from csms.errors import CsmsError
from csms.pki.chains import UNREADABLE, Standing, standing
from csms.pki.http import Allowed, post

ANSWER_MAX = 64 * 1024
CERTIFICATES_MAX = 6
KEPT_MAX = 10_000
AT_ONCE = 20
SKEW = timedelta(minutes=5)
KEPT_FOR_MAX = timedelta(days=7)

_HASHES: dict[str, hashes.HashAlgorithm] = {
    "SHA256": hashes.SHA256(),
    "SHA384": hashes.SHA384(),
    "SHA512": hashes.SHA512(),
}


class Status(StrEnum):
    """What a responder says of a certificate."""

    GOOD = "good"
    REVOKED = "revoked"
    UNKNOWN = "unknown"


class NoStatus(CsmsError):
    """It could not be found out; `reason` is one word or two."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Question:
    """Which certificate is meant, as OCPP and OCSP have it, and where to ask."""

    algorithm: str
    issuer_name_hash: bytes
    issuer_key_hash: bytes
    serial_number: int
    url: str


@dataclass(frozen=True, slots=True)
class Told:
    """A responder's answer, DER. `verified`: it is signed by somebody whom our anchors vouch for."""

    status: Status
    der: bytes
    verified: bool
    until: datetime | None


class Responders:
    """Asks the responders that are allowed. `known` are certificates whose OCSP signatures are believed."""

    def __init__(
        self,
        allowed: Sequence[str],
        known: Sequence[x509.Certificate],
        now: Callable[[], datetime],
        timeout_s: float = 5.0,
    ) -> None:
        self._allowed = Allowed(allowed)
        self._known = tuple(known)
        self._now = now
        self._timeout_s = timeout_s
        self._kept: OrderedDict[Question, Told] = OrderedDict()
        self._room = asyncio.Semaphore(AT_ONCE)

    async def ask(self, question: Question, besides: Sequence[x509.Certificate] = ()) -> Told:
        """What is said of a certificate, from what is kept or by asking. Raises `NoStatus`.

        `besides` are certificates that are believed for this question, too.
        """
        kept = self._kept.get(question)
        if kept is not None and kept.until is not None and kept.until > self._now():
            return self._judged(question, kept, besides)
        if not self._allowed.holds(question.url):
            raise NoStatus("responder not allowed")
        body = _request(question)
        try:
            async with self._room, asyncio.timeout(self._timeout_s):
                told = self._read(question, await post(question.url, body, _HEADERS, ANSWER_MAX))
        except (TimeoutError, httpx.HTTPError, httpx.InvalidURL):
            raise NoStatus("responder not reachable") from None
        told = self._judged(question, told, besides)
        if told.until is not None:
            self._kept[question] = told
            self._kept.move_to_end(question)
            while len(self._kept) > KEPT_MAX:
                self._kept.popitem(last=False)
        return told

    def _read(self, question: Question, der: bytes) -> Told:
        """An answer to this question that holds now. Raises `NoStatus`."""
        try:
            answer = ocsp.load_der_ocsp_response(der)
            if answer.response_status is not ocsp.OCSPResponseStatus.SUCCESSFUL:
                raise NoStatus(f"responder says {answer.response_status.name.lower()}")
            single = next((one for one in answer.responses if _fits(one, question)), None)
            if single is None:
                raise NoStatus("answer to another question")
        except (ValueError, UnsupportedAlgorithm):
            raise NoStatus("answer not understood") from None
        now = self._now()
        until = single.next_update_utc
        if single.this_update_utc > now + SKEW or (until is not None and until < now - SKEW):
            raise NoStatus("answer out of date")
        status = Status(single.certificate_status.name.lower())
        return Told(status, der, False, None if until is None else min(until, now + KEPT_FOR_MAX))

    def _judged(self, question: Question, told: Told, besides: Sequence[x509.Certificate]) -> Told:
        """With `verified` as these certificates have it."""
        anchors = (*self._known, *besides)
        try:
            verified = _verified(told.der, question, anchors, self._now())
        except (ValueError, UnsupportedAlgorithm):
            verified = False
        return replace(told, verified=verified)


_HEADERS = {"Content-Type": "application/ocsp-request", "Accept": "application/ocsp-response"}


def _request(question: Question) -> bytes:
    """Raises `NoStatus` for hashes or a serial number that cannot be."""
    algorithm = _HASHES[question.algorithm]
    try:
        builder = ocsp.OCSPRequestBuilder().add_certificate_by_hash(
            question.issuer_name_hash, question.issuer_key_hash, question.serial_number, algorithm
        )
        return builder.build().public_bytes(Encoding.DER)
    except (ValueError, TypeError):
        raise NoStatus("no certificate has these hashes") from None


def questions(way: Sequence[x509.Certificate]) -> list[Question] | None:
    """What is to be asked of OCSP about each certificate but the anchor; None if one names no responder."""
    asked = []
    for child, issuer in pairwise(way):
        url = _responder(child)
        if url is None:
            return None
        asked.append(question_on(child, issuer, url))
    return asked


def _responder(certificate: x509.Certificate) -> str | None:
    try:
        access = certificate.extensions.get_extension_for_class(x509.AuthorityInformationAccess).value
    except UNREADABLE:
        return None
    for one in access:
        if one.access_method == AuthorityInformationAccessOID.OCSP:
            location = one.access_location
            return location.value if isinstance(location, x509.UniformResourceIdentifier) else None
    return None


def question_on(child: x509.Certificate, issuer: x509.Certificate, url: str) -> Question:
    """The question whether a certificate is still good, by SHA-256."""
    name = hashes.Hash(hashes.SHA256())
    name.update(issuer.subject.public_bytes())
    return Question("SHA256", name.finalize(), key_hash(issuer, "SHA256"), child.serial_number, url)


def key_hash(certificate: x509.Certificate, algorithm: str) -> bytes:
    """The hash of a certificate's public key, of its bits alone (RFC 6960 4.1.1)."""
    key = certificate.public_key()
    if isinstance(key, ec.EllipticCurvePublicKey):
        bits = key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    elif isinstance(key, rsa.RSAPublicKey):
        bits = key.public_bytes(Encoding.DER, PublicFormat.PKCS1)
    elif isinstance(key, ed25519.Ed25519PublicKey | ed448.Ed448PublicKey):
        bits = key.public_bytes(Encoding.Raw, PublicFormat.Raw)
    else:
        raise UnsupportedAlgorithm(type(key).__name__)
    digest = hashes.Hash(_HASHES[algorithm])
    digest.update(bits)
    return digest.finalize()


def _fits(single: ocsp.OCSPSingleResponse, question: Question) -> bool:
    return (
        single.hash_algorithm.name.upper() == question.algorithm
        and single.serial_number == question.serial_number
        and single.issuer_key_hash == question.issuer_key_hash
        and single.issuer_name_hash == question.issuer_name_hash
    )


def _verified(der: bytes, question: Question, anchors: Sequence[x509.Certificate], now: datetime) -> bool:
    """Whether the issuer, or a responder that it has appointed, has signed this (RFC 6960 4.2.2.2).

    The issuer is one of the anchors, or comes with the answer and stands under one of them.
    """
    answer = ocsp.load_der_ocsp_response(der)
    brought = answer.certificates[:CERTIFICATES_MAX]
    vouched = [one for one in brought if standing([one, *brought], anchors, now)[0] is Standing.ACCEPTED]
    named = [
        one for one in (*anchors, *vouched) if key_hash(one, question.algorithm) == question.issuer_key_hash
    ]
    return any(
        _signed(answer, signer)
        for issuer in named
        for signer in (issuer, *(one for one in brought if _appointed(one, issuer, now)))
    )


def _appointed(one: x509.Certificate, issuer: x509.Certificate, at: datetime) -> bool:
    try:
        one.verify_directly_issued_by(issuer)
        usage = one.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except (*UNREADABLE, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    in_force = one.not_valid_before_utc <= at <= one.not_valid_after_utc
    return in_force and ExtendedKeyUsageOID.OCSP_SIGNING in usage


def _signed(answer: ocsp.OCSPResponse, by: x509.Certificate) -> bool:
    key, algorithm = by.public_key(), answer.signature_hash_algorithm
    signature, told = answer.signature, answer.tbs_response_bytes
    try:
        if isinstance(key, ec.EllipticCurvePublicKey) and algorithm is not None:
            key.verify(signature, told, ec.ECDSA(algorithm))
        elif isinstance(key, rsa.RSAPublicKey) and algorithm is not None:
            key.verify(signature, told, padding.PKCS1v15(), algorithm)
        elif isinstance(key, ed25519.Ed25519PublicKey | ed448.Ed448PublicKey):
            key.verify(signature, told)
        else:
            return False
    except InvalidSignature:
        return False
    return True
