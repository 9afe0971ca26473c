"""L01: a manufacturer's signature over a firmware, checked by us before any station is told to fetch it.

The file is read from where the station would fetch it, as a stream that is hashed and not kept, and only from
places that the operator has named. A station checks it once more by itself.
"""

import asyncio
import base64
import binascii
import hashlib
from collections import OrderedDict
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import httpx
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from csms.errors import Invalid
from csms.pki import chains
from csms.pki.chains import Standing
from csms.pki.http import Allowed, client

BYTES_MAX = 2 * 1024**3
TIMEOUT_S = 300.0
AT_ONCE = 2
KEPT_FOR = timedelta(hours=1)
KEPT_MAX = 100
"""A fleet gets the same file: it is not read anew for each of its stations."""

_SHA256 = Prehashed(hashes.SHA256())


class FirmwareChecks:
    """`sources`: URLs under which firmware may lie; `roots`: whose signing certificates are believed."""

    def __init__(
        self,
        sources: Sequence[str],
        roots: Sequence[x509.Certificate],
        now: Callable[[], datetime],
    ) -> None:
        self._sources = Allowed(sources)
        self._roots = tuple(roots)
        self._now = now
        self._room = asyncio.Semaphore(AT_ONCE)
        self._kept: OrderedDict[str, tuple[datetime, bytes]] = OrderedDict()

    async def check(self, location: str, certificate: str, signature: str) -> None:
        """Raises `Invalid` naming what is wrong: the place, the signing certificate or the signature."""
        signer = self._signer(certificate)
        try:
            told = base64.b64decode(signature, validate=True)
        except binascii.Error:
            raise Invalid("signature", "It is not Base64.") from None
        async with self._room:
            digest = await self._digest(location)
        if not _signed(signer, told, digest):
            raise Invalid("signature", "The firmware there is not what this certificate has signed.")

    def _signer(self, pem: str) -> x509.Certificate:
        try:
            chain = chains.read(pem)
        except Invalid as error:
            raise Invalid("signingCertificate", error.detail) from None
        now = self._now()
        if not chain[0].not_valid_before_utc <= now <= chain[0].not_valid_after_utc:
            raise Invalid("signingCertificate", "It is not in force now.")
        if self._roots:
            roots, subs = chains.parted(self._roots)
            if chains.standing([*chain, *subs], roots, now)[0] is not Standing.ACCEPTED:
                raise Invalid("signingCertificate", "No manufacturer that we know vouches for it.")
        return chain[0]

    async def _digest(self, location: str) -> bytes:
        """The SHA-256 of what lies there, perhaps as it was read within the last hour."""
        kept = self._kept.get(location)
        if kept is not None and kept[0] > self._now():
            return kept[1]
        if not self._sources.holds(location):
            raise Invalid("location", "We may not read there to check the signature (pki.firmware_sources).")
        try:
            async with asyncio.timeout(TIMEOUT_S):
                digest = await _read(location)
        except (TimeoutError, httpx.HTTPError, httpx.InvalidURL):
            raise Invalid("location", "The firmware cannot be read there.") from None
        self._kept[location] = (self._now() + KEPT_FOR, digest)
        while len(self._kept) > KEPT_MAX:
            self._kept.popitem(last=False)
        return digest


async def _read(location: str) -> bytes:
    digest, size = hashlib.sha256(), 0
    async with client() as http, http.stream("GET", location) as answer:
        if answer.status_code != httpx.codes.OK:
            raise httpx.HTTPError(f"status {answer.status_code}")
        async for part in answer.aiter_raw():
            size += len(part)
            if size > BYTES_MAX:
                raise httpx.HTTPError("too long")
            digest.update(part)
    return digest.digest()


def _signed(signer: x509.Certificate, signature: bytes, digest: bytes) -> bool:
    """RSA-PSS or ECDSA with SHA-256 (L01.FR.12)."""
    key = signer.public_key()
    try:
        if isinstance(key, rsa.RSAPublicKey):
            salt = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.AUTO)
            key.verify(signature, digest, salt, _SHA256)
        elif isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature, digest, ec.ECDSA(_SHA256))
        else:
            return False
    except InvalidSignature:
        return False
    return True
