"""Charging profiles as OCPP 1.6 writes them: one schedule each, for a connector, with an integer transaction.

1.6 has no word for discharging: a setpoint below zero goes out as a negative `limit` in a TxProfile where the
station's dialect record says so. A station whose record does not gets no such message, whoever asks.
"""

import math
from collections.abc import Iterable
from dataclasses import replace

from msgspec import UNSET, UnsetType

from csms.domain.dialect_record import DialectRecord, Discharge, limit_in_unit, sendable_w
from csms.domain.profile import (
    ChargingProfile,
    ClearProfile,
    InstallProfile,
    Period,
    ProfileAnswer,
    ProfileKind,
    Purpose,
)
from csms.errors import Invalid, NotSupportedByDialect, Unsafe
from csms.wire import words
from csms.wire.dialect import Outbound, by_ask
from csms.wire.installs import check_install, check_limits, check_not_dynamic
from csms.wire.times import moment_or_unset, text
from csms.wire.v16 import messages as m

_ABLE = frozenset({Discharge.NEGATIVE_LIMIT})
_PURPOSES: dict[str, m.ChargingProfilePurpose] = {
    "ChargingStationMaxProfile": "ChargePointMaxProfile",
    "TxDefaultProfile": "TxDefaultProfile",
    "TxProfile": "TxProfile",
}


def transaction_number(transaction_id: str) -> int:
    """A transaction's id as 1.6 has it. Raises `NotSupportedByDialect`."""
    if not transaction_id.removeprefix("-").isdecimal() or not transaction_id.isascii():
        raise NotSupportedByDialect("", "a transaction of OCPP 1.6 has an integer for its id")
    return int(transaction_id)


def purpose_of(purpose: str) -> m.ChargingProfilePurpose:
    """A profile's purpose. Raises `NotSupportedByDialect` for one that 1.6 has not."""
    known = _PURPOSES.get(purpose)
    if known is None:
        raise NotSupportedByDialect("", f"OCPP 1.6 has no purpose {purpose}")
    return known


_STEP = 0.1


def _in_steps(limit: float) -> float:
    """A limit in steps of 0.1 towards zero: never more flows than was ordered. And no negative zero."""
    return math.trunc(round(limit * 10, 6)) / 10 or 0.0


# ---- the house's own profiles


def _install(ask: InstallProfile) -> m.SetChargingProfileRequest:
    profile = ask.profile
    check_install(ask, _ABLE)
    if profile.purpose is Purpose.STATION_MAX and ask.evse_id != 0:
        raise Invalid("evse_id", "A ChargePointMaxProfile is for the whole station.")
    check_not_dynamic(profile, "1.6")
    check_limits(profile, "1.6")
    return m.SetChargingProfileRequest(
        connector_id=ask.evse_id, cs_charging_profiles=_profile(profile, ask.record)
    )


def _profile(profile: ChargingProfile, record: DialectRecord) -> m.CsChargingProfiles:
    relative = profile.kind is ProfileKind.RELATIVE
    tied = profile.transaction_id
    return m.CsChargingProfiles(
        charging_profile_id=profile.id,
        transaction_id=UNSET if tied is None else transaction_number(tied),
        stack_level=profile.stack_level,
        charging_profile_purpose=purpose_of(profile.purpose.value),
        charging_profile_kind="Relative" if relative else "Absolute",
        valid_to=UNSET if profile.valid_to is None else profile.valid_to,
        charging_schedule=m.ChargingSchedule(
            start_schedule=UNSET if relative else profile.start,
            duration=UNSET if profile.duration_s is None else profile.duration_s,
            charging_rate_unit=record.unit.value,
            charging_schedule_period=tuple(_period(period, record) for period in profile.periods),
        ),
    )


def _period(period: Period, record: DialectRecord) -> m.ChargingSchedulePeriod:
    # what would be cut to 0 here must be known as that before: 0 may mean no limit
    record = replace(record, resolution=max(record.resolution, _STEP))
    return m.ChargingSchedulePeriod(
        start_period=period.start_s,
        limit=_in_steps(limit_in_unit(sendable_w(period.limit_w, record), record)),
        number_phases=UNSET if record.phases_for_limit is None else record.phases_for_limit,
    )


def _installed(answer: m.SetChargingProfileResponse) -> ProfileAnswer:
    accepted = answer.status == "Accepted"
    return ProfileAnswer(accepted, None if accepted else answer.status)


def _clear(ask: ClearProfile) -> m.ClearChargingProfileRequest:
    return m.ClearChargingProfileRequest(id=ask.profile_id)


def _cleared(answer: m.ClearChargingProfileResponse) -> ProfileAnswer:
    accepted = answer.status == "Accepted"
    return ProfileAnswer(accepted, None if accepted else answer.status)


# ---- profiles that a person writes in the words of later versions


def _set_words(ask: words.SetChargingProfileRequest) -> m.SetChargingProfileRequest:
    return m.SetChargingProfileRequest(
        connector_id=ask.evse_id, cs_charging_profiles=_words_profile(ask.charging_profile)
    )


def _words_profile(profile: words.ChargingProfileType) -> m.CsChargingProfiles:
    schedule = _only_schedule(profile)
    tied = profile.transaction_id
    if profile.charging_profile_kind == "Dynamic":
        raise NotSupportedByDialect("", "OCPP 1.6 has no dynamic profiles")
    return m.CsChargingProfiles(
        charging_profile_id=profile.id,
        transaction_id=UNSET if tied is None else transaction_number(tied),
        stack_level=profile.stack_level,
        charging_profile_purpose=purpose_of(profile.charging_profile_purpose),
        charging_profile_kind=profile.charging_profile_kind,
        recurrency_kind=profile.recurrency_kind or UNSET,
        valid_from=moment_or_unset(profile.valid_from),
        valid_to=moment_or_unset(profile.valid_to),
        charging_schedule=m.ChargingSchedule(
            start_schedule=moment_or_unset(schedule.start_schedule),
            duration=UNSET if schedule.duration is None else schedule.duration,
            charging_rate_unit=schedule.charging_rate_unit,
            min_charging_rate=UNSET if schedule.min_charging_rate is None else schedule.min_charging_rate,
            charging_schedule_period=tuple(_periods(schedule.charging_schedule_period)),
        ),
    )


def remote_start_profile(profile: words.ChargingProfileType | None) -> m.ChargingProfile | UnsetType:
    """The profile that comes with a RemoteStartTransaction."""
    if profile is None:
        return UNSET
    told = _words_profile(profile)
    return m.ChargingProfile(**{name: getattr(told, name) for name in told.__struct_fields__})


def _only_schedule(profile: words.ChargingProfileType) -> words.ChargingScheduleType:
    if len(profile.charging_schedule) != 1:
        raise NotSupportedByDialect("", "a profile of OCPP 1.6 has one schedule")
    return profile.charging_schedule[0]


def _periods(
    periods: Iterable[words.ChargingSchedulePeriodType],
) -> Iterable[m.ChargingSchedulePeriod]:
    for period in periods:
        if period.limit is None or period.operation_mode not in (None, "ChargingOnly"):
            raise NotSupportedByDialect("", "a period of OCPP 1.6 has a limit and nothing else")
        if period.limit < 0:
            raise Unsafe("V-02", "A discharge is ordered by the house's own profiles only.")
        yield m.ChargingSchedulePeriod(
            start_period=period.start_period,
            limit=_in_steps(period.limit),
            number_phases=UNSET if period.number_phases is None else period.number_phases,
        )


def _was_set(answer: m.SetChargingProfileResponse) -> words.SetChargingProfileResponse:
    if answer.status == "NotSupported":
        return words.SetChargingProfileResponse(
            status="Rejected", status_info=words.StatusInfoType(reason_code="NotSupported")
        )
    return words.SetChargingProfileResponse(status=answer.status)


def _clear_words(ask: words.ClearChargingProfileRequest) -> m.ClearChargingProfileRequest:
    criteria = ask.charging_profile_criteria or words.ClearChargingProfileType()
    purpose = criteria.charging_profile_purpose
    return m.ClearChargingProfileRequest(
        id=UNSET if ask.charging_profile_id is None else ask.charging_profile_id,
        connector_id=UNSET if criteria.evse_id is None else criteria.evse_id,
        charging_profile_purpose=UNSET if purpose is None else purpose_of(purpose),
        stack_level=UNSET if criteria.stack_level is None else criteria.stack_level,
    )


def _was_cleared(answer: m.ClearChargingProfileResponse) -> words.ClearChargingProfileResponse:
    return words.ClearChargingProfileResponse(status=answer.status)


# ---- composite schedules


def _composite(ask: words.GetCompositeScheduleRequest) -> tuple[str, m.GetCompositeScheduleRequest]:
    return "GetCompositeSchedule", m.GetCompositeScheduleRequest(
        connector_id=ask.evse_id, duration=ask.duration, charging_rate_unit=ask.charging_rate_unit or UNSET
    )


def _composed(
    ask: words.GetCompositeScheduleRequest, answer: m.GetCompositeScheduleResponse
) -> words.GetCompositeScheduleResponse:
    told = answer.charging_schedule
    schedule = None
    if told:
        start = answer.schedule_start or told.start_schedule
        if start:
            schedule = words.CompositeScheduleType(
                evse_id=ask.evse_id,
                duration=ask.duration if told.duration is UNSET else told.duration,
                schedule_start=text(start),
                charging_rate_unit=told.charging_rate_unit,
                charging_schedule_period=tuple(
                    words.ChargingSchedulePeriodType(
                        start_period=one.start_period,
                        limit=one.limit,
                        number_phases=None if one.number_phases is UNSET else one.number_phases,
                    )
                    for one in told.charging_schedule_period
                ),
            )
    return words.GetCompositeScheduleResponse(status=answer.status, schedule=schedule)


OUTBOUND: dict[type, Outbound] = {
    InstallProfile: Outbound("SetChargingProfile", _install, _installed),
    ClearProfile: Outbound("ClearChargingProfile", _clear, _cleared),
    words.SetChargingProfileRequest: Outbound("SetChargingProfile", _set_words, _was_set),
    words.ClearChargingProfileRequest: Outbound("ClearChargingProfile", _clear_words, _was_cleared),
    words.GetCompositeScheduleRequest: by_ask(_composite, _composed),
}
