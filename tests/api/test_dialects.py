"""Dialect records over REST: what ships, what a person says, what it changes."""

from typing import Any

import pytest

from csms.domain.facts import DialectChanged
from tests.api.conftest import Api

PLACE = "/api/v1/stations/cs1/dialect-record"


async def add(house: Api, **fields: Any) -> None:
    async with house.client() as http:
        answer = await http.post("/api/v1/stations", json={"identity": "cs1", **fields})
        assert answer.status_code == 201, answer.text


async def test_what_ships_can_be_seen_and_taken_by_name(house: Api) -> None:
    await add(house)
    async with house.client("viewer") as http:
        shipped = {one["name"]: one for one in (await http.get("/api/v1/dialect-records")).json()["items"]}
        assert shipped["sap-simulator-2.0"]["record"]["zero"] == "rejected"
        assert (await http.get(PLACE)).json()["origin"] == "unknown"
    async with house.client("operator") as http:
        taken = (await http.put(PLACE, json={"shipped": "simevse-2.0.1"})).json()
        assert (taken["origin"], taken["name"], taken["discharge"]) == (
            "set",
            "simevse-2.0.1",
            "negative_limit",
        )
        assert taken["changedBy"] == "a-operator"
        assert (await http.get("/api/v1/stations/cs1")).json()["discharge"] == "negative_limit"
        assert (await http.delete(PLACE)).status_code == 204
        assert (await http.get("/api/v1/stations/cs1")).json()["discharge"] == "none"
        assert (await http.put(PLACE, json={"shipped": "nobody's"})).status_code == 404


async def test_a_record_of_ones_own(house: Api) -> None:
    await add(house)
    heard: list[object] = []
    house.bus.listen(heard.append, DialectChanged)
    async with house.client("operator") as http:
        record = {"discharge": "draft_v2x", "meterSign": "export", "unit": "A", "phasesForLimit": 3}
        answer = await http.put(PLACE, json={"record": record})
        assert answer.status_code == 200, answer.text
        assert answer.json()["record"] | record == answer.json()["record"]
        assert answer.json()["discharge"] == "draft_v2x"
    assert [fact.discharge for fact in heard if isinstance(fact, DialectChanged)] == ["draft_v2x"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "record"),
        ({"record": {}, "shipped": "x"}, "record"),
        ({"record": {"unit": "A"}}, "phasesForLimit"),
        ({"record": {"discharge": "negative_limit"}}, "discharge"),
        ({"record": {"colour": 1}}, "colour"),
    ],
)
async def test_what_makes_no_sense_names_its_field(house: Api, body: dict[str, Any], field: str) -> None:
    await add(house)
    async with house.client("operator") as http:
        answer = await http.put(PLACE, json=body)
        assert answer.status_code in (400, 422)
        assert answer.json()["errors"][0]["field"] == field
        assert (await http.get(PLACE)).json()["origin"] == "unknown"


async def test_discharge_at_registration_is_a_declared_record(house: Api) -> None:
    await add(house, discharge="negative_limit")
    async with house.client() as http:
        shown = (await http.get(PLACE)).json()
        assert (shown["origin"], shown["record"]["meterSign"]) == ("declared", "export")
        changed = await http.patch("/api/v1/stations/cs1", json={"discharge": "none"})
        assert changed.json()["discharge"] == "none"
        assert (await http.get(PLACE)).json()["record"]["discharge"] == "none"
        refused = await http.patch("/api/v1/stations/cs1", json={"discharge": "data_transfer"})
        assert refused.json()["errors"][0]["field"] == "discharge"


async def test_a_viewer_changes_nothing(house: Api) -> None:
    await add(house)
    async with house.client("viewer") as http:
        assert (await http.put(PLACE, json={"shipped": "simevse-2.0.1"})).status_code == 403
