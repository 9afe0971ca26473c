"""K15 to K17: vehicles that tell their needs are offered a limit for their plan, and anew if it does not fit.

    NotifyEVChargingNeeds ──────> offer ─> SetChargingProfile ─> NotifyEVChargingSchedule ─ fits ──> Accepted
    a person (K16) ─────────────────^ ^                                   └─ passes ─> Rejected ┐
                                      └─────────────────────────────────────────────────────────┘

While a grid event has the EVSE its leases are what the vehicle plans by: no offer touches them.
"""

import asyncio
import math
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime

import structlog

from csms.blocks import smart_charging
from csms.bus.bus import Bus
from csms.clock import Clock
from csms.domain.charging_needs import Room, Share, offer
from csms.domain.facts import ChargingNeedsReported, ScheduleRefused
from csms.domain.profile import ChargingProfile, InstallProfile, ProfileAnswer
from csms.domain.site import station_place
from csms.errors import Conflict, CsmsError, StationError
from csms.grid.places import places_around
from csms.store import charging_needs, stations, transactions
from csms.store.database import Database
from csms.store.places import sites_within
from csms.store.profiles import Sent
from csms.store.stations import StationRow
from csms.store.transactions import TransactionRow

log = structlog.get_logger()

AT_ONCE = 20
AGAIN_MAX = 3
"""So many plans that pass the limit are answered with a new offer; a vehicle that goes on is only refused."""
TRIES = 6
TRY_EVERY_S = 5.0
"""A station may tell the needs before the transaction: it is looked for while the vehicle may wait (60 s)."""

EVSES_MAX = 100
"""So many EVSEs of one station wait for an offer at a time: a station chooses the numbers."""

EvseKey = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Offered:
    """What was offered, W, until when, and the station's word on it."""

    limit_w: float
    until: datetime
    accepted: bool
    reason: str | None


class Offers:
    """Runs as a task of the house: at each telling of needs, and each plan that passes its limit."""

    def __init__(self, db: Database, bus: Bus, clock: Clock) -> None:
        self._db = db
        self._bus = bus
        self._clock = clock
        self._room = asyncio.Semaphore(AT_ONCE)
        self._again: dict[EvseKey, int] = {}
        self._asked: dict[str, dict[int, int]] = {}  # station -> EVSE -> tries that are left

    @property
    def waiting(self) -> int:
        """At how many EVSEs an offer is still to be made."""
        return sum(map(len, self._asked.values()))

    async def run(self) -> None:
        """Listen until cancelled."""
        async with (
            self._bus.subscribe(ChargingNeedsReported, ScheduleRefused) as facts,
            asyncio.TaskGroup() as group,
        ):
            async for fact in facts:
                assert isinstance(fact, ChargingNeedsReported | ScheduleRefused)
                key = (fact.station_id, fact.evse_id)
                if self._due(key, fact) and self._noted(key):
                    group.create_task(self._serve(fact.station_id))

    def _due(self, key: EvseKey, fact: ChargingNeedsReported | ScheduleRefused) -> bool:
        if isinstance(fact, ChargingNeedsReported):
            self._again.pop(key, None)
            return True
        self._again[key] = self._again.get(key, 0) + 1
        return self._again[key] <= AGAIN_MAX

    def _noted(self, key: EvseKey) -> bool:
        """Whether the station has no task yet. One serves all of its EVSEs, and what comes meanwhile."""
        station_id, evse_id = key
        idle = station_id not in self._asked
        waiting = self._asked.setdefault(station_id, {})
        if evse_id not in waiting and len(waiting) >= EVSES_MAX:
            log.warning("too many EVSEs wait for an offer", station_id=station_id, evse_id=evse_id)
            return False
        waiting[evse_id] = TRIES
        return idle

    async def _serve(self, station_id: str) -> None:
        """Offer at each EVSE that waits; where there is no transaction yet, a few times more."""
        waiting = self._asked[station_id]
        try:
            while waiting:
                for evse_id in [*waiting]:
                    left = waiting.pop(evse_id) - 1
                    if await self._guarded((station_id, evse_id)) or evse_id in waiting:
                        continue
                    if left > 0:
                        waiting[evse_id] = left
                    else:
                        log.info("no transaction to offer for", station_id=station_id, evse_id=evse_id)
                if waiting and TRIES not in waiting.values():
                    await self._clock.sleep(TRY_EVERY_S)
        finally:
            del self._asked[station_id]

    async def _guarded(self, key: EvseKey) -> bool:
        """Whether this EVSE is done with: it has an offer, or can have none."""
        try:
            return await self._offered(key)
        except CsmsError as error:
            log.info("nothing offered", station_id=key[0], evse_id=key[1], reason=str(error.args[-1:]))
        except Exception as error:  # one station's trouble is never that of all others
            log.error("offer failed", station_id=key[0], evse_id=key[1], reason=type(error).__name__)
        return True

    async def _offered(self, key: EvseKey) -> bool:
        async with self._room:
            station = await stations.get(self._db, key[0])
            transaction = await _running(self._db, *key)
            if station is None or transaction is None:
                return False
            await make_offer(self._db, self._bus, self._clock.now(), (station, transaction))
            return True


async def make_offer(
    db: Database,
    bus: Bus,
    now: datetime,
    whom: tuple[StationRow, TransactionRow],
    wanted_w: float | None = None,
) -> Offered:
    """Offer the vehicle of a transaction its limit, or a lower one that a person wants (K16).

    Raises `Conflict` while a grid event has the EVSE or nothing is known that bounds it, and `StationError`.
    """
    station, transaction = whom
    profile = await _offer(db, station, transaction, (now, wanted_w))
    evse_id, limit_w = transaction.evse_id, profile.highest_w
    assert evse_id is not None
    assert profile.valid_to is not None
    row = Sent(
        station.identity,
        evse_id,
        profile.id,
        charging_needs.OFFER,
        profile.purpose.value,
        limit_w,
        transaction.transaction_id,
        profile.valid_to,
        station.boot_epoch,
        now,
    )
    async with db.begin() as conn:
        if not await charging_needs.offering(conn, row):
            raise Conflict("A grid event has this EVSE: its leases are what the vehicle plans by.")
    answer = await _brought(db, bus, InstallProfile(evse_id, profile), row)
    log.info("schedule offered", station_id=station.identity, limit_w=limit_w, accepted=answer.accepted)
    return Offered(limit_w, profile.valid_to, answer.accepted, answer.reason)


async def _offer(
    db: Database, station: StationRow, transaction: TransactionRow, wish: tuple[datetime, float | None]
) -> ChargingProfile:
    """The profile that fits the vehicle, all places around and what a person wants. Raises `Conflict`."""
    now, wanted_w = wish
    evse_id = transaction.evse_id
    assert evse_id is not None
    needs = await charging_needs.get(db, station.identity, evse_id)
    ratings = await stations.evses(db, station.identity)
    room = Room(
        evse_w=next((row.max_charge_w for row in ratings if row.evse_id == evse_id), None),
        vehicle_w=None if needs is None else needs.max_charge_w,
        shares=tuple([share async for share in _shares(db, station)]),
        wanted_w=wanted_w,
    )
    limit_w = room.limit_w()
    if limit_w is None:
        raise Conflict("No rating of the EVSE, no power of the vehicle and no limit of a place is known.")
    departure = None if needs is None else needs.departure
    return offer(evse_id, transaction.transaction_id, limit_w, departure, now)


async def _brought(db: Database, bus: Bus, ask: InstallProfile, row: Sent) -> ProfileAnswer:
    """Send an offer that is written down, and write down what comes of it. Raises `StationError`."""
    state, reason = "failed", None
    try:
        answer = await smart_charging.install(bus, row.identity, ask)
        state, reason = "accepted" if answer.accepted else "rejected", answer.reason
    except StationError as error:
        reason = type(error).__name__
        raise
    finally:
        async with db.begin() as conn:
            await charging_needs.offered(conn, row.identity, row.evse_id, state, reason, row.changed_at)
    return answer


async def running(db: Database, station: StationRow, evse_id: int) -> TransactionRow:
    """The transaction at an EVSE. Raises `Conflict` if there is none."""
    found = await _running(db, station.identity, evse_id)
    if found is None:
        raise Conflict(f"No transaction is running at EVSE {evse_id}.")
    return found


async def _running(db: Database, identity: str, evse_id: int) -> TransactionRow | None:
    rows = [row for row in await transactions.open_at(db, identity) if row.evse_id == evse_id]
    return rows[-1] if rows else None


async def _shares(db: Database, station: StationRow) -> AsyncIterator[Share]:
    """What each place around that has a limit leaves to one of its vehicles."""
    for place in await places_around(db, station):
        if math.isinf(place.import_room_w):
            continue
        if place.site_id == station_place(station.identity):
            vehicles = len(await transactions.open_at(db, station.identity))
        else:
            vehicles = await charging_needs.vehicles_at(db, await sites_within(db, place.site_id))
        yield Share(place.import_room_w, vehicles)
