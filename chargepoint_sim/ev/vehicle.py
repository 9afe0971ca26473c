"""An electric vehicle: its battery, what its driver needs, and what it can do for the grid."""

from dataclasses import dataclass, field
from enum import StrEnum

from chargepoint_sim.ev.battery import Battery, BatteryModel


class Current(StrEnum):
    """What kind of current goes through the inlet."""

    AC = "AC"
    DC = "DC"


@dataclass(frozen=True)
class PowerLimits:
    """The most power that may flow in and out, W. Both are positive numbers."""

    charge_w: float
    discharge_w: float


@dataclass(frozen=True)
class VehicleModel:
    """One kind of vehicle."""

    name: str
    battery: BatteryModel
    bidirectional: bool
    current: Current = Current.DC
    voltage_v: float = 400.0


@dataclass(frozen=True)
class DriverNeeds:
    """What the driver wants; states of charge in percent.

    `departure_s` is a reading of the clock's monotonic seconds, None if not known. The vehicle
    charges at once below `min_soc` and gives nothing below the larger of `min_soc` and `v2x_min_soc`.
    """

    target_soc: float = 80.0
    min_soc: float = 10.0
    max_soc: float = 100.0
    v2x_min_soc: float = 20.0
    v2x_max_soc: float = 100.0
    departure_s: float | None = None


@dataclass(frozen=True)
class EnergyRequests:
    """Energy that has to go into the battery to reach each bound, Wh; below zero it may be taken out."""

    target_wh: float
    maximum_wh: float
    minimum_wh: float
    v2x_maximum_wh: float
    v2x_minimum_wh: float


@dataclass
class Vehicle:
    """One vehicle. `id_token` is what its driver shows to a station, None if nothing."""

    evccid: str
    model: VehicleModel
    battery: Battery
    needs: DriverNeeds = field(default_factory=DriverNeeds)
    id_token: str | None = None
    lowest_soc: float = field(init=False)
    lowest_discharging_soc: float | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        self.lowest_soc = self.battery.soc

    @property
    def floor_wh(self) -> float:
        """The energy below which it gives nothing, Wh."""
        return self.model.battery.capacity_wh * max(self.needs.min_soc, self.needs.v2x_min_soc) / 100.0

    def ability(self) -> PowerLimits:
        """What it takes and gives now, W."""
        full = self.battery.soc >= self.needs.max_soc
        spare = self.model.bidirectional and self.battery.energy_wh > self.floor_wh
        return PowerLimits(
            charge_w=0.0 if full else self.battery.charge_limit_w(),
            discharge_w=self.battery.discharge_limit_w() if spare else 0.0,
        )

    def rating(self) -> PowerLimits:
        """What it can do at best, W."""
        battery = self.model.battery
        return PowerLimits(battery.max_charge_w, battery.max_discharge_w if self.model.bidirectional else 0.0)

    def requests(self) -> EnergyRequests:
        """Its energy needs now."""
        capacity, stored, needs = self.model.battery.capacity_wh, self.battery.energy_wh, self.needs
        v2x_minimum = capacity * max(needs.min_soc, needs.v2x_min_soc) / 100.0
        return EnergyRequests(
            target_wh=capacity * needs.target_soc / 100.0 - stored,
            maximum_wh=capacity * needs.max_soc / 100.0 - stored,
            minimum_wh=capacity * needs.min_soc / 100.0 - stored,
            v2x_maximum_wh=capacity * min(needs.max_soc, needs.v2x_max_soc) / 100.0 - stored,
            v2x_minimum_wh=v2x_minimum - stored,
        )

    def transfer(self, power_w: float, seconds: float) -> float:
        """Let power flow through the inlet (+ in); return what really flowed, W."""
        flowed = self.battery.step(power_w, seconds, self.floor_wh)
        self.lowest_soc = min(self.lowest_soc, self.battery.soc)
        if flowed < 0.0:
            low = self.lowest_discharging_soc
            self.lowest_discharging_soc = self.battery.soc if low is None else min(low, self.battery.soc)
        return flowed
