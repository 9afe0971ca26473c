"""A driver with a vehicle who stays at a simulated station, and what is true about them at the end."""

import random
from dataclasses import dataclass, replace

from chargepoint_sim.dice import dice
from chargepoint_sim.ev.battery import Battery
from chargepoint_sim.ev.vehicle import DriverNeeds, Vehicle, VehicleModel
from chargepoint_sim.fleet.catalogue import Catalogue
from chargepoint_sim.fleet.sessions import Stay
from chargepoint_sim.meter import Meter

_MIN_SOC, _V2X_MIN_SOC = 10.0, 15.0
_RESERVES = (20.0, 30.0, 30.0, 40.0)
_FULL_SOC = 97.0


@dataclass
class Guest:
    """One vehicle with its driver. Energies in Wh at the station's meter while it was there."""

    number: str
    vehicle: Vehicle
    reserve_soc: float
    stay: Stay
    came_with: Meter | None = None
    imported_wh: float = 0.0
    exported_wh: float = 0.0

    @property
    def id_token(self) -> str:
        """What the driver shows."""
        return f"TAG-{self.number}"

    @property
    def driver_id(self) -> str:
        """The driver's name on the server."""
        return f"driver-{self.number}"

    @property
    def vehicle_id(self) -> str:
        """The vehicle's name on the server."""
        return f"vehicle-{self.number}"

    def arrive(self, meter: Meter, start_s: float) -> None:
        """Remember the meter, and say when to leave; `start_s` is the clock's monotonic reading at 0."""
        self.came_with = replace(meter)
        expected = self.stay.expected_s
        if expected is not None and expected > 0.0:
            self.vehicle.needs = replace(self.vehicle.needs, departure_s=start_s + expected)

    def read(self, meter: Meter) -> None:
        """Take the difference to the meter at arrival."""
        if self.came_with is not None:
            self.imported_wh = meter.import_wh - self.came_with.import_wh
            self.exported_wh = meter.export_wh - self.came_with.export_wh

    def margin(self) -> float | None:
        """How far above the reserve the battery stayed while giving, percent; None if it never gave."""
        low = self.vehicle.lowest_discharging_soc
        return None if low is None else low - self.reserve_soc

    def truth(self) -> dict[str, object]:
        """What really happened."""
        low = self.vehicle.lowest_discharging_soc
        return {
            "id_token": self.id_token,
            "vehicle": self.vehicle_id,
            "evccid": self.vehicle.evccid,
            "model": self.vehicle.model.name,
            "bidirectional": self.vehicle.model.bidirectional,
            "imported_wh": round(self.imported_wh, 3),
            "exported_wh": round(self.exported_wh, 3),
            "soc": round(self.vehicle.battery.soc, 3),
            "min_soc": round(self.vehicle.lowest_soc, 3),
            "lowest_discharging_soc": None if low is None else round(low, 3),
            "reserve_soc": self.reserve_soc,
        }


@dataclass(frozen=True)
class Wish:
    """What is wanted instead of what a stay leads to: model, range of the first SoC, reserve, percent."""

    model: VehicleModel | None = None
    soc: tuple[float, float] | None = None
    reserve_soc: float | None = None


@dataclass(frozen=True)
class Arrival:
    """A guest in all particulars: to which station, from when to when, with what. s, percent."""

    station: int
    vehicle: str
    soc: float
    leaves_s: float
    at_s: float
    target_soc: float
    reserve_soc: float


def arriving_guest(number: str, arrival: Arrival, catalogue: Catalogue, seed: str) -> Guest:
    """The vehicle of an arrival. `KeyError` for a model that the catalogue does not have."""
    draw = dice(seed, number)
    model = catalogue.named(arrival.vehicle)
    wanted = max(0.0, arrival.target_soc - arrival.soc) / 100.0 * model.battery.capacity_wh
    stay = Stay(arrival.at_s, arrival.leaves_s, arrival.leaves_s, wanted, wanted, 0.0)
    needs = DriverNeeds(target_soc=arrival.target_soc, min_soc=_MIN_SOC, v2x_min_soc=_V2X_MIN_SOC)
    battery = Battery.at(model.battery, arrival.soc)
    vehicle = Vehicle(f"{draw.getrandbits(48):012X}", model, battery, needs)
    guest = Guest(number, vehicle, arrival.reserve_soc, stay)
    vehicle.id_token = guest.id_token
    return guest


def make_guest(number: str, stay: Stay, catalogue: Catalogue, seed: str, wish: Wish | None = None) -> Guest:
    """The vehicle of a stay; when it leaves is set when it arrives.

    Its battery is what the recorded energy leads to: it would end somewhere near full.
    """
    draw = dice(seed, number)
    wish = wish or Wish()
    drawn = catalogue.draw(draw, stay.delivered_wh / 0.75)
    model = wish.model or drawn
    capacity = model.battery.capacity_wh
    gain = model.battery.charge_efficiency
    at_end = draw.uniform(78.0, 95.0)
    missing = 100.0 * gain * (stay.delivered_wh - stay.delivered_before_wh) / capacity
    soc = max(_V2X_MIN_SOC + 3.0, at_end - missing)
    if wish.soc is not None:
        soc = draw.uniform(*wish.soc)
    wanted = max(0.0, min(stay.requested_wh, stay.delivered_wh) - stay.delivered_before_wh)
    target = min(_FULL_SOC, soc + 100.0 * wanted * gain / capacity)
    needs = DriverNeeds(target_soc=target, min_soc=_MIN_SOC, v2x_min_soc=_V2X_MIN_SOC)
    vehicle = Vehicle(
        evccid=f"{draw.getrandbits(48):012X}",
        model=model,
        battery=Battery.at(model.battery, soc),
        needs=needs,
    )
    reserve_soc = draw.choice(_RESERVES)
    guest = Guest(number, vehicle, reserve_soc if wish.reserve_soc is None else wish.reserve_soc, stay)
    vehicle.id_token = guest.id_token
    return guest


def invented_stay(draw: random.Random) -> Stay:
    """A stay where no record is given: already plugged in, leaving some hours later."""
    leaves_s = draw.uniform(2.0, 8.0) * 3600.0
    delivered = draw.uniform(2_000.0, 15_000.0)
    return Stay(
        arrives_s=-600.0,
        leaves_s=leaves_s,
        expected_s=leaves_s,
        requested_wh=delivered,
        delivered_wh=delivered,
        delivered_before_wh=draw.uniform(0.0, 1.0) * delivered,
    )
