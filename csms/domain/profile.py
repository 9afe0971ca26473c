"""Charging profiles in the house's words: signed power in W over time, and what a setpoint becomes."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

LEASE_DEFAULT_S = 300
LEASE_MAX_S = 900


class Purpose(StrEnum):
    """What a profile is for. A negative limit stands in a TxProfile only (V-02)."""

    STATION_MAX = "ChargingStationMaxProfile"
    TX_DEFAULT = "TxDefaultProfile"
    TX = "TxProfile"


@dataclass(frozen=True, slots=True)
class Period:
    """From `start_s` seconds after the schedule's start on, power stays at or follows `limit_w` (signed)."""

    start_s: int
    limit_w: float


@dataclass(frozen=True, slots=True)
class ChargingProfile:
    """One absolute charging profile. `duration_s` and `valid_to` are None for a profile without an end."""

    id: int
    purpose: Purpose
    stack_level: int
    start: datetime
    periods: tuple[Period, ...]
    duration_s: int | None = None
    valid_to: datetime | None = None
    transaction_id: str | None = None


@dataclass(frozen=True, slots=True)
class InstallProfile:
    """Ask: put this profile on this EVSE (0 is the whole station)."""

    evse_id: int
    profile: ChargingProfile


@dataclass(frozen=True, slots=True)
class ProfileAnswer:
    """The station's word on a profile. Accepted proves nothing until the meter agrees."""

    accepted: bool
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class ClearProfile:
    """Ask: forget the profile with this id. By id only, never by criteria."""

    profile_id: int


def lease_profile(
    profile_id: int, transaction_id: str, setpoint_w: float, now: datetime, lease_s: int
) -> ChargingProfile:
    """The lease that carries a setpoint: TxProfile, absolute, ends by itself after `lease_s` seconds.

    Negative `setpoint_w` discharges. Reusing `profile_id` replaces the running lease (K01.FR.05).
    Starts a minute ago because some stations refuse a start in the future (their clock lags ours); the
    duration is counted from there and so is a minute longer.
    """
    lead = 60
    return ChargingProfile(
        id=profile_id,
        purpose=Purpose.TX,
        stack_level=0,
        start=now - timedelta(seconds=lead),
        periods=(Period(0, setpoint_w),),
        duration_s=lease_s + lead,
        valid_to=now + timedelta(seconds=lease_s),
        transaction_id=transaction_id,
    )


def fallback_profile(profile_id: int, limit_w: float, now: datetime) -> ChargingProfile:
    """The safe profile under every lease: TxDefaultProfile without an end, never negative (V-04)."""
    return ChargingProfile(
        id=profile_id,
        purpose=Purpose.TX_DEFAULT,
        stack_level=0,
        start=now - timedelta(seconds=60),
        periods=(Period(0, max(0.0, limit_w)),),
    )
