"""A lab for the certification cases: our server on loopback, and a station that says what its script says.

The station speaks plain JSON and knows nothing of our types, so that a wrong belief of ours cannot hide.
A person (or the test system's operator) acts over REST.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

from csms.api import app as api
from csms.api.wiring import Wiring
from csms.blocks import AFTER
from csms.blocks.calls import Desk
from csms.blocks.context import Policy
from csms.blocks.retries import Retries
from csms.blocks.signing import Signing
from csms.blocks.tariff import RunningCost
from csms.gateway.tls import TlsSettings
from csms.grid.charging_needs import Offers
from csms.pki import passwords
from csms.pki.trust import Trust
from csms.store import stations, users
from tests.flows.gateway.front import DIALECTS, STATION, WAIT_S, Client, Front, front, now_text

Json = dict[str, Any]
EVSE = {"id": 1, "connectorId": 1}
TOKEN = {"idToken": "OCTT-TOKEN", "type": "ISO14443"}

PATH = f"/stations/{STATION}"


@dataclass
class Lab:
    """The server's two doors, and the station at one of them."""

    house: Front
    http: httpx.AsyncClient
    station: Client
    tx: int = 0
    seq: int = field(default=0)

    # ---- the operator

    async def get(self, path: str, **params: Any) -> Json:
        """GET under /api/v1."""
        answer = await self.http.get(f"/api/v1{path}", params=params)
        assert answer.status_code == 200, answer.text
        found: Json = answer.json()
        return found

    async def post(self, path: str, body: object = None, status: int = 200, method: str = "POST") -> Json:
        """POST under /api/v1 that needs nothing of the station."""
        answer = await self.http.request(method, f"/api/v1{path}", json=body)
        assert answer.status_code == status, answer.text
        found: Json = answer.json() if answer.content else {}
        return found

    async def asks(
        self, path: str, body: object, *script: tuple[str, object], status: int = 200, method: str = "POST"
    ) -> tuple[list[Json], Json]:
        """The operator does something; the station is called and answers by the script.

        Gives what the station was called with, and what the operator was answered.
        """
        doing = asyncio.create_task(self.post(path, body, status, method))
        try:
            payloads = []
            for action, reply in script:
                frame = await self.station.answer(reply, action)
                payloads.append(frame[3])
            async with asyncio.timeout(WAIT_S):
                found = await doing
        finally:
            doing.cancel()
        return payloads, found

    async def request(self, request_id: int) -> Json:
        """A request that is followed to its end."""
        return await self.get(f"{PATH}/requests/{request_id}")

    # ---- the station

    async def says(self, action: str, payload: object) -> Json:
        """The station calls us and is answered with a CALLRESULT."""
        return await self.station.result(action, payload)

    async def status(self, status: str, evse_id: int = 1, connector_id: int = 1) -> None:
        """The station tells a connector's status, by both ways that there are."""
        told = {
            "timestamp": now_text(),
            "connectorStatus": status,
            "evseId": evse_id,
            "connectorId": connector_id,
        }
        assert await self.says("StatusNotification", told) == {}

    async def event(self, kind: str, trigger: str, state: str | None = None, **more: Any) -> Json:
        """The next event of the station's transaction; a Started one begins a new one."""
        if kind == "Started":
            self.tx += 1
            self.seq = 0
        info: Json = {"transactionId": f"tx-{self.tx}", **more.pop("info", {})}
        if state is not None:
            info["chargingState"] = state
        payload = {
            "eventType": kind,
            "timestamp": now_text(),
            "triggerReason": trigger,
            "seqNo": self.seq,
            "transactionInfo": info,
            **more,
        }
        self.seq += 1
        return await self.says("TransactionEvent", payload)

    async def charging(self, token: Json = TOKEN, evse: Json = EVSE) -> None:
        """A driver has plugged in, shown a token that we know, and is charged."""
        await self.status("Occupied", evse["id"], evse["connectorId"])
        assert (await self.authorize(token))["status"] == "Accepted"
        await self.event("Started", "Authorized", "Charging", evse=evse, idToken=token)

    async def authorize(self, token: Json = TOKEN) -> Json:
        """The station shows a token; what we think of it."""
        found: Json = (await self.says("Authorize", {"idToken": token}))["idTokenInfo"]
        return found

    async def add_token(self, token: Json = TOKEN, **fields: Any) -> None:
        """A token that is registered."""
        body = {"idToken": token["idToken"], "type": token["type"], **fields}
        await self.post("/id-tokens", body, 201)

    async def transaction(self) -> Json:
        """The station's newest transaction as the operator sees it."""
        return await self.get(f"/transactions/tx-{self.tx}")


@asynccontextmanager
async def lab(
    boot: bool = True,
    tls: TlsSettings | None = None,
    version: str = "2.0.1",
    trust: Trust | None = None,
    **fields: Any,
) -> AsyncIterator[Lab]:
    """A lab whose station is connected and booted; with TLS beside the plain door if wanted."""
    trust = trust or Trust()
    async with front(tls=tls, policy=Policy(trust=trust)) as house:
        if fields:
            async with house.db.begin() as conn:
                await stations.change(conn, STATION, **fields)
        knocking = house.connected(boot=boot, subprotocols=(f"ocpp{version}",))
        async with operator(house, trust) as http, knocking as station:
            desk = Desk(house.db, house.bus, house.gateway.house.clock, AFTER)
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(RunningCost(desk, every_s=0.05).run())]
                tasks.append(group.create_task(Offers(house.db, house.bus, desk.clock).run()))
                tasks.append(group.create_task(Retries(desk, every_s=0.05).run()))
                if trust.authority is not None:
                    tasks.append(group.create_task(Signing(desk, trust.authority).run()))
                try:
                    yield Lab(house, http, station)
                finally:
                    for task in tasks:
                        task.cancel()


@asynccontextmanager
async def operator(house: Front, trust: Trust = Trust()) -> AsyncIterator[httpx.AsyncClient]:
    """A person with an administrator's key."""
    key = passwords.generate_key()
    clock = house.gateway.house.clock
    async with house.db.begin() as conn:
        await users.add(conn, "operator", "administrator", passwords.hash_key(key), clock.now())
    wiring = Wiring(house.db, house.bus, clock, dict, lambda: 1, dialects=DIALECTS, trust=trust)
    transport = httpx.ASGITransport(app=api.build(wiring), raise_app_exceptions=False)
    headers = {"Authorization": f"Bearer {key}"}
    async with httpx.AsyncClient(
        transport=transport, base_url="http://test", headers=headers, timeout=60
    ) as http:
        yield http
