"""A traction battery: state of charge, taper at both ends, losses. Pure arithmetic."""

from dataclasses import dataclass

from chargepoint_sim.ev.climate import Climate, charge_share, discharge_share

_TAPER_FLOOR = 0.05  # share of full power that is left at the very end of the taper
_SECONDS_PER_HOUR = 3600.0


@dataclass(frozen=True)
class BatteryModel:
    """What a battery can do. Powers in W at the vehicle's inlet, both positive."""

    capacity_wh: float
    max_charge_w: float
    max_discharge_w: float = 0.0
    charge_efficiency: float = 0.95
    discharge_efficiency: float = 0.95
    upper_taper_soc: float = 80.0
    lower_taper_soc: float = 10.0


@dataclass
class Battery:
    """A battery and the energy that is in it now, Wh. Without a climate its temperature plays no part."""

    model: BatteryModel
    energy_wh: float
    climate: Climate | None = None
    temperature_c: float = 20.0

    @classmethod
    def at(cls, model: BatteryModel, soc: float, climate: Climate | None = None) -> "Battery":
        """A battery at a state of charge, percent, as warm as its surroundings."""
        outside_c = 20.0 if climate is None else climate.outside_c
        return cls(model, model.capacity_wh * soc / 100.0, climate, outside_c)

    @property
    def soc(self) -> float:
        """State of charge, percent."""
        return 100.0 * self.energy_wh / self.model.capacity_wh

    def charge_limit_w(self) -> float:
        """The most it takes now, W: full power, then less above the upper taper, none when full."""
        if self.energy_wh >= self.model.capacity_wh:
            return 0.0
        span = 100.0 - self.model.upper_taper_soc
        warm = 1.0 if self.climate is None else charge_share(self.temperature_c)
        return warm * self.model.max_charge_w * _taper((100.0 - self.soc) / span if span > 0 else 1.0)

    def discharge_limit_w(self) -> float:
        """The most it gives now, W (positive): less below the lower taper, none when empty."""
        if self.energy_wh <= 0.0:
            return 0.0
        span = self.model.lower_taper_soc
        warm = 1.0 if self.climate is None else discharge_share(self.temperature_c)
        return warm * self.model.max_discharge_w * _taper(self.soc / span if span > 0 else 1.0)

    def step(self, power_w: float, seconds: float, floor_wh: float = 0.0) -> float:
        """Let `power_w` (+ into the battery) flow; return the mean power that really flowed, W.

        Discharge ends at `floor_wh`, charging when the battery is full.
        """
        if seconds <= 0.0:
            return 0.0
        stored_wh = self.energy_wh
        flowed_w = self._flow(power_w, seconds, floor_wh)
        if self.climate is not None:
            loss_wh = flowed_w * seconds / _SECONDS_PER_HOUR - (self.energy_wh - stored_wh)
            self.temperature_c = self.climate.after(
                self.temperature_c, self.model.capacity_wh, max(0.0, loss_wh), seconds
            )
        return flowed_w

    def _flow(self, power_w: float, seconds: float, floor_wh: float) -> float:
        if power_w == 0.0:
            return 0.0
        hours = seconds / _SECONDS_PER_HOUR
        if power_w > 0.0:
            gain = self.model.charge_efficiency
            room_w = (self.model.capacity_wh - self.energy_wh) / gain / hours
            taken = max(0.0, min(power_w, self.charge_limit_w(), room_w))
            self.energy_wh = min(self.model.capacity_wh, self.energy_wh + taken * gain * hours)
            return taken
        loss = self.model.discharge_efficiency
        stock_w = (self.energy_wh - max(0.0, floor_wh)) * loss / hours
        given = max(0.0, min(-power_w, self.discharge_limit_w(), stock_w))
        self.energy_wh = max(0.0, self.energy_wh - given / loss * hours)
        return -given


def _taper(share: float) -> float:
    """Share of full power when `share` of the taper's span is left."""
    return min(1.0, max(_TAPER_FLOOR, share))
