"""A connection to an MQTT broker that is made anew whenever it is lost."""

import asyncio
import random
import socket
import ssl
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from urllib.parse import SplitResult, unquote, urlsplit
from zlib import crc32

import aiomqtt
import orjson
import structlog

from csms.domain.grid_event_json import json_name
from csms.errors import ConfigurationError, Conflict, Invalid, NotFound, Refused

log = structlog.get_logger()

QOS = 1
_SIZE_MAX = 64 * 1024
_WAIT_MIN_S, _WAIT_MAX_S = 0.5, 30.0
_TIMEOUT_S = 10.0
_NODELAY = ((socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),)


class Broker:
    """Where a broker is, and who we are there. `url` is `mqtt[s]://[user:password@]host[:port]`.

    Raises `ConfigurationError` naming `mqtt.url`.
    """

    def __init__(self, url: str, purpose: str, topic: str) -> None:
        self._url = _parsed(url)
        # The same after a restart, so that the broker's session is found again; another for each host and
        # topic.
        self._client_id = f"csms-{purpose}-{socket.gethostname()}-{crc32(f'{url} {topic}'.encode()):08x}"

    async def keep(self, converse: Callable[[aiomqtt.Client], Awaitable[None]]) -> None:
        """Connect and converse, again and again, until cancelled."""
        wait_s = _WAIT_MIN_S
        while True:
            connected_at = asyncio.get_running_loop().time()
            with suppress(aiomqtt.MqttError):
                try:
                    async with self._client() as client:
                        log.info("broker connected", host=self._url.hostname)
                        await converse(client)
                except* aiomqtt.MqttError as group:
                    log.warning("broker lost", host=self._url.hostname, error=str(group.exceptions[0]))
            # A connection that held for a while was a good one: begin again with the short wait.
            held = asyncio.get_running_loop().time() - connected_at > _WAIT_MAX_S
            wait_s = _WAIT_MIN_S if held else min(_WAIT_MAX_S, 2 * wait_s)
            await asyncio.sleep(wait_s * random.uniform(0.5, 1.0))  # noqa: S311 - spreads reconnects

    def _client(self) -> aiomqtt.Client:
        secure = self._url.scheme == "mqtts"
        # The session stays at the broker, so what comes while we are away is delivered later.
        return aiomqtt.Client(
            self._url.hostname or "",
            self._url.port or (8883 if secure else 1883),
            username=None if self._url.username is None else unquote(self._url.username),
            password=None if self._url.password is None else unquote(self._url.password),
            identifier=self._client_id,
            clean_session=False,
            timeout=_TIMEOUT_S,
            tls_context=ssl.create_default_context() if secure else None,
            socket_options=_NODELAY,
        )


def payload_of(message: aiomqtt.Message) -> bytes:
    """What a message brings, as bytes."""
    return bytes(message.payload) if isinstance(message.payload, (bytes, bytearray)) else b""


def read_json(payload: bytes) -> object:
    """A payload's JSON. Raises `Invalid` naming `body`."""
    if len(payload) > _SIZE_MAX:
        raise Invalid("body", f"A signal has at most {_SIZE_MAX} bytes.")
    try:
        data: object = orjson.loads(payload)
    except orjson.JSONDecodeError:
        raise Invalid("body", "This is not JSON.") from None
    return data


def problem_of(error: Refused) -> dict[str, object]:
    """What was wrong with a message, as a problem document (RFC 9457)."""
    status, title = 422, "Invalid"
    if isinstance(error, NotFound):
        status, title = 404, "Not found"
    elif isinstance(error, Conflict):
        status, title = 409, "Conflict"
    body: dict[str, object] = {
        "type": "about:blank",
        "title": title,
        "status": status,
        "detail": error.detail,
    }
    if isinstance(error, Invalid):
        body["field"] = json_name(error.field)
    return body


def problem(status: int, title: str) -> Mapping[str, object]:
    """A problem that is ours."""
    return {"type": "about:blank", "title": title, "status": status}


def _parsed(url: str) -> SplitResult:
    try:
        parsed = urlsplit(url)
        good = parsed.scheme in ("mqtt", "mqtts") and bool(parsed.hostname) and parsed.port != 0
    except ValueError:
        good = False
    if not good:
        raise ConfigurationError("mqtt.url", "Write mqtt://host:1883 or mqtts://user:password@host.")
    return parsed
