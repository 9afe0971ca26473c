"""A lab for stations of OCPP 1.6: plain JSON at a real gateway, and a person at the REST API."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from csms.store import stations
from tests.conformance.lab import Json, Lab, operator
from tests.flows.gateway.front import STATION, front, now_text

TAG = "TAG-1"
BOOT: Json = {
    "chargePointVendor": "V",
    "chargePointModel": "M",
    "chargePointSerialNumber": "S-1",
    "firmwareVersion": "1.0",
}

LATER = "2030-01-01T00:00:00Z"
HASHES: Json = {
    "hashAlgorithm": "SHA256",
    "issuerNameHash": "aa",
    "issuerKeyHash": "bb",
    "serialNumber": "1",
}
SCHEDULE: Json = {"chargingRateUnit": "W", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 6900.5}]}
PROFILE: Json = {
    "chargingProfileId": 7,
    "stackLevel": 0,
    "chargingProfilePurpose": "TxDefaultProfile",
    "chargingProfileKind": "Absolute",
    "chargingSchedule": SCHEDULE,
}

SIGNED: Json = {
    "requestId": 2,
    "firmware": {
        "location": "ftp://host/x",
        "retrieveDateTime": LATER,
        "signingCertificate": "PEM",
        "signature": "s",
    },
}


class Lab16(Lab):
    """The two doors, and a 1.6 station at one of them."""

    async def start(self, **more: Any) -> Json:
        """A vehicle begins to charge at connector 1."""
        payload = {"connectorId": 1, "idTag": TAG, "meterStart": 1000, "timestamp": now_text(), **more}
        return await self.says("StartTransaction", payload)

    async def stop(self, transaction_id: int, **more: Any) -> Json:
        """And ends."""
        payload = {"transactionId": transaction_id, "meterStop": 5000, "timestamp": now_text(), **more}
        return await self.says("StopTransaction", payload)

    async def meter(
        self, transaction_id: int | None, *sampled: Json, at: str = "", connector: int = 1
    ) -> Json:
        """Meter values, of a transaction if it is named."""
        told: Json = {
            "connectorId": connector,
            "meterValue": [{"timestamp": at or now_text(), "sampledValue": list(sampled)}],
        }
        if transaction_id is not None:
            told["transactionId"] = transaction_id
        return await self.says("MeterValues", told)

    async def add_tag(self, tag: str = TAG, **fields: Any) -> None:
        """A card that is registered."""
        await self.post("/id-tokens", {"idToken": tag, "type": "ISO14443", **fields}, 201)


@asynccontextmanager
async def lab16(boot: bool = True, **fields: Any) -> AsyncIterator[Lab16]:
    """A lab whose 1.6 station is connected and booted."""
    async with front() as house:
        if fields:
            async with house.db.begin() as conn:
                await stations.change(conn, STATION, **fields)
        async with (
            operator(house) as http,
            house.connected(boot=False, subprotocols=("ocpp1.6",)) as station,
        ):
            lab = Lab16(house, http, station)
            if boot:
                assert (await lab.says("BootNotification", BOOT))["status"] == "Accepted"
            yield lab
