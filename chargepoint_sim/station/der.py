"""DER controls of a station (2.1, R04): which are set, which run, which overrule which. Pure.

A lower priority number overrules a higher one. Scheduled controls stand above the default of their type.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

LIMIT_MAX_DISCHARGE = "LimitMaxDischarge"
GRID_FAULTS = (
    "CurrentImbalance",
    "LocalEmergency",
    "LowInputPower",
    "OverCurrent",
    "OverFrequency",
    "OverVoltage",
    "PhaseRotation",
    "RemoteEmergency",
    "UnderFrequency",
    "UnderVoltage",
    "VoltageImbalance",
)
"""What an alarm may say of the grid, by OCPP's name."""


@dataclass(frozen=True)
class DerControl:
    """One control. `settings` is what the server wrote, untouched; `name` the property that holds it."""

    id: str
    type: str
    default: bool
    name: str
    settings: Mapping[str, Any]
    start: datetime | None = None
    duration_s: float | None = None
    superseded: bool = False
    running: bool = False

    @property
    def priority(self) -> int:
        """Lower overrules higher."""
        return int(self.settings["priority"])

    def due(self, now: datetime) -> bool:
        """Whether its time has come."""
        return self.default or self.start is None or self.start <= now

    def over(self, now: datetime) -> bool:
        """Whether its time is over."""
        if self.default or self.duration_s is None or self.start is None:
            return False
        return now >= self.start + timedelta(seconds=self.duration_s)


@dataclass(frozen=True)
class Turn:
    """A scheduled control has begun or ended, and overruled others."""

    control: DerControl
    started: bool
    superseded: tuple[str, ...] = ()


@dataclass
class DerControls:
    """All of a station."""

    controls: list[DerControl] = field(default_factory=list)

    def set(self, new: DerControl, now: datetime) -> tuple[str, ...]:
        """Take a control in, in place of one with its id; the ids that are superseded by it (or itself)."""
        self.controls = [one for one in self.controls if one.id != new.id]
        superseded: list[str] = []
        for index, old in enumerate(self.controls):
            if (old.type, old.default, old.superseded) != (new.type, new.default, False):
                continue
            if old.running and not new.default and old.priority > new.priority and not new.due(now):
                continue  # R04.FR.07: it runs on until the new one starts
            if old.priority >= new.priority:  # R04.FR.03, R04.FR.06
                self.controls[index] = replace(old, superseded=True, running=False)
                superseded.append(old.id)
            elif old.running or new.default:  # R04.FR.08
                new = replace(new, superseded=True)
                superseded.append(new.id)
        self.controls.append(new)
        return tuple(superseded)

    def matching(
        self, default: bool | None = None, kind: str | None = None, control_id: str | None = None
    ) -> list[DerControl]:
        """The controls that are meant; what is None does not matter."""
        return [
            one
            for one in self.controls
            if (default is None or one.default is default)
            and (kind is None or one.type == kind)
            and (control_id is None or one.id == control_id)
        ]

    def clear(self, default: bool, kind: str | None, control_id: str | None) -> int:
        """Remove controls; how many."""
        gone = self.matching(default, kind, control_id)
        self.controls = [one for one in self.controls if one not in gone]
        return len(gone)

    def turn(self, now: datetime) -> list[Turn]:
        """Let time pass: what begins and what ends now. What is over is forgotten (R04.FR.10)."""
        turns: list[Turn] = []
        for one in list(self.controls):
            if one.over(now):
                self.controls.remove(one)
                if one.running:
                    turns.append(Turn(one, started=False))
            elif not one.default and not one.superseded and not one.running and one.due(now):
                turns.append(self._begin(one))
        return turns

    def _begin(self, one: DerControl) -> Turn:
        """A control starts, and overrules those of its type that run."""
        lost = [
            other.id
            for other in self.controls
            if other.type == one.type
            and other.running
            and not other.default
            and other.priority >= one.priority
        ]
        self.controls = [
            replace(other, superseded=True, running=False) if other.id in lost else other
            for other in self.controls
        ]
        begun = replace(one, running=True)
        self.controls[self.controls.index(one)] = begun
        return Turn(begun, started=True, superseded=tuple(lost))

    def next_at(self, now: datetime) -> datetime | None:
        """When something begins or ends next."""
        moments = [one.start for one in self.controls if one.start is not None and one.start > now]
        moments += [
            one.start + timedelta(seconds=one.duration_s)
            for one in self.controls
            if one.start is not None and one.duration_s is not None and not one.default
        ]
        return min((moment for moment in moments if moment > now), default=None)

    def active(self, kind: str, now: datetime) -> DerControl | None:
        """The control of a type that holds: a scheduled one, else the default (R04.FR.11)."""
        held = [one for one in self.matching(kind=kind) if not one.superseded and one.due(now)]
        held = [one for one in held if not one.over(now)]
        scheduled = [one for one in held if not one.default]
        return min(scheduled or held, key=lambda one: one.priority, default=None)

    def most_discharge_w(self, rated_w: float, now: datetime) -> float | None:
        """What LimitMaxDischarge leaves of the rated discharge power, W; None if nothing limits it."""
        control = self.active(LIMIT_MAX_DISCHARGE, now)
        share = None if control is None else control.settings.get("pct_max_discharge_power")
        return None if share is None else rated_w * float(share) / 100.0
