"""SetChargingProfile of the V2X draft that some stations speak over the 2.0.1 subprotocol.

The draft's names differ from those of OCPP 2.1: `v2xOperationMode` for `operationMode`, `limit` still
required, `updateInterval`, `setPointReactive`. These are not messages of 2.0.1, so they are kept apart and
sent only to a station whose dialect record says `draft_v2x`.
"""

from collections.abc import Callable
from datetime import UTC

from msgspec import UNSET, UnsetType

from csms.domain.dialect_record import DialectRecord
from csms.domain.profile import ChargingProfile, Period
from csms.domain.setpoint import OperationMode
from csms.errors import NotSupportedByDialect
from csms.wire.v201 import messages as m

_MODES = frozenset({OperationMode.CENTRAL_SETPOINT, OperationMode.IDLE})


class ChargingSchedulePeriodType(m.ChargingSchedulePeriodType, kw_only=True, frozen=True):
    """A period with a mode and a setpoint (signed, in the schedule's unit)."""

    v2x_operation_mode: str | UnsetType = UNSET
    setpoint: float | UnsetType = UNSET


class ChargingScheduleType(m.ChargingScheduleType, kw_only=True, frozen=True):
    """A schedule of such periods."""

    charging_schedule_period: tuple[ChargingSchedulePeriodType, ...]


class ChargingProfileType(m.ChargingProfileType, kw_only=True, frozen=True):
    """A profile that ends some seconds after the station has lost us."""

    charging_schedule: tuple[ChargingScheduleType, ...]
    max_offline_duration: int | UnsetType = UNSET


class SetChargingProfileRequest(m.SetChargingProfileRequest, kw_only=True, frozen=True):
    """The draft's request."""

    charging_profile: ChargingProfileType


def request(
    evse_id: int,
    profile: ChargingProfile,
    record: DialectRecord,
    in_unit: Callable[[float, DialectRecord], float],
) -> SetChargingProfileRequest:
    """A profile in the draft's words. Raises `NotSupportedByDialect` for modes that need a curve."""
    if profile.mode not in _MODES:
        raise NotSupportedByDialect("", f"the draft is not used for operation mode {profile.mode}")
    schedule = ChargingScheduleType(
        id=profile.id,
        start_schedule=profile.start.astimezone(UTC),
        duration=UNSET if profile.duration_s is None else profile.duration_s,
        charging_rate_unit=record.unit.value,
        charging_schedule_period=tuple(
            _period(one, profile.mode, record, in_unit) for one in profile.periods
        ),
    )
    return SetChargingProfileRequest(
        evse_id=evse_id,
        charging_profile=ChargingProfileType(
            id=profile.id,
            stack_level=profile.stack_level,
            charging_profile_purpose=profile.purpose.value,
            charging_profile_kind="Absolute",
            valid_to=UNSET if profile.valid_to is None else profile.valid_to.astimezone(UTC),
            transaction_id=UNSET if profile.transaction_id is None else profile.transaction_id,
            max_offline_duration=UNSET if profile.max_offline_s is None else profile.max_offline_s,
            charging_schedule=(schedule,),
        ),
    )


def _period(
    one: Period,
    mode: OperationMode,
    record: DialectRecord,
    in_unit: Callable[[float, DialectRecord], float],
) -> ChargingSchedulePeriodType:
    central = mode is OperationMode.CENTRAL_SETPOINT
    return ChargingSchedulePeriodType(
        start_period=one.start_s,
        # Required; who heeds only the limit charges with no more than was meant, and not at all if less.
        limit=in_unit(max(0.0, one.limit_w), record) if central else 0.0,
        number_phases=UNSET if record.phases_for_limit is None else record.phases_for_limit,
        v2x_operation_mode=mode.value,
        setpoint=in_unit(one.limit_w, record) if central else UNSET,
    )
