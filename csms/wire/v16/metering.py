"""Sampled values of OCPP 1.6: text that may be junk, with defaults of their own."""

import math
import re
from collections.abc import Sequence

from csms.domain.meter import Reading, SampledValue, reading
from csms.wire.times import instant
from csms.wire.v16 import messages as m

REGISTER = "Energy.Active.Import.Register"

_SIGNED = "SignedData"
_NUMBER = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?\s*", re.ASCII)

Sampled = m.MeterValuesSampledValue | m.StopTransactionSampledValue


def number(text: str) -> float:
    """A value; NaN for text that is no decimal number: the domain takes that for not believable."""
    return float(text) if _NUMBER.fullmatch(text) else math.nan


def readings(values: Sequence[m.MeterValue | m.TransactionData]) -> tuple[Reading, ...]:
    """What the meter said, oldest first."""
    found = [_reading(value) for value in values]
    return tuple(sorted(found, key=lambda one: one.at))


def signed(values: Sequence[m.MeterValue]) -> bool:
    """Whether any of them is signed data, which is worth nothing but as it came."""
    return any(one.format == _SIGNED for value in values for one in value.sampled_value)


def _reading(value: m.MeterValue | m.TransactionData) -> Reading:
    plain = [one for one in value.sampled_value if one.format != _SIGNED]  # a signature is no number
    return reading(instant(value.timestamp), [_sampled(one) for one in plain])


def _sampled(one: Sampled) -> SampledValue:
    return SampledValue(
        number(one.value),
        one.measurand or REGISTER,
        one.unit or None,
        0,
        one.phase or None,
        one.location or "Outlet",
        one.context or "Sample.Periodic",
    )
