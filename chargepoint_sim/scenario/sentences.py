"""Amounts with units, and expectations as sentences: "exported >= 40 kWh", "none offline at 300 s"."""

import re
from dataclasses import dataclass

from chargepoint_sim.scenario.story import Measure


class NoSentence(ValueError):
    """Words that mean nothing here."""


_UNITS: dict[str, tuple[str, float]] = {
    "": ("", 1.0),
    "W": ("power", 1.0),
    "kW": ("power", 1e3),
    "MW": ("power", 1e6),
    "Wh": ("energy", 1.0),
    "kWh": ("energy", 1e3),
    "MWh": ("energy", 1e6),
    "ms": ("time", 1e-3),
    "s": ("time", 1.0),
    "min": ("time", 60.0),
    "m": ("time", 60.0),
    "h": ("time", 3600.0),
    "%": ("share", 1.0),
}
_NAMES: dict[str, tuple[Measure, str]] = {
    "exported": (Measure.EXPORTED_WH, "energy"),
    "imported": (Measure.IMPORTED_WH, "energy"),
    "power": (Measure.POWER_W, "power"),
    "online": (Measure.ONLINE, ""),
    "offline": (Measure.OFFLINE, ""),
    "transactions": (Measure.TRANSACTIONS, ""),
    "messages waiting": (Measure.MESSAGES_WAITING, ""),
    "messages failed": (Measure.MESSAGES_FAILED, ""),
    "connections failed": (Measure.CONNECTIONS_FAILED, ""),
    "profiles": (Measure.PROFILES, ""),
    "profiles accepted": (Measure.PROFILES_ACCEPTED, ""),
    "profiles rejected": (Measure.PROFILES_REJECTED, ""),
    "boots": (Measure.BOOTS, ""),
    "slowest answer": (Measure.SLOWEST_ANSWER_S, "time"),
    "margin above reserve": (Measure.LOWEST_SOC_MARGIN, "share"),
}
_FIXED: dict[str, tuple[Measure, float | None, float | None]] = {
    "no station below reserve": (Measure.LOWEST_SOC_MARGIN, 0.0, None),
    "no vehicle below reserve": (Measure.LOWEST_SOC_MARGIN, 0.0, None),
    "none offline": (Measure.OFFLINE, None, 0.0),
    "all offline": (Measure.ONLINE, None, 0.0),
    "nothing waiting": (Measure.MESSAGES_WAITING, None, 0.0),
    "nothing exported": (Measure.EXPORTED_WH, None, 0.0),
    "no message failed": (Measure.MESSAGES_FAILED, None, 0.0),
}
_NUMBER = r"([-+]?\d+(?:\.\d+)?)\s*([A-Za-z%]*)"
_WHEN = re.compile(rf"^(.*?)(?:\s+at\s+{_NUMBER}|\s+from\s+{_NUMBER}\s+to\s+{_NUMBER}|\s+at the end)?$")
_COMPARED = re.compile(rf"^([a-z ]+?)\s*(>=|<=|==|=)\s*{_NUMBER}$")
_BETWEEN = re.compile(rf"^([a-z ]+?)\s+between\s+{_NUMBER}\s+and\s+{_NUMBER}$")
_WITHIN = re.compile(rf"^all answered within\s+{_NUMBER}$")


@dataclass(frozen=True)
class Sentence:
    """What a sentence says."""

    measure: Measure
    least: float | None
    most: float | None
    at_s: float | None = None
    from_s: float | None = None


def amount(written: str | float, kind: str) -> float:
    """A number, or a text such as "-20 kW", in W, Wh or s; `NoSentence` for what is none of that kind."""
    if not isinstance(written, str):
        return float(written)
    found = re.fullmatch(_NUMBER, written.strip())
    if found is None:
        raise NoSentence(f"{written!r} is no number with a unit")
    return _scaled(found[1], found[2], kind)


def _scaled(number: str, unit: str, kind: str) -> float:
    if unit not in _UNITS:
        raise NoSentence(f"there is no unit {unit!r}; there are {', '.join(one for one in _UNITS if one)}")
    measured, factor = _UNITS[unit]
    if unit and measured != kind:
        raise NoSentence(f"{unit} is no unit of {kind or 'a number of things'}")
    return float(number) * factor


def read_sentence(text: str) -> Sentence:
    """What a sentence expects. Raises `NoSentence`."""
    found = _WHEN.match(" ".join(text.split()))
    assert found is not None  # it takes any text
    words, at, at_unit, start, start_unit, end, end_unit = found.groups()
    measure, least, most = _what(words)
    if start is not None:
        return Sentence(
            measure, least, most, _scaled(end, end_unit, "time"), _scaled(start, start_unit, "time")
        )
    return Sentence(measure, least, most, None if at is None else _scaled(at, at_unit, "time"))


def _what(words: str) -> tuple[Measure, float | None, float | None]:
    if words in _FIXED:
        return _FIXED[words]
    if (found := _WITHIN.match(words)) is not None:
        return Measure.SLOWEST_ANSWER_S, None, _scaled(found[1], found[2], "time")
    if (found := _COMPARED.match(words)) is not None:
        measure, kind = _named(found[1])
        value = _scaled(found[3], found[4], kind)
        return measure, None if found[2] == "<=" else value, None if found[2] == ">=" else value
    if (found := _BETWEEN.match(words)) is not None:
        measure, kind = _named(found[1])
        low, high = _scaled(found[2], found[3], kind), _scaled(found[4], found[5], kind)
        return measure, min(low, high), max(low, high)
    raise NoSentence(f"{words!r} is no expectation")


def _named(name: str) -> tuple[Measure, str]:
    if name not in _NAMES:
        raise NoSentence(f"there is no {name!r}; there are {', '.join(_NAMES)}")
    return _NAMES[name]
