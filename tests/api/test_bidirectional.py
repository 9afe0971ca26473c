"""What moves power at a 2.1 station needs the role for it, and is done once under one key."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from csms.domain.transaction import Transaction
from csms.store import transactions
from csms.store.writer import Writer
from csms.wire import words
from tests.api.conftest import Api

LIMIT = {"controlType": "LimitMaxDischarge", "settings": {"priority": 1}}
ORDERS: list[tuple[str, str, dict[str, Any]]] = [
    ("PUT", "/stations/cs1/der-controls/c", LIMIT),
    ("POST", "/stations/cs1/der-controls/clear", {}),
    ("POST", "/stations/cs1/afrr-signal", {"signal": 1}),
    ("POST", "/transactions/tx/priority-charging", {"activate": True}),
    ("POST", "/transactions/tx/allowed-energy-transfer", {"transfers": ["DC_BPT"]}),
]
ANSWERS: dict[type, object] = {
    words.SetDERControlRequest: words.SetDERControlResponse(status="Accepted"),
    words.ClearDERControlRequest: words.ClearDERControlResponse(status="Accepted"),
    words.AFRRSignalRequest: words.AFRRSignalResponse(status="Accepted"),
    words.UsePriorityChargingRequest: words.UsePriorityChargingResponse(status="Accepted"),
    words.NotifyAllowedEnergyTransferRequest: words.NotifyAllowedEnergyTransferResponse(status="Accepted"),
}


@pytest.fixture
async def asked(house: Api, http: httpx.AsyncClient) -> AsyncIterator[list[object]]:
    """What the station cs1 is asked, which has the transaction tx."""
    await http.post("/api/v1/stations", json={"identity": "cs1"})
    await house.connect("cs1")
    writer = Writer(house.wiring.db)
    heard: list[object] = []

    async def station(ask: object, _: float) -> object:
        heard.append(ask)
        return ANSWERS[type(ask)]

    async with asyncio.TaskGroup() as group:
        group.create_task(writer.run())
        started = Transaction("cs1", "tx", 1, evse_id=1, started_at=house.clock.now())
        await writer.commit([transactions.state_kept(started)])
        await writer.close()
    async with house.bus.answer("cs1", station):
        yield heard


@pytest.mark.parametrize(("method", "path", "body"), ORDERS)
async def test_a_viewer_moves_no_power(
    house: Api, asked: list[object], method: str, path: str, body: dict[str, Any]
) -> None:
    async with house.client("viewer") as viewer:
        answer = await viewer.request(method, f"/api/v1{path}", json=body)
    assert answer.status_code == 403
    assert asked == []


@pytest.mark.parametrize(("method", "path", "body"), ORDERS)
async def test_an_operator_moves_it_once_under_one_key(
    house: Api, asked: list[object], method: str, path: str, body: dict[str, Any]
) -> None:
    headers = {"Idempotency-Key": "k"}
    async with house.client("operator") as operator:
        for _ in "ab":
            answer = await operator.request(method, f"/api/v1{path}", json=body, headers=headers)
            assert (answer.status_code, answer.json()["answer"]["status"]) == (200, "Accepted")
    assert len(asked) == 1


@pytest.mark.parametrize(
    ("method", "path", "body", "field"),
    [
        ("PUT", "/stations/cs1/der-controls/c", {**LIMIT, "more": 1}, "more"),
        ("PUT", "/stations/cs1/der-controls/c", {**LIMIT, "isDefault": "yes"}, "isDefault"),
        ("PUT", f"/stations/cs1/der-controls/{'c' * 37}", LIMIT, "control_id"),
        ("POST", "/stations/cs1/afrr-signal", {"signal": 2**31}, "signal"),
        ("POST", "/transactions/tx/priority-charging", {"activate": 1}, "activate"),
        ("POST", "/transactions/tx/allowed-energy-transfer", {"transfers": []}, "transfers"),
    ],
)
async def test_wrong_input_is_named_and_not_sent(
    http: httpx.AsyncClient, asked: list[object], method: str, path: str, body: dict[str, Any], field: str
) -> None:
    answer = await http.request(method, f"/api/v1{path}", json=body)
    assert answer.status_code == 422
    assert field in answer.json()["errors"][0]["field"]
    assert asked == []


async def test_whoever_only_looks_ends_no_alarm(house: Api, asked: list[object]) -> None:
    async with house.client("viewer") as viewer, house.client("operator") as operator:
        assert (await viewer.post("/api/v1/stations/cs1/der-alarms/end")).status_code == 403
        assert (await operator.post("/api/v1/stations/cs1/der-alarms/end")).json()["items"] == []


@pytest.mark.parametrize(
    "path",
    ["der-controls", "der-alarms", "event-streams", "battery-swaps", "payments", "station-tariffs"],
)
async def test_a_viewer_sees_what_stations_tell(house: Api, asked: list[object], path: str) -> None:
    async with house.client("viewer") as viewer:
        assert (await viewer.get(f"/api/v1/stations/cs1/{path}")).json()["items"] == []
        assert (await viewer.get(f"/api/v1/stations/none/{path}")).status_code == 404
