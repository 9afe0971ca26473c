"""How the tests of composite schedules write profiles, questions and answers."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from csms.domain.composite import Circumstances, Question, composite
from csms.domain.standing_profile import (
    Kind,
    Layer,
    Phases,
    Recurrence,
    StandingPeriod,
    StandingProfile,
    Unit,
)

EXTERNAL, MAX, DEFAULT, TX = Layer.EXTERNAL, Layer.STATION_MAX, Layer.TX_DEFAULT, Layer.TX
A, W = Unit.A, Unit.W
DAY, HOUR = 86_400, 3_600


def t(text: str) -> datetime:
    """An instant in UTC: "2024-01-17 18:04"."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def periods(text: str, phases: int | None = None) -> tuple[StandingPeriod, ...]:
    """`0:16/1 1800:15`: second, limit, and phases where they are told."""
    found = []
    for word in text.split():
        start, _, rest = word.partition(":")
        limit, _, told = rest.partition("/")
        found.append(StandingPeriod(int(start), (float(limit),), phases=int(told) if told else phases))
    return tuple(found)


def profile(layer: Layer, told: str | Sequence[StandingPeriod], **more: object) -> StandingProfile:
    """Absolute, stack level 0, W, on EVSE 1 unless it is for the station."""
    standing = StandingProfile(
        id=1,
        evse_id=0 if layer in (MAX, EXTERNAL) else 1,
        layer=layer,
        stack_level=0,
        unit=W,
        periods=periods(told) if isinstance(told, str) else tuple(told),
    )
    return replace(standing, **more)  # type: ignore[arg-type]


def hourly(first: float, step: float, phases: int | None = None) -> tuple[StandingPeriod, ...]:
    """One limit an hour."""
    return tuple(StandingPeriod(hour * HOUR, (first + step * hour,), phases=phases) for hour in range(24))


def ask(
    profiles: Sequence[StandingProfile],
    start: str,
    duration_s: int,
    unit: Unit = W,
    evse_id: int = 1,
    **more: object,
) -> tuple[StandingPeriod, ...]:
    """What the calculator says."""
    question = Question(evse_id, t(start), duration_s, unit)
    return composite(profiles, question, replace(Circumstances(), **more))  # type: ignore[arg-type]


def limits(found: Sequence[StandingPeriod]) -> str:
    """Only seconds and limits, as `periods` reads them."""
    told = []
    for period in found:
        assert period.limit is not None
        assert len(period.limit) == 1
        told.append(f"{period.start_s}:{round(period.limit[0], 6):g}")
    return " ".join(told)


def with_phases(found: Sequence[StandingPeriod]) -> str:
    """Seconds, limits, phases."""
    return " ".join(
        f"{word}/{period.phases}" for word, period in zip(limits(found).split(), found, strict=True)
    )


DAILY = {"kind": Kind.RECURRING, "recurrence": Recurrence.DAILY}
RELATIVE = {"kind": Kind.RELATIVE}
SIX = t("2024-01-17 18:00")
NOW = "2024-01-17 18:00"


def period(
    start_s: int = 0,
    limit: Phases | float | None = None,
    down: Phases | float | None = None,
    setpoint: Phases | float | None = None,
    phases: int | None = None,
) -> StandingPeriod:
    """A period of 2.1; a number stands for one value."""

    def value(told: Phases | float | None) -> Phases | None:
        return told if told is None or isinstance(told, tuple) else (float(told),)

    return StandingPeriod(start_s, value(limit), value(down), value(setpoint), phases)


def per_phase(*first: float) -> tuple[StandingPeriod, ...]:
    """One limit for each phase, growing by the hour."""
    return tuple(period(hour * HOUR, tuple(one * (hour + 1) for one in first)) for hour in range(24))


def order(limit_w: float, **more: object) -> StandingProfile:
    """A TxProfile of one period from six o'clock on."""
    return profile(TX, f"0:{limit_w}", start=SIX, **more)


def bound(layer: Layer, limit_w: float, **more: object) -> StandingProfile:
    """The same in another layer."""
    return profile(layer, f"0:{limit_w}", start=SIX, **more)
