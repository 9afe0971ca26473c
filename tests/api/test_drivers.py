"""Drivers, vehicles, tokens, programs."""

import httpx
import pytest

from csms.domain.facts import NeedsChanged, OptedOut
from csms.store import programs, tokens
from tests.api.conftest import Api


async def test_a_fleet_is_registered_as_the_simulator_does_it(house: Api, http: httpx.AsyncClient) -> None:
    steps = [
        ("/sites", {"siteId": "s", "importLimitW": 1e5, "exportLimitW": 1e5}),
        ("/drivers", {"driverId": "d1", "name": "Driver 1"}),
        (
            "/vehicles",
            {
                "vehicleId": "v1",
                "driverId": "d1",
                "capacityWh": 60000,
                "maxChargeW": 11000,
                "maxDischargeW": 10000,
                "bidirectional": True,
            },
        ),
        (
            "/id-tokens",
            {"idToken": "T1", "type": "ISO14443", "status": "Accepted", "driverId": "d1", "vehicleId": "v1"},
        ),
        ("/drivers/d1/enrolments", {"programId": "default"}),
    ]
    for path, body in steps:
        assert (await http.post(f"/api/v1{path}", json=body)).status_code == 201, path
    for path, body in steps:
        assert (await http.post(f"/api/v1{path}", json=body)).status_code == 409, path
    need = {
        "reserveSoc": 40,
        "departure": "2026-06-01T20:00:00+02:00",
        "targetEnergyWh": 5000,
        "targetSoc": None,
    }
    for _ in "ab":
        answer = await http.post("/api/v1/drivers/d1/needs", json=need)
        assert answer.status_code == 201, answer.text
    shown = (await http.get("/api/v1/drivers/d1/needs")).json()
    assert shown == {
        "reserveSoc": 40,
        "departure": "2026-06-01T18:00:00Z",
        "targetEnergyWh": 5000,
        "targetSoc": None,
    }
    row = await tokens.get(house.wiring.db, "t1")
    assert row is not None
    assert (row.driver_id, row.vehicle_id) == ("d1", "v1")
    assert (await http.get("/api/v1/vehicles/v1")).json()["bidirectional"] is True
    assert [one["vehicleId"] for one in (await http.get("/api/v1/vehicles")).json()["items"]] == ["v1"]
    assert [one["driverId"] for one in (await http.get("/api/v1/drivers")).json()["items"]] == ["d1"]


@pytest.mark.parametrize(
    ("path", "body", "status", "field"),
    [
        ("/drivers/none/needs", {"reserveSoc": 40}, 404, None),
        ("/drivers/none/enrolments", {"programId": "default"}, 404, None),
        ("/drivers/d/enrolments", {"programId": "none"}, 404, None),
        ("/drivers/d/opt-outs", {"programId": "none"}, 404, None),
        ("/drivers/d/opt-outs", {"programId": "default", "eventId": "none"}, 404, None),
        ("/drivers/d/needs", {"reserveSoc": 101}, 422, "reserveSoc"),
        ("/drivers/d/needs", {"reserveSoc": -1}, 422, "reserveSoc"),
        ("/drivers/d/needs", {"reserveSoc": "40"}, 422, "reserveSoc"),
        ("/drivers/d/needs", {"departure": "tomorrow"}, 422, "departure"),
        ("/drivers/d/needs", {"departure": 1234567890}, 422, "departure"),
        ("/drivers/d/needs", {"departure": "2026-06-01T20:00:00"}, 422, "departure"),
        ("/drivers/d/needs", {"departure": "0001-01-01T00:00:00+23:00"}, 422, "departure"),
        ("/drivers/d/needs", {"reserve": 40}, 422, "reserve"),
        ("/vehicles", {"vehicleId": "v", "driverId": "none"}, 422, "driverId"),
        ("/vehicles", {"vehicleId": "v", "capacityWh": 0}, 422, "capacityWh"),
        ("/vehicles", {"vehicleId": "v", "maxDischargeW": -5}, 422, "maxDischargeW"),
        ("/vehicles", {"vehicleId": "v", "bidirectional": "yes"}, 422, "bidirectional"),
        ("/id-tokens", {"idToken": "t", "driverId": "none"}, 422, "driverId"),
        ("/id-tokens", {"idToken": "t", "vehicleId": "none"}, 422, "vehicleId"),
        ("/id-tokens", {"idToken": "t", "status": "Nice"}, 422, "status"),
        ("/id-tokens", {"idToken": "a b"}, 422, "idToken"),
    ],
)
async def test_what_cannot_be(
    http: httpx.AsyncClient, path: str, body: dict[str, object], status: int, field: str | None
) -> None:
    await http.post("/api/v1/drivers", json={"driverId": "d"})
    answer = await http.post(f"/api/v1{path}", json=body)
    assert answer.status_code == status, answer.text
    if field is not None:
        assert answer.json()["errors"][0]["field"] == field


async def test_opting_out_is_told_at_once(house: Api, http: httpx.AsyncClient) -> None:
    await http.post("/api/v1/drivers", json={"driverId": "d"})
    async with house.facts() as heard:
        await http.post("/api/v1/drivers/d/enrolments", json={"programId": "default"})
        assert isinstance(await anext(heard), NeedsChanged)
        for _ in "ab":
            assert (
                await http.post("/api/v1/drivers/d/opt-outs", json={"programId": "default"})
            ).status_code == 201
            assert await anext(heard) == OptedOut(house.clock.now(), "d", "default")
    assert await programs.opted_out(house.wiring.db, "default", None) == {"d"}
    assert (await http.delete("/api/v1/drivers/d/opt-outs")).status_code == 422
    assert (await http.delete("/api/v1/drivers/d/opt-outs?programId=default")).status_code == 204
    assert await programs.opted_out(house.wiring.db, "default", None) == set()
    assert (await http.delete("/api/v1/drivers/d/enrolments/default")).status_code == 204
    assert (await http.get("/api/v1/drivers/d/enrolments")).json()["items"] == []


async def test_tokens(http: httpx.AsyncClient) -> None:
    body = {"idToken": "AbC", "type": "eMAID", "groupIdToken": "G", "expiry": "2027-01-01T00:00:00Z"}
    answer = await http.post("/api/v1/id-tokens", json=body)
    assert answer.status_code == 201, answer.text
    answer = await http.patch("/api/v1/id-tokens/ABC", json={"status": "Blocked", "groupIdToken": None})
    assert (answer.json()["status"], answer.json()["groupIdToken"]) == ("Blocked", None)
    assert (await http.get("/api/v1/id-tokens")).json()["items"] == [answer.json()]
    assert (await http.delete("/api/v1/id-tokens/abc")).status_code == 204
    assert (await http.get("/api/v1/id-tokens/abc")).status_code == 404


async def test_programs(http: httpx.AsyncClient) -> None:
    answer = await http.post("/api/v1/programs", json={"programId": "p", "terms": {"pricePerKwh": 1.5}})
    assert answer.status_code == 201, answer.text
    assert (answer.json()["name"], answer.json()["terms"]["pricePerKwh"]) == ("p", 1.5)
    assert (await http.post("/api/v1/programs", json={"programId": "p"})).status_code == 409
    answer = await http.put(
        "/api/v1/programs/p", json={"name": "P", "terms": {"maxPowerW": 1e6, "currency": "EUR"}}
    )
    assert (await http.get("/api/v1/programs/p")).json() == answer.json()
    assert answer.json()["terms"]["pricePerKwh"] == 2.0
    assert (await http.put("/api/v1/programs/q", json={})).status_code == 404
    assert [one["programId"] for one in (await http.get("/api/v1/programs")).json()["items"]] == [
        "default",
        "p",
    ]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("leaseS", 901), ("leaseS", 0), ("maxSocAgeS", 301), ("socMargin", -1), ("returnS", 1801),
        ("currency", "dollar"), ("baseline", "guess"), ("pricePerKwh", -1), ("maxPowerW", 0),
        ("intervalS", 0), ("lease_s", 300),
    ],
)  # fmt: skip
async def test_terms_stay_inside_the_safety_rules(http: httpx.AsyncClient, name: str, value: object) -> None:
    answer = await http.put("/api/v1/programs/default", json={"terms": {name: value}})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == f"terms.{name}"


async def test_states_of_charge_from_elsewhere(http: httpx.AsyncClient) -> None:
    await http.post("/api/v1/vehicles", json={"vehicleId": "leaf"})
    path = "/api/v1/vehicles/leaf/soc"
    assert (await http.get(path)).json()["items"] == []
    said = await http.post(path, json={"soc": 60, "source": "manual"})
    assert said.status_code == 201
    better = await http.post(path, json={"soc": 62.5, "accuracy": 1, "validForS": 600})
    items = {item["source"]: item for item in better.json()["items"]}
    assert (items["manual"]["counts"], items["telematics"]["counts"]) == (False, True)
    assert (items["manual"]["accuracy"], items["telematics"]["accuracy"]) == (10, 2)
    assert items["telematics"]["ageS"] >= 0
    assert (await http.post("/api/v1/vehicles/none/soc", json={"soc": 60})).status_code == 404
    assert (await http.get("/api/v1/vehicles/none/soc")).status_code == 404
    old = await http.post(path, json={"soc": 60, "at": "2020-01-01T00:00:00Z"})
    assert (old.status_code, old.json()["errors"][0]["field"]) == (422, "at")
    for body in ({}, {"soc": 101}, {"soc": "60"}, {"soc": 50, "source": "rumour"}, {"soc": 50, "odd": 1}):
        assert (await http.post(path, json=body)).status_code == 422, body
    assert (await http.get(path)).json()["items"][1]["soc"] == 62.5
