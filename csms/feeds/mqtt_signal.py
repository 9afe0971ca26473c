"""Grid signals from an MQTT topic, progress on another.

`topic_in` carries the JSON of `POST /grid-events`, with `id` as the sender's own name for the event: a broker
may deliver a message twice (QoS 1), and a repeat of the same `id` is the same event. `topic_in`/cancel
carries `{"id"}`. What was taken in comes back on `topic_out`/accepted, what was not on `topic_out`/refused as
a problem document (RFC 9457). What happens to events goes out on `topic_out`.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from datetime import datetime
from functools import partial

import aiomqtt
import orjson
import structlog

from csms.bus.bus import Bus
from csms.clock import Clock
from csms.domain.facts import DispatchMade, Fact, GridEventAccepted, GridEventChanged, SettlementReady
from csms.domain.grid_event import EventRequest, GridEvent
from csms.domain.grid_event_json import json_name, read_request, write_event, write_time
from csms.errors import Invalid, Refused, StoreUnavailable
from csms.feeds.broker import QOS, Broker, payload_of, problem, problem_of, read_json
from csms.grid import intake
from csms.store import grid_events
from csms.store.database import Database

log = structlog.get_logger()

SOURCE = "mqtt"
_TOLD = (GridEventAccepted, GridEventChanged, DispatchMade, SettlementReady)


class MqttSignal:
    """One connection to a broker, made anew whenever it is lost."""

    def __init__(self, db: Database, bus: Bus, clock: Clock, url: str, topic_in: str, topic_out: str) -> None:
        self._db = db
        self._bus = bus
        self._clock = clock
        self._topic_in = topic_in
        self._topic_out = topic_out
        self._broker = Broker(url, "signal", topic_in)
        self._untold: Fact | None = None

    async def run(self) -> None:
        """Take signals in and tell progress until cancelled."""
        async with self._bus.subscribe(*_TOLD) as facts:
            await self._broker.keep(partial(self._converse, facts))

    async def _converse(self, facts: AsyncIterator[Fact], client: aiomqtt.Client) -> None:
        async with asyncio.TaskGroup() as tasks:
            await client.subscribe([(self._topic_in, QOS), (f"{self._topic_in}/cancel", QOS)])
            tasks.create_task(self._hear(client), name="mqtt signals")
            tasks.create_task(self._tell(client, facts), name="mqtt progress")

    async def _hear(self, client: aiomqtt.Client) -> None:
        async for message in client.messages:
            cancel = message.topic.value != self._topic_in
            suffix, body = await self._handle(payload_of(message), cancel)
            await client.publish(f"{self._topic_out}/{suffix}", orjson.dumps(body), qos=QOS)

    async def _handle(self, payload: bytes, cancel: bool) -> tuple[str, Mapping[str, object]]:
        """Do what one message asks.

        (accepted or refused, what to say). Never raises for what the message says.
        """
        data: object = None
        try:
            data = read_json(payload)
            event = await (self._cancel(data) if cancel else self._accept(data, payload))
        except Refused as error:
            log.info("signal refused", error=error.detail)
            return "refused", _with_id(problem_of(error), data)
        except StoreUnavailable:
            return "refused", _with_id(problem(503, "Store unavailable"), data)
        except Exception:
            log.exception("signal failed")
            return "refused", _with_id(problem(500, "Internal error"), data)
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
            await client.publish(self._topic_out, orjson.dumps(write_fact(self._untold)), qos=QOS)
            self._untold = None


def write_fact(fact: Fact) -> dict[str, object]:
    """A fact as JSON data: its name as `kind`, its fields in camelCase."""
    name = type(fact).__name__
    body: dict[str, object] = {"kind": name[0].lower() + name[1:]}
    for field in fact.__struct_fields__:
        value = getattr(fact, field)
        body[json_name(field)] = write_time(value) if isinstance(value, datetime) else value
    return body


def _named(request: EventRequest, payload: bytes) -> EventRequest:
    """A signal without an id but with a start is named by its content: the same bytes again are a repeat."""
    if request.source_id is not None or request.start is None:
        return request
    return replace(request, source_id="sha256:" + hashlib.sha256(payload).hexdigest()[:32])


def _with_id(body: Mapping[str, object], data: object) -> Mapping[str, object]:
    """Say which signal is meant, if that can be read."""
    source_id = data.get("id") if isinstance(data, Mapping) else None
    return {**body, "id": source_id[:200]} if isinstance(source_id, str) else body
