"""A station of OCPP 1.6 discharges in a grid event: plain JSON at a running server, house time runs fast."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from csms.cli.processes import Child
from csms.cli.rest import Rest
from tests.flows.gateway.front import basic

RATE = 12
NEEDS_S = 120.0
EVENT_S = 300
PASSWORD = "correct-horse-battery-staple"
STATION, TAG = "old-1", "CARD-1"
WISH_W = 3000.0

Json = dict[str, Any]


@pytest.fixture
def house(tmp_path: Path) -> Iterator[tuple[Rest, str]]:
    """A server on free ports: its REST interface, and where stations connect."""
    settings = {"CSMS_OCPP__PORT": "0", "CSMS_API__PORT": "0", "CSMS_CLOCK__RATE": str(RATE)}
    with ExitStack() as stack:
        server = stack.enter_context(Child("csms", ["serve", "--ready-json"], settings, tmp_path))
        ready = server.expect("ready", NEEDS_S)
        key = (tmp_path / "var" / "admin.key").read_text().strip()
        yield Rest(ready["api"], key), ready["ocpp"]


def register(rest: Rest) -> None:
    """A site, a station of which a person says that it takes negative limits, and a driver with a vehicle."""
    rest.post("/sites", {"siteId": "home", "importLimitW": 20_000, "exportLimitW": 20_000})
    rating = {"evseId": 1, "maxChargeW": 10_000, "maxDischargeW": 10_000}
    station = {"identity": STATION, "password": PASSWORD, "site": "home", "discharge": "negative_limit"}
    rest.post("/stations", {**station, "registration": "Accepted", "onboarding": "none", "evses": [rating]})
    rest.post("/drivers", {"driverId": "d", "name": "D"})
    power = {"maxChargeW": 10_000, "maxDischargeW": 10_000, "bidirectional": True}
    rest.post("/vehicles", {"vehicleId": "v", "driverId": "d", "capacityWh": 60_000, **power})
    token = {"idToken": TAG, "type": "ISO14443", "driverId": "d", "vehicleId": "v"}
    rest.post("/id-tokens", token)
    rest.post("/drivers/d/enrolments", {"programId": "default"})
    rest.post("/drivers/d/needs", {"reserveSoc": 20})


@dataclass
class OldStation:
    """It takes the newest profile of each purpose, follows it, and tells its meter each real second."""

    socket: ClientConnection
    power_w: float = WISH_W
    import_wh: float = 1000.0
    export_wh: float = 0.0
    soc: float = 70.0
    transaction_id: int = 0
    held: dict[str, Json] = field(default_factory=dict)
    sent: list[Json] = field(default_factory=list)
    _count: int = 0
    _answers: dict[str, asyncio.Future[Json]] = field(default_factory=dict)
    _at: datetime = field(init=False)
    _since: float = 0.0

    async def run(self) -> None:
        """Boot, begin a transaction, meter; until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._listen())
            boot = {"chargePointVendor": "V", "chargePointModel": "M"}
            told = await self._call("BootNotification", boot)
            self._since = asyncio.get_running_loop().time()
            self._at = datetime.fromisoformat(told["currentTime"])
            start = {"connectorId": 1, "idTag": TAG, "meterStart": 1000, "timestamp": self._now()}
            begun = await self._call("StartTransaction", start)
            assert begun["idTagInfo"]["status"] == "Accepted"
            self.transaction_id = begun["transactionId"]
            while True:
                await self._meter()
                await asyncio.sleep(1.0)
                self._live(RATE)

    async def stop(self) -> None:
        """The driver leaves."""
        stop = {"transactionId": self.transaction_id, "meterStop": round(self.import_wh)}
        await self._call("StopTransaction", {**stop, "timestamp": self._now(), "reason": "Local"})

    def _house(self) -> datetime:
        return self._at + timedelta(seconds=RATE * (asyncio.get_running_loop().time() - self._since))

    def _now(self) -> str:
        return self._house().isoformat()

    def _live(self, seconds: float) -> None:
        energy_wh = self.power_w * seconds / 3600
        self.import_wh += max(0.0, energy_wh)
        self.export_wh -= min(0.0, energy_wh)
        self.soc += 100 * energy_wh / 60_000
        self.power_w = self._ordered()

    def _ordered(self) -> float:
        for purpose in ("TxProfile", "TxDefaultProfile"):
            limit = self._limit(self.held[purpose]) if purpose in self.held else None
            if limit is not None:
                return min(WISH_W, limit)
        return WISH_W

    def _limit(self, profile: Json) -> float | None:
        """What a profile says now; None if it is over."""
        now, schedule = self._house(), profile["chargingSchedule"]
        passed = (now - datetime.fromisoformat(schedule["startSchedule"])).total_seconds()
        over = passed >= schedule.get("duration", float("inf"))
        if over or ("validTo" in profile and now >= datetime.fromisoformat(profile["validTo"])):
            return None
        periods = [one for one in schedule["chargingSchedulePeriod"] if one["startPeriod"] <= passed]
        return float(periods[-1]["limit"]) if periods else None

    async def _meter(self) -> None:
        sampled = [
            {"value": f"{self.power_w:.1f}", "measurand": "Power.Active.Import", "unit": "W"},
            {"value": f"{self.import_wh:.1f}"},
            {"value": f"{self.export_wh:.1f}", "measurand": "Energy.Active.Export.Register"},
            {"value": f"{self.soc:.1f}", "measurand": "SoC", "unit": "Percent", "location": "EV"},
        ]
        values = [{"timestamp": self._now(), "sampledValue": sampled}]
        payload = {"connectorId": 1, "transactionId": self.transaction_id, "meterValue": values}
        await self._call("MeterValues", payload)

    async def _call(self, action: str, payload: Json) -> Json:
        self._count += 1
        id = str(self._count)
        answer: asyncio.Future[Json] = asyncio.get_running_loop().create_future()
        self._answers[id] = answer
        await self.socket.send(json.dumps([2, id, action, payload]))
        async with asyncio.timeout(NEEDS_S):
            return await answer

    async def _listen(self) -> None:
        async for text in self.socket:
            frame = json.loads(text)
            if frame[0] == 2:
                await self.socket.send(json.dumps([3, frame[1], self._answer(frame[2], frame[3])]))
            else:
                assert frame[0] == 3, frame
                self._answers.pop(frame[1]).set_result(frame[2])

    def _answer(self, action: str, payload: Json) -> Json:
        if action == "SetChargingProfile":
            profile = payload["csChargingProfiles"]
            self.sent.append(payload)
            self.held[profile["chargingProfilePurpose"]] = profile
            return {"status": "Accepted"}
        if action == "ClearChargingProfile":
            gone = [key for key, one in self.held.items() if one["chargingProfileId"] == payload["id"]]
            for key in gone:
                del self.held[key]
            return {"status": "Accepted" if gone else "Unknown"}
        return {"status": "Rejected"}


async def settled(rest: Rest, event_id: str) -> Json:
    """Wait for the event's end and its statement."""
    async with asyncio.timeout(300):
        while True:
            event: Json = await asyncio.to_thread(rest.get, f"/grid-events/{event_id}")
            if event["state"] == "settled":
                statement: Json = await asyncio.to_thread(rest.get, f"/grid-events/{event_id}/settlement")
                return statement
            await asyncio.sleep(0.5)


@pytest.mark.timeout(480)
async def test_a_1_6_station_discharges_in_an_event_and_stops_after_it(house: tuple[Rest, str]) -> None:
    rest, url = house
    await asyncio.to_thread(register, rest)
    async with connect(
        f"{url.rstrip('/')}/{STATION}",
        subprotocols=[Subprotocol("ocpp1.6")],
        additional_headers={"Authorization": basic(STATION, PASSWORD)},
        proxy=None,
    ) as socket:
        station = OldStation(socket)
        running = asyncio.create_task(station.run())
        fleet = await asyncio.to_thread(rest.get, "/fleet")
        start = datetime.fromisoformat(fleet["at"]) + timedelta(seconds=120)
        order = {"programId": "default", "targetW": -6000, "durationS": EVENT_S, "start": start.isoformat()}
        event = await asyncio.to_thread(rest.post, "/grid-events", order)
        statement = await settled(rest, event.get("eventId") or event["id"])
        await station.stop()
        running.cancel()

    profiles = [one["csChargingProfiles"] for one in station.sent]
    limits = [(one, one["chargingSchedule"]["chargingSchedulePeriod"][0]["limit"]) for one in profiles]
    negative = [profile for profile, limit in limits if limit < 0]
    assert negative
    assert station.export_wh > 200
    assert statement["exportedWh"] > 200
    first = next(number for number, (_, limit) in enumerate(limits) if limit < 0)
    purposes = [one["chargingProfilePurpose"] for one in profiles]
    assert "TxDefaultProfile" in purposes[:first]  # V-04
    assert {(one["chargingProfileId"], one["stackLevel"]) for one in negative} == {
        (negative[0]["chargingProfileId"], negative[0]["stackLevel"])
    }
    for profile in negative:
        assert profile["chargingProfilePurpose"] == "TxProfile"
        assert profile["transactionId"] == station.transaction_id
        assert profile["chargingSchedule"]["duration"] <= 960
        assert "validTo" in profile
    assert station.power_w >= 0
