"""What a 2.1 station writes has the names of the standard, to the letter."""

import json
from collections.abc import Iterator
from pathlib import Path

import ocpp.v21
from ocpp.charge_point import camel_to_snake_case, snake_to_camel_case

from chargepoint_sim.station.v21.names import written

_SHARED_FORM = {"soc", "soC", "priceScheduleId", "priceScheduleID"}


def properties(schema: object) -> Iterator[str]:
    """All property names in a schema."""
    if isinstance(schema, dict):
        yield from schema.get("properties", {})
        for one in schema.values():
            yield from properties(one)
    elif isinstance(schema, list):
        for one in schema:
            yield from properties(one)


def names() -> set[str]:
    """All property names of 2.1."""
    folder = Path(ocpp.v21.__file__).parent / "schemas"
    files = (json.loads(path.read_text(encoding="utf-8-sig")) for path in folder.glob("*.json"))
    return {name for file in files for name in properties(file)}


def test_all_names_come_out_as_they_went_in() -> None:
    everything = names()
    assert len(everything) == 555
    for name in everything - _SHARED_FORM:
        assert written(camel_to_snake_case({name: 1})) == {name: 1}
    for name in everything:
        assert written({name: 1}) == {name: 1}


def test_the_library_alone_would_get_some_wrong() -> None:
    wrong = [name for name in names() if snake_to_camel_case(camel_to_snake_case({name: 1})) != {name: 1}]
    assert len(wrong) == 43


def test_names_are_looked_up_at_any_depth_and_a_vendors_own_are_left_alone() -> None:
    payload = {
        "charging_schedule_period": [{"setpoint_l2": -1.0}],
        "customData": {"vendorId": "v", "my_key": 1},
    }
    assert written(payload) == {
        "chargingSchedulePeriod": [{"setpoint_L2": -1.0}],
        "customData": {"vendorId": "v", "my_key": 1},
    }
