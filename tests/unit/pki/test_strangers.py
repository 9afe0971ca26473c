"""Certificates and questions by strangers: what makes no sense is refused, and nothing is raised but that."""

import base64
from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from csms.errors import Invalid
from csms.pki import chains
from csms.pki.chains import Standing
from csms.pki.ocsp import NoStatus, Question, Responders
from tests.conformance.pki import root

NOW = datetime.now(UTC)
URL = "http://127.0.0.1:9/"
EC_KEY, CURVE = "06072a8648ce3d0201", "06082a8648ce3d030107"
KEY_USAGE, CONSTRAINTS = "0603551d0f", "0603551d13"


def altered(certificate: x509.Certificate, old: str, new: str) -> bytes:
    """The certificate with another object identifier in it."""
    der = certificate.public_bytes(Encoding.DER)
    assert bytes.fromhex(old) in der
    return der.replace(bytes.fromhex(old), bytes.fromhex(new))


def pem(der: bytes) -> str:
    text = base64.encodebytes(der).decode()
    return f"-----BEGIN CERTIFICATE-----\n{text}-----END CERTIFICATE-----\n"


@pytest.mark.parametrize("identifier", [EC_KEY, CURVE], ids=["kind", "curve"])
def test_a_key_that_nobody_knows(identifier: str) -> None:
    leaf = root("root", URL).issue("leaf")
    with pytest.raises(Invalid):
        chains.read(pem(altered(leaf.certificate, identifier, f"{identifier[:-2]}77")))


def test_an_issuer_with_an_extension_twice_vouches_for_nobody() -> None:
    top = root("root", URL)
    twice = x509.load_der_x509_certificate(altered(top.certificate, KEY_USAGE, CONSTRAINTS))
    chain = [top.issue("leaf").certificate, twice]
    assert chains.standing(chain, [], NOW) == (Standing.FORGED, chain[:1])


@pytest.mark.parametrize(
    "question",
    [
        Question("SHA256", b"short", b"k" * 32, 1, URL),
        Question("SHA256", b"n" * 32, b"long" * 32, 1, URL),
        Question("SHA256", b"n" * 32, b"k" * 32, -1, URL),
    ],
    ids=["name", "key", "serial"],
)
async def test_a_question_about_nothing(question: Question) -> None:
    responders = Responders([URL], (), lambda: NOW)
    with pytest.raises(NoStatus):
        await responders.ask(question)
