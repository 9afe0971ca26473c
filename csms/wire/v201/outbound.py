"""House words -> OCPP 2.0.1 calls, and the outcomes back.

A setpoint below zero is a negative `limit` in a TxProfile. 2.0.1 has no word for discharging, so that is an
agreement with the station; whether there is one is for `domain.station` to say, not for the wire.
"""

from datetime import UTC

from msgspec import UNSET

from csms.domain.profile import ChargingProfile, ClearProfile, InstallProfile, ProfileAnswer, Purpose
from csms.errors import Invalid, Unsafe
from csms.wire.dialect import Outbound
from csms.wire.v201 import messages as m

_LIMIT_DECIMALS = 1


def _install(ask: InstallProfile) -> m.SetChargingProfileRequest:
    profile = ask.profile
    if profile.purpose is Purpose.TX:
        if ask.evse_id == 0:  # K01.FR.16
            raise Invalid("evse_id", "A TxProfile is for one EVSE.")
        if profile.transaction_id is None:  # K01.FR.03
            raise Invalid("transaction_id", "A TxProfile is for one transaction.")
    elif any(period.limit_w < 0 for period in profile.periods):
        raise Unsafe("V-02", "Only a TxProfile may discharge.")
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
            m.ChargingSchedulePeriodType(start_period=period.start_s, limit=_limit(period.limit_w))
            for period in profile.periods
        ),
    )


def _limit(limit_w: float) -> float:
    """One decimal (2.0.1 part 2, ChargingSchedulePeriodType), and never a negative zero."""
    return round(limit_w, _LIMIT_DECIMALS) or 0.0


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
