"""Contract certificates for vehicles (M01, M02) come from a service that knows the contracts.

It is asked by HTTPS with OCPP's own pair of messages as JSON: Get15118EVCertificateRequest there,
Get15118EVCertificateResponse back. The EXI inside is between vehicle and service; we only carry it.
"""

import asyncio

import httpx
import msgspec

from csms.errors import CsmsError
from csms.pki.http import post

ANSWER_MAX = 64 * 1024
TIMEOUT_S = 20.0
"""The vehicle waits some 60 s at most for the whole of it (ISO 15118-2, table 109)."""


class NoContract(CsmsError):
    """The service could not be asked, or its answer is none; `reason` says which."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class ContractService:
    """One service at an address that the operator has named."""

    def __init__(self, url: str, timeout_s: float = TIMEOUT_S) -> None:
        self._url = url
        self._timeout_s = timeout_s

    async def ask(self, request: bytes) -> dict[str, object]:
        """The service's answer to a request, both JSON. Raises `NoContract`."""
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        try:
            async with asyncio.timeout(self._timeout_s):
                body = await post(self._url, request, headers, ANSWER_MAX)
            return msgspec.json.decode(body, type=dict[str, object])
        except (TimeoutError, httpx.HTTPError, httpx.InvalidURL):
            raise NoContract("service not reachable") from None
        except msgspec.MsgspecError:
            raise NoContract("answer not understood") from None
