"""Bring a station's variables to the recommended values (`domain.recommended`)."""

from collections.abc import Sequence
from dataclasses import dataclass

from csms.blocks import device_model
from csms.blocks.calls import Desk, Order
from csms.domain.recommended import Recommended, Setting, settings
from csms.store import variables
from csms.store.stations import StationRow
from csms.wire import words

TAKEN = ("Accepted", "RebootRequired")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one variable: `value` is the last that was tried, `status` the station's word on it."""

    setting: Setting
    value: str
    status: str


async def plan(desk: Desk, station: StationRow, table: Sequence[Recommended]) -> list[Setting]:
    """What is not as it should be, by what the station has reported."""
    return settings(await variables.values(desk.db, station.identity), table)


async def bring(desk: Desk, order: Order, table: Sequence[Recommended]) -> list[Outcome]:
    """Set all that is not as it should be; where a value is refused, try the next best.

    `order` says whom and for whom; its `ask` is not looked at. Raises `StationError`.
    """
    left = [(setting, 0) for setting in await plan(desk, order.station, table)]
    outcomes: list[Outcome] = []
    while left:
        data = [_data(setting, number) for setting, number in left]
        results = await device_model.set_variables(desk, order, data)
        said = {
            device_model.place_of(one.component, one.variable).key(): one.attribute_status for one in results
        }
        again = []
        for setting, number in left:
            status = said.get(setting.place.key(), "Rejected")
            if status not in TAKEN and number + 1 < len(setting.values):
                again.append((setting, number + 1))
            else:
                outcomes.append(Outcome(setting, setting.values[number], status))
        left = again
    return outcomes


def _data(setting: Setting, number: int) -> words.SetVariableDataType:
    return words.SetVariableDataType(
        attribute_value=setting.values[number],
        component=device_model.component_of(setting.place),
        variable=device_model.variable_of(setting.place),
    )
