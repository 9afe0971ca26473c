"""House words from and to OCPP 1.6. What comes in has the library's snake_case keys."""

import math
from collections.abc import Collection, Iterable
from datetime import datetime

from chargepoint_sim.meter import Context, Measurand, SampledValue
from chargepoint_sim.profiles.composite import Step
from chargepoint_sim.profiles.profile import Kind, Period, Profile, Purpose, RateUnit, Recurrency, Schedule
from chargepoint_sim.station.v201.spelling import Payload, moment, moment_or_none, registered, text
from chargepoint_sim.station.words import IdToken, StoppedReason, TokenInfo

_MOST_ID = 20
_PURPOSES = {
    "ChargePointMaxProfile": Purpose.MAX,
    "TxDefaultProfile": Purpose.TX_DEFAULT,
    "TxProfile": Purpose.TX,
}
_REASONS = {
    StoppedReason.DEAUTHORIZED: "DeAuthorized",
    StoppedReason.EV_DISCONNECTED: "EVDisconnected",
    StoppedReason.LOCAL: "Local",
    StoppedReason.REMOTE: "Remote",
    StoppedReason.REBOOT: "Reboot",
    StoppedReason.UNLOCK: "UnlockCommand",
}

__all__ = [
    "Payload",
    "chosen",
    "id_tag",
    "is_aligned",
    "meter_value",
    "moment",
    "moment_or_none",
    "periods",
    "profile",
    "purpose",
    "reason",
    "register_wh",
    "registered",
    "text",
    "token_info",
]


def id_tag(token: IdToken | None) -> str:
    """A driver, in twenty characters."""
    return "" if token is None else token.value[:_MOST_ID]


def token_info(written: Payload | None) -> TokenInfo | None:
    """What the server says of a driver."""
    if written is None:
        return None
    parent = written.get("parent_id_tag")
    return TokenInfo(
        status=str(written["status"]),
        group=None if parent is None else IdToken(parent),
        until=moment_or_none(written.get("expiry_date")),
    )


def purpose(written: str | None) -> Purpose | None:
    """What a profile is for."""
    return None if written is None else _PURPOSES[written]


def profile(written: Payload, transaction_id: str | None, now: datetime) -> Profile:
    """A charging profile for a transaction of the house. Without a start it counts from the transaction's."""
    schedule, kind = written["charging_schedule"], Kind(written["charging_profile_kind"])
    start = moment_or_none(schedule.get("start_schedule"))
    if kind is Kind.RECURRING and start is None:
        start = now.replace(hour=0, minute=0, second=0, microsecond=0)
    if kind is Kind.ABSOLUTE and start is None:
        kind = Kind.RELATIVE
    recurrency = written.get("recurrency_kind")
    return Profile(
        id=written["charging_profile_id"],
        stack_level=written["stack_level"],
        purpose=_PURPOSES[written["charging_profile_purpose"]],
        kind=kind,
        schedules=(_schedule(schedule, None if kind is Kind.RELATIVE else start),),
        recurrency=None if recurrency is None else Recurrency(recurrency),
        valid_from=moment_or_none(written.get("valid_from")),
        valid_to=moment_or_none(written.get("valid_to")),
        transaction_id=transaction_id,
    )


def _schedule(written: Payload, start: datetime | None) -> Schedule:
    least = written.get("min_charging_rate")
    return Schedule(
        id=0,
        unit=RateUnit(written["charging_rate_unit"]),
        periods=tuple(
            Period(one["start_period"], float(one["limit"]), one.get("number_phases"))
            for one in written["charging_schedule_period"]
        ),
        start=start,
        duration_s=written.get("duration"),
        min_rate=None if least is None else float(least),
    )


def periods(steps: Iterable[Step]) -> list[dict[str, object]]:
    """Periods of a composite schedule; limits in steps of 0.1."""
    written: list[dict[str, object]] = []
    for step in steps:
        period: dict[str, object] = {"startPeriod": step.start_s, "limit": round(step.limit or 0.0, 1)}
        written.append(period if step.phases is None else period | {"numberPhases": step.phases})
    return written


def meter_value(at: datetime, samples: Iterable[SampledValue]) -> dict[str, object]:
    """Values measured at a moment."""
    return {"timestamp": text(at), "sampledValue": [_sampled(sample) for sample in samples]}


def _sampled(sample: SampledValue) -> dict[str, object]:
    return {
        "value": str(sample.value),
        "context": sample.context.value,
        "measurand": sample.measurand.value,
        "location": sample.location,
        "unit": sample.unit,
    }


def chosen(samples: Iterable[SampledValue], wanted: Collection[str]) -> list[SampledValue]:
    """Those of the values that are wanted."""
    return [sample for sample in samples if sample.measurand in wanted]


def register_wh(samples: Iterable[SampledValue]) -> int:
    """The import register of a message, Wh; whole ones are all that 1.6 knows, what is no number is 0."""
    values = (sample.value for sample in samples if sample.measurand is Measurand.ENERGY_IMPORT)
    value = next(values, 0.0)
    return round(value) if math.isfinite(value) else 0


def is_aligned(samples: Iterable[SampledValue]) -> bool:
    """Whether values were measured at a round time of day."""
    return any(sample.context is Context.ALIGNED for sample in samples)


def reason(stopped: StoppedReason | None, reset: str) -> str:
    """Why a transaction has ended; `reset` is the kind of the last one."""
    if stopped is StoppedReason.IMMEDIATE_RESET:
        return f"{reset}Reset"
    return "Local" if stopped is None else _REASONS.get(stopped, "Other")
