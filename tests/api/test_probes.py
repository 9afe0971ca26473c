"""Probes over REST: what is asked before anything moves, and how one is followed."""

from typing import Any

import pytest

from csms.store import requests, stations
from tests.api.conftest import Api

PLACE = "/api/v1/stations/cs1/probe"


async def connected(house: Api) -> None:
    async with house.client() as http:
        assert (await http.post("/api/v1/stations", json={"identity": "cs1"})).status_code == 201
    async with house.wiring.db.begin() as conn:
        await stations.change(conn, "cs1", connected=True)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "attended"),
        ({"attended": False}, "attended"),
        ({"attended": True, "powerW": 50}, "powerW"),
        ({"attended": True, "powerW": 50_000}, "powerW"),
        ({"attended": True, "through": 10}, "through"),
        ({"attended": True, "discharge": "data_transfer"}, "discharge"),
        ({"attended": True, "discharge": "none"}, "discharge"),
    ],
)
async def test_what_is_asked_before_anything_moves(house: Api, body: dict[str, Any], field: str) -> None:
    await connected(house)
    async with house.client("operator") as http:
        answer = await http.post(PLACE, json=body)
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["field"] == field


async def test_without_a_vehicle_nothing_is_probed(house: Api) -> None:
    await connected(house)
    async with house.client("operator") as http:
        answer = await http.post(PLACE, json={"attended": True})
        assert answer.status_code == 409
        assert "vehicle" in answer.json()["detail"]
        assert await requests.listing(house.wiring.db, "cs1", 10) == []
    async with house.client("viewer") as http:
        assert (await http.post(PLACE, json={"attended": True})).status_code == 403
