"""After an accepted boot: read the device model once per firmware, and set what the grid needs to hear.

    StationBooted ──> inventory known for this firmware ──────────────> set variables
                  └─> GetBaseReport ── NotifyReport ... ReportCompleted ─┘

For stations whose `onboarding` is `full`. What fails is logged and tried again at the next boot.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import structlog

from csms.blocks import provisioning
from csms.blocks.context import Policy
from csms.bus.bus import Bus
from csms.clock import Clock
from csms.domain.facts import ReportCompleted, StationBooted
from csms.domain.station import Registration
from csms.errors import CsmsError
from csms.store import requests, stations
from csms.store.database import Database
from csms.store.stations import StationRow, VariableRow
from csms.wire import words

log = structlog.get_logger()

FULL = "full"
AT_ONCE = 50

_POWER = ("Power.Active.Import", "Power.Active.Export")
_REGISTERS = ("Energy.Active.Import.Register", "Energy.Active.Export.Register")

MEASURANDS = (
    (*_POWER, *_REGISTERS, "SoC"),
    (*_POWER, *_REGISTERS),
    (_POWER[0], _REGISTERS[0], "SoC"),
    (_POWER[0], _REGISTERS[0]),
)
"""What a reading should hold, the best first: a station refuses a list with one measurand that it has not."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A variable that the grid needs; `values` gives what to set, the best first, from what is set now."""

    component: str
    variable: str
    values: Callable[[str], Sequence[str]]


def measurands(current: str) -> Sequence[str]:
    """Lists to try: ours and what the station tells anyhow. None if it tells all already."""
    told = [part.strip() for part in current.split(",") if part.strip()]
    if set(MEASURANDS[0]) <= set(told):
        return ()
    return [",".join(dict.fromkeys((*wanted, *told))) for wanted in MEASURANDS]


def interval(at_most_s: int, current: str) -> Sequence[str]:
    """The interval to set; none if the station tells often enough already (0: it never does)."""
    often = current.strip().isdecimal() and 0 < int(current) <= at_most_s
    return () if often else (str(at_most_s),)


class Onboarding:
    """Runs as a task of the house; wakes at each boot and at each completed report."""

    def __init__(self, db: Database, bus: Bus, clock: Clock, policy: Policy) -> None:
        self._db = db
        self._bus = bus
        self._clock = clock
        self._wanted = (
            Wanted("SampledDataCtrlr", "TxUpdatedInterval", partial(interval, policy.meter_interval_s)),
            Wanted("SampledDataCtrlr", "TxUpdatedMeasurands", measurands),
        )
        self._room = asyncio.Semaphore(AT_ONCE)

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

    async def _advance(self, fact: StationBooted | ReportCompleted) -> None:
        station = await stations.get(self._db, fact.station_id)
        if station is None or station.onboarding != FULL:
            return
        kind = _inventory(station)
        if isinstance(fact, ReportCompleted):
            request = await requests.get(self._db, station.identity, fact.request_id)
            if request is not None and request.kind == kind:
                await self._configure(station.identity)
        elif await requests.completed(self._db, station.identity, kind):
            await self._configure(station.identity)
        else:
            await self._take_inventory(station.identity, kind)

    async def _take_inventory(self, identity: str, kind: str) -> None:
        async with self._db.begin() as conn:
            request_id = await requests.open(conn, identity, kind, self._clock.now())
        status = await provisioning.base_report(self._bus, identity, request_id)
        if status != "Accepted":
            log.warning("no inventory", station_id=identity, status=status)

    async def _configure(self, identity: str) -> None:
        reported = await stations.variables(self._db, identity)
        for wanted in self._wanted:
            current = _settable(wanted, reported)
            if current is not None:
                await self._set(identity, wanted, current)

    async def _set(self, identity: str, wanted: Wanted, current: VariableRow) -> None:
        values = wanted.values(current.value or "")
        for value in values:
            data = words.SetVariableDataType(
                attribute_value=value,
                component=words.ComponentType(name=current.component),
                variable=words.VariableType(name=current.variable),
            )
            results = await provisioning.set_variables(self._bus, identity, [data])
            if results and results[0].attribute_status in ("Accepted", "RebootRequired"):
                return
        if values:
            log.warning("variable not set", station_id=identity, variable=wanted.variable)


def _inventory(station: StationRow) -> str:
    return f"inventory {station.firmware or ''}".rstrip()


def _settable(wanted: Wanted, reported: Sequence[VariableRow]) -> VariableRow | None:
    """The station's own row for a variable, if it has told of it and lets it be set."""
    for row in reported:
        same = (
            row.component.lower() == wanted.component.lower()
            and row.variable.lower() == wanted.variable.lower()
        )
        if same and not row.evse_id and row.attribute == "Actual" and row.mutability != "ReadOnly":
            return row
    return None
