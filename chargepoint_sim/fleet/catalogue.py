"""The kinds of vehicles a fleet is made of."""

import random
import tomllib
from importlib.resources import files

from chargepoint_sim.ev.battery import BatteryModel
from chargepoint_sim.ev.vehicle import Current, VehicleModel

_RESOURCE = "data/vehicles.toml"


class Catalogue:
    """Vehicle models and how often each is met."""

    def __init__(self) -> None:
        text = files("chargepoint_sim").joinpath(_RESOURCE).read_text(encoding="utf-8")
        rows = tomllib.loads(text)["vehicle"]
        self.models = [
            VehicleModel(
                name=row["name"],
                battery=BatteryModel(
                    float(row["capacity_wh"]), float(row["max_charge_w"]), float(row["max_discharge_w"])
                ),
                bidirectional=row["bidirectional"],
                current=Current(row["current"]),
                voltage_v=float(row["voltage_v"]),
            )
            for row in rows
        ]
        self._weights = [float(row["weight"]) for row in rows]

    def named(self, part: str) -> VehicleModel:
        """The first model whose name has this in it, in any case. Raises `KeyError` naming all models."""
        for model in self.models:
            if part and part.lower() in model.name.lower():
                return model
        names = "; ".join(model.name for model in self.models)
        raise KeyError(f"no vehicle {part!r} among: {names}")

    def draw(self, dice: random.Random, least_capacity_wh: float) -> VehicleModel:
        """A model whose battery is large enough; the largest if none is."""
        fitting = [
            (model, weight)
            for model, weight in zip(self.models, self._weights, strict=True)
            if model.battery.capacity_wh >= least_capacity_wh
        ]
        if not fitting:
            return max(self.models, key=lambda model: model.battery.capacity_wh)
        models, weights = [model for model, _ in fitting], [weight for _, weight in fitting]
        return dice.choices(models, weights)[0]
