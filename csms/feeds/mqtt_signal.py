"""Grid signals from an MQTT topic, progress on another.

`topic_in` carries the JSON of `POST /grid-events`, with `id` as the sender's own name for the event: a broker
may deliver a message twice (QoS 1), and a repeat of the same `id` is the same event. `topic_in`/cancel
carries `{"id"}`. What was taken in comes back on `topic_out`/accepted, what was not on `topic_out`/refused as
a problem document (RFC 9457). What happens to events goes out on `topic_out`.
"""

import asyncio
import hashlib
import random
import socket
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from urllib.parse import SplitResult, unquote, urlsplit
from zlib import crc32

import aiomqtt
import orjson
import structlog

from csms.bus.bus import Bus
from csms.clock import Clock
from csms.domain.facts import DispatchMade, Fact, GridEventAccepted, GridEventChanged, SettlementReady
from csms.domain.grid_event import EventRequest, GridEvent
from csms.domain.grid_event_json import json_name, read_request, write_event, write_time
from csms.errors import ConfigurationError, Conflict, Invalid, NotFound, Refused, StoreUnavailable
from csms.grid import intake
from csms.store import grid_events
from csms.store.database import Database

log = structlog.get_logger()

SOURCE = "mqtt"
_QOS = 1
_SIZE_MAX = 64 * 1024
_WAIT_MIN_S, _WAIT_MAX_S = 0.5, 30.0
_TIMEOUT_S = 10.0
_NODELAY = ((socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),)
_TOLD = (GridEventAccepted, GridEventChanged, DispatchMade, SettlementReady)


class MqttSignal:
    """One connection to a broker, made anew whenever it is lost. `url` is `mqtt[s]://[user:password@]host[:port]`."""

    def __init__(self, db: Database, bus: Bus, clock: Clock, url: str, topic_in: str, topic_out: str) -> None:
        self._db = db
        self._bus = bus
        self._clock = clock
        self._url = _parsed(url)
        self._topic_in = topic_in
        self._topic_out = topic_out
        # The same after a restart, so that the broker's session is found again; another for each host and
        # topic.
        self._client_id = f"csms-signal-{socket.gethostname()}-{crc32(f'{url} {topic_in}'.encode()):08x}"
        self._untold: Fact | None = None

    async def run(self) -> None:
        """Take signals in and tell progress until cancelled."""
        wait_s = _WAIT_MIN_S
        async with self._bus.subscribe(*_TOLD) as facts:
            while True:
                connected_at = asyncio.get_running_loop().time()
                with suppress(aiomqtt.MqttError):
                    try:
                        await self._converse(facts)
                    except* aiomqtt.MqttError as group:
                        log.warning("broker lost", host=self._url.hostname, error=str(group.exceptions[0]))
                # A connection that held for a while was a good one: begin again with the short wait.
                held = asyncio.get_running_loop().time() - connected_at > _WAIT_MAX_S
                wait_s = _WAIT_MIN_S if held else min(_WAIT_MAX_S, 2 * wait_s)
                await asyncio.sleep(wait_s * random.uniform(0.5, 1.0))  # noqa: S311 - spreads reconnects

    async def _converse(self, facts: AsyncIterator[Fact]) -> None:
        async with self._client() as client, asyncio.TaskGroup() as tasks:
            await client.subscribe([(self._topic_in, _QOS), (f"{self._topic_in}/cancel", _QOS)])
            log.info("broker connected", host=self._url.hostname, topic=self._topic_in)
            tasks.create_task(self._hear(client), name="mqtt signals")
            tasks.create_task(self._tell(client, facts), name="mqtt progress")

    def _client(self) -> aiomqtt.Client:
        secure = self._url.scheme == "mqtts"
        # The session stays at the broker, so a signal that comes while we are away is delivered later.
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

    async def _hear(self, client: aiomqtt.Client) -> None:
        async for message in client.messages:
            payload = bytes(message.payload) if isinstance(message.payload, (bytes, bytearray)) else b""
            cancel = message.topic.value != self._topic_in
            suffix, body = await self._handle(payload, cancel)
            await client.publish(f"{self._topic_out}/{suffix}", orjson.dumps(body), qos=_QOS)

    async def _handle(self, payload: bytes, cancel: bool) -> tuple[str, Mapping[str, object]]:
        """Do what one message asks.

        (accepted or refused, what to say). Never raises for what the message says.
        """
        data: object = None
        try:
            data = _json(payload)
            event = await (self._cancel(data) if cancel else self._accept(data, payload))
        except Refused as error:
            log.info("signal refused", error=error.detail)
            return "refused", _problem(error, data)
        except StoreUnavailable:
            return "refused", _with_id(
                {"type": "about:blank", "title": "Store unavailable", "status": 503}, data
            )
        except Exception:
            log.exception("signal failed")
            return "refused", _with_id(
                {"type": "about:blank", "title": "Internal error", "status": 500}, data
            )
        return "accepted", write_event(event)

    async def _accept(self, data: object, payload: bytes) -> GridEvent:
        request = _named(read_request(data, SOURCE), payload)
        return await intake.accept(self._db, self._bus, self._clock, request)

    async def _cancel(self, data: object) -> GridEvent:
        source_id = data.get("id") if isinstance(data, Mapping) else None
        if not isinstance(source_id, str):
            raise Invalid("id", "Say which event: the id that it was sent with, or ours.")
        known = await grid_events.by_source(self._db, SOURCE, source_id)
        return await intake.cancel(self._db, self._bus, self._clock, source_id if known is None else known.id)

    async def _tell(self, client: aiomqtt.Client, facts: AsyncIterator[Fact]) -> None:
        while True:
            if self._untold is None:
                self._untold = await anext(facts)
            await client.publish(self._topic_out, orjson.dumps(write_fact(self._untold)), qos=_QOS)
            self._untold = None


def write_fact(fact: Fact) -> dict[str, object]:
    """A fact as JSON data: its name as `kind`, its fields in camelCase."""
    name = type(fact).__name__
    body: dict[str, object] = {"kind": name[0].lower() + name[1:]}
    for field in fact.__struct_fields__:
        value = getattr(fact, field)
        body[json_name(field)] = write_time(value) if isinstance(value, datetime) else value
    return body


def _parsed(url: str) -> SplitResult:
    try:
        parsed = urlsplit(url)
        good = parsed.scheme in ("mqtt", "mqtts") and bool(parsed.hostname) and parsed.port != 0
    except ValueError:
        good = False
    if not good:
        raise ConfigurationError("mqtt.url", "Write mqtt://host:1883 or mqtts://user:password@host.")
    return parsed


def _json(payload: bytes) -> object:
    if len(payload) > _SIZE_MAX:
        raise Invalid("body", f"A signal has at most {_SIZE_MAX} bytes.")
    try:
        data: object = orjson.loads(payload)
    except orjson.JSONDecodeError:
        raise Invalid("body", "This is not JSON.") from None
    return data


def _named(request: EventRequest, payload: bytes) -> EventRequest:
    """A signal without an id but with a start is named by its content: the same bytes again are a repeat."""
    if request.source_id is not None or request.start is None:
        return request
    return replace(request, source_id="sha256:" + hashlib.sha256(payload).hexdigest()[:32])


def _problem(error: Refused, data: object) -> dict[str, object]:
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
    return _with_id(body, data)


def _with_id(body: dict[str, object], data: object) -> dict[str, object]:
    """Say which signal is meant, if that can be read."""
    source_id = data.get("id") if isinstance(data, Mapping) else None
    if isinstance(source_id, str):
        body["id"] = source_id[:200]
    return body
