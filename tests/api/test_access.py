"""Who may do what: generated over all routes, so that a new one is asked the same questions."""

import re
from typing import Any

import httpx
import pytest

from tests.api.conftest import ROLES, Api

RANK = {role: rank for rank, role in enumerate(ROLES)}
METHODS = ("get", "post", "put", "patch", "delete")


def operations(house: Api) -> list[tuple[str, str, dict[str, Any]]]:
    paths = house.app.openapi()["paths"]
    found = [
        (method.upper(), path, paths[path][method])
        for path in paths
        for method in METHODS
        if method in paths[path]
    ]
    assert len(found) > 50
    return found


def filled(path: str) -> str:
    return re.sub(r"{[a-z_]*dispatch_id}", "1", path).replace("{", "none-").replace("}", "")


def needed(method: str, operation: dict[str, Any]) -> str:
    return str(operation.get("x-role") or ("viewer" if method == "GET" else "administrator"))


async def test_no_route_answers_without_a_key(house: Api) -> None:
    async with house.client(None) as client:
        for method, path, _ in operations(house):
            answer = await client.request(method, filled(path))
            assert answer.status_code == 401, (method, path)
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer ", "Basic YTpi", "Bearer wrong", "Bearer \xfc", "Bearer a b"]
)
async def test_no_other_header_opens(house: Api, header: str) -> None:
    async with house.client(None) as client:
        answer = await client.get("/api/v1/stations", headers=[(b"authorization", header.encode("latin-1"))])
        assert answer.status_code == 401


async def test_unknown_paths_tell_strangers_nothing(house: Api) -> None:
    async with house.client(None) as client:
        for path in ("/api/v1", "/api/v1/", "/api/v1/none", "/api/v1/stations/x/none", "/api/v1//stations"):
            assert (await client.get(path)).status_code == 401, path


@pytest.mark.parametrize("role", ROLES)
async def test_roles(house: Api, role: str) -> None:
    async with house.client(role) as client:
        for method, path, operation in operations(house):
            if path.endswith("/live"):
                continue
            answer = await client.request(
                method, filled(path), json={"nonsense": 1} if method != "GET" else None
            )
            refused = RANK[role] < RANK[needed(method, operation)]
            assert (answer.status_code == 403) == refused, (role, method, path, answer.text)
            assert answer.status_code != 500, (role, method, path, answer.text)


async def test_what_changes_things_is_for_no_viewer(house: Api) -> None:
    assert [
        (method, path)
        for method, path, one in operations(house)
        if method != "GET" and needed(method, one) == "viewer"
    ] == []


async def test_openapi_and_health_are_open(house: Api) -> None:
    async with house.client(None) as client:
        assert (await client.get("/api/v1/openapi.json")).json()["info"]["title"] == "V2G CSMS"
        assert (await client.get("/healthz")).status_code == 200


async def test_no_answer_is_cached(http: httpx.AsyncClient) -> None:
    answer = await http.get("/api/v1/stations")
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_a_user_gets_a_key_once_and_it_works(house: Api, http: httpx.AsyncClient) -> None:
    answer = await http.post("/api/v1/users", json={"name": "grid", "role": "viewer"})
    assert answer.status_code == 201
    key = answer.json()["key"]
    house.keys["new"] = key
    async with house.client("new") as client:
        assert (await client.get("/api/v1/stations")).status_code == 200
        assert (await client.get("/api/v1/users")).status_code == 403
    listed = await http.get("/api/v1/users")
    assert key not in listed.text
    assert (await http.post("/api/v1/users", json={"name": "grid", "role": "viewer"})).status_code == 409
    assert (await http.post("/api/v1/users", json={"name": "x", "role": "king"})).json()["errors"][0][
        "field"
    ] == "role"
