"""What a station says of its meter and its vehicle's state of charge when it lies. W, Wh, percent."""

import math
from dataclasses import replace

from chargepoint_sim.iso15118.outlet import ChargingNeeds
from chargepoint_sim.meter import Measurand, SampledValue
from chargepoint_sim.station.knobs import Knob, Knobs

_IMPOSSIBLE_SOC = 250.0
_REGISTERS = (Measurand.ENERGY_IMPORT, Measurand.ENERGY_EXPORT)
_OTHER_WAY = {
    Measurand.POWER_IMPORT: Measurand.POWER_EXPORT,
    Measurand.POWER_EXPORT: Measurand.POWER_IMPORT,
    Measurand.ENERGY_IMPORT: Measurand.ENERGY_EXPORT,
    Measurand.ENERGY_EXPORT: Measurand.ENERGY_IMPORT,
}


def told(samples: tuple[SampledValue, ...], evse_id: int, knobs: Knobs) -> tuple[SampledValue, ...]:
    """The samples as this station tells them."""
    if not knobs:
        return samples
    if knobs.on(Knob.METER_SILENT):
        return ()
    if knobs.on(Knob.METER_NEGATIVE_IMPORT):
        samples = _as_negative_import(samples)
    lied = (_lie(sample, evse_id, knobs) for sample in samples)
    return tuple(sample for sample in lied if sample is not None)


def told_needs(needs: ChargingNeeds, knobs: Knobs) -> ChargingNeeds:
    """A vehicle's needs as this station tells them.

    Needs have room for 0 to 100 only: a state of charge that is missing, no number or impossible is not told
    there either. The other lies are the meter's.
    """
    if any(map(knobs.on, (Knob.SOC_MISSING, Knob.SOC_NAN, Knob.SOC_IMPOSSIBLE))):
        return replace(needs, soc=None)
    return needs


def _as_negative_import(samples: tuple[SampledValue, ...]) -> tuple[SampledValue, ...]:
    """One signed power instead of two."""
    given = sum(one.value for one in samples if one.measurand is Measurand.POWER_EXPORT)
    return tuple(
        replace(one, value=one.value - given) if one.measurand is Measurand.POWER_IMPORT else one
        for one in samples
        if one.measurand is not Measurand.POWER_EXPORT
    )


def _lie(sample: SampledValue, evse_id: int, knobs: Knobs) -> SampledValue | None:
    if sample.measurand is Measurand.SOC:
        soc = _soc(sample.value, evse_id, knobs)
        return None if soc is None else replace(sample, value=soc)
    about, value = (evse_id, sample.measurand), sample.value
    if knobs.on(Knob.METER_FROZEN):
        value = knobs.remember(Knob.METER_FROZEN, about, value)
    if knobs.on(Knob.METER_BACKWARDS) and sample.measurand in _REGISTERS:
        value = 2.0 * knobs.remember(Knob.METER_BACKWARDS, about, value) - value
    if (factor := knobs.number(Knob.METER_SCALE)) is not None:
        value *= factor
    if knobs.on(Knob.METER_NAN):
        value = math.nan
    wrong = knobs.on(Knob.METER_WRONG_SIGN)
    return replace(sample, value=value, measurand=_OTHER_WAY[sample.measurand] if wrong else sample.measurand)


def _soc(soc: float, evse_id: int, knobs: Knobs) -> float | None:
    """What it says the state of charge is, percent."""
    if knobs.on(Knob.SOC_MISSING):
        return None
    if knobs.on(Knob.SOC_NAN):
        return math.nan
    if knobs.on(Knob.SOC_IMPOSSIBLE):
        return _IMPOSSIBLE_SOC
    if knobs.on(Knob.SOC_STALE):
        return knobs.remember(Knob.SOC_STALE, evse_id, soc)
    soc += knobs.number(Knob.SOC_OFFSET) or 0.0
    if (jump := knobs.number(Knob.SOC_JUMP)) is not None:
        key = (Knob.SOC_JUMP, evse_id)
        knobs.memory[key] = 1.0 - knobs.memory.get(key, 0.0)
        soc += jump * knobs.memory[key]
    return round(max(0.0, min(100.0, soc)), 2)
