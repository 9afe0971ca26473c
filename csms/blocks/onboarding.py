"""After an accepted boot: read the device model once per firmware, and bring it to what we recommend.

    StationBooted ──> inventory known for this firmware ──────────────> configure
                  └─> GetBaseReport ── NotifyReport ... ReportCompleted ─┘

For stations whose `onboarding` is `full`. What fails is logged and tried again at the next boot.
"""

import asyncio

import structlog

from csms.blocks import AFTER, calls, configuration, device_model
from csms.blocks.calls import Desk, Order
from csms.blocks.context import Policy
from csms.bus.bus import Bus
from csms.clock import Clock
from csms.domain.facts import ReportCompleted, StationBooted
from csms.domain.recommended import recommended
from csms.domain.station import Registration
from csms.errors import CsmsError
from csms.store import requests, stations
from csms.store.database import Database
from csms.store.stations import StationRow

log = structlog.get_logger()

FULL = "full"
AT_ONCE = 50
OURSELVES = "onboarding"


class Onboarding:
    """Runs as a task of the house; wakes at each boot and at each completed report."""

    def __init__(self, db: Database, bus: Bus, clock: Clock, policy: Policy) -> None:
        self._db = db
        self._bus = bus
        self._desk = Desk(db, bus, clock, AFTER)
        self._table = recommended(policy.meter_interval_s)
        self._room = asyncio.Semaphore(AT_ONCE)
        self.dealt_with = 0
        """So many boots and reports have been followed to their end."""

    async def run(self) -> None:
        """Listen until cancelled."""
        async with self._bus.subscribe(StationBooted, ReportCompleted) as facts, asyncio.TaskGroup() as group:
            async for fact in facts:
                assert isinstance(fact, StationBooted | ReportCompleted)
                if isinstance(fact, StationBooted) and fact.registration != Registration.ACCEPTED:
                    continue
                group.create_task(self._guarded(fact))

    async def _guarded(self, fact: StationBooted | ReportCompleted) -> None:
        async with self._room:
            try:
                await self._advance(fact)
            except CsmsError as error:
                log.warning("onboarding failed", station_id=fact.station_id, reason=type(error).__name__)
            except Exception as error:  # one station's trouble is never that of all others
                log.error("onboarding failed", station_id=fact.station_id, reason=type(error).__name__)
            finally:
                self.dealt_with += 1

    async def _advance(self, fact: StationBooted | ReportCompleted) -> None:
        station = await stations.get(self._db, fact.station_id)
        if station is None or station.onboarding != FULL:
            return
        kind = _inventory(station)
        if isinstance(fact, ReportCompleted):
            request = await requests.get(self._db, station.identity, fact.request_id)
            if request is not None and request.kind == kind:
                await self._configure(station)
        elif await requests.completed(self._db, station.identity, kind):
            await self._configure(station)
        else:
            ask = device_model.base_report("FullInventory", kind)
            await calls.call(self._desk, Order(station, ask, OURSELVES))

    async def _configure(self, station: StationRow) -> None:
        for outcome in await configuration.bring(self._desk, Order(station, None, OURSELVES), self._table):
            if outcome.status not in configuration.TAKEN:
                log.warning(
                    "variable not set",
                    station_id=station.identity,
                    variable=outcome.setting.place.variable,
                    status=outcome.status,
                )


def _inventory(station: StationRow) -> str:
    return f"inventory {station.firmware or ''}".rstrip()
