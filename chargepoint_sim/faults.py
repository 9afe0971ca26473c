"""Faults by name: what each does to a station. Used by scenarios, tests and `--fault NAME[:ARG]`.

Most turn a knob, and the station's own code asks for it where it acts; they can be combined freely and end
one by one. Times are simulated seconds where nothing else is said.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from chargepoint_sim.station.cabinet import Order
from chargepoint_sim.station.knobs import Knob
from chargepoint_sim.station.station import Station

Argument = float | str
_Act = Callable[[Station, Argument | None], Awaitable[None]]


class Kind(StrEnum):
    """What a fault is about."""

    CONNECTION = "connection"
    MESSAGES = "messages"
    METER = "meter and state of charge"
    PROFILES = "charging profiles"
    STATION = "station and vehicle"


class BadFault(Exception):
    """There is no such fault, or not with such an argument."""


@dataclass(frozen=True)
class Fault:
    """A way to misbehave. `usual` is its argument where none is given, None where it takes none."""

    name: str
    kind: Kind
    says: str
    begin: _Act
    end: _Act
    usual: Argument | None = None
    least: float = 0.0
    most: float = 1e9

    @property
    def written(self) -> str:
        """How it is written, with its usual argument."""
        if self.usual is None:
            return self.name
        return f"{self.name}:{self.usual if isinstance(self.usual, str) else format(self.usual, 'g')}"

    def read(self, written: str) -> Argument | None:
        """Its argument; `BadFault` for one that it cannot have."""
        if not written:
            return self.usual
        if self.usual is None:
            raise BadFault(f"fault {self.name!r} takes no argument")
        if isinstance(self.usual, str):
            return written
        try:
            number = float(written)
        except ValueError:
            raise BadFault(f"fault {self.name!r}: {written!r} is not a number") from None
        if not self.least <= number <= self.most:
            raise BadFault(
                f"fault {self.name!r}: {written} is not a number from {self.least:g} to {self.most:g}"
            )
        return number


@dataclass(frozen=True)
class FaultOrder:
    """A fault with its argument."""

    fault: Fault
    argument: Argument | None = None


def parse_fault(text: str) -> FaultOrder:
    """Read NAME or NAME:ARG."""
    name, _, argument = text.partition(":")
    if name not in FAULTS:
        raise BadFault(f"unknown fault {text!r}; there are: {', '.join(FAULTS)}")
    return FaultOrder(FAULTS[name], FAULTS[name].read(argument))


async def inject(station: Station, order: FaultOrder) -> None:
    """Let a station misbehave from now on."""
    await order.fault.begin(station, order.argument)
    station.cabinet.equipment.observe("fault", {"fault": order.fault.name})


async def end(station: Station, order: FaultOrder) -> None:
    """Let a station stop misbehaving in this way."""
    await order.fault.end(station, order.argument)
    station.cabinet.equipment.observe("fault_over", {"fault": order.fault.name})


async def _nothing(station: Station, argument: Argument | None) -> None:
    """What has happened cannot be undone."""


def _knob(
    knob: Knob, kind: Kind, says: str, usual: Argument | None = None, least: float = 0.0, most: float = 1e9
) -> Fault:
    async def begin(station: Station, argument: Argument | None) -> None:
        station.cabinet.equipment.knobs.turn(knob, 1.0 if argument is None else argument)
        station.cabinet.equipment.profiles_changed.ring()

    async def over(station: Station, argument: Argument | None) -> None:
        station.cabinet.equipment.knobs.off(knob)
        station.cabinet.equipment.profiles_changed.ring()

    return Fault(knob.value, kind, says, begin, over, usual, least, most)


async def _cut(station: Station, argument: Argument | None) -> None:
    await station.link.cut()


async def _offline(station: Station, argument: Argument | None) -> None:
    await station.link.hold_off()


async def _online(station: Station, argument: Argument | None) -> None:
    station.link.resume()


async def _disappear(station: Station, argument: Argument | None) -> None:
    await station.link.hold_off("disappear")


async def _appear(station: Station, argument: Argument | None) -> None:
    station.link.resume("disappear")


async def _freeze(station: Station, argument: Argument | None) -> None:
    station.cabinet.equipment.knobs.turn(Knob.HALF_OPEN)
    station.link.freeze()


async def _thaw(station: Station, argument: Argument | None) -> None:
    station.cabinet.equipment.knobs.off(Knob.HALF_OPEN)
    station.link.abort()


async def _skew(station: Station, argument: Argument | None) -> None:
    station.clock.skew(float(argument or 0.0))


async def _unskew(station: Station, argument: Argument | None) -> None:
    station.clock.skew(0.0)


def _ghost(
    name: str, says: str, usual: float, work: Callable[[Station, float], Coroutine[Any, Any, None]]
) -> Fault:
    """Something that goes on beside the station as long as the fault lasts."""

    async def begin(station: Station, argument: Argument | None) -> None:
        await over(station, argument)
        station.ghosts[name] = asyncio.create_task(work(station, float(argument or usual)))

    async def over(station: Station, argument: Argument | None) -> None:
        ghost = station.ghosts.pop(name, None)
        if ghost is not None:
            ghost.cancel()

    return Fault(name, Kind.CONNECTION, says, begin, over, usual, least=0.01)


async def _twin(station: Station, every_s: float) -> None:
    await station.link.twin(every_s)


async def _reboot_for_ever(station: Station, every_s: float) -> None:
    while True:
        await station.booted.wait()
        await station.clock.sleep(every_s)
        station.cabinet.orders.put_nowait(Order.REBOOT)
        while station.booted.is_set():
            await station.clock.sleep(0.1)


async def _vanish(station: Station, argument: Argument | None) -> None:
    for visit in list(station.cabinet.visits.values()):
        visit.vanish()


async def _none(station: Station, argument: Argument | None) -> None:
    for fault in FAULTS.values():
        if fault.end is not _nothing and fault.name not in ("half-open", "online"):
            await fault.end(station, None)
    if station.cabinet.equipment.knobs.on(Knob.HALF_OPEN):
        await _thaw(station, None)


_C, _M, _E, _P, _S = Kind.CONNECTION, Kind.MESSAGES, Kind.METER, Kind.PROFILES, Kind.STATION
_ALL = (
    Fault("cut", _C, "The connection breaks; the station comes back after its back-off.", _cut, _nothing),
    Fault("offline", _C, "The connection breaks and stays so until `online`.", _offline, _online),
    Fault("online", _C, "An offline station may connect again.", _online, _nothing),
    Fault("disappear", _C, "The station never returns.", _disappear, _appear),
    Fault("half-open", _C, "Nothing gets through any more, and neither end is told.", _freeze, _thaw),
    _knob(Knob.CUT_IN_MESSAGE, _C, "The line breaks in the middle of the next message."),
    _knob(Knob.SLOW_READER, _C, "It reads one message, then nothing for ARG real seconds.", 1.0),
    _ghost("duplicate-identity", "A second station with the same name and password connects; ARG real "
           "seconds after it was sent away it comes again.", 1.0, _twin),
    _ghost("reboot-loop", "It restarts ARG seconds after each boot.", 60.0, _reboot_for_ever),
    _knob(Knob.DELAY_ANSWERS, _M, "Answers to the server come ARG real seconds late.", 2.0),
    _knob(Knob.DELAY_MESSAGES, _M, "Its own messages leave ARG real seconds late.", 2.0),
    _knob(Knob.ANSWER_NOTHING, _M, "The server's requests are done, but not answered."),
    _knob(Knob.ANSWER_ERROR, _M, "The server's requests are answered with CALLERROR ARG, and not done.",
          "InternalError"),
    _knob(Knob.NOT_IMPLEMENTED, _M, "The server's requests of action ARG are answered with NotImplemented.",
          "SetChargingProfile"),
    _knob(Knob.LOSE_ANSWERS, _M, "A share ARG (0 to 1) of the server's answers is lost on the way.", 1.0,
          most=1.0),
    _knob(Knob.REPEAT_MESSAGES, _M, "Every transaction event is sent twice, under two message ids."),
    _knob(Knob.REPEAT_FRAMES, _M, "A share ARG (0 to 1) of all frames is sent twice, byte for byte.", 1.0,
          most=1.0),
    _knob(Knob.REORDER_EVENTS, _M, "Transaction events come in pairs, the later one first."),
    _knob(Knob.LOSE_EVENTS, _M, "A share ARG (0 to 1) of the transaction events is never sent.", 0.5,
          most=1.0),
    _knob(Knob.NONSENSE, _M, "After a share ARG (0 to 1) of its frames comes text that is no frame.", 1.0,
          most=1.0),
    Fault("clock-skew", _M, "Its clock is ARG seconds ahead, behind if negative.", _skew, _unskew, 60.0,
          -1e9),
    _knob(Knob.SOC_MISSING, _E, "The state of charge is not reported."),
    _knob(Knob.SOC_NAN, _E, "The state of charge is reported as not a number."),
    _knob(Knob.SOC_STALE, _E, "The state of charge is reported as it was when the fault began."),
    _knob(Knob.SOC_IMPOSSIBLE, _E, "The state of charge is reported as 250 percent."),
    _knob(Knob.SOC_OFFSET, _E, "The state of charge is reported ARG percent too high.", 30.0, -1e9),
    _knob(Knob.SOC_JUMP, _E, "Every other state of charge is ARG percent too high.", 40.0, -1e9),
    _knob(Knob.METER_SILENT, _E, "No meter values are sent."),
    _knob(Knob.METER_FROZEN, _E, "The meter shows what it showed when the fault began."),
    _knob(Knob.METER_NAN, _E, "Power and energy are reported as not a number."),
    _knob(Knob.METER_WRONG_SIGN, _E, "Import and export are exchanged."),
    _knob(Knob.METER_NEGATIVE_IMPORT, _E, "Discharging is reported as negative import, export not at all."),
    _knob(Knob.METER_SCALE, _E, "Power and energy are reported ARG times too large.", 1000.0, -1e9),
    _knob(Knob.METER_BACKWARDS, _E, "The energy registers run backwards."),
    _knob(Knob.REJECT_PROFILES, _P, "Every charging profile is refused."),
    _knob(Knob.IGNORE_PROFILES, _P, "Charging profiles are accepted and reported, and not followed."),
    _knob(Knob.REJECT_NEGATIVE, _P, "Profiles with a negative limit or setpoint are refused."),
    _knob(Knob.IGNORE_NEGATIVE, _P, "A negative limit (as by libocpp) or setpoint is accepted and taken for "
          "none; it still displaces the TxDefaultProfile."),
    _knob(Knob.NEGATIVE_AS_ZERO, _P, "A negative limit or setpoint is accepted and taken for 0."),
    _knob(Knob.INVERT_LIMITS, _P, "Limits are followed with the wrong sign."),
    _knob(Knob.SCALE_LIMITS, _P, "Limits are taken ARG times too large.", 0.5, 1e-6),
    _knob(Knob.REJECT_ZERO, _P, "Profiles with a limit or setpoint of 0 are refused."),
    _knob(Knob.ZERO_IS_NO_LIMIT, _P, "A limit or setpoint of 0 is taken for none."),
    _knob(Knob.STACK_LEVEL_ZERO, _P, "Only stack level 0 is taken."),
    _knob(Knob.RISING_IDS, _P, "Every profile needs a higher id than the one before."),
    _knob(Knob.ABSOLUTE_ONLY, _P, "Only profiles of kind Absolute are taken."),
    _knob(Knob.RELATIVE_ONLY, _P, "Only profiles of kind Relative are taken."),
    _knob(Knob.WATTS_ONLY, _P, "Only limits in W are taken."),
    _knob(Knob.AMPERES_ONLY, _P, "Only limits in A are taken."),
    _knob(Knob.WHOLE_WATTS, _P, "Limits in W with decimals are refused."),
    _knob(Knob.NO_TX_PROFILE, _P, "No TxProfile is taken."),
    _knob(Knob.NEEDS_REMOTE_START, _P, "Profiles are taken only in transactions that the server started."),
    _knob(Knob.FLASH_BUDGET, _P, "Within ARG seconds after a profile was written no other is taken: "
          "RateLimitExceeded, `<n> seconds`. An identical one costs no write.", 60.0),
    _knob(Knob.CLEAR_LATE, _P, "A clear is accepted at once and done ARG seconds later.", 5.0),
    _knob(Knob.EXPIRED_BREAK, _P, "Profiles stored after one outside its validity are not seen."),
    _knob(Knob.COMPOSITE_NONE, _P, "GetCompositeSchedule is rejected."),
    _knob(Knob.COMPOSITE_WRONG, _P, "The composite schedule shows the rating, whatever the profiles say."),
    _knob(Knob.REACT_LATE, _P, "A new limit is followed ARG seconds late.", 60.0),
    _knob(Knob.FULL_POWER_OFFLINE, _P, "Without connection all profiles are dropped: full power."),
    _knob(Knob.KEEP_OFFLINE, _P, "Without connection the last limit holds for ever, whatever its end."),
    _knob(Knob.NEVER_EXPIRES, _P, "Profiles do not end by themselves: `duration`, `validTo` and "
          "`maxOfflineDuration` are ignored, so that there is no dead-man."),
    _knob(Knob.NOTICE_OFFLINE_LATE, _P, "What counts from the loss of the connection (`maxOfflineDuration`) "
          "counts from ARG seconds later.", 60.0),
    _knob(Knob.FORGET_PROFILES, _P, "A restart loses all profiles."),
    _knob(Knob.DRAFT_V2X, _P, "It speaks the names of the draft V2X extension on 2.0.1."),
    Fault("vanish", _S, "All vehicles are torn off their cables.", _vanish, _nothing),
    Fault("none", _S, "All misbehaviour ends.", _none, _nothing),
)  # fmt: skip
FAULTS: Mapping[str, Fault] = {fault.name: fault for fault in _ALL}
