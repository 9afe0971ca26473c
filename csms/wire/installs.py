"""What every version asks of a charging profile before it is written, whatever its words are (pure)."""

from collections.abc import Container

from csms.domain.dialect_record import Discharge
from csms.domain.profile import ChargingProfile, InstallProfile, ProfileKind, Purpose
from csms.domain.setpoint import OperationMode
from csms.errors import Invalid, NotSupportedByDialect, Unsafe

LIMITED = frozenset({OperationMode.CHARGING_ONLY, OperationMode.CENTRAL_SETPOINT})
"""The operation modes that can be said by limits alone."""


def check_install(ask: InstallProfile, able: Container[Discharge]) -> None:
    """Whether it may be written for a station that discharges by its record.

    `able` are the ways to discharge that the version has words for. Raises `Invalid` and `Unsafe`.
    """
    profile = ask.profile
    if profile.purpose is Purpose.TX:
        if ask.evse_id == 0:  # K01.FR.16
            raise Invalid("evse_id", "A TxProfile is for one EVSE.")
        if profile.transaction_id is None:  # K01.FR.03
            raise Invalid("transaction_id", "A TxProfile is for one transaction.")
    elif profile.lowest_w < 0:
        raise Unsafe("V-02", "Only a TxProfile may discharge.")
    if profile.lowest_w < 0 and ask.record.discharge not in able:
        raise Unsafe("V-15", "This station is not known to take an order to discharge.")


def check_not_dynamic(profile: ChargingProfile, version: str) -> None:
    """For versions before 2.1. Raises `NotSupportedByDialect`."""
    if profile.kind is ProfileKind.DYNAMIC:
        raise NotSupportedByDialect("", f"OCPP {version} has no Dynamic profiles")


def check_limits(profile: ChargingProfile, version: str) -> None:
    """For versions that have limits and no operation modes. Raises `NotSupportedByDialect`."""
    if profile.mode not in LIMITED or profile.curve or profile.signal_curve:
        raise NotSupportedByDialect("", f"OCPP {version} has no operation mode {profile.mode}")
