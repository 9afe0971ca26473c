"""Stations: registered, changed, removed; what they said can be read."""

import httpx
import pytest

from csms.domain.facts import StationRegistered
from csms.pki import passwords
from csms.store import stations
from tests.api.conftest import Api

STRONG = "Wq7-tz2.Kx9_pLm4:vB8"


async def test_a_password_is_made_and_shown_once(house: Api, http: httpx.AsyncClient) -> None:
    async with house.facts() as heard:
        answer = await http.post("/api/v1/stations", json={"identity": "CS-Canary"})
        assert answer.status_code == 201
        assert await anext(heard) == StationRegistered(house.clock.now(), "cs-canary")
    password = answer.json()["password"]
    assert len(password) == 40
    row = await stations.get(house.wiring.db, "cs-canary")
    assert row is not None
    assert passwords.verify(password, row.password_hash)
    for path in ("/api/v1/stations", "/api/v1/stations/cs-canary", "/api/v1/stations/CS-CANARY"):
        shown = await http.get(path)
        assert shown.status_code == 200
        assert password not in shown.text
        assert row.password_hash not in shown.text
        assert "password" not in shown.text.lower()


async def test_all_that_can_be_said(http: httpx.AsyncClient) -> None:
    assert (await http.post("/api/v1/sites", json={"siteId": "jpl", "exportLimitW": 5e5})).status_code == 201
    body = {
        "identity": "CS001",
        "password": STRONG,
        "serialNumber": "S-1",
        "securityProfile": 1,
        "vendor": "V",
        "model": "M",
        "site": "jpl",
        "registration": "Pending",
        "onboarding": "none",
        "messageTimeoutS": 5,
        "pingIntervalS": 7.5,
        "newestWins": True,
        "discharge": "negative_limit",
        "evses": [{"evseId": 1, "maxChargeW": 11000, "maxDischargeW": 10000}],
    }
    answer = await http.post("/api/v1/stations", json=body)
    assert answer.status_code == 201, answer.text
    shown = (await http.get("/api/v1/stations/CS001")).json()
    assert {name: shown[name] for name in body if name not in ("password", "identity")} == {
        name: value for name, value in body.items() if name not in ("password", "identity")
    }
    assert shown["identity"] == "cs001"
    assert (await http.post("/api/v1/stations", json=body)).status_code == 409


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"identity": "a:b"}, "identity"),
        ({"identity": ""}, "identity"),
        ({"identity": "x" * 49}, "identity"),
        ({"identity": "a", "password": "short"}, "password"),
        ({"identity": "a", "password": "a" * 20}, "password"),
        ({"identity": "a", "site": "none"}, "site"),
        ({"identity": "a", "registration": "Maybe"}, "registration"),
        ({"identity": "a", "onboarding": "half"}, "onboarding"),
        ({"identity": "a", "securityProfile": 0}, "securityProfile"),
        ({"identity": "a", "discharge": "surely"}, "discharge"),
        ({"identity": "a", "messageTimeoutS": 0}, "messageTimeoutS"),
        ({"identity": "a", "pingIntervalS": 0}, "pingIntervalS"),
        ({"identity": "a", "newestWins": "yes"}, "newestWins"),
        ({"identity": "a", "vendor": "x\u0000y"}, "vendor"),
        ({"identity": "a", "evses": [{"evseId": 0}]}, "evses.0.evseId"),
        ({"identity": "a", "evses": [{"evseId": 1}, {"evseId": 1}]}, "evses"),
        ({"identity": "a", "colour": "red"}, "colour"),
    ],
)
async def test_wrong_fields(http: httpx.AsyncClient, body: dict[str, object], field: str) -> None:
    answer = await http.post("/api/v1/stations", json=body)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == field


async def test_change_and_remove(house: Api, http: httpx.AsyncClient) -> None:
    await http.post("/api/v1/stations", json={"identity": "cs1", "vendor": "V"})
    path = "/api/v1/stations/CS1"
    async with house.facts() as heard:
        answer = await http.patch(
            path, json={"registration": "Rejected", "evses": [{"evseId": 2, "maxChargeW": 1}]}
        )
        assert answer.status_code == 200, answer.text
        assert (await anext(heard)) == StationRegistered(house.clock.now(), "cs1")
    assert (answer.json()["registration"], answer.json()["vendor"]) == ("Rejected", "V")
    assert [one["evseId"] for one in answer.json()["evses"]] == [2]
    assert (await http.patch(path, json={"identity": "cs2"})).status_code == 422
    assert (await http.patch(path, json={"password": "short"})).status_code == 422
    assert (await http.patch(path, json={"password": STRONG})).status_code == 200
    row = await stations.get(house.wiring.db, "cs1")
    assert row is not None
    assert passwords.verify(STRONG, row.password_hash)
    assert (await http.delete(path)).status_code == 204
    for answer in (await http.get(path), await http.delete(path), await http.patch(path, json={})):
        assert answer.status_code == 404


async def test_a_list_is_paged_by_cursor(http: httpx.AsyncClient) -> None:
    for number in range(7):
        await http.post("/api/v1/stations", json={"identity": f"cs{number}"})
    seen: list[str] = []
    params = {"limit": "3"}
    for size in (3, 3, 1):
        found = (await http.get("/api/v1/stations", params=params)).json()
        assert len(found["items"]) == size
        seen += [one["identity"] for one in found["items"]]
        if found["next"]:
            params["after"] = found["next"]
    assert found["next"] is None
    assert seen == [f"cs{number}" for number in range(7)]


@pytest.mark.parametrize("what", ["variables", "messages", "profiles", "security-events", "calls"])
async def test_records(http: httpx.AsyncClient, what: str) -> None:
    assert (await http.get(f"/api/v1/stations/none/{what}")).status_code == 404
    await http.post("/api/v1/stations", json={"identity": "cs1"})
    answer = await http.get(f"/api/v1/stations/CS1/{what}")
    assert answer.json()["items"] == []


async def test_sites(http: httpx.AsyncClient) -> None:
    assert (await http.post("/api/v1/sites", json={"siteId": "a", "importLimitW": 10})).status_code == 201
    assert (await http.post("/api/v1/sites", json={"siteId": "a"})).status_code == 409
    answer = await http.patch("/api/v1/sites/a", json={"exportLimitW": 5})
    assert answer.json() == {"siteId": "a", "within": None, "importLimitW": 10.0, "exportLimitW": 5.0}
    assert (await http.get("/api/v1/sites/a")).json() == answer.json()
    assert (await http.get("/api/v1/sites")).json()["items"] == [answer.json()]
    assert (await http.get("/api/v1/sites/b")).status_code == 404


async def test_sites_lie_within_each_other(http: httpx.AsyncClient) -> None:
    sites = "/api/v1/sites"
    assert (await http.post(sites, json={"siteId": "feeder"})).status_code == 201
    depot = await http.post(sites, json={"siteId": "depot", "within": "feeder"})
    assert depot.json()["within"] == "feeder"
    for body in ({"within": "gone"}, {"within": "depot"}):
        problem = await http.patch(f"{sites}/feeder", json=body)
        assert (problem.status_code, problem.json()["errors"][0]["field"]) == (422, "within")
    assert (await http.post(sites, json={"siteId": "x", "within": "gone"})).status_code == 422
    assert (await http.get(f"{sites}/x")).status_code == 404
    assert (await http.patch(f"{sites}/depot", json={"importLimitW": 5})).json()["within"] == "feeder"
    assert (await http.patch(f"{sites}/depot", json={"within": None})).json()["within"] is None


async def test_a_station_may_have_limits_of_its_own(http: httpx.AsyncClient) -> None:
    added = await http.post("/api/v1/stations", json={"identity": "cs-limited", "exportLimitW": 5000})
    assert (added.json()["importLimitW"], added.json()["exportLimitW"]) == (None, 5000)
    changed = await http.patch("/api/v1/stations/cs-limited", json={"importLimitW": 7000})
    assert (changed.json()["importLimitW"], changed.json()["exportLimitW"]) == (7000, 5000)
    assert (await http.patch("/api/v1/stations/cs-limited", json={"importLimitW": -1})).status_code == 422
