"""House words -> OCPP 2.1 calls, and the outcomes back.

A setpoint below zero is a `setpoint` in a TxProfile whose mode is CentralSetpoint; a `limit` is never below
zero (2.1, erratum 2.62). Whether the station may be asked to discharge is for its dialect record to say.
"""

from datetime import UTC

from msgspec import UNSET

from csms.domain.profile import ChargingProfile, ClearProfile, InstallProfile, ProfileAnswer, Purpose
from csms.errors import Invalid, Unsafe
from csms.wire.dialect import Outbound
from csms.wire.v21 import messages as m


def _install(ask: InstallProfile) -> m.SetChargingProfileRequest:
    profile = ask.profile
    if profile.purpose is Purpose.TX:
        if ask.evse_id == 0:  # K01.FR.16
            raise Invalid("evse_id", "A TxProfile is for one EVSE.")
        if profile.transaction_id is None:  # K01.FR.03
            raise Invalid("transaction_id", "A TxProfile is for one transaction.")
    if any(period.limit_w < 0 for period in profile.periods):
        raise Unsafe("V-02", "A limit is never negative in 2.1.")
    return m.SetChargingProfileRequest(evse_id=ask.evse_id, charging_profile=_profile(profile))


def _profile(profile: ChargingProfile) -> m.ChargingProfileType:
    return m.ChargingProfileType(
        id=profile.id,
        stack_level=profile.stack_level,
        charging_profile_purpose=profile.purpose.value,
        charging_profile_kind="Absolute",
        valid_to=UNSET if profile.valid_to is None else profile.valid_to.astimezone(UTC),
        transaction_id=UNSET if profile.transaction_id is None else profile.transaction_id,
        charging_schedule=(_schedule(profile),),
    )


def _schedule(profile: ChargingProfile) -> m.ChargingScheduleType:
    return m.ChargingScheduleType(
        id=profile.id,
        start_schedule=profile.start.astimezone(UTC),  # K01.FR.40
        duration=UNSET if profile.duration_s is None else profile.duration_s,
        charging_rate_unit="W",
        charging_schedule_period=tuple(
            m.ChargingSchedulePeriodType(start_period=period.start_s, limit=_power(period.limit_w))
            for period in profile.periods
        ),
    )


def _power(power_w: float) -> float:
    """One decimal (2.1 part 2, ChargingSchedulePeriodType), and never a negative zero."""
    return round(power_w, 1) or 0.0


def _installed(answer: m.SetChargingProfileResponse) -> ProfileAnswer:
    return ProfileAnswer(answer.status == "Accepted", _reason(answer.status_info))


def _clear(ask: ClearProfile) -> m.ClearChargingProfileRequest:
    return m.ClearChargingProfileRequest(charging_profile_id=ask.profile_id)


def _cleared(answer: m.ClearChargingProfileResponse) -> ProfileAnswer:
    accepted = answer.status == "Accepted"
    return ProfileAnswer(accepted, _reason(answer.status_info) or (None if accepted else answer.status))


def _reason(info: object) -> str | None:
    return info.reason_code if isinstance(info, m.StatusInfoType) else None


OUTBOUND = {
    InstallProfile: Outbound("SetChargingProfile", _install, _installed),
    ClearProfile: Outbound("ClearChargingProfile", _clear, _cleared),
}
