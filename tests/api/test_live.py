"""Live facts as server-sent events."""

import asyncio
import json
from typing import Any

import pytest
from starlette.types import Message

from csms.api import live
from csms.domain.facts import DispatchMade, StationConnected
from tests.api.conftest import Api


class Reader:
    """An ASGI client that reads a stream piece by piece, or does not."""

    def __init__(self, house: Api, query: str = "", *, stuck: bool = False) -> None:
        self.pieces: asyncio.Queue[str] = asyncio.Queue()
        self.status = 0
        self.stuck = stuck
        self._house = house
        key = house.keys["viewer"]
        self._scope: dict[str, Any] = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": "GET",
            "scheme": "http",
            "path": "/api/v1/live",
            "raw_path": b"/api/v1/live",
            "root_path": "",
            "query_string": query.encode(),
            "headers": [(b"authorization", f"Bearer {key}".encode())],
        }

    async def run(self) -> None:
        await self._house.app(self._scope, self._receive, self._send)

    async def _receive(self) -> Message:
        await asyncio.Event().wait()
        raise AssertionError

    async def _send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
        elif self.stuck and b"data" in message["body"]:
            await asyncio.Event().wait()
        else:
            self.pieces.put_nowait(message["body"].decode())

    async def listens(self) -> None:
        """Until the stream has subscribed, which it does right after its first piece."""
        async with asyncio.timeout(5):
            while not self._house.bus._listeners:  # noqa: ASYNC110 - the bus has no bell for this
                await asyncio.sleep(0)

    async def piece(self) -> str:
        async with asyncio.timeout(5):
            return await self.pieces.get()


async def test_facts_come_as_they_happen(house: Api) -> None:
    reader = Reader(house, "kind=StationConnected")
    async with asyncio.TaskGroup() as group:
        task = group.create_task(reader.run())
        assert await reader.piece() == ": hello\n\n"
        await reader.listens()
        house.bus.publish(DispatchMade(house.clock.now(), "e", -1, -1, -1, 0, 1, None))
        house.bus.publish(StationConnected(house.clock.now(), "cs1", 3))
        event, data, *_ = (await reader.piece()).split("\n")
        assert event == "event: StationConnected"
        assert json.loads(data.removeprefix("data: ")) == {
            "at": "2026-06-01T12:00:00Z", "stationId": "cs1", "epoch": 3
        }  # fmt: skip
        house.wiring.closing.set()
        async with asyncio.timeout(5):
            await task
    assert reader.status == 200


async def test_a_reader_that_does_not_keep_up_is_dropped(house: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "SEND_S", 0.05)
    reader = Reader(house, stuck=True)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(reader.run())
        await reader.piece()
        await reader.listens()
        house.bus.publish(StationConnected(house.clock.now(), "cs1", 3))
        async with asyncio.timeout(5):
            await task


async def test_an_unknown_kind(house: Api) -> None:
    async with house.client() as http:
        answer = await http.get("/api/v1/live?kind=Rumour")
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "kind"


def test_every_fact_can_be_written(house: Api) -> None:
    event = live.as_event(DispatchMade(house.clock.now(), "e", -1.5, -1, -1, 0, 1, None))
    assert json.loads(event.split(b"data: ")[1])["lowestSocMargin"] is None
    assert "DispatchMade" in live.KINDS
    assert "Fact" not in live.KINDS
