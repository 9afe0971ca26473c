"""Sampled values become readings: signed, unit-clean, finite. Positive flows into the vehicle.

What cannot be believed becomes `None`, never a guess: an unknown unit, a number that is not finite, a
register below zero, a negative Power.Active.Export. A negative Power.Active.Import is a dialect for export.
Registers are kept apart and never netted: Energy.Active.Net says nothing of either and is left alone.
"""

from collections.abc import Sequence
from datetime import datetime
from math import isfinite
from typing import Protocol

from msgspec import Struct


class SampledValue(Struct, frozen=True, gc=False):
    """One value as the station sent it; its number is `value` times ten to the `multiplier` in `unit`."""

    value: float
    measurand: str = "Energy.Active.Import.Register"
    unit: str | None = None
    multiplier: int = 0
    phase: str | None = None
    location: str = "Outlet"
    context: str = "Sample.Periodic"


class Reading(Struct, frozen=True, gc=False):
    """What one EVSE's meter said at one instant. `None` means not said or not believable.

    `power_w` is signed (+ into the vehicle); the registers are magnitudes that only grow; `soc` is percent.
    `soc_refused` tells that a SoC was sent which cannot be true (NaN, below 0, above 100).
    """

    at: datetime
    power_w: float | None = None
    import_wh: float | None = None
    export_wh: float | None = None
    soc: float | None = None
    soc_refused: bool = False
    context: str = "Sample.Periodic"


class Metered(Protocol):
    """Whatever has a power reading, signed W, and its time."""

    @property
    def power_w(self) -> float | None:
        """The reading; None if there is none."""

    @property
    def power_at(self) -> datetime | None:
        """When it was read."""


class MeterReport(Struct, frozen=True, gc=False):
    """MeterValues outside transaction events; `signed` is the message as it came if it has signed values."""

    evse_id: int
    readings: tuple[Reading, ...]
    signed: bytes | None = None


_WATT = {None: 1.0, "W": 1.0, "kW": 1e3, "MW": 1e6}
_WATT_HOUR = {None: 1.0, "Wh": 1.0, "kWh": 1e3, "MWh": 1e6}
_PERCENT = {None: 1.0, "Percent": 1.0, "%": 1.0, "Wh": 1.0}  # Wh: the schema's default for a unit left out
_IMPORT_W, _EXPORT_W = "Power.Active.Import", "Power.Active.Export"
_IMPORT_WH, _EXPORT_WH = "Energy.Active.Import.Register", "Energy.Active.Export.Register"
_SOC = "SoC"
_UNITS = {_IMPORT_W: _WATT, _EXPORT_W: _WATT, _IMPORT_WH: _WATT_HOUR, _EXPORT_WH: _WATT_HOUR, _SOC: _PERCENT}
_MULTIPLIER_MAX = 9
# Where to believe a meter, best first: the outlet is what the vehicle gives and takes. What is measured
# upstream (2.1) is of the grid connection and no word on the vehicle.
_LOCATIONS = ("Outlet", "Cable", "Body", "Inlet", "EV")
_PHASE_SETS = (("L1", "L2", "L3"), ("L1-N", "L2-N", "L3-N"))


def reading(at: datetime, values: Sequence[SampledValue]) -> Reading:
    """One instant's sampled values as a reading; the context is that of the first value."""
    kept: dict[str, SampledValue | list[SampledValue]] = {}
    for value in values:
        measurand = value.measurand
        if measurand not in _UNITS:
            continue
        known = kept.get(measurand)
        if known is None:
            kept[measurand] = value
        elif isinstance(known, list):
            known.append(value)
        else:
            kept[measurand] = [known, value]
    told = kept.get
    soc, soc_refused = _soc(told(_SOC))
    return Reading(
        at,
        _power(_total(told(_IMPORT_W)), _total(told(_EXPORT_W))),
        _register(_total(told(_IMPORT_WH))),
        _register(_total(told(_EXPORT_WH))),
        soc,
        soc_refused,
        values[0].context if values else "Sample.Periodic",
    )


def _number(value: SampledValue) -> float | None:
    """The value in W, Wh or percent; None if it is not finite or its unit does not fit."""
    factor, multiplier = _UNITS[value.measurand].get(value.unit), value.multiplier
    if factor is None or (multiplier and abs(multiplier) > _MULTIPLIER_MAX):
        return None
    number = value.value * factor * 10.0**multiplier if multiplier else value.value * factor
    return number if isfinite(number) else None


def _total(values: SampledValue | list[SampledValue] | None) -> float | None:
    """The overall value at the best place; the sum of its phases if there is no overall one."""
    if values is None:
        return None
    if isinstance(values, SampledValue):
        if values.phase is None and values.location in _LOCATIONS:
            return _number(values)
        values = [values]
    for location in _LOCATIONS:
        here = {value.phase: value for value in reversed(values) if value.location == location}
        if None in here:
            return _number(here[None])
        for phases in _PHASE_SETS:
            numbers = [_number(here[phase]) for phase in phases if phase in here]
            known = [number for number in numbers if number is not None]
            if numbers:
                return sum(known) if len(known) == len(numbers) else None
    return None


def _power(imported: float | None, exported: float | None) -> float | None:
    """Signed power. An export of zero alone does not say that nothing flows in."""
    if exported is not None and exported < 0:
        exported = None
    if imported is None:
        return -exported if exported else None
    if imported < 0:
        return -max(-imported, exported or 0.0)
    return imported - (exported or 0.0)


def _register(energy_wh: float | None) -> float | None:
    return energy_wh if energy_wh is not None and energy_wh >= 0 else None


def _soc(values: SampledValue | list[SampledValue] | None) -> tuple[float | None, bool]:
    """State of charge in percent, and whether one was sent that cannot be true."""
    if values is None:
        return None, False
    soc = _number(values[0] if isinstance(values, list) else values)
    return (soc, False) if soc is not None and 0 <= soc <= 100 else (None, True)
