"""States of charge of vehicles from an MQTT topic: telematics.

The topic has one `+`, which stands for the vehicle's id: `csms/vehicles/+/soc`. A message is the JSON of
`POST /vehicles/{id}/soc`, {"soc": 63.5, "at": "2026-01-31T12:00:00Z", "accuracy": 2, "validForS": 1800}. What
is not taken comes back on `<topic>/refused` as a problem document (RFC 9457); a repeat changes nothing.
"""

from collections.abc import Mapping
from datetime import datetime

import aiomqtt
import orjson
import structlog

from csms.bus.bus import Bus
from csms.clock import Clock
from csms.domain.soc import Said, SocReport, SocSource, soc_report
from csms.errors import ConfigurationError, Invalid, Refused, StoreUnavailable
from csms.feeds.broker import QOS, Broker, payload_of, problem, problem_of, read_json
from csms.grid import soc_sources
from csms.store.database import Database

log = structlog.get_logger()

_KNOWN = frozenset({"soc", "at", "accuracy", "validForS"})


class MqttSoc:
    """Takes in what telematics tell. Raises `ConfigurationError` for a topic without one `+`."""

    def __init__(self, db: Database, bus: Bus, clock: Clock, url: str, topic: str) -> None:
        self._db = db
        self._bus = bus
        self._clock = clock
        self._topic = topic
        self._levels = topic.split("/")
        if self._levels.count("+") != 1 or "#" in topic:
            raise ConfigurationError("mqtt.topic_soc", "Write one + where the vehicle's id stands.")
        self._broker = Broker(url, "soc", topic)

    async def run(self) -> None:
        """Take words in until cancelled."""
        await self._broker.keep(self._converse)

    async def _converse(self, client: aiomqtt.Client) -> None:
        await client.subscribe(self._topic, QOS)
        async for message in client.messages:
            refused = await self._handle(self._vehicle(message.topic.value), payload_of(message))
            if refused is not None:
                await client.publish(f"{message.topic.value}/refused", orjson.dumps(refused), qos=QOS)

    def _vehicle(self, topic: str) -> str:
        return topic.split("/")[self._levels.index("+")]

    async def _handle(self, vehicle_id: str, payload: bytes) -> Mapping[str, object] | None:
        """Keep one word; what was wrong with it, if anything. Never raises for what the message says."""
        try:
            report = read_report(vehicle_id, read_json(payload), self._clock.now())
            await soc_sources.take(self._db, self._bus, self._clock, report)
        except Refused as error:
            log.info("soc refused", vehicle_id=vehicle_id, error=error.detail)
            return problem_of(error)
        except StoreUnavailable:
            return problem(503, "Store unavailable")
        except Exception:
            log.exception("soc failed", vehicle_id=vehicle_id)
            return problem(500, "Internal error")
        return None


def read_report(vehicle_id: str, data: object, now: datetime) -> SocReport:
    """A message's word. Raises `Invalid` naming the field."""
    if not isinstance(data, Mapping):
        raise Invalid("body", "Write a JSON object.")
    strange = sorted(set(map(str, data)) - _KNOWN)
    if strange:
        raise Invalid(strange[0], "There is no such field.")
    soc = _number(data, "soc")
    if soc is None:
        raise Invalid("soc", "Say the state of charge in percent.")
    said = Said(soc, _time(data.get("at")), _number(data, "accuracy"), _number(data, "validForS"))
    return soc_report(vehicle_id, SocSource.TELEMATICS, said, now)


def _number(data: Mapping[object, object], name: str) -> float | None:
    value = data.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Invalid(name, "This is not a number.")
    return float(value)


def _time(value: object) -> datetime | None:
    if value is None:
        return None
    try:
        at = datetime.fromisoformat(str(value))
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise Invalid("at", "Write a time with its zone, 2026-01-31T12:00:00Z.")
    return at
