"""Faults by name: what each does to a station. Used by scenarios, tests and `--fault NAME[:ARG]`."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum

from chargepoint_sim.station.knobs import SocReport
from chargepoint_sim.station.station import Station


class Fault(StrEnum):
    """A way to misbehave."""

    CUT = "cut"
    """The connection breaks; the station comes back after its back-off."""
    OFFLINE = "offline"
    """The connection breaks and stays so until `online`."""
    ONLINE = "online"
    """An offline station may connect again."""
    DISAPPEAR = "disappear"
    """The station never returns."""
    DELAY_ANSWERS = "delay-answers"
    """Answers to the server come late: ARG real seconds, 2 if not given."""
    REJECT_PROFILES = "reject-profiles"
    """Every charging profile is refused."""
    IGNORE_PROFILES = "ignore-profiles"
    """Charging profiles are accepted and not followed."""
    REJECT_NEGATIVE = "reject-negative"
    """Profiles with a negative limit are refused."""
    IGNORE_NEGATIVE = "ignore-negative"
    """Profiles with a negative limit are accepted and taken for no limit."""
    SOC_MISSING = "soc-missing"
    """The state of charge is not reported."""
    SOC_NAN = "soc-nan"
    """The state of charge is reported as not a number."""
    SOC_STALE = "soc-stale"
    """The state of charge is reported as it was when the fault began."""
    SOC_IMPOSSIBLE = "soc-impossible"
    """The state of charge is reported as 250 percent."""
    REPEAT_MESSAGES = "repeat-messages"
    """Every transaction event is sent twice."""
    VANISH = "vanish"
    """All vehicles are torn off their cables."""
    NONE = "none"
    """All misbehaviour ends."""


class BadFault(Exception):
    """There is no such fault."""


@dataclass(frozen=True)
class FaultOrder:
    """A fault and its argument, None where it has its usual one."""

    fault: Fault
    argument: float | None = None


def parse_fault(text: str) -> FaultOrder:
    """Read NAME or NAME:ARG."""
    name, _, argument = text.partition(":")
    try:
        return FaultOrder(Fault(name), float(argument) if argument else None)
    except ValueError:
        names = ", ".join(Fault)
        raise BadFault(f"unknown fault {text!r}; there are: {names}") from None


async def inject(station: Station, order: FaultOrder) -> None:
    """Let a station misbehave from now on."""
    await _TABLE[order.fault](station, order.argument)
    station.cabinet.equipment.observe("fault", {"fault": order.fault.value})


_Act = Callable[[Station, float | None], Awaitable[None]]


async def _cut(station: Station, argument: float | None) -> None:
    await station.link.cut()


async def _offline(station: Station, argument: float | None) -> None:
    await station.link.hold_off()


async def _online(station: Station, argument: float | None) -> None:
    station.link.resume()


async def _delay(station: Station, argument: float | None) -> None:
    station.cabinet.equipment.knobs.answer_delay_s = 2.0 if argument is None else argument


async def _vanish(station: Station, argument: float | None) -> None:
    for visit in list(station.cabinet.visits.values()):
        visit.vanish()


async def _none(station: Station, argument: float | None) -> None:
    knobs = station.cabinet.equipment.knobs
    knobs.answer_delay_s = 0.0
    knobs.reject_profiles = knobs.ignore_profiles = knobs.repeat_messages = False
    knobs.reject_negative = knobs.ignore_negative = False
    knobs.soc = SocReport.TRUE
    station.link.resume()


def _flag(name: str) -> _Act:
    async def act(station: Station, argument: float | None) -> None:
        setattr(station.cabinet.equipment.knobs, name, True)

    return act


def _soc(report: SocReport) -> _Act:
    async def act(station: Station, argument: float | None) -> None:
        station.cabinet.equipment.knobs.soc = report

    return act


_TABLE: dict[Fault, _Act] = {
    Fault.CUT: _cut,
    Fault.OFFLINE: _offline,
    Fault.ONLINE: _online,
    Fault.DISAPPEAR: _offline,
    Fault.DELAY_ANSWERS: _delay,
    Fault.REJECT_PROFILES: _flag("reject_profiles"),
    Fault.IGNORE_PROFILES: _flag("ignore_profiles"),
    Fault.REJECT_NEGATIVE: _flag("reject_negative"),
    Fault.IGNORE_NEGATIVE: _flag("ignore_negative"),
    Fault.SOC_MISSING: _soc(SocReport.MISSING),
    Fault.SOC_NAN: _soc(SocReport.NAN),
    Fault.SOC_STALE: _soc(SocReport.STALE),
    Fault.SOC_IMPOSSIBLE: _soc(SocReport.IMPOSSIBLE),
    Fault.REPEAT_MESSAGES: _flag("repeat_messages"),
    Fault.VANISH: _vanish,
    Fault.NONE: _none,
}
