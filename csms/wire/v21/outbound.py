"""House words -> OCPP 2.1 calls, and the outcomes back.

A setpoint below zero goes out only as a `setpoint` in 2.1's own words, to a station whose dialect record says
`native_2_1`; a `limit` is never below zero (erratum 2.62). All other stations get a setpoint as a limit.

mode              limit      dischargeLimit  setpoint  besides
ChargingOnly      required   -               -
CentralSetpoint   -          -               required  Q03.FR.02 forbids both limits
CentralFrequency  -          -               required  Dynamic only (Q07.FR.03)
LocalFrequency    -          -               -         v2xBaseline, curves; in W (Q08)
ExternalSetpoint  given      given           -         without a dischargeLimit of ours it is 0
ExternalLimits, LocalLoadBalancing, Idle: nothing
"""

from collections.abc import Callable, Mapping
from datetime import UTC
from typing import Any

from msgspec import UNSET

from csms.domain.dialect_record import UNKNOWN, DialectRecord, Discharge, Unit, limit_in_unit, sendable_w
from csms.domain.profile import (
    ChargingProfile,
    ClearProfile,
    InstallProfile,
    Period,
    ProfileAnswer,
    ProfileKind,
    Purpose,
    UpdateSetpoint,
)
from csms.domain.setpoint import OperationMode
from csms.errors import Invalid, Unsafe
from csms.wire.dialect import Outbound
from csms.wire.installs import check_install
from csms.wire.v21 import messages as m
from csms.wire.v201.outbound import OUTBOUND as ALIKE
from csms.wire.v201.outbound import detail, reason

_ABLE = frozenset({Discharge.NATIVE_2_1})
_CURVE_MIN = 2  # Q08.FR.04


def _install(ask: InstallProfile) -> m.SetChargingProfileRequest:
    profile, record = ask.profile, ask.record
    native = record.discharge is Discharge.NATIVE_2_1
    check_install(ask, _ABLE)
    mode = profile.mode if native else _without_v2x(profile.mode)
    if profile.purpose is Purpose.STATION_MAX and mode is not OperationMode.CHARGING_ONLY:  # K01.FR.111
        raise Invalid("mode", "The station's maximum is of mode ChargingOnly.")
    if mode is OperationMode.CENTRAL_FREQUENCY and profile.kind is not ProfileKind.DYNAMIC:  # Q07.FR.01
        raise Invalid("kind", "CentralFrequency needs a Dynamic profile.")
    return m.SetChargingProfileRequest(evse_id=ask.evse_id, charging_profile=_profile(profile, mode, record))


def _without_v2x(mode: OperationMode) -> OperationMode:
    """Who has no setpoints gets them as limits. Raises `Unsafe` where others than we would decide."""
    if mode in (OperationMode.CHARGING_ONLY, OperationMode.CENTRAL_SETPOINT, OperationMode.IDLE):
        return OperationMode.CHARGING_ONLY
    raise Unsafe("V-15", f"This station is not known to take the operation mode {mode}.")


def _profile(profile: ChargingProfile, mode: OperationMode, record: DialectRecord) -> m.ChargingProfileType:
    dynamic = profile.kind is ProfileKind.DYNAMIC
    if dynamic and (len(profile.periods) != 1 or profile.periods[0].start_s != 0):  # K28.FR.01 to K28.FR.03
        raise Invalid("periods", "A Dynamic profile has one period from 0 on.")
    if profile.update_interval_s is not None and not dynamic:  # K28.FR.04
        raise Invalid("update_interval_s", "Only a Dynamic profile is updated.")
    offline = profile.max_offline_s is not None
    return m.ChargingProfileType(
        id=profile.id,
        stack_level=profile.stack_level,
        charging_profile_purpose=profile.purpose.value,
        charging_profile_kind=profile.kind.value,
        valid_to=UNSET if profile.valid_to is None else profile.valid_to.astimezone(UTC),
        transaction_id=_or_unset(profile.transaction_id),
        max_offline_duration=_or_unset(profile.max_offline_s),
        invalid_after_offline_duration=True if offline and profile.invalid_after_offline else UNSET,
        dyn_update_interval=_or_unset(profile.update_interval_s),
        charging_schedule=(_schedule(profile, mode, record),),
    )


def _schedule(profile: ChargingProfile, mode: OperationMode, record: DialectRecord) -> m.ChargingScheduleType:
    absolute = profile.kind is ProfileKind.ABSOLUTE  # K01.FR.40, K01.FR.41
    # An update carries no unit, and a curve is in W (Q08.FR.02).
    in_w = profile.kind is ProfileKind.DYNAMIC or mode is OperationMode.LOCAL_FREQUENCY
    if in_w and record.unit is not Unit.W:
        raise Invalid("unit", "A Dynamic profile and a curve are in W, which this station does not take.")
    return m.ChargingScheduleType(
        id=profile.id,
        start_schedule=profile.start.astimezone(UTC) if absolute else UNSET,
        duration=_or_unset(profile.duration_s),
        charging_rate_unit=record.unit.value,
        charging_schedule_period=tuple(_period(profile, period, mode, record) for period in profile.periods),
    )


def _period(
    profile: ChargingProfile, period: Period, mode: OperationMode, record: DialectRecord
) -> m.ChargingSchedulePeriodType:
    told = _TOLD[mode](profile, period, record)
    if mode is not OperationMode.CHARGING_ONLY:  # the default, which older stations know
        told["operation_mode"] = mode.value
    phases = _or_unset(record.phases_for_limit)
    return m.ChargingSchedulePeriodType(start_period=period.start_s, number_phases=phases, **told)


def _limited(profile: ChargingProfile, period: Period, record: DialectRecord) -> dict[str, Any]:
    return {"limit": _limit(period.limit_w, record)}


def _steered(profile: ChargingProfile, period: Period, record: DialectRecord) -> dict[str, Any]:
    return {"setpoint": limit_in_unit(period.limit_w, record)}


def _bounded(profile: ChargingProfile, period: Period, record: DialectRecord) -> dict[str, Any]:
    discharge = limit_in_unit(period.discharge_limit_w or 0.0, record)
    return {"limit": _limit(period.limit_w, record), "discharge_limit": min(0.0, discharge)}


def _by_curve(profile: ChargingProfile, period: Period, record: DialectRecord) -> dict[str, Any]:
    if len(profile.curve) < _CURVE_MIN:
        raise Invalid("curve", f"A frequency curve has at least {_CURVE_MIN} points.")
    curve = tuple(m.V2XFreqWattPointType(frequency=hz, power=w) for hz, w in profile.curve)
    signals = tuple(m.V2XSignalWattPointType(signal=number, power=w) for number, w in profile.signal_curve)
    return _by_itself(profile, period, record) | {
        "v2x_baseline": _or_unset(period.baseline_w),
        "v2x_freq_watt_curve": curve,
        "v2x_signal_watt_curve": signals or UNSET,
    }


def _by_itself(profile: ChargingProfile, period: Period, record: DialectRecord) -> dict[str, Any]:
    if period.limit_w:
        raise Invalid("limit_w", f"In {profile.mode} there is no power of ours.")
    return {}


_TOLD: Mapping[OperationMode, Callable[[ChargingProfile, Period, DialectRecord], dict[str, Any]]] = {
    OperationMode.CHARGING_ONLY: _limited,
    OperationMode.CENTRAL_SETPOINT: _steered,
    OperationMode.CENTRAL_FREQUENCY: _steered,
    OperationMode.LOCAL_FREQUENCY: _by_curve,
    OperationMode.EXTERNAL_SETPOINT: _bounded,
    OperationMode.EXTERNAL_LIMITS: _by_itself,
    OperationMode.LOCAL_LOAD_BALANCING: _by_itself,
    OperationMode.IDLE: _by_itself,
}


def _limit(power_w: float, record: DialectRecord) -> float:
    if power_w < 0:
        raise Unsafe("V-02", "A limit is never negative in 2.1.")
    return limit_in_unit(sendable_w(power_w, record), record)


def _or_unset(value: Any) -> Any:
    return UNSET if value is None else value


def _update(ask: UpdateSetpoint) -> m.UpdateDynamicScheduleRequest:
    setpoint = limit_in_unit(ask.setpoint_w, UNKNOWN)  # in W, see `_schedule`
    return m.UpdateDynamicScheduleRequest(
        charging_profile_id=ask.profile_id, schedule_update=m.ChargingScheduleUpdateType(setpoint=setpoint)
    )


def _said(answer: m.SetChargingProfileResponse | m.UpdateDynamicScheduleResponse) -> ProfileAnswer:
    info = answer.status_info
    return ProfileAnswer(answer.status == "Accepted", reason(info), detail(info))


OUTBOUND = {
    InstallProfile: Outbound("SetChargingProfile", _install, _said),
    UpdateSetpoint: Outbound("UpdateDynamicSchedule", _update, _said),
    ClearProfile: ALIKE[ClearProfile],
}
