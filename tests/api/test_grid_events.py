"""Grid events: created once, followed, cancelled; their statements, also for spreadsheets."""

import csv
import io
from datetime import timedelta
from typing import Any

import httpx
import pytest

from csms.domain.facts import GridEventAccepted, GridEventChanged
from csms.domain.settlement import Line, Statement
from csms.store import dispatches, settlements
from tests.api.conftest import Api

PATH = "/api/v1/grid-events"
JSON = {"content-type": "application/json"}


@pytest.fixture
def body() -> dict[str, Any]:
    return {"programId": "default", "targetW": -5000, "durationS": 900, "start": "2026-06-01T13:00:00Z"}


@pytest.fixture
async def station(http: httpx.AsyncClient) -> None:
    """The fleet's limit comes from what its stations are rated for."""
    await http.post("/api/v1/sites", json={"siteId": "s", "importLimitW": 1e5, "exportLimitW": 1e5})
    evses = [{"evseId": 1, "maxChargeW": 11000, "maxDischargeW": 10000}]
    station = {"identity": "cs1", "site": "s", "discharge": "negative_limit", "evses": evses}
    assert (await http.post("/api/v1/stations", json=station)).status_code == 201


@pytest.mark.usefixtures("station")
async def test_create_follow_cancel(house: Api, http: httpx.AsyncClient, body: dict[str, Any]) -> None:
    async with house.facts() as heard:
        answer = await http.post(PATH, json=body)
        assert answer.status_code == 201, answer.text
        event = answer.json()
        assert await anext(heard) == GridEventAccepted(house.clock.now(), event["id"])
        assert {name: event[name] for name in body} == body
        assert event["state"] == "scheduled"
        shown = (await http.get(f"{PATH}/{event['id']}")).json()
        assert [one["state"] for one in shown["history"]] == ["scheduled"]
        for _ in "ab":
            answer = await http.post(f"{PATH}/{event['id']}/cancel")
            assert (answer.status_code, answer.json()["state"]) == (200, "cancelled")
        assert await anext(heard) == GridEventChanged(house.clock.now(), event["id"], "cancelled")
    assert (await http.get(f"{PATH}/{event['id']}/settlement")).status_code == 404
    performance = (await http.get(f"{PATH}/{event['id']}/performance")).json()
    assert (performance["eventId"], performance["settled"], performance["series"]) == (event["id"], False, [])
    assert (await http.get(PATH)).json()["items"][0]["state"] == "cancelled"
    assert (await http.get(f"{PATH}?state=active")).json()["items"] == []
    assert (await http.get(f"{PATH}?state=gone")).status_code == 422


@pytest.mark.parametrize(
    "path", ["", "/dispatches", "/performance", "/settlement", "/dispatches/1/setpoints"]
)
async def test_no_such_event(http: httpx.AsyncClient, path: str) -> None:
    assert (await http.get(f"{PATH}/none{path}")).status_code == 404
    assert (await http.post(f"{PATH}/none/cancel")).status_code == 404


@pytest.mark.usefixtures("station")
@pytest.mark.parametrize(
    ("changes", "status", "field"),
    [
        ({"programId": "none"}, 404, None),
        ({"targetW": 0}, 422, "targetW"),
        ({"targetW": "many"}, 422, "targetW"),
        ({"targetW": -1e9}, 422, "targetW"),
        ({"durationS": 0}, 422, "durationS"),
        ({"durationS": 1.5}, 422, "durationS"),
        ({"durationS": 10**9}, 422, "durationS"),
        ({"start": "2026-06-01T11:00:00Z"}, 422, "start"),
        ({"start": "soon"}, 422, "start"),
        ({"minSoc": 120}, 422, "minSoc"),
        ({"minSOC": 20}, 422, "minSOC"),
        ({"scope": {"stations": ["none"]}}, None, None),
    ],
)
async def test_impossible_events(
    http: httpx.AsyncClient,
    body: dict[str, Any],
    changes: dict[str, Any],
    status: int | None,
    field: str | None,
) -> None:
    answer = await http.post(PATH, json=body | changes)
    assert answer.status_code in (404, 422), answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    if status is not None:
        assert answer.status_code == status
    if field is not None:
        assert answer.json()["errors"][0]["field"] == field
    assert (await http.get(PATH)).json()["items"] == []


@pytest.mark.usefixtures("station")
async def test_one_key_is_one_event(house: Api, http: httpx.AsyncClient, body: dict[str, Any]) -> None:
    headers = {"Idempotency-Key": "abc"}
    first = await http.post(PATH, json=body, headers=headers)
    again = await http.post(PATH, json=body, headers=headers)
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.text == first.text
    other = await http.post(PATH, json=body | {"targetW": -6000}, headers=headers)
    assert other.status_code == 422
    async with house.client("operator") as someone:  # keys belong to their user
        assert (await someone.post(PATH, json=body, headers=headers)).json()["id"] != first.json()["id"]
    assert len((await http.get(PATH)).json()["items"]) == 2


@pytest.mark.usefixtures("station")
async def test_dispatches_are_read_on_from_a_cursor(
    house: Api, http: httpx.AsyncClient, body: dict[str, Any]
) -> None:
    event_id = (await http.post(PATH, json=body)).json()["id"]
    for number in range(3):
        row = dispatches.DispatchRow(
            event_id=event_id, at=house.clock.now(), target_w=-5000, corrected_w=-5000, measured_w=-number,
            setpoint_w=-5000, shortfall_w=0, evses=1, discharging=1, lowest_soc_margin=12.5,
        )  # fmt: skip
        point = dispatches.SetpointRow(
            dispatch_id=0, event_id=event_id, identity="cs1", evse_id=1, transaction_id="t", setpoint_w=-5000
        )
        async with house.wiring.db.begin() as conn:
            await dispatches.record(conn, row, [point])
    found = (await http.get(f"{PATH}/{event_id}/dispatches?limit=2")).json()
    assert [one["measuredW"] for one in found["items"]] == [0, -1]
    more = (
        await http.get(f"{PATH}/{event_id}/dispatches", params={"after": found["items"][0]["cursor"]})
    ).json()
    assert [one["measuredW"] for one in more["items"]] == [-1, -2]
    assert more["next"] is None
    path = f"{PATH}/{event_id}/dispatches/{found['items'][0]['id']}/setpoints"
    assert (await http.get(path)).json()["items"][0]["station"] == "cs1"
    assert (await http.get(f"{PATH}/{event_id}/dispatches?after=eA")).status_code == 422


@pytest.mark.usefixtures("station")
async def test_statements(house: Api, http: httpx.AsyncClient, body: dict[str, Any]) -> None:
    event_id = (await http.post(PATH, json=body)).json()["id"]
    start = house.clock.now()
    evil = ("=1+1", "+1", "-1", "@SUM(A1)", '"; DROP', None)
    lines = tuple(
        Line(driver, "cs1", 1, f"t{place}", start, start + timedelta(seconds=300), True, 0, 10, 0, 10, 0.02)
        for place, driver in enumerate(evil)
    )
    statement = Statement(event_id, "default", "USD", 2.0, 1250, 60, 60, 0, 0.048, 0.12, 0, lines)
    async with house.wiring.db.begin() as conn:
        await settlements.store(conn, statement, start)
    shown = (await http.get(f"{PATH}/{event_id}/settlement")).json()
    assert (shown["deliveredWh"], shown["lines"][0]["station"], len(shown["lines"])) == (60, "cs1", 6)
    answer = await http.get(f"{PATH}/{event_id}/settlement?format=csv")
    assert answer.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert {row["driverId"] for row in rows} == {"'=1+1", "'+1", "'-1", "'@SUM(A1)", '"; DROP', ""}
    assert rows[0]["deliveredWh"] == "10.0"
    assert (await http.get(f"{PATH}/{event_id}/settlement?format=xls")).status_code == 422


async def test_the_fleet(http: httpx.AsyncClient) -> None:
    answer = (await http.get("/api/v1/fleet")).json()
    assert answer["pluggedIn"] == 0
    assert [one["id"] for one in answer["programs"]] == ["default"]
