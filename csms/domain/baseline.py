"""What would have flowed without the event, one function for each method."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from csms.domain.grid_event import GridEvent
from csms.domain.meter import Reading
from csms.domain.program import BaselineMethod
from csms.domain.registers import Registers
from csms.domain.schedule import Schedule
from csms.domain.units import finite

WINDOW = timedelta(minutes=15)
_COVERED_MIN = timedelta(minutes=1)


def baseline_wh(
    method: BaselineMethod,
    readings: Sequence[Reading],
    event: GridEvent,
    start: datetime,
    end: datetime,
    bidirectional: bool = True,
) -> float | None:
    """Net energy (Wh, + into the vehicle) of one EVSE from `start` to `end` had there been no event.

    None if the method's data is missing: nothing is made up. `bidirectional` False: the EVSE cannot export
    and has no export register.
    """
    power_w = baseline_w(method, readings, event, bidirectional)
    return None if power_w is None else power_w * (end - start).total_seconds() / 3600


def baseline_w(
    method: BaselineMethod, readings: Sequence[Reading], event: GridEvent, bidirectional: bool = True
) -> float | None:
    """Net power (W) that the method assumes during the whole event; a loop may freeze it at the start."""
    match method:
        case BaselineMethod.ZERO:
            return 0.0
        case BaselineMethod.PRE_EVENT:
            return pre_event_w(readings, event.start, bidirectional)


def pre_event_w(readings: Sequence[Reading], start: datetime, bidirectional: bool = True) -> float | None:
    """Mean net power in the quarter of an hour before the start, from registers, else from power readings.

    A shorter history does from one minute on. Nothing measured after the start is looked at.
    """
    before = [reading for reading in readings if reading.at <= start]
    registers = Registers.of(before, bidirectional)
    # The last word before the start is near enough to it; the window ends there and stays as long as it is.
    end = registers.last
    if end is not None and registers.first is not None and start - end <= WINDOW:
        begin = max(registers.first, end - WINDOW)
        flowed = registers.between(begin, end, WINDOW) if end - begin >= _COVERED_MIN else None
        if flowed is not None:
            return (flowed.import_wh - flowed.export_wh) * 3600 / (end - begin).total_seconds()
    return _mean_power_w(before, start)


def _mean_power_w(readings: Sequence[Reading], start: datetime) -> float | None:
    powers = Schedule.of((reading.at, reading.power_w) for reading in readings if finite(reading.power_w))
    if not powers.times or start - powers.times[-1] > WINDOW:
        return None
    begin = max(powers.times[0], start - WINDOW)
    energy_wh = powers.energy_wh(begin, start) if start - begin >= _COVERED_MIN else None
    return None if energy_wh is None else energy_wh * 3600 / (start - begin).total_seconds()
