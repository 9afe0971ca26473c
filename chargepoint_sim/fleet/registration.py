"""Makes stations, drivers and vehicles known to a server over its REST interface."""

import asyncio
import uuid
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import httpx

from chargepoint_sim.ev.vehicle import PowerLimits
from chargepoint_sim.fleet.guest import Guest
from chargepoint_sim.station.variables import Fixed
from chargepoint_sim.station.words import Version

_AT_ONCE = 8
_TIMEOUT_S = 60.0
_CONFLICT = 409


def _once(body: dict[str, Any]) -> dict[str, str]:
    """What moves power is asked for under a key of its own."""
    return {"Idempotency-Key": str(uuid.uuid4())} if "targetW" in body else {}


class RegistrationFailed(Exception):
    """The server refused, or could not be reached."""


@dataclass(frozen=True)
class Site:
    """Where the stations stand, and what may flow there, W."""

    site_id: str
    limits: PowerLimits


class Registrar:
    """Registers with bounded concurrency. What is known already is left as it is."""

    def __init__(self, url: str, api_key: str, program: str | None) -> None:
        self._client = httpx.AsyncClient(
            base_url=f"{url.rstrip('/')}/api/v1",
            headers={"Authorization": f"Bearer {api_key}"},
            timeout=_TIMEOUT_S,
            limits=httpx.Limits(max_connections=_AT_ONCE),
        )
        self._turns = asyncio.Semaphore(_AT_ONCE)
        self._program = program

    async def close(self) -> None:
        """Hang up."""
        await self._client.aclose()

    async def site(self, site: Site) -> None:
        """Make a site known."""
        body = {"importLimitW": site.limits.charge_w, "exportLimitW": site.limits.discharge_w}
        await self._post("/sites", {"siteId": site.site_id} | body)

    async def station(self, fixed: Fixed, site: Site) -> None:
        """Make a station known."""
        evses = [
            {
                "evseId": evse_id,
                "maxChargeW": fixed.rating.charge_w,
                "maxDischargeW": fixed.rating.discharge_w,
            }
            for evse_id in range(1, fixed.evses + 1)
        ]
        body: dict[str, object] = {
            "identity": fixed.identity,
            "password": fixed.password,
            "site": site.site_id,
            "vendor": fixed.vendor,
            "model": fixed.model,
            "serialNumber": fixed.serial_number,
            "securityProfile": 1,
            "registration": "Accepted",
            "discharge": "native_2_1" if fixed.version is Version.V21 else "negative_limit",
            "evses": evses,
        }
        await self._post("/stations", body)

    async def guest(self, guest: Guest) -> None:
        """Make a driver known: vehicle, token, enrolment, needs. The vehicle itself tells when it leaves."""
        model, driver = guest.vehicle.model, quote(guest.driver_id, safe="")
        await self._post("/drivers", {"driverId": guest.driver_id, "name": f"Driver {guest.number}"})
        vehicle: dict[str, object] = {
            "vehicleId": guest.vehicle_id,
            "driverId": guest.driver_id,
            "capacityWh": model.battery.capacity_wh,
            "maxChargeW": model.battery.max_charge_w,
            "maxDischargeW": model.battery.max_discharge_w,
            "bidirectional": model.bidirectional,
        }
        await self._post("/vehicles", vehicle)
        token = {
            "idToken": guest.id_token,
            "type": "ISO14443",
            "status": "Accepted",
            "driverId": guest.driver_id,
            "vehicleId": guest.vehicle_id,
        }
        await self._post("/id-tokens", dict(token))
        if self._program is not None:
            await self._post(f"/drivers/{driver}/enrolments", {"programId": self._program})
        needs: dict[str, object] = {
            "reserveSoc": guest.reserve_soc,
            "targetEnergyWh": round(max(0.0, guest.vehicle.requests().target_wh)),
        }
        await self._post(f"/drivers/{driver}/needs", needs)

    async def grid_event(self, site: Site, body: dict[str, object]) -> str:
        """Have a grid event called for a site; its id."""
        wanted = {name: value for name, value in body.items() if value is not None}
        answer = await self._post("/grid-events", wanted | {"scope": {"site": site.site_id}})
        if "id" not in answer:
            raise RegistrationFailed("/grid-events: the answer names no event")
        return str(answer["id"])

    async def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        async with self._turns:
            try:
                answer = await self._client.post(path, json=body, headers=_once(body))
            except httpx.HTTPError as failure:
                where = f"{self._client.base_url}{path.removeprefix('/')}"
                raise RegistrationFailed(f"{where}: {failure or type(failure).__name__}") from failure
        if not answer.is_success and answer.status_code != _CONFLICT:
            raise RegistrationFailed(f"{path}: {answer.status_code} {answer.text[:300]}")
        try:
            found = answer.json() if answer.content else {}
        except ValueError:
            raise RegistrationFailed(f"{path}: the answer is no JSON; is this the REST address?") from None
        return found if isinstance(found, dict) else {}
