"""Every error is a problem document."""

import inspect

import httpx
import pytest

from csms import errors
from csms.api import problems
from csms.store.database import Database
from tests.api.conftest import Api

JSON = {"content-type": "application/json"}


def is_problem(answer: httpx.Response, status: int) -> dict[str, object]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body: dict[str, object] = answer.json()
    assert body["status"] == status
    assert body["type"]
    assert body["title"]
    return body


def test_every_error_of_the_house_has_its_row() -> None:
    known = {kind for kind, _, _ in problems.TABLE}
    own = {one for _, one in inspect.getmembers(errors, inspect.isclass) if issubclass(one, errors.CsmsError)}
    for one in own - {errors.ConfigurationError}:
        assert any(issubclass(one, kind) for kind in known - {errors.CsmsError}) or one is errors.CsmsError, (
            one
        )


def test_a_more_exact_row_comes_first() -> None:
    kinds = [kind for kind, _, _ in problems.TABLE]
    for place, kind in enumerate(kinds):
        assert not any(issubclass(later, kind) for later in kinds[place + 1 :]), kind


async def test_unknown_path_and_method(http: httpx.AsyncClient) -> None:
    is_problem(await http.get("/api/v1/none"), 404)
    is_problem(await http.get("/none"), 404)
    answer = await http.put("/api/v1/stations", json={})
    is_problem(answer, 405)
    assert "GET" in answer.headers["allow"]


@pytest.mark.parametrize(
    "body", [b"{", b"", b"\xff\xfe", b"[" * 100_000, b'{"siteId": "a"', b"null", b"7", b"[]"]
)
async def test_bodies_that_are_no_object(http: httpx.AsyncClient, body: bytes) -> None:
    for path in ("/api/v1/sites", "/api/v1/grid-events"):
        answer = await http.post(path, content=body, headers=JSON)
        assert answer.status_code in (400, 422), answer.text
        assert answer.headers["content-type"] == "application/problem+json"


async def test_a_body_that_is_too_large(http: httpx.AsyncClient) -> None:
    answer = await http.post("/api/v1/sites", content=b" " * 2_000_000, headers=JSON)
    is_problem(answer, 413)
    answer = await http.post("/api/v1/grid-events", content=b" " * 2_000_000, headers=JSON)
    is_problem(answer, 413)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ('{"siteId": "a", "export": 1}', "export"),
        ('{"importLimitW": 1}', "siteId"),
        ('{"siteId": "a b"}', "siteId"),
        ('{"siteId": 7}', "siteId"),
        ('{"siteId": "a", "exportLimitW": "many"}', "exportLimitW"),
        ('{"siteId": "a", "exportLimitW": NaN}', "exportLimitW"),
        ('{"siteId": "a", "exportLimitW": 1e999}', "exportLimitW"),
        ('{"siteId": "a", "exportLimitW": -1}', "exportLimitW"),
        ('{"siteId": "a", "exportLimitW": true}', "exportLimitW"),
        ('{"siteId": "a", "exportLimitW": 1' + "0" * 400 + "}", "exportLimitW"),
        ('{"siteId": "a", "export_limit_w": 1}', "export_limit_w"),
    ],
)
async def test_the_wrong_field_is_named(http: httpx.AsyncClient, body: str, field: str) -> None:
    answer = is_problem(await http.post("/api/v1/sites", content=body.encode(), headers=JSON), 422)
    assert isinstance(answer["errors"], list)
    assert answer["errors"][0]["field"] == field


async def test_what_was_sent_is_not_repeated(http: httpx.AsyncClient) -> None:
    answer = await http.post("/api/v1/stations", json={"identity": "a", "password": ["canary-7f3a"]})
    assert "canary-7f3a" not in answer.text
    is_problem(answer, 422)


@pytest.mark.parametrize("query", ["limit=0", "limit=many", "limit=5000", "after=%F0%9F%99%82", "after=x%00"])
async def test_query_parameters(http: httpx.AsyncClient, query: str) -> None:
    body = is_problem(await http.get(f"/api/v1/stations?{query}"), 422)
    assert isinstance(body["errors"], list)
    assert body["errors"][0]["field"] in ("limit", "after")


async def test_a_store_that_is_down(
    house: Api, http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def down(*_: object) -> None:
        raise errors.StoreUnavailable("disk full")

    monkeypatch.setattr(Database, "all", down)
    answer = await http.get("/api/v1/stations")
    is_problem(answer, 503)
    assert answer.headers["retry-after"] == "5"
    assert "disk" not in answer.text


async def test_health(house: Api) -> None:
    async with house.client(None) as client:
        assert (await client.get("/readyz")).json() == {
            "ready": True,
            "parts": {"store": True, "gateway": True},
        }
        house.health["store"] = False
        answer = await client.get("/readyz")
        assert answer.status_code == 503
        assert answer.json()["parts"] == {"store": False, "gateway": True}


async def test_metrics_have_numbers_and_no_identities(house: Api, http: httpx.AsyncClient) -> None:
    await http.post("/api/v1/stations", json={"identity": "CANARY-1"})
    async with house.client(None) as client:
        text = (await client.get("/metrics")).text
    assert "csms_stations_connected 7.0" in text
    assert "csms_ready_store 1.0" in text
    assert "csms_transactions_open 0.0" in text
    assert "canary" not in text.lower()
