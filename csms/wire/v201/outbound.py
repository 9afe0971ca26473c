"""House words -> OCPP 2.0.1 calls, and the outcomes back.

2.0.1 has no word for discharging, so a setpoint below zero goes out only in the way that the station's
dialect record names: as a negative `limit`, in the draft words of 2.1 (`draft_v2x`), or in a vendor's
DataTransfer (`adapters`). A station whose record names none gets no such message, whoever asks.
"""

from datetime import UTC

from msgspec import UNSET, Struct

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
from csms.domain.setpoint import OperationMode
from csms.errors import Unsafe
from csms.wire.dialect import Outbound
from csms.wire.installs import check_install, check_limits, check_not_dynamic
from csms.wire.v201 import draft_v2x
from csms.wire.v201 import messages as m
from csms.wire.v201.adapters import ADAPTERS

_ABLE = frozenset({Discharge.NEGATIVE_LIMIT, Discharge.DRAFT_V2X})


def _install(ask: InstallProfile) -> Struct:
    profile, record = ask.profile, ask.record
    check_install(ask, _ABLE)
    check_not_dynamic(profile, "2.0.1")
    if record.discharge is Discharge.DRAFT_V2X and profile.mode is not OperationMode.CHARGING_ONLY:
        return draft_v2x.request(ask.evse_id, profile, record, _limit)
    check_limits(profile, "2.0.1")
    return m.SetChargingProfileRequest(evse_id=ask.evse_id, charging_profile=_profile(profile, record))


def _profile(profile: ChargingProfile, record: DialectRecord) -> m.ChargingProfileType:
    return m.ChargingProfileType(
        id=profile.id,
        stack_level=profile.stack_level,
        charging_profile_purpose=profile.purpose.value,
        charging_profile_kind="Relative" if profile.kind is ProfileKind.RELATIVE else "Absolute",
        valid_to=UNSET if profile.valid_to is None else profile.valid_to.astimezone(UTC),
        transaction_id=UNSET if profile.transaction_id is None else profile.transaction_id,
        charging_schedule=(_schedule(profile, record),),
    )


def _schedule(profile: ChargingProfile, record: DialectRecord) -> m.ChargingScheduleType:
    relative = profile.kind is ProfileKind.RELATIVE  # K01.FR.40, K01.FR.41
    return m.ChargingScheduleType(
        id=profile.id,
        start_schedule=UNSET if relative else profile.start.astimezone(UTC),
        duration=UNSET if profile.duration_s is None else profile.duration_s,
        charging_rate_unit=record.unit.value,
        charging_schedule_period=tuple(_period(period, record) for period in profile.periods),
    )


def _period(period: Period, record: DialectRecord) -> m.ChargingSchedulePeriodType:
    phases = UNSET if record.phases_for_limit is None else record.phases_for_limit
    return m.ChargingSchedulePeriodType(
        start_period=period.start_s, limit=_limit(period.limit_w, record), number_phases=phases
    )


def _limit(power_w: float, record: DialectRecord) -> float:
    """In the station's unit; at most one decimal (2.0.1 part 2, ChargingSchedulePeriodType)."""
    return limit_in_unit(sendable_w(power_w, record), record)


def _installed(answer: m.SetChargingProfileResponse) -> ProfileAnswer:
    return ProfileAnswer(answer.status == "Accepted", reason(answer.status_info), detail(answer.status_info))


def _by_adapter(ask: InstallProfile) -> Outbound | None:
    """The vendor's own form for an order to discharge, and for the lease that ends one."""
    if ask.record.discharge is not Discharge.DATA_TRANSFER or ask.profile.purpose is not Purpose.TX:
        return None
    adapter = ADAPTERS.get(ask.record.adapter or "")
    if adapter is None:
        raise Unsafe("V-15", f"No adapter {ask.record.adapter!r} is known.")
    return Outbound("DataTransfer", adapter.write, adapter.read)


def _clear(ask: ClearProfile) -> m.ClearChargingProfileRequest:
    return m.ClearChargingProfileRequest(charging_profile_id=ask.profile_id)


def _cleared(answer: m.ClearChargingProfileResponse) -> ProfileAnswer:
    accepted = answer.status == "Accepted"
    return ProfileAnswer(accepted, reason(answer.status_info) or (None if accepted else answer.status))


def reason(info: object) -> str | None:
    """The reason code of a status info, of whatever version; None without one."""
    return getattr(info, "reason_code", None)


def detail(info: object) -> str | None:
    """What a status info says besides."""
    said = getattr(info, "additional_info", UNSET)
    return None if said is UNSET else str(said)


OUTBOUND = {
    InstallProfile: Outbound(
        "SetChargingProfile",
        _install,
        _installed,
        also=(draft_v2x.SetChargingProfileRequest,),
        other=_by_adapter,
    ),
    ClearProfile: Outbound("ClearChargingProfile", _clear, _cleared),
}
