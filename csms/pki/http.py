"""Requests to servers of others: where the operator has said, no redirects, no proxy, bounded answers."""

import ssl
from collections.abc import Sequence
from functools import cache

import httpx

STALL_S = 20.0


class Allowed:
    """Addresses that may be asked: what lies under one of these URLs."""

    def __init__(self, urls: Sequence[str]) -> None:
        self._urls = [httpx.URL(one) for one in urls]

    def holds(self, text: str) -> bool:
        """Whether an address is among them: same scheme, host and port, under its path."""
        try:
            url = httpx.URL(text)
        except httpx.InvalidURL:
            return False
        if url.userinfo or ".." in url.path:
            return False
        return any(
            (url.scheme, url.host, url.port) == (one.scheme, one.host, one.port)
            and (url.path == one.path or url.path.startswith(f"{one.path.rstrip('/')}/"))
            for one in self._urls
        )


def client() -> httpx.AsyncClient:
    """For one request: no connection is kept."""
    return httpx.AsyncClient(verify=_tls(), follow_redirects=False, trust_env=False, timeout=STALL_S)


async def post(url: str, body: bytes, headers: dict[str, str], at_most: int) -> bytes:
    """The answer to a POST. Raises `httpx.HTTPError`, also for a status that is not 200 and for too much."""
    async with client() as http, http.stream("POST", url, content=body, headers=headers) as answer:
        if answer.status_code != httpx.codes.OK:
            raise httpx.HTTPError(f"status {answer.status_code}")
        found = bytearray()
        async for part in answer.aiter_bytes():
            found += part
            if len(found) > at_most:
                raise httpx.HTTPError("too long")
        return bytes(found)


@cache
def _tls() -> ssl.SSLContext:
    """Reading all roots takes a while: once is enough."""
    return ssl.create_default_context()
