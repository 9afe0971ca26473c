"""W, Wh and seconds as people write them. Inside: power in W, positive into the vehicle, negative out."""

import math
import re
from collections.abc import Mapping
from typing import TypeGuard

from csms.errors import Invalid

_WATTS = {"W": 1.0, "w": 1.0, "kW": 1e3, "KW": 1e3, "kw": 1e3, "MW": 1e6, "GW": 1e9}
_QUANTITY = re.compile(r"([+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?)\s*([A-Za-z]*)")
_NUMBER = r"([0-9]+(?:\.[0-9]+)?)"
_SHORT = re.compile(rf"(?:{_NUMBER}d)?(?:{_NUMBER}h)?(?:{_NUMBER}m(?:in)?)?(?:{_NUMBER}s)?")
_ISO = re.compile(rf"P(?:{_NUMBER}D)?(?:T(?:{_NUMBER}H)?(?:{_NUMBER}M)?(?:{_NUMBER}S)?)?")
_SECONDS = (86400.0, 3600.0, 60.0, 1.0)
_TEXT_MAX = 40
_STEPS = ((1e9, "G"), (1e6, "M"), (1e3, "k"))


def finite(value: float | None) -> TypeGuard[float]:
    """Whether a value is known and a number that arithmetic can be trusted with (V-13)."""
    return value is not None and math.isfinite(value)


def parse_power(text: str, field: str = "power") -> float:
    """Signed W from "-300kW", "1.5 MW" or "-7000 W". A unit is demanded: 300 could be W or kW.

    "mW" is refused because it could be meant either way. Raises `Invalid` naming `field`.
    """
    return _parsed(text, _WATTS, "A power needs one of the units W, kW, MW or GW, for example -300kW.", field)


def parse_energy(text: str, field: str = "energy") -> float:
    """Wh from "60kWh" or "900 Wh". Raises `Invalid` naming `field`."""
    units = {f"{unit}h": size for unit, size in _WATTS.items()}
    return _parsed(text, units, "An energy needs one of the units Wh, kWh or MWh, for example 60kWh.", field)


def _parsed(text: str, units: Mapping[str, float], advice: str, field: str) -> float:
    stripped = text.strip().replace("\N{MINUS SIGN}", "-")
    match = _QUANTITY.fullmatch(stripped) if len(stripped) <= _TEXT_MAX else None
    number, unit = match.groups() if match is not None else ("", "")
    if unit not in units:
        raise Invalid(field, advice)
    value = float(number) * units[unit]
    if not math.isfinite(value):
        raise Invalid(field, "This number is too large.")
    return value


def parse_duration(text: str, field: str = "duration") -> int:
    """Whole seconds from "15m", "1h30m", "90s" or ISO 8601 "PT15M". Raises `Invalid` naming `field`."""
    stripped = text.strip()
    pattern = _ISO if stripped[:1] == "P" else _SHORT
    match = pattern.fullmatch(stripped) if 0 < len(stripped) <= _TEXT_MAX else None
    parts = match.groups() if match else ()
    if not any(part is not None for part in parts) or stripped[-1:] == "T":
        raise Invalid(field, "Write a duration as 15m, 1h30m, 90s or PT15M.")
    seconds = sum(float(part) * size for part, size in zip(parts, _SECONDS, strict=True) if part is not None)
    if seconds != int(seconds):
        raise Invalid(field, "A duration is a whole number of seconds.")
    return int(seconds)


def format_power(power_w: float) -> str:
    """A power for people: "-300 kW", "1.5 MW", "500 W"."""
    return _scaled(power_w, "W")


def format_energy(energy_wh: float) -> str:
    """An energy for people: "12.3 kWh", "900 Wh"."""
    return _scaled(energy_wh, "Wh")


def _scaled(value: float, unit: str) -> str:
    if not math.isfinite(value):
        return f"? {unit}"
    for size, prefix in _STEPS:
        # 999.96 would be printed as 1000: that belongs to the next prefix.
        if abs(value) >= size * 0.99995:
            return f"{_plain(value / size)} {prefix}{unit}"
    return f"{_plain(value)} {unit}"


def _plain(value: float) -> str:
    digits = max(0, 3 - len(str(int(abs(value)))))
    text = f"{value:.{digits}f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text in ("-0", "") else text
