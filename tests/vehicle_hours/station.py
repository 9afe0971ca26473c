"""A station with one EVSE and the vehicles that come to it: true values, and what it says of them.

Seconds are counted from the beginning of a run; power is signed, positive into the vehicle.
"""

import math
from dataclasses import dataclass, field
from enum import StrEnum
from random import Random

RESERVE = 30.0


class Obeys(StrEnum):
    """What a station does with a profile."""

    YES = "yes"
    REFUSES = "refuses leases"
    IGNORES = "accepts leases and ignores them"
    INVERTS = "takes a negative limit for a positive one"


class Says(StrEnum):
    """What a vehicle, or its station, says of its state of charge after a first true word."""

    TRUE = "true"
    FROZEN = "as it was"
    CREEPS = "rising while it falls"
    JUMPS = "too high at once"
    NAN = "not a number"
    NOTHING = "nothing"


@dataclass
class Vehicle:
    """A battery that stays for a while. `soc` in percent is true."""

    soc: float
    capacity_wh: float
    wish_w: float
    leaves_s: float
    out_efficiency: float
    says: Says
    name: str
    first_said: float | None = None
    told: float | None = None
    reserve: float = RESERVE


@dataclass(frozen=True)
class Held:
    """A profile in the station: from `bites_s` on it limits to `limit_w`, until `ends_s`.

    Before it bites it allows all. `reserve` is what the driver wanted kept when a lease was sent.
    """

    limit_w: float
    ends_s: float
    bites_s: float = 0.0
    transaction: str = ""
    reserve: float = RESERVE


@dataclass
class Station:
    """What is true at one EVSE, moved on by `live`."""

    name: str
    site: str
    rating_w: float
    obeys: Obeys
    random: Random
    vehicle: Vehicle | None = None
    transaction: str = ""
    plugged_s: float = 0.0
    lease: Held | None = None
    fallback: Held | None = None
    online: bool = True
    metered: bool = True
    at_s: float = 0.0
    power_w: float = 0.0
    import_wh: float = 0.0
    export_wh: float = 0.0
    first_wh: tuple[float, float] = (0.0, 0.0)
    boot: int = 1
    visits: int = 0
    said: dict[str, object] = field(default_factory=dict)

    def live(self, to_s: float) -> float:
        """Let time pass at the power that flows. The plugged-in seconds that passed."""
        passed_s, self.at_s = to_s - self.at_s, to_s
        vehicle = self.vehicle
        if vehicle is None or passed_s <= 0:
            return 0.0
        energy_wh = self.power_w * passed_s / 3600
        if energy_wh >= 0:
            self.import_wh += energy_wh
            vehicle.soc = min(100.0, vehicle.soc + 92 * energy_wh / vehicle.capacity_wh)
        else:
            self.export_wh -= energy_wh
            vehicle.soc += 100 * energy_wh / vehicle.out_efficiency / vehicle.capacity_wh
        return passed_s

    def settle(self) -> None:
        """The power that flows from now on, by what stands in the station."""
        now_s = self.at_s
        if self.lease is not None and self.lease.ends_s <= now_s:
            self.lease = None
        if self.fallback is not None and self.fallback.ends_s <= now_s:
            self.fallback = None
        self.power_w = self._power()

    def next_turn_s(self) -> float:
        """When what stands in the station changes by itself."""
        turns = [held.ends_s for held in (self.lease, self.fallback) if held is not None]
        if self.fallback is not None and self.fallback.bites_s > self.at_s:
            turns.append(self.fallback.bites_s)
        return min(turns, default=math.inf)

    def _power(self) -> float:
        vehicle = self.vehicle
        if vehicle is None:
            return 0.0
        wish_w = vehicle.wish_w if vehicle.soc < 100.0 else 0.0
        lease = self.lease
        if lease is not None and lease.transaction == self.transaction and self.obeys is not Obeys.IGNORES:
            if lease.limit_w >= 0:
                return min(lease.limit_w, wish_w)
            if self.obeys is Obeys.INVERTS:
                return min(-lease.limit_w, self.rating_w) if vehicle.soc < 100.0 else 0.0
            return max(lease.limit_w, -self.rating_w)
        if self.fallback is not None and self.fallback.bites_s <= self.at_s:
            return min(self.fallback.limit_w, wish_w)
        return wish_w

    def plug(self, vehicle: Vehicle) -> None:
        """A vehicle comes; a transaction begins."""
        self.vehicle, self.plugged_s, self.visits = vehicle, self.at_s, self.visits + 1
        self.transaction = f"{self.name}-{self.visits}"
        self.first_wh = (self.import_wh, self.export_wh)
        self.said = {}
        self.settle()

    def unplug(self) -> None:
        """It leaves; its transaction and the lease in it end (K02.FR.05)."""
        self.vehicle, self.lease, self.power_w = None, None, 0.0

    def say_soc(self) -> float | None:
        """What is told of the state of charge now; the first word is true."""
        vehicle = self.vehicle
        assert vehicle is not None
        if vehicle.says is Says.NOTHING:
            return None
        if vehicle.told is None:
            vehicle.told = vehicle.soc
            return vehicle.soc
        match vehicle.says:
            case Says.FROZEN:
                pass
            case Says.CREEPS:
                vehicle.told = min(100.0, vehicle.told + 0.3)
            case Says.JUMPS:
                vehicle.told = 95.0
            case Says.NAN:
                return math.nan
            case _:
                vehicle.told = vehicle.soc
        return vehicle.told
