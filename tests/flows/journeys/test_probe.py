"""The real probe on our own simulator, over real sockets: what ships of it is what the probe finds."""

import pytest

from csms.domain.dialect_record import UNKNOWN, record_fields
from tests.flows.journeys.test_grid_event import House, house
from tests.flows.journeys.test_versions import DIALECTS, station

__all__ = ["house"]

POWER_W = 2000


@pytest.mark.timeout(180)
@pytest.mark.parametrize("version", DIALECTS)
def test_what_ships_of_our_simulator_is_what_the_probe_finds(house: House, version: str) -> None:
    house.rest.post("/sites", {"siteId": "home", "importLimitW": 60_000, "exportLimitW": 60_000})
    station(house, version)
    identity = f"of-{version}"
    place = f"/stations/{identity}/dialect-record"
    house.rest.put(place, {"record": record_fields(UNKNOWN)})  # as of a model that nobody has tried
    assert house.rest.get(f"/stations/{identity}")["discharge"] == "none"

    house.csms("station", "probe", identity, "--attended", "--power", f"{POWER_W}W")
    told = house.rest.get(place)
    assert told["origin"] == "probe"
    ships = {one["name"]: one["record"] for one in house.rest.get("/dialect-records")["items"]}
    claimed, found = ships[f"simevse-{version}"], told["record"]
    proof, claim = found.pop("verifiedBy"), claimed.pop("verifiedBy")
    assert proof["steps"] == [1, 2, 3, 4, 5, 6]
    assert (claim["steps"], claim["firmware"]) == (proof["steps"], proof["firmware"])
    assert claimed == found
