"""Charging profiles written as text, and what a station makes of them, for the tests of its calculator."""

from dataclasses import replace
from datetime import UTC, datetime

from chargepoint_sim.profiles.composite import Local, Step, Window
from chargepoint_sim.profiles.profile import (
    Kind,
    Period,
    Profile,
    Purpose,
    RateUnit,
    Recurrency,
    Schedule,
)
from chargepoint_sim.profiles.store import Installed, ProfileStore

W, A = RateUnit.W, RateUnit.A
ABSOLUTE, DAILY, RELATIVE = Kind.ABSOLUTE, Kind.RECURRING, Kind.RELATIVE
MAX, EXTERNAL, DEFAULT, TX = Purpose.MAX, Purpose.EXTERNAL, Purpose.TX_DEFAULT, Purpose.TX
NOW = datetime(2024, 1, 1, 12, 0, tzinfo=UTC)
DAY = 86_400


def at(text: str) -> datetime:
    """A time in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def made(
    purpose: Purpose,
    periods: str,
    unit: RateUnit = W,
    kind: Kind = ABSOLUTE,
    start: str | None = None,
    duration: int | None = None,
    stack: int = 0,
) -> Profile:
    """A profile; periods are written start:limit or start:limit/phases."""
    schedule = Schedule(
        id=1,
        unit=unit,
        periods=tuple(_period(text) for text in periods.split()),
        start=None if kind is RELATIVE else (NOW if start is None else at(start)),
        duration_s=duration,
    )
    recurrency = Recurrency.DAILY if kind is DAILY else None
    return Profile(1, stack, purpose, kind, (schedule,), recurrency)


def _period(text: str) -> Period:
    start, _, limit = text.partition(":")
    value, _, phases = limit.partition("/")
    return Period(int(start), float(value), int(phases) if phases else None)


def hourly(first: float, step: float, phases: str = "") -> str:
    """A period for each hour of the day."""
    return " ".join(f"{3600 * hour}:{first + step * hour}{phases}" for hour in range(24))


def told(
    profiles: list[tuple[int, Profile]],
    window: tuple[str, str] | tuple[str, int],
    unit: RateUnit = W,
    evse_id: int = 1,
    evses: int = 1,
    started: dict[int, str] | None = None,
) -> str:
    """The composite schedule as text, the phases left out."""
    steps = steps_of(profiles, window, unit, evse_id, evses, started)
    return " ".join(f"{step.start_s}:{step.limit:g}" for step in steps)


def steps_of(
    profiles: list[tuple[int, Profile]],
    window: tuple[str, str] | tuple[str, int],
    unit: RateUnit = W,
    evse_id: int = 1,
    evses: int = 1,
    started: dict[int, str] | None = None,
) -> list[Step]:
    """The composite schedule. The EVSEs can do 57 A or 55612 W, as in the source of the vectors."""
    store = ProfileStore({one: Local(w=55_612.0, a=57.0) for one in range(1, evses + 1)})
    store.installed = [
        Installed(place, replace(profile, id=number))
        for number, (place, profile) in enumerate(profiles, start=1)
    ]
    start, end = at(window[0]), window[1]
    duration = end if isinstance(end, int) else int((at(end) - start).total_seconds())
    starts = {evse: at(moment) for evse, moment in (started or {}).items()}
    return store.composite(evse_id, Window(start, duration), starts, unit)


def since(purpose: Purpose, limit: float, stack: int = 0, duration: int | None = None) -> Profile:
    """One period from now on."""
    return made(purpose, f"0:{limit}", stack=stack, duration=duration)
