"""Raw calls: the station's answer at once, a journal of each, a guard before power and secrets."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import httpx
import pytest

from csms.errors import BadAnswer, Invalid, NotSupportedByDialect, StationRefused, StationTimeout
from csms.store import profiles
from csms.wire.dialect import RawCall
from tests.api.conftest import Api

PATH = "/api/v1/stations/cs1/calls"


class Station:
    """Serves asks for one station on the bus."""

    def __init__(self) -> None:
        self.asked: list[RawCall] = []
        self.answer: dict[str, Any] | Exception = {"status": "Accepted"}

    async def __call__(self, ask: object, _: float) -> object:
        assert isinstance(ask, RawCall)
        self.asked.append(ask)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.fixture
async def station(house: Api, http: httpx.AsyncClient) -> AsyncIterator[Station]:
    await http.post("/api/v1/stations", json={"identity": "cs1"})
    await house.connect("cs1")
    async with serving(house) as served:
        yield served


@asynccontextmanager
async def serving(house: Api) -> AsyncIterator[Station]:
    served = Station()
    async with house.bus.answer("cs1", served):
        yield served


async def test_the_answer_comes_back_and_is_kept(station: Station, http: httpx.AsyncClient) -> None:
    station.answer = {"status": "Accepted", "statusInfo": {"reasonCode": "x"}}
    answer = await http.post(f"{PATH}/Reset", json={"type": "Immediate"})
    assert answer.status_code == 200
    body = answer.json()
    assert (body["state"], body["answer"]) == ("answered", station.answer)
    assert station.asked == [RawCall("Reset", {"type": "Immediate"})]
    kept = (await http.get(f"/api/v1/calls/{body['callId']}")).json()
    assert (kept["station"], kept["action"], kept["state"]) == ("cs1", "Reset", "answered")
    assert (kept["payload"], kept["answer"]) == ({"type": "Immediate"}, station.answer)
    assert kept["user"] == "a-administrator"
    assert (await http.get(PATH)).json()["items"] == [kept]
    assert (await http.get("/api/v1/calls/none")).status_code == 404


async def test_not_waiting(station: Station, http: httpx.AsyncClient) -> None:
    answer = await http.post(f"{PATH}/ClearCache?wait=0")
    assert answer.status_code == 202
    assert answer.json()["state"] == "accepted"
    assert (await http.get(f"/api/v1/calls/{answer.json()['callId']}")).json()["state"] == "answered"


@pytest.mark.parametrize(
    ("error", "status", "state"),
    [
        (StationRefused("cs1", "NotImplemented", "no such thing"), 502, "refused"),
        (StationTimeout("cs1"), 504, "expired"),
        (BadAnswer("cs1", "x"), 502, "failed"),
        (Invalid("payload", "type is missing"), 422, "failed"),
        (NotSupportedByDialect("cs1", "X is not in OCPP 2.0.1"), 422, "failed"),
    ],
)
async def test_what_came_to_nothing(
    station: Station, http: httpx.AsyncClient, error: Exception, status: int, state: str
) -> None:
    station.answer = error
    answer = await http.post(f"{PATH}/Reset", json={})
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["state"] == state
    kept = (await http.get(f"/api/v1/calls/{answer.json()['callId']}")).json()
    assert kept["state"] == state
    if isinstance(error, StationRefused):
        assert (answer.json()["code"], answer.json()["detail"]) == ("NotImplemented", "no such thing")
        assert (kept["errorCode"], kept["errorText"]) == ("NotImplemented", "no such thing")


async def test_a_station_that_is_offline_or_unknown(http: httpx.AsyncClient) -> None:
    assert (await http.post("/api/v1/stations/none/calls/Reset", json={})).status_code == 404
    await http.post("/api/v1/stations", json={"identity": "cs1"})
    answer = await http.post(f"{PATH}/Reset", json={"type": "Immediate"})
    assert answer.status_code == 409
    assert answer.json()["type"] == "urn:v2g-csms:problem:station-offline"


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b"7",
        b"{",
        b'{"a": NaN}',
        b'{"a": 1, "a": 2}',
        b'{"a": 1e999}',
        b"[" * 5000,
        b'{"a": "\\u0000"}',
    ],
)
async def test_a_payload_that_is_no_payload(station: Station, http: httpx.AsyncClient, body: bytes) -> None:
    answer = await http.post(f"{PATH}/Reset", content=body)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "payload"
    assert station.asked == []


def profile(house: Api, limit: float, **changes: Any) -> dict[str, Any]:
    now = house.clock.now()
    schedule = {
        "id": 1,
        "startSchedule": now.isoformat(),
        "chargingRateUnit": "W",
        "duration": 300,
        "chargingSchedulePeriod": [{"startPeriod": 0, "limit": limit}],
    }
    one = {
        "id": 1,
        "stackLevel": 0,
        "chargingProfilePurpose": "TxProfile",
        "chargingProfileKind": "Absolute",
        "validTo": (now + timedelta(seconds=300)).isoformat(),
        "transactionId": "t1",
        "chargingSchedule": [schedule | changes.pop("schedule", {})],
    }
    return {"evseId": 1, "chargingProfile": {**one, **changes}}


async def test_charging_profiles_without_discharge_pass(
    house: Api, station: Station, http: httpx.AsyncClient
) -> None:
    async with house.client("operator") as operator:
        answer = await operator.post(f"{PATH}/SetChargingProfile", json=profile(house, 5000.0))
    assert answer.status_code == 200, answer.text


async def test_discharge_by_hand_needs_administrator_and_reason(
    house: Api, station: Station, http: httpx.AsyncClient
) -> None:
    body, path = profile(house, -5000.0), f"{PATH}/SetChargingProfile"
    answer = await http.post(path, json=body)
    assert answer.status_code == 403
    assert answer.json()["rule"] == "V-02"
    async with house.client("operator") as operator:
        assert (await operator.post(f"{path}?override=testing+it", json=body)).status_code == 403
    assert (await http.post(f"{path}?override=x", json=body)).status_code == 422
    assert station.asked == []
    answer = await http.post(f"{path}?override=commissioning+test", json=body)
    assert answer.status_code == 200, answer.text
    kept = (await http.get(f"/api/v1/calls/{answer.json()['callId']}")).json()
    assert "commissioning test" in kept["user"]


@pytest.mark.parametrize(
    "changes",
    [
        {"chargingProfilePurpose": "TxDefaultProfile"},
        {"chargingProfilePurpose": "ChargingStationMaxProfile"},
        {"chargingProfileKind": "Relative"},
        {"chargingProfileKind": "Recurring"},
        {"validTo": None},
        {"validTo": "2026-06-01T12:15:01+00:00"},
        {"validTo": "2026-06-01T12:05:00"},
        {"validTo": "2026-06-01T11:59:59+00:00"},
        {"schedule": {"duration": None}},
        {"schedule": {"duration": 901}},
        {"schedule": {"duration": 0}},
        {"chargingSchedule": []},
    ],
)
async def test_discharge_by_hand_is_a_lease_or_nothing(
    house: Api, station: Station, http: httpx.AsyncClient, changes: dict[str, Any]
) -> None:
    body = profile(house, -1.0, **changes)
    if not body["chargingProfile"]["chargingSchedule"]:
        body["chargingProfile"]["x"] = {"limit": -1}
        body["chargingProfile"]["chargingSchedule"] = "none"
    answer = await http.post(f"{PATH}/SetChargingProfile?override=commissioning", json=body)
    assert answer.status_code == 403, answer.text
    assert station.asked == []


@pytest.mark.parametrize(
    "name", ["limit", "limit_L2", "setpoint", "setpoint_L3", "dischargeLimit", "limitAtSoC"]
)
async def test_no_way_around_the_guard(
    house: Api, station: Station, http: httpx.AsyncClient, name: str
) -> None:
    period = {"startPeriod": 0, "limit": 5.0, name: -7000}
    body = profile(house, 5.0, schedule={"chargingSchedulePeriod": [period]})
    for action in ("SetChargingProfile", "RequestStartTransaction", "DataTransfer"):
        assert (await http.post(f"{PATH}/{action}", json={"data": [body]})).status_code == 403
        assert (await http.post(f"{PATH}/{action}", json=body)).status_code == 403
    start = f"{PATH}/RequestStartTransaction?override=commissioning"
    assert (await http.post(start, json=profile(house, -5.0))).status_code == 403
    assert station.asked == []


async def test_profiles_by_hand_end_what_was_proven(
    house: Api, station: Station, http: httpx.AsyncClient
) -> None:
    row = profiles.ProfileRow(
        identity="cs1", evse_id=1, profile_id=9, role="fallback", purpose="TxDefaultProfile", limit_w=0.0,
        state="accepted", changed_at=house.clock.now(),
    )  # fmt: skip
    async with house.wiring.db.begin() as conn:
        await profiles.sent(conn, row)
    await http.post(f"{PATH}/ClearChargingProfile", json={})
    assert await profiles.fallbacks(house.wiring.db) == set()


@pytest.mark.parametrize(
    ("action", "payload"),
    [
        ("UpdateFirmware", {}),
        ("SetNetworkProfile", {}),
        ("InstallCertificate", {}),
        (
            "SetVariables",
            {
                "setVariableData": [
                    {"component": {"name": "SecurityCtrlr"}, "variable": {"name": "BasicAuthPassword"}}
                ]
            },
        ),
        ("ChangeConfiguration", {"key": "AuthorizationKey", "value": "x"}),
    ],
)
async def test_credentials_are_for_administrators(
    house: Api, station: Station, http: httpx.AsyncClient, action: str, payload: dict[str, Any]
) -> None:
    async with house.client("operator") as operator:
        assert (await operator.post(f"{PATH}/{action}", json=payload)).status_code == 403
    assert (await http.post(f"{PATH}/{action}", json=payload)).status_code == 200


async def test_secrets_are_not_kept(station: Station, http: httpx.AsyncClient) -> None:
    secret = "canary-4b1d"
    data = {
        "attributeValue": secret,
        "component": {"name": "SecurityCtrlr"},
        "variable": {"name": "BasicAuthPassword"},
    }
    station.answer = {"getVariableResult": [data | {"attributeStatus": "Accepted"}]}
    answer = await http.post(f"{PATH}/SetVariables", json={"setVariableData": [data]})
    assert station.asked[0].payload["setVariableData"][0]["attributeValue"] == secret
    network = {"connectionData": {"basicAuthPassword": secret, "apn": {"apnPassword": secret}}}
    await http.post(f"{PATH}/SetNetworkProfile", json=network)
    await http.post(f"{PATH}/ChangeConfiguration", json={"key": "AuthorizationKey", "value": secret})
    assert secret not in (await http.get(PATH)).text
    assert secret not in (await http.get(f"/api/v1/calls/{answer.json()['callId']}")).text


async def test_the_same_key_asks_the_station_once(station: Station, http: httpx.AsyncClient) -> None:
    headers = {"Idempotency-Key": "k1"}
    answers = await asyncio.gather(
        *(http.post(f"{PATH}/Reset", json={"type": "OnIdle"}, headers=headers) for _ in "abc")
    )
    assert len(station.asked) == 1
    assert len({answer.text for answer in answers}) == 1
    assert sorted("idempotency-replayed" in answer.headers for answer in answers) == [False, True, True]
    other = await http.post(f"{PATH}/Reset", json={"type": "Immediate"}, headers=headers)
    assert other.status_code == 422
    assert other.json()["errors"][0]["field"] == "Idempotency-Key"


async def test_a_refusal_is_kept_but_a_wrong_payload_may_be_tried_again(
    station: Station, http: httpx.AsyncClient
) -> None:
    station.answer = StationRefused("cs1", "InternalError", "")
    first = await http.post(f"{PATH}/Reset", json={}, headers={"Idempotency-Key": "a"})
    station.answer = {}
    again = await http.post(f"{PATH}/Reset", json={}, headers={"Idempotency-Key": "a"})
    assert (again.status_code, again.text) == (502, first.text)
    assert again.headers["content-type"] == "application/problem+json"
    station.answer = Invalid("payload", "type is missing")
    assert (await http.post(f"{PATH}/Reset", json={}, headers={"Idempotency-Key": "b"})).status_code == 422
    station.answer = {}
    assert (await http.post(f"{PATH}/Reset", json={}, headers={"Idempotency-Key": "b"})).status_code == 200
