"""Monitors that watch variables of the device model and send events (N03 to N08)."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from chargepoint_sim.clock import Clock, Timer
from chargepoint_sim.station.device_model import DataType, DeviceModel, Place, Variable, Verdict
from chargepoint_sim.station.notices import Event, EventNews

_CONTROLLER = "MonitoringCtrlr"
_NUMBERS = (DataType.INTEGER, DataType.DECIMAL)
_DANGER_ONLY = 0
_ALL = 9


class Kind(StrEnum):
    """When a monitor speaks."""

    UPPER = "UpperThreshold"
    LOWER = "LowerThreshold"
    DELTA = "Delta"
    PERIODIC = "Periodic"
    ALIGNED = "PeriodicClockAligned"


class Origin(StrEnum):
    """Who has made a monitor, by the name of its events."""

    HARD_WIRED = "HardWiredMonitor"
    PRECONFIGURED = "PreconfiguredMonitor"
    CUSTOM = "CustomMonitor"


@dataclass(frozen=True)
class Wanted:
    """A monitor as asked for; with `id` it replaces that one. `value` is a bound, a change or seconds."""

    place: Place
    variable: str
    kind: Kind
    value: float
    severity: int
    in_transaction: bool = False
    instance: str | None = None
    id: int | None = None


@dataclass
class Monitor:
    """A monitor at work."""

    id: int
    wanted: Wanted
    variable: Variable
    origin: Origin = Origin.CUSTOM
    alarmed: bool = False
    reported: str = ""
    timer: Timer | None = None


@dataclass
class Monitors:
    """All of a station. They outlive a restart (N04.FR.19). `emit` tells the server, `online` says whether it
    listens, `transaction` names the transaction that a place belongs to."""

    model: DeviceModel
    clock: Clock
    emit: Callable[[EventNews], None]
    online: Callable[[], bool]
    transaction: Callable[[Place], str | None]
    monitors: dict[int, Monitor] = field(default_factory=dict)
    level: int = _ALL
    _ids: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))
    _events: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    def __post_init__(self) -> None:
        self.model.watch = self._changed
        self.reset_to("FactoryDefault")

    def reset_to(self, base: str) -> str:
        """What is monitored to begin with (N02): All, FactoryDefault or HardWiredOnly."""
        for one in list(self.monitors.values()):
            if one.origin is Origin.CUSTOM or base == "HardWiredOnly":
                self._remove(one)
        have = {one.origin for one in self.monitors.values()}
        if Origin.HARD_WIRED not in have:
            self._factory(Wanted(Place("ChargingStation"), "Problem", Kind.DELTA, 1, 2), Origin.HARD_WIRED)
        if base != "HardWiredOnly" and Origin.PRECONFIGURED not in have:
            self._factory(
                Wanted(Place("ChargingStation"), "AvailabilityState", Kind.DELTA, 1, 8), Origin.PRECONFIGURED
            )
        return "Accepted"

    def _factory(self, wanted: Wanted, origin: Origin) -> None:
        found = self.model.find(wanted.place, wanted.variable)
        if isinstance(found, Variable):
            number = next(self._ids)
            self.monitors[number] = Monitor(number, wanted, found, origin, reported=found.value)

    def place(self, wanted: Wanted) -> tuple[str, int | None]:
        """Make or replace a monitor: the status and its number (N04)."""
        found = self.model.find(wanted.place, wanted.variable, wanted.instance)
        if isinstance(found, Verdict):
            return found.value, None
        refusal = self._refusal(wanted, found)
        if refusal is not None:
            return refusal, None
        before = self.monitors.get(wanted.id) if wanted.id is not None else None
        if before is not None:
            self._remove(before)
        number = before.id if before is not None else next(self._ids)
        monitor = Monitor(number, replace(wanted, id=number), found, reported=found.value)
        self.monitors[number] = monitor
        self._wait(monitor)
        self._judge(monitor, found.value)
        return "Accepted", number

    def _refusal(self, wanted: Wanted, variable: Variable) -> str | None:
        before = None if wanted.id is None else self.monitors.get(wanted.id)
        if wanted.id is not None and (before is None or before.origin is Origin.HARD_WIRED):
            return "Rejected"  # N04.FR.11, N04.FR.13
        if before is not None and before.variable is not variable:
            return "Rejected"  # N04.FR.16
        number = variable.data_type in _NUMBERS
        if wanted.kind in (Kind.UPPER, Kind.LOWER) and not number:
            return "UnsupportedMonitorType"
        if not 0 <= wanted.severity <= _ALL or (wanted.value < 0 and wanted.kind is Kind.DELTA):
            return "Rejected"
        if wanted.kind in (Kind.PERIODIC, Kind.ALIGNED) and wanted.value <= 0:
            return "Rejected"
        above = variable.highest is not None and wanted.value > variable.highest
        if wanted.kind is Kind.UPPER and above:
            return "Rejected"  # N04.FR.09: out of the variable's range
        twin = next((one for one in self.monitors.values() if _same(one, wanted, variable)), None)
        return "Duplicate" if twin is not None and twin.id != wanted.id else None

    def clear(self, number: int) -> str:
        """Remove a monitor; hard-wired ones stay (N06)."""
        found = self.monitors.get(number)
        if found is None:
            return "NotFound"
        if found.origin is Origin.HARD_WIRED:
            return "Rejected"
        self._remove(found)
        return "Accepted"

    def set_level(self, severity: int) -> str:
        """What is less severe is not told (N03); 0 is the most severe."""
        if not _DANGER_ONLY <= severity <= _ALL:
            return "Rejected"
        self.level = severity
        self.model.put(Place(_CONTROLLER), "ActiveMonitoringLevel", str(severity))
        return "Accepted"

    def found(self, kinds: set[Kind], places: list[tuple[Place, str | None]]) -> list[Monitor]:
        """The monitors of some kinds at some variables; an empty list means all (N02.FR.05 and following)."""
        return [
            one
            for one in self.monitors.values()
            if (not kinds or one.wanted.kind in kinds)
            and (not places or any(_at(one, place, name) for place, name in places))
        ]

    # Watching

    def _changed(self, variable: Variable, before: str) -> None:
        for one in list(self.monitors.values()):
            if one.variable is variable:
                self._judge(one, variable.value)

    def _judge(self, one: Monitor, value: str) -> None:
        """Whether a value is to be told (N07)."""
        wanted = one.wanted
        if wanted.kind in (Kind.UPPER, Kind.LOWER):
            number, upper = _number(value), wanted.kind is Kind.UPPER
            beyond = number > wanted.value if upper else number < wanted.value
            if beyond is not one.alarmed:
                one.alarmed = beyond
                self._tell(one, "Alerting", value, cleared=not beyond)
        elif wanted.kind is Kind.DELTA and self._moved(one, value):
            one.reported = value
            self._tell(one, "Delta", value)

    def _moved(self, one: Monitor, value: str) -> bool:
        """Numbers by so much, all else at any change (N04.FR.17)."""
        if one.variable.data_type not in _NUMBERS:
            return value != one.reported
        return abs(_number(value) - _number(one.reported)) >= max(one.wanted.value, 1e-9)

    def _wait(self, one: Monitor) -> None:
        if one.wanted.kind not in (Kind.PERIODIC, Kind.ALIGNED):
            return
        wait_s = one.wanted.value
        if one.wanted.kind is Kind.ALIGNED:
            now = self.clock.now()
            passed_s = (now - now.replace(hour=0, minute=0, second=0, microsecond=0)).total_seconds()
            wait_s -= passed_s % wait_s
        one.timer = self.clock.call_later(wait_s, lambda: self._due(one))

    def _due(self, one: Monitor) -> None:
        self._tell(one, "Periodic", one.variable.value)
        self._wait(one)

    def _tell(self, one: Monitor, trigger: str, value: str, cleared: bool = False) -> None:
        wanted, now = one.wanted, self.clock.now()
        if wanted.severity > self.level or not self.model.flag(_CONTROLLER, "Enabled"):
            return
        if not self.online() and wanted.severity > self._worth_keeping():
            return
        transaction = self.transaction(wanted.place)
        if wanted.in_transaction and transaction is None:
            return
        event = self._event(one, trigger, value, now)
        self.emit(EventNews((replace(event, cleared=cleared, transaction_id=transaction),), now))

    def _worth_keeping(self) -> int:
        """N07.FR.18: while offline, only so severe ones are kept for later."""
        return self.model.integer(_CONTROLLER, "OfflineQueuingSeverity")

    def _event(self, one: Monitor, trigger: str, value: str, now: datetime) -> Event:
        return Event(
            event_id=next(self._events),
            at=now,
            trigger=trigger,
            value=value,
            place=one.wanted.place,
            variable=one.wanted.variable,
            instance=one.wanted.instance,
            kind=one.origin.value,
            severity=one.wanted.severity,
            monitor_id=one.id,
        )

    def _remove(self, one: Monitor) -> None:
        if one.timer is not None:
            one.timer.cancel()
        self.monitors.pop(one.id, None)


def _same(one: Monitor, wanted: Wanted, variable: Variable) -> bool:
    """Whether two monitors are of one kind and severity at one variable."""
    other = one.wanted
    return one.variable is variable and (other.kind, other.severity) == (wanted.kind, wanted.severity)


def _at(one: Monitor, place: Place, name: str | None) -> bool:
    mine = one.wanted.place
    if mine.component.casefold() != place.component.casefold():
        return False
    if place.evse_id is not None and (place.evse_id, place.connector_id) != (mine.evse_id, mine.connector_id):
        return False
    return name is None or name.casefold() == one.wanted.variable.casefold()


def _number(value: str) -> float:
    try:
        return float(value)
    except ValueError:
        return 0.0
