"""A small REST client for the commands: finds the key, speaks JSON, turns every failure into one line."""

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from math import isfinite
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import httpx

from csms.cli.outcome import Exit, Failed

DEFAULT_URL = "http://127.0.0.1:8080"
KEY_FILE = Path("var/admin.key")
TIMEOUT_S = 30.0
# A call waits for the station as long as its message time-out says, 600 s at most.
CALL_TIMEOUT_S = 620.0

Params = Mapping[str, str | int | list[str]]
Object = dict[str, Any]


class Rest:
    """One server and one key."""

    def __init__(self, url: str, key: str | None = None) -> None:
        self._url = url.rstrip("/")
        self._key = key

    def get(self, path: str, params: Params | None = None) -> Object:
        """GET one thing."""
        return self._object(self._send("GET", path, params=params))

    def text(self, path: str, params: Params | None = None) -> str:
        """GET what is not JSON."""
        return self._send("GET", path, params=params).text

    def metrics(self) -> str:
        """The server's numbers, in the format of Prometheus."""
        with self._failures():
            return httpx.get(f"{self._url}/metrics", timeout=TIMEOUT_S).text

    def all(self, path: str, params: Params | None = None) -> list[Object]:
        """GET a list, page after page."""
        items: list[Object] = []
        more: dict[str, Any] = {"limit": 500, **(params or {})}
        while True:
            found = self.get(path, more)
            items += found["items"]
            if not found.get("next"):
                return items
            more["after"] = found["next"]

    def post(
        self, path: str, body: object = None, params: Params | None = None, key: str | None = None
    ) -> Object:
        """POST; `key` is an Idempotency-Key."""
        headers = {} if key is None else {"Idempotency-Key": key}
        return self._object(self._send("POST", path, params=params, body=body, headers=headers))

    def call(
        self, path: str, payload: object = None, params: Params | None = None, method: str = "POST"
    ) -> Object:
        """A request that waits for a station."""
        answer = self._send(method, path, params=params, body=payload, timeout_s=CALL_TIMEOUT_S)
        return self._object(answer)

    def patch(self, path: str, body: object) -> Object:
        """PATCH."""
        return self._object(self._send("PATCH", path, body=body))

    def put(self, path: str, body: object) -> Object:
        """PUT."""
        return self._object(self._send("PUT", path, body=body))

    def delete(self, path: str, params: Params | None = None) -> None:
        """DELETE."""
        self._send("DELETE", path, params=params)

    @contextmanager
    def stream(self, path: str, params: Params) -> Iterator[Iterator[str]]:
        """Lines of a stream; a silence of 30 s ends it."""
        with (
            self._failures(),
            httpx.Client(timeout=TIMEOUT_S) as client,
            client.stream("GET", self._address(path), params=dict(params), headers=self._headers()) as answer,
        ):
            if answer.status_code >= 400:
                answer.read()
                raise Failed(problem(answer))
            yield answer.iter_lines()

    def _send(
        self,
        method: str,
        path: str,
        *,
        params: Params | None = None,
        body: object = None,
        headers: Mapping[str, str] | None = None,
        timeout_s: float = TIMEOUT_S,
    ) -> httpx.Response:
        odd = _not_finite(body)
        if odd is not None:
            raise Failed(f"{odd}: it must be a finite number.", Exit.WRONG_USE)
        with self._failures():
            answer = httpx.request(
                method,
                self._address(path),
                params=dict(params or {}),
                json=body,
                headers={**self._headers(), **(headers or {})},
                timeout=timeout_s,
            )
        if answer.status_code >= 400:
            raise Failed(self._no_csms(path) if _nowhere(answer) else problem(answer))
        return answer

    def _no_csms(self, path: str) -> str:
        if "%2F" in path:
            return f"No name has a slash in it, as in {unquote(path)}."
        return f"What answers at {self._url} has no {path}: --url is a CSMS's address, as {DEFAULT_URL}."

    @contextmanager
    def _failures(self) -> Iterator[None]:
        try:
            yield
        except (httpx.InvalidURL, httpx.UnsupportedProtocol):
            raise Failed(f"{self._url} is not a URL.", Exit.WRONG_USE) from None
        except httpx.ReadTimeout:
            raise Failed(f"The server at {self._url} did not answer in time.", Exit.UNREACHABLE) from None
        except httpx.TransportError as error:
            reason = str(error) or type(error).__name__
            raise Failed(f"The server at {self._url} cannot be reached: {reason}", Exit.UNREACHABLE) from None

    def _headers(self) -> dict[str, str]:
        key = self._key or find_key()
        return {"Authorization": f"Bearer {key}", "Accept": "application/json"}

    def _address(self, path: str) -> str:
        return f"{self._url}/api/v1{path}"

    def _object(self, answer: httpx.Response) -> Object:
        try:
            found = answer.json()
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise Failed(f"What answers at {self._url} is no CSMS.")
        return found


def find_key() -> str:
    """The key in `CSMS_API_KEY`, else in `var/admin.key`."""
    key = os.environ.get("CSMS_API_KEY", "")
    if not key:
        try:
            key = KEY_FILE.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            raise Failed(f"There is no key: set CSMS_API_KEY, or run where {KEY_FILE} is.") from None
    key = key.strip()
    if not key.isascii() or not key.isprintable():
        raise Failed("The key holds characters that no key has.", Exit.WRONG_USE)
    return key


def problem(answer: httpx.Response) -> str:
    """A refusal in one line: the wrong fields and why, or what the document says."""
    try:
        body = answer.json()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        return f"The server answered {answer.status_code}."
    errors = body.get("errors")
    if isinstance(errors, list) and errors:
        return "; ".join(
            f"{one.get('field')}: {one.get('detail')}" for one in errors if isinstance(one, dict)
        )
    detail = body.get("detail") or body.get("title") or f"The server answered {answer.status_code}."
    code = body.get("code")
    return f"{code}: {detail}" if code else str(detail)


def _not_finite(value: object, place: str = "body") -> str | None:
    """Where a number stands that JSON has not; None if there is none."""
    if isinstance(value, float):
        return None if isfinite(value) else place
    parts: Iterable[tuple[object, object]] = ()
    if isinstance(value, dict):
        parts = value.items()
    elif isinstance(value, list | tuple):
        parts = enumerate(value)
    found = (_not_finite(part, str(name) if place == "body" else f"{place}.{name}") for name, part in parts)
    return next((one for one in found if one is not None), None)


def _nowhere(answer: httpx.Response) -> bool:
    """Whether there is nothing at this address, rather than nothing of this name."""
    if answer.status_code != httpx.codes.NOT_FOUND:
        return False
    try:
        body = answer.json()
    except ValueError:
        return True
    return not (isinstance(body, dict) and str(body.get("type", "")).startswith("urn:v2g-csms:"))


def parsed(text: str, what: str) -> object:
    """JSON from the command line; what is wrong with it is wrong use."""
    try:
        return json.loads(text, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise Failed(f"{what} is not JSON: {error}", Exit.WRONG_USE) from None


def _no_number(name: str) -> float:
    raise ValueError(f"it has no {name}")
