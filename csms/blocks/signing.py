"""A02: signs what stations have asked to have signed, and brings it to them.

    CertificateWanted ─> signed, noted in the ledger ─> CertificateSigned ─ Accepted ─> in use
                                                              ├─ Rejected ────────────> revoked, alarm
                                                              └─ no answer ───────────> revoked

A station that was not brought its certificate asks again by itself (A02.FR.17 to 19): we need no retries.
"""

import asyncio
from typing import cast

import structlog

from csms.blocks import calls
from csms.blocks.calls import Desk, Order
from csms.domain.facts import CertificateWanted, SecurityAlarmRaised
from csms.errors import CsmsError, StationError
from csms.pki import csr
from csms.pki.authority import Authority, Issued, Use
from csms.store import stations
from csms.store.stations import StationRow
from csms.wire import words

log = structlog.get_logger()

OURSELVES = "certificate authority"
AT_ONCE = 20
WAITING_MAX = 1000

_USES = {
    "ChargingStationCertificate": Use.STATION,
    "V2GCertificate": Use.V2G,
    "V2G20Certificate": Use.V2G,
    None: Use.COMBINED,
}


class Signing:
    """Runs as a task of the house. One request of a station at a time: the newest counts."""

    def __init__(self, desk: Desk, authority: Authority) -> None:
        self._desk = desk
        self._authority = authority
        self._room = asyncio.Semaphore(AT_ONCE)
        self._waiting: dict[tuple[str, str | None], CertificateWanted] = {}
        self._at_work: set[str] = set()

    async def run(self) -> None:
        """Listen until cancelled."""
        async with self._desk.bus.subscribe(CertificateWanted) as facts, asyncio.TaskGroup() as group:
            async for fact in facts:
                assert isinstance(fact, CertificateWanted)
                key = (fact.station_id, fact.use)
                if len(self._waiting) >= WAITING_MAX and key not in self._waiting:
                    continue  # it asks again
                self._waiting[key] = fact
                if fact.station_id not in self._at_work:
                    self._at_work.add(fact.station_id)
                    group.create_task(self._serve(fact.station_id))

    async def _serve(self, identity: str) -> None:
        try:
            while wanted := self._next(identity):
                async with self._room:
                    await self._guarded(wanted)
        finally:
            self._at_work.discard(identity)

    def _next(self, identity: str) -> CertificateWanted | None:
        key = next((key for key in self._waiting if key[0] == identity), None)
        return None if key is None else self._waiting.pop(key)

    async def _guarded(self, wanted: CertificateWanted) -> None:
        try:
            station = await stations.get(self._desk.db, wanted.station_id)
            if station is not None:
                await self._bring(station, wanted)
        except CsmsError as error:
            log.warning("certificate not brought", station_id=wanted.station_id, reason=type(error).__name__)
        except Exception as error:  # one station's trouble is never that of all others
            log.error("signing failed", station_id=wanted.station_id, reason=type(error).__name__)

    async def _bring(self, station: StationRow, wanted: CertificateWanted) -> None:
        issued = await self._sign(station, wanted)
        request = words.CertificateSignedRequest(
            certificate_chain=issued.chain,
            certificate_type=cast(words.CertificateSigningUseEnumType | None, wanted.use),
            request_id=wanted.request_id,
        )
        try:
            answer = await calls.call(self._desk, Order(station, request, OURSELVES))
        except StationError:
            await self._revoke(issued)
            raise
        status = cast(words.CertificateSignedResponse, answer).status
        log.info("certificate brought", station_id=station.identity, serial=issued.serial, status=status)
        if status != "Accepted":  # A02.FR.06: it keeps its old one
            await self._revoke(issued)
            now = self._desk.clock.now()
            self._desk.bus.publish(SecurityAlarmRaised(now, station.identity, "certificate rejected"))

    async def _sign(self, station: StationRow, wanted: CertificateWanted) -> Issued:
        wish = csr.read(wanted.csr)  # its sender was judged when it came
        use, now = _USES.get(wanted.use, Use.V2G), self._desk.clock.now()
        return await asyncio.to_thread(self._authority.issue, wish, use, now, station.identity)

    async def _revoke(self, issued: Issued) -> None:
        """Nobody uses it: nobody shall."""
        await asyncio.to_thread(self._authority.revoke, issued.serial, self._desk.clock.now())
