"""Files over HTTP: firmware down, logs up. Time-outs are real seconds."""

import asyncio
import ssl
from collections.abc import Callable

import httpx

_TIMEOUT_S = 20.0
_WHOLE_S = 600.0  # for a whole file, however slowly it comes
_NO_PUT = (404, 405, 501)
_MOST_BYTES = 64 * 1024 * 1024
SCHEMES = ("http", "https")


class TransferFailed(Exception):
    """A file could not be moved. `status` is the HTTP status, None without an answer."""

    def __init__(self, why: str, status: int | None = None) -> None:
        super().__init__(why)
        self.status = status


def supported(url: str) -> bool:
    """Whether files can be moved from and to this address."""
    return url.partition(":")[0].casefold() in SCHEMES


class Transfer:
    """Moves files. `trust` gives the TLS context, None for the machine's own trust."""

    def __init__(self, trust: Callable[[], ssl.SSLContext | None]) -> None:
        self._trust = trust

    def _client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(verify=self._trust() or True, timeout=_TIMEOUT_S, follow_redirects=True)

    async def download(self, url: str) -> bytes:
        """A file's content; never more than 64 MiB. Raises `TransferFailed`."""
        content = bytearray()
        try:
            async with (
                asyncio.timeout(_WHOLE_S),
                self._client() as client,
                client.stream("GET", url) as answer,
            ):
                _check(answer)
                async for piece in answer.aiter_bytes():
                    content += piece
                    if len(content) > _MOST_BYTES:
                        raise TransferFailed("the file is too large")
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as failure:
            raise TransferFailed(str(failure) or type(failure).__name__) from failure
        return bytes(content)

    async def upload(self, url: str, name: str, content: bytes) -> None:
        """Put a file there; a server that knows no PUT gets it as a form. Raises `TransferFailed`."""
        target = url + name if url.endswith("/") else url
        try:
            async with asyncio.timeout(_WHOLE_S), self._client() as client:
                # What the server has to say beside its status is not read: it may be endless.
                async with client.stream("PUT", target, content=content) as answer:
                    if answer.status_code not in _NO_PUT:
                        _check(answer)
                        return
                form = {"file": (name, content, "text/plain")}
                async with client.stream("POST", url, files=form) as answer:
                    _check(answer)
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as failure:
            raise TransferFailed(str(failure) or type(failure).__name__) from failure


def _check(answer: httpx.Response) -> None:
    if not answer.is_success:
        raise TransferFailed(f"HTTP {answer.status_code}", answer.status_code)
