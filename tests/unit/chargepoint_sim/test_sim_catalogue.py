"""The catalogue of vehicles: real models, with and without the ability to give back."""

import random
import tomllib
from importlib.resources import files

import pytest

from chargepoint_sim.ev.vehicle import Current
from chargepoint_sim.fleet.catalogue import Catalogue

ROWS = tomllib.loads(files("chargepoint_sim").joinpath("data/vehicles.toml").read_text())["vehicle"]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["name"])
def test_every_vehicle_is_plausible_and_says_where_it_is_from(row: dict[str, object]) -> None:
    for figure in ("capacity", "charge", "discharge"):
        beside = str(row[f"{figure}_from"])
        assert "https://" in beside or "http://" in beside or beside.startswith("typical: ")
    assert 15_000 <= float(str(row["capacity_wh"])) <= 250_000
    assert 3_000 <= float(str(row["max_charge_w"])) <= 350_000
    assert (float(str(row["max_discharge_w"])) > 0) is row["bidirectional"]
    assert row["bidirectional"] is ("://" in str(row["discharge_from"]))  # nobody gives back unproven
    assert float(str(row["max_discharge_w"])) <= float(str(row["max_charge_w"]))
    assert row["current"] == "DC" or float(str(row["max_charge_w"])) <= 22_000


def test_there_are_enough_of_every_kind() -> None:
    models = Catalogue().models
    assert len(models) >= 12
    assert len({model.name for model in models}) == len(models)
    for current in Current:
        for bidirectional in (False, True):
            assert any((one.current, one.bidirectional) == (current, bidirectional) for one in models)


def test_vehicles_are_drawn_that_can_hold_what_is_needed() -> None:
    catalogue, dice = Catalogue(), random.Random(1)
    drawn = [catalogue.draw(dice, 90_000) for _ in range(50)]
    assert all(model.battery.capacity_wh >= 90_000 for model in drawn)
    assert len({model.name for model in drawn}) > 1
    assert catalogue.draw(dice, 10_000_000).name.startswith("Ford F-150")
    with pytest.raises(KeyError, match="no vehicle 'Trabant'"):
        catalogue.named("Trabant")
