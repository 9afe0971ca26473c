"""What telematics tell over a real broker."""

import asyncio
import json
from collections.abc import AsyncIterator

import aiomqtt
import pytest

from csms.bus.memory import MemoryBus
from csms.clock import RealClock
from csms.errors import ConfigurationError
from csms.feeds.mqtt_soc import MqttSoc
from csms.store import programs, vehicle_socs
from csms.store.database import Database
from csms.store.programs import VehicleRow
from tests.flows.mqtt.conftest import Broker

pytestmark = pytest.mark.mosquitto
TOPIC = "fleet/+/soc"


@pytest.fixture
async def db(broker: Broker) -> AsyncIterator[Database]:
    """A house with one vehicle, listening."""
    database = await Database.open("sqlite://")
    await database.migrate()
    async with database.begin() as conn:
        await programs.put_vehicle(conn, VehicleRow(vehicle_id="leaf"))
    feed = asyncio.create_task(MqttSoc(database, MemoryBus(), RealClock(), broker.url, TOPIC).run())
    yield database
    feed.cancel()
    await database.close()


async def told(broker: Broker, vehicle: str, payload: bytes) -> dict[str, object]:
    """Tell, again until somebody listens, and hear what was wrong with it."""
    async with aiomqtt.Client("127.0.0.1", broker.port) as client:
        await client.subscribe(f"fleet/{vehicle}/soc/refused", 1)
        async with asyncio.timeout(20):
            while True:
                await client.publish(f"fleet/{vehicle}/soc", payload, qos=1)
                try:
                    async with asyncio.timeout(0.5):
                        message = await anext(aiter(client.messages))
                except TimeoutError:
                    continue
                body: dict[str, object] = json.loads(bytes(message.payload))
                return body


@pytest.mark.parametrize(
    ("payload", "field"),
    [
        (b"{", "body"),
        (b"[]", "body"),
        (b"{}", "soc"),
        (b'{"soc": true}', "soc"),
        (b'{"soc": 101}', "soc"),
        (b'{"soc": 50, "at": "noon"}', "at"),
        (b'{"soc": 50, "at": "2020-01-01T00:00:00Z"}', "at"),
        (b'{"soc": 50, "validForS": 0}', "validForS"),
        (b'{"soc": 50, "odd": 1}', "odd"),
    ],
)
async def test_bad_words_are_refused_and_change_nothing(
    broker: Broker, db: Database, payload: bytes, field: str
) -> None:
    problem = await told(broker, "leaf", payload)
    assert (problem["status"], problem["field"]) == (422, field)
    assert await vehicle_socs.of_vehicle(db, "leaf") == []


async def test_a_word_is_kept(broker: Broker, db: Database) -> None:
    assert (await told(broker, "none", b'{"soc": 50}'))["status"] == 404
    async with aiomqtt.Client("127.0.0.1", broker.port) as client:
        await client.publish("fleet/leaf/soc", b'{"soc": 63.5, "accuracy": 4}', qos=1)
    assert (await told(broker, "none", b'{"soc": 50}'))["status"] == 404  # behind it in the same queue
    (row,) = await vehicle_socs.of_vehicle(db, "leaf")
    assert (row.source, row.soc, row.accuracy) == ("telematics", 63.5, 4.0)


@pytest.mark.parametrize("topic", ["fleet/soc", "fleet/+/+/soc", "fleet/+/#"])
async def test_a_topic_says_where_the_vehicle_stands(db: Database, topic: str) -> None:
    with pytest.raises(ConfigurationError):
        MqttSoc(db, MemoryBus(), RealClock(), "mqtt://127.0.0.1", topic)
