"""Grid signals over a real broker.

In, refused, repeated, cancelled; progress out; the broker goes and comes.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import aiomqtt
import orjson
import pytest

from csms.bus.memory import MemoryBus
from csms.clock import RealClock
from csms.domain.facts import DispatchMade
from csms.domain.program import Program
from csms.domain.station import EvseRating
from csms.errors import ConfigurationError
from csms.feeds.mqtt_signal import MqttSignal
from csms.store import grid_events, programs, stations
from csms.store.database import Database
from csms.store.stations import StationRow
from tests.flows.mqtt.conftest import Broker

pytestmark = pytest.mark.mosquitto

TOPIC_IN, TOPIC_OUT = "csms/grid-events", "csms/progress"
SIGNAL = {"programId": "peak", "targetW": -5000.0, "durationS": 600, "id": "vtn-1"}


@dataclass
class Operator:
    """The other side of the broker."""

    client: aiomqtt.Client
    heard: list[tuple[str, Any]] = field(default_factory=list)
    news: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def listen(self) -> None:
        async for message in self.client.messages:
            assert isinstance(message.payload, bytes)
            async with self.news:
                self.heard.append((message.topic.value, orjson.loads(message.payload)))
                self.news.notify_all()

    async def say(self, data: object, topic: str = TOPIC_IN) -> None:
        payload = data if isinstance(data, bytes) else orjson.dumps(data)
        await self.client.publish(topic, payload, qos=1)

    async def hears(self, topic: str, test: Callable[[Any], bool] = lambda _: True, count: int = 1) -> Any:
        def found() -> list[Any]:
            return [body for where, body in self.heard if where == topic and test(body)]

        async with asyncio.timeout(15), self.news:
            await self.news.wait_for(lambda: len(found()) >= count)
        return found()[count - 1]


@dataclass
class Flow:
    """The house's side."""

    db: Database
    bus: MemoryBus
    operator: Operator


@asynccontextmanager
async def _operator(broker: Broker, tasks: asyncio.TaskGroup) -> AsyncIterator[Operator]:
    async with aiomqtt.Client("127.0.0.1", broker.port, identifier="operator") as client:
        await client.subscribe(f"{TOPIC_OUT}/#", qos=1)
        operator = Operator(client)
        listening = tasks.create_task(operator.listen())
        try:
            yield operator
        finally:
            listening.cancel()


@pytest.fixture
async def flow(broker: Broker) -> AsyncIterator[Flow]:
    """A house that listens, and an operator who talks."""
    db = await Database.open("sqlite://")
    await db.migrate()
    async with db.begin() as conn:
        await programs.put(conn, Program("peak", "peak"))
        station = StationRow(
            identity="cs1",
            password_hash="",
            discharge="negative_limit",
            created_at=datetime.now(UTC),
        )
        await stations.add(conn, station, [EvseRating(1, 11_000.0, 11_000.0)])
    bus = MemoryBus()
    feed = MqttSignal(db, bus, RealClock(), broker.url, TOPIC_IN, TOPIC_OUT)
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(feed.run())
        async with _operator(broker, tasks) as operator:
            flow = Flow(db, bus, operator)
            await _ready(flow)
            yield flow
        running.cancel()
    await db.close()


async def _ready(flow: Flow) -> None:
    """Until the feed has subscribed: its answer to nonsense is the sign."""
    async with asyncio.timeout(10):
        while not flow.operator.heard:
            await flow.operator.say(b"ping")
            await asyncio.sleep(0.05)
    flow.operator.heard.clear()


async def test_signal_becomes_an_event(flow: Flow) -> None:
    await flow.operator.say({**SIGNAL, "minSoc": 40})
    said = await flow.operator.hears(f"{TOPIC_OUT}/accepted")
    event = await grid_events.get(flow.db, said["id"])
    assert event is not None
    assert (event.target_w, event.duration_s, event.min_soc) == (-5000.0, 600, 40)
    assert (event.source, event.source_id) == ("mqtt", "vtn-1")
    told = await flow.operator.hears(TOPIC_OUT, lambda body: body["kind"] == "gridEventAccepted")
    assert told["eventId"] == event.id


async def test_repeat_is_harmless(flow: Flow) -> None:
    await flow.operator.say(SIGNAL)
    await flow.operator.say(SIGNAL)
    second = await flow.operator.hears(f"{TOPIC_OUT}/accepted", count=2)
    assert len(await grid_events.listing(flow.db, None, 10)) == 1
    assert second["sourceId"] == "vtn-1"


async def test_signal_without_an_id_but_with_a_start_is_known_by_its_content(flow: Flow) -> None:
    start = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    signal = {"programId": "peak", "targetW": -5000, "durationS": 600, "start": start}
    await flow.operator.say(signal)
    await flow.operator.say(signal)
    await flow.operator.hears(f"{TOPIC_OUT}/accepted", count=2)
    assert len(await grid_events.listing(flow.db, None, 10)) == 1


@pytest.mark.parametrize(
    ("payload", "status", "where"),
    [
        (b"not json", 422, "body"),
        (b"[1]", 422, "body"),
        (b"\xff\xfe", 422, "body"),
        (b"{" + b" " * 70_000 + b"}", 422, "body"),
        (orjson.dumps({**SIGNAL, "targetW": 0}), 422, "targetW"),
        (orjson.dumps({**SIGNAL, "targetW": "much"}), 422, "targetW"),
        (orjson.dumps({**SIGNAL, "durationS": -1}), 422, "durationS"),
        (orjson.dumps({**SIGNAL, "start": "2020-01-01T00:00:00Z"}), 422, "start"),
        (orjson.dumps({**SIGNAL, "start": "tomorrow"}), 422, "start"),
        (orjson.dumps({**SIGNAL, "scope": {"site": "nowhere"}}), 422, "scope"),
        (orjson.dumps({**SIGNAL, "targetKw": -5}), 422, "targetKw"),
        (orjson.dumps({**SIGNAL, "programId": "none"}), 404, None),
    ],
)
async def test_bad_input_is_refused_and_changes_nothing(
    flow: Flow, payload: bytes, status: int, where: str | None
) -> None:
    await flow.operator.say(payload)
    problem = await flow.operator.hears(f"{TOPIC_OUT}/refused")
    assert problem["status"] == status
    assert problem.get("field") == where
    assert problem["detail"]
    assert await grid_events.listing(flow.db, None, 10) == []


async def test_cancel_by_the_senders_id(flow: Flow) -> None:
    await flow.operator.say(SIGNAL)
    await flow.operator.hears(f"{TOPIC_OUT}/accepted")
    await flow.operator.say({"id": "vtn-1"}, f"{TOPIC_IN}/cancel")
    said = await flow.operator.hears(f"{TOPIC_OUT}/accepted", count=2)
    assert said["state"] == "cancelled"
    await flow.operator.say({"id": "unheard of"}, f"{TOPIC_IN}/cancel")
    problem = await flow.operator.hears(f"{TOPIC_OUT}/refused")
    assert problem["status"] == 404


async def test_progress_goes_out(flow: Flow) -> None:
    at = RealClock().now()
    flow.bus.publish(DispatchMade(at, "ev-1", -5000.0, -4900.0, -5000.0, 0.0, 3, 12.5))
    told = await flow.operator.hears(TOPIC_OUT)
    assert told["kind"] == "dispatchMade"
    assert (told["eventId"], told["targetW"], told["measuredW"], told["evses"]) == ("ev-1", -5000, -4900, 3)
    assert told["lowestSocMargin"] == 12.5
    assert told["at"].endswith("Z")


async def test_broker_goes_and_comes(broker: Broker) -> None:
    db = await Database.open("sqlite://")
    await db.migrate()
    bus = MemoryBus()
    feed = MqttSignal(db, bus, RealClock(), broker.url, TOPIC_IN, TOPIC_OUT)
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(feed.run())
        async with _operator(broker, tasks) as operator:
            await _ready(Flow(db, bus, operator))
        await broker.stop()
        bus.publish(DispatchMade(RealClock().now(), "ev-1", -1.0, -1.0, -1.0, 0.0, 1, None))
        await broker.start()
        async with _operator(broker, tasks) as operator:
            told = await operator.hears(TOPIC_OUT)
            assert told["eventId"] == "ev-1"
            await _ready(Flow(db, bus, operator))
        running.cancel()
    await db.close()


@pytest.mark.parametrize("url", ["", "http://host", "mqtt://", "mqtt://host:notaport", "mqtt://host:99999"])
async def test_bad_url_is_a_configuration_error(url: str) -> None:
    db = await Database.open("sqlite://")
    with pytest.raises(ConfigurationError):
        MqttSignal(db, MemoryBus(), RealClock(), url, TOPIC_IN, TOPIC_OUT)
    await db.close()
