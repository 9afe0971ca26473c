"""One order on its way to a station and what came of it: put, update, read back."""

import re
from dataclasses import dataclass

from csms.blocks import smart_charging
from csms.bus.bus import Bus
from csms.domain.dialect_record import Composite, DialectRecord, limit_in_unit, power_of
from csms.domain.profile import InstallProfile, UpdateSetpoint
from csms.errors import AskSuperseded, NotSupportedByDialect, StationError, StationRefused
from csms.grid.leases import EvseKey
from csms.wire import words

ASK_TIMEOUT_S = 30.0
"""Real seconds, as all network time-outs."""
SUPERSEDED = "superseded"
RATE_LIMITED = "RateLimitExceeded"
PAUSE_S = 60.0
"""So many house seconds a station that writes too often is left alone if it names no time."""
PAUSE_MAX_S = 900.0
_READ_S = 30
_WRITTEN = re.compile(r"(\d+(?:\.\d+)?)")


@dataclass(frozen=True, slots=True)
class Reply:
    """What came of an order: accepted, rejected or failed (nobody knows), and why.

    `pause_s` is how long the station wants no other one.
    """

    state: str
    reason: str | None = None
    pause_s: float | None = None


async def deliver(bus: Bus, station_id: str, ask: InstallProfile | UpdateSetpoint) -> Reply:
    """Put or update, and say what came of it."""
    try:
        if isinstance(ask, UpdateSetpoint):
            answer = await smart_charging.update(bus, station_id, ask, ASK_TIMEOUT_S)
        else:
            answer = await smart_charging.install(bus, station_id, ask, ASK_TIMEOUT_S)
    except AskSuperseded:
        return Reply("failed", SUPERSEDED)
    except (StationRefused, NotSupportedByDialect) as error:
        return Reply("rejected", error.reason)
    except StationError as error:
        # Lost on the way there or on the way back: nobody knows, so it counts as obeyed until it has run out.
        return Reply("failed", error.reason or type(error).__name__)
    if answer.accepted:
        return Reply("accepted")
    reason = answer.reason or "Rejected"
    return Reply("rejected", reason, pause_seconds(answer.detail) if reason == RATE_LIMITED else None)


def pause_seconds(detail: str | None) -> float:
    """The seconds that a RateLimitExceeded names ("30 seconds before retry"), within reason (K01.FR.56)."""
    found = _WRITTEN.search(detail or "")
    return PAUSE_S if found is None else min(max(float(found.group(1)), 1.0), PAUSE_MAX_S)


async def shown(bus: Bus, key: EvseKey, setpoint_w: float, record: DialectRecord) -> bool:
    """Whether a discharge stands in the composite schedule, where the record trusts that.

    True also where it cannot be read: then the meter alone judges. A station that reads a negative limit as
    none shows its maximum here before the vehicle follows it.
    """
    if record.composite is not Composite.TRUSTED or setpoint_w >= 0:
        return True
    request = words.GetCompositeScheduleRequest(
        evse_id=key[1], duration=_READ_S, charging_rate_unit=record.unit.value
    )
    try:
        answer = await bus.ask(key[0], request, timeout_s=ASK_TIMEOUT_S)
    except StationError:
        return True
    assert isinstance(answer, words.GetCompositeScheduleResponse)
    if answer.status != "Accepted" or answer.schedule is None:
        return True
    power_w = composite_w(answer.schedule, record)
    return power_w is not None and agrees(setpoint_w, power_w, record)


def composite_w(schedule: words.CompositeScheduleType, record: DialectRecord) -> float | None:
    """What a composite schedule says of now, in signed W; None if it says nothing."""
    first = next(iter(schedule.charging_schedule_period), None)
    if first is None:
        return None
    value = first.setpoint if first.setpoint is not None else first.limit
    if value is None:
        return None
    if schedule.charging_rate_unit == "W":
        return value
    phases = first.number_phases or record.phases_for_limit
    return None if phases is None else value * record.voltage_v * phases


def agrees(setpoint_w: float, composite: float, record: DialectRecord) -> bool:
    """Whether the composite is the discharge that was ordered, or less of it, and no charging."""
    ordered_w = power_of(limit_in_unit(setpoint_w, record), record)
    slack_w = abs(ordered_w) * 0.02 + 1.0
    return ordered_w - slack_w <= composite < 0
