"""From what the profiles say to the one order for the power path: the operation modes of 2.1, block Q.

An order is W, + into the vehicle: above zero a ceiling, below zero a setpoint.
"""

from dataclasses import dataclass, field
from datetime import datetime

from chargepoint_sim.profiles.amounts import capped, lump_sum
from chargepoint_sim.profiles.composite import Instant
from chargepoint_sim.profiles.profile import Mode, Regulation, Values

_CENTRAL = (Mode.CENTRAL_SETPOINT, Mode.CENTRAL_FREQUENCY)


@dataclass(frozen=True)
class Balancing:
    """The thresholds of local load balancing and what is added to them, W at the grid connection."""

    lower_w: float
    upper_w: float
    lower_offset_w: float = 0.0
    upper_offset_w: float = 0.0

    def correction_w(self, load_w: float) -> float:
        """What the setpoint has to change by (Q09.FR.04)."""
        if load_w > self.upper_w:
            return self.upper_w + self.upper_offset_w - load_w
        if load_w < self.lower_w:
            return self.lower_w + self.lower_offset_w - load_w
        return 0.0


@dataclass(frozen=True)
class Change:
    """What is otherwise around a station from now on; what is None stays as it is.

    `limit_w` and `setpoint_w` are the word of the energy manager, as a whole.
    """

    frequency_hz: float | None = None
    load_w: float | None = None
    limit_w: float | None = None
    setpoint_w: float | None = None

    def said(self) -> dict[str, object]:
        """What changes, by name."""
        return {name: value for name, value in vars(self).items() if value is not None}


@dataclass
class Surroundings:
    """What a station measures and hears beside its server: the grid, the site, a local energy manager.

    `load_w` is what the rest of the site takes. `external` is the energy manager's word, in W; without it a
    period that leaves the power to it lets nothing flow by itself.
    """

    frequency_hz: float = 50.0
    load_w: float = 0.0
    external: Values = field(default_factory=Values)
    signals: list[tuple[datetime, int]] = field(default_factory=list)
    most_discharge_w: float | None = None
    """What a DER control leaves of the discharge power (LimitMaxDischarge)."""

    def take(self, change: Change) -> None:
        """It is otherwise from now on."""
        if change.frequency_hz is not None:
            self.frequency_hz = change.frequency_hz
        if change.load_w is not None:
            self.load_w = change.load_w
        if change.limit_w is not None or change.setpoint_w is not None:
            limit, setpoint = (None if w is None else (w,) for w in (change.limit_w, change.setpoint_w))
            self.external = Values(limit=limit, setpoint=setpoint)

    def hear_signal(self, at: datetime, signal: int, now: datetime) -> None:
        """Take an aFRR signal that holds from `at` on (Q08.FR.10); those that are over are forgotten."""
        older = [one for one in self.signals if one[0] < at]
        past = [one for one in older if one[0] <= now]
        self.signals = [*past[-1:], *older[len(past) :], (at, signal)]

    def signal_at(self, now: datetime) -> int | None:
        """The signal that holds."""
        return next((signal for at, signal in reversed(self.signals) if at <= now), None)


def order_w(
    found: Instant, around: Surroundings, now: datetime, power_w: float, balancing: Balancing | None
) -> float:
    """What the power path is ordered, W. `power_w` is what flows at present."""
    values = found.values
    match found.mode:
        case Mode.IDLE:
            return 0.0
        case Mode.LOCAL_FREQUENCY:
            wanted = _regulated_w(found.steering.regulation if found.steering else None, around, now)
        case Mode.LOCAL_LOAD_BALANCING:
            correction_w = 0.0 if balancing is None else balancing.correction_w(around.load_w + power_w)
            wanted = power_w + correction_w
        case Mode.EXTERNAL_SETPOINT:
            wanted = lump_sum(around.external.setpoint or values.setpoint or (0.0,))
        case Mode.EXTERNAL_LIMITS:
            limits = [one for one in (around.external.limit, values.limit) if one is not None]
            return min((lump_sum(limit) for limit in limits), default=0.0)
        case _ if values.setpoint is not None:
            wanted = lump_sum(values.setpoint)
        case _:
            return 0.0 if values.limit is None else lump_sum(values.limit)
    within = capped((wanted,), _lumped(values.limit), _lumped(values.discharge))[0]
    return within if around.most_discharge_w is None else max(within, -around.most_discharge_w)


def _lumped(amount: tuple[float, ...] | None) -> tuple[float, ...] | None:
    return None if amount is None else (lump_sum(amount),)


def _regulated_w(regulation: Regulation | None, around: Surroundings, now: datetime) -> float:
    """Baseline, what the frequency asks for and what an aFRR signal adds (Q08.FR.06, Q08.FR.10)."""
    if regulation is None or regulation.over_frequency is None:
        return 0.0
    wanted = regulation.baseline_w + regulation.over_frequency.at(around.frequency_hz)
    signal = around.signal_at(now)
    if signal is not None and regulation.over_signal is not None:
        wanted += regulation.over_signal.at(float(signal))
    return wanted
